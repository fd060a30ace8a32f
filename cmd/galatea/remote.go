package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/net/http/httpguts"

	"galatea/internal/client"
)

// remoteCmd is what the commands that talk to a running server have in common.
type remoteCmd struct {
	Server address  `default:"http://127.0.0.1:8000" placeholder:"URL" help:"The running server. (default: ${default})"`
	Header []header `sep:"none" short:"H" placeholder:"NAME:VALUE" help:"A header, or metadata over gRPC, that goes with each request, such as the key of a restricted API. May be repeated."`
}

// header is one of a request's.
type header struct{ name, value string }

// UnmarshalText reads NAME:VALUE, as curl takes it.
func (h *header) UnmarshalText(text []byte) error {
	name, value, found := strings.Cut(string(text), ":")
	h.name, h.value = name, strings.TrimSpace(value)
	if !found || !httpguts.ValidHeaderFieldName(h.name) || !httpguts.ValidHeaderFieldValue(h.value) {
		return fmt.Errorf("%q is no header: expected NAME:VALUE, such as admin-key:SECRET", text)
	}
	return nil
}

// headers go with each request.
func (r *remoteCmd) headers() http.Header {
	all := http.Header{}
	for _, h := range r.Header {
		all.Add(h.name, h.value)
	}
	return all
}

// address is one that a client takes; another is a wrong command line.
type address string

// UnmarshalText checks and takes an address.
func (a *address) UnmarshalText(text []byte) error {
	*a = address(text)
	_, err := client.New(string(text), client.Options{})
	return err
}

func (r *remoteCmd) connect() (*client.Client, error) {
	return client.New(string(r.Server), client.Options{Header: r.headers()})
}

// forEver is nil for a command that ends with a signal because that is how it is ended.
func forEver(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// interrupted says what a signal has left undone.
func interrupted(err error, what string) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted: " + what)
	}
	return err
}

// table lays out rows of cells, the first of which is the heading. Nothing stands for an
// empty cell but "-", so that columns can be cut apart; the last may be empty.
func table(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			cell = oneLine(cell)
			if cell == "" && i < len(row)-1 {
				cell = "-"
			}
			if i > 0 {
				cell = "\t" + cell
			}
			_, _ = fmt.Fprint(w, cell)
		}
		_, _ = fmt.Fprintln(w)
	}
	_ = w.Flush() // a Builder takes everything
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// oneLine folds a text of several lines.
func oneLine(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
}

func printTable(rows [][]string) error {
	_, err := fmt.Print(table(rows))
	return err
}

// printLine prints an answer as the server sent it.
func printLine(data []byte) error {
	_, err := fmt.Printf("%s\n", data)
	return err
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// since is how long ago something was, for people.
func since(at time.Time) string { return max(0, time.Since(at)).Round(time.Second).String() }

// say tells what goes on while a command waits.
func say(text string) { fmt.Fprintln(os.Stderr, text) }

// answers says, of a model, what answers now.
func answers(m *client.Model) string {
	switch {
	case m == nil:
		return "the server does not know it any more"
	case m.Default == 0:
		return "nothing answers"
	default:
		return fmt.Sprintf("version %d answers", m.Default)
	}
}
