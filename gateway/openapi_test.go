package gateway

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"galatea/gateway/wire"
	"galatea/repository"
)

// documented are the operations of the server's document, as METHOD PATH, with the names
// of parameters as Gin writes them.
func documented(t *testing.T, g *Gateway) []string {
	t.Helper()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/openapi.json", http.NoBody))
	var d struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	var all []string
	for path, operations := range d.Paths {
		for method := range operations {
			all = append(all, strings.ToUpper(method)+" "+strings.NewReplacer("{", ":", "}", "").Replace(path))
		}
	}
	slices.Sort(all)
	return all
}

func TestTheDocumentHasEachRouteAndNoOther(t *testing.T) {
	for name, decisions := range map[string]Decisions{"a server that decides": (*repository.Reconciler)(nil), "a server that decides nothing": nil} {
		t.Run(name, func(t *testing.T) {
			g := New(Options{Service: wire.New(wire.Options{Models: anyModel{}, Control: anyModel{}}), Decisions: decisions})
			routes := tfOperations(t)
			for _, r := range g.engine.Routes() {
				if !isTF(r.Path) {
					routes = append(routes, r.Method+" "+r.Path)
				}
			}
			slices.Sort(routes)
			got := documented(t, g)
			for _, route := range routes {
				if !slices.Contains(got, route) {
					t.Errorf("%s is served, but not in the document", route)
				}
			}
			for _, route := range got {
				if !slices.Contains(routes, route) {
					t.Errorf("%s is in the document, but not served", route)
				}
			}
		})
	}
}

// tfOperations are what tfCallOf takes, by the patterns of the calls: below tfRoots there
// is one route for all.
func tfOperations(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, model := range []string{"/v1/models/m", "/v1/models/m/versions/1", "/v1/models/m/labels/l"} {
		for _, rest := range []string{"", "/metadata", ":predict", ":classify", ":regress"} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
				if call, err := tfCallOf(httptest.NewRequestWithContext(t.Context(), method, model+rest, http.NoBody)); err == nil {
					found[method+" "+call.pattern()] = true
				}
			}
		}
	}
	if len(found) != 15 {
		t.Errorf("%d operations: expected 15", len(found))
	}
	return slices.Sorted(maps.Keys(found))
}
