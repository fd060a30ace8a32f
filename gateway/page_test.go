package gateway_test

import (
	"flag"
	"strconv"
	"strings"
	"testing"

	"galatea/internal/servetest"
)

var update = flag.Bool("update", false, "rewrite the page of errors")

func TestThePageOfErrorsHasTheCatalogue(t *testing.T) {
	for heading, groups := range map[string][]group{"## HTTP": plainGroups, "## HTTP: extensions": extensionGroups} {
		var b strings.Builder
		for _, g := range groups {
			b.WriteString("\n### " + g.heading + "\n\n| what | status | text | differs |\n|---|---|---|---|\n")
			for _, r := range g.rows {
				b.WriteString(servetest.ErrorRow(r.name, strconv.Itoa(r.status), r.text, r.why))
			}
		}
		servetest.Section(t, "errors.md", heading, b.String(), *update)
	}
}
