package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"galatea/infer"
	"galatea/internal/jsontensor"
)

// Record returns a golden file of a request, in JSON, and the answer to it, which
// still belongs to the caller. Tolerances are left to whoever edits the file.
//
// It returns an error for what a golden file cannot hold: FP16 and BF16, strings that
// are not UTF-8, and a request with data in binary form.
func Record(request []byte, resp *infer.Response) ([]byte, error) {
	if err := new(Case).request(request); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	text := append([]byte(`{"request":`), request...)
	text = append(text, `,"response":{"outputs":[`...)
	for i, t := range resp.Outputs {
		if i > 0 {
			text = append(text, ',')
		}
		name, err := json.Marshal(t.Name)
		if err != nil {
			return nil, err
		}
		text = append(append(append(text, `{"name":`...), name...), `,"datatype":`...)
		text = strconv.AppendQuote(text, t.DType.String())
		text = append(append(append(text, `,"shape":`...), t.Shape.String()...), `,"data":`...)
		text, err = jsontensor.AppendArray(text, t)
		if errors.Is(err, jsontensor.ErrUnsupported) {
			err = fmt.Errorf("output %q: %w", t.Name, unsupported(t.DType))
		}
		if err != nil {
			return nil, err
		}
		text = append(text, '}')
	}
	text = append(text, "]}}"...)
	c, err := Parse("the recording", text)
	if err != nil {
		return nil, err
	}
	if err := c.Check(resp, 0); err != nil {
		return nil, fmt.Errorf("JSON cannot carry the answer: %w", err)
	}
	return append(indented(text), '\n'), nil
}

// RecordJSON is Record for an answer in JSON, as a server sent it.
func RecordJSON(request, answer []byte) ([]byte, error) {
	var c Case
	if err := c.response(answer); err != nil {
		return nil, fmt.Errorf("the answer: %w", err)
	}
	resp := &infer.Response{}
	for _, out := range c.outputs {
		resp.Outputs = append(resp.Outputs, out.want)
	}
	return Record(request, resp)
}

// indented lays out JSON that is known to be such: each member of an object and each
// object of a list on a line of its own, lists of anything else on one line.
func indented(text []byte) []byte {
	l := layout{text: text, out: make([]byte, 0, 2*len(text))}
	for l.at < len(text) {
		l.next()
	}
	return l.out
}

type layout struct {
	text []byte
	at   int
	out  []byte
	open []bool // for each bracket that is open, whether what is in it has lines of its own
}

// apart reports whether what is in the innermost bracket has lines of its own.
func (l *layout) apart() bool { return len(l.open) > 0 && l.open[len(l.open)-1] }

func (l *layout) line() {
	l.out = append(l.out, '\n')
	for range l.open {
		l.out = append(l.out, "  "...)
	}
}

// next takes the next token.
func (l *layout) next() {
	c := l.text[l.at]
	l.at++
	switch c {
	case ' ', '\t', '\r', '\n':
	case '"':
		from := l.at - 1
		l.at = endOfString(l.text, l.at)
		l.out = append(l.out, l.text[from:l.at]...)
	case '{', '[':
		inside := len(l.open) == 0 || l.apart()
		l.out = append(l.out, c)
		l.open = append(l.open, inside && breaks(l.text[l.at-1:]))
		if l.apart() {
			l.line()
		}
	case '}', ']':
		apart := l.apart()
		l.open = l.open[:len(l.open)-1]
		if apart {
			l.line()
		}
		l.out = append(l.out, c)
	case ',':
		l.out = append(l.out, c)
		if l.apart() {
			l.line()
		} else {
			l.out = append(l.out, ' ')
		}
	case ':':
		l.out = append(l.out, ": "...)
	default:
		l.out = append(l.out, c)
	}
}

// breaks reports whether what is in the bracket that text begins with needs lines of
// its own: an object that is not empty, or a list with such objects.
func breaks(text []byte) bool {
	depth, object := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
			continue
		case '"':
			if object {
				return true
			}
			i = endOfString(text, i+1) - 1
		case '{', '[':
			depth++
			object = c == '{'
			continue
		case '}', ']':
			if depth--; depth == 0 {
				return false
			}
		}
		object = false
	}
	return false
}

// endOfString returns the position behind the string whose content begins at i.
func endOfString(text []byte, i int) int {
	for ; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}
