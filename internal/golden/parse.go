package golden

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"galatea/internal/jsontensor"
)

// members are those of a golden file.
var members = []string{"request", "response", "tolerance", "labels", "max_latency_milliseconds", "description"}

// Parse reads a golden file, which is not trusted. The name is for errors and the
// Case. The Case keeps nothing of data.
func Parse(name string, data []byte) (*Case, error) {
	c := &Case{Name: name}
	err := c.parse(data)
	if err == nil {
		return c, nil
	}
	if syntax, is := err.(*jsontensor.SyntaxError); is { //nolint:errorlint // a wrapped one counts from where a member begins
		line := 1 + bytes.Count(data[:min(syntax.Offset, len(data))], []byte{'\n'})
		return nil, fmt.Errorf("%s:%d: %s", name, line, syntax.Text)
	}
	return nil, fmt.Errorf("%s: %w", name, err)
}

func (c *Case) parse(data []byte) error {
	file, err := object(data, "member", members)
	if err != nil {
		return err
	}
	for _, needed := range members[:2] {
		if file[needed] == nil {
			return fmt.Errorf("no member %q: expected a request and the response to it", needed)
		}
	}
	if err := c.request(file["request"]); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := c.response(file["response"]); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	// A tolerance makes an output with labels count by value again, so it comes behind them.
	for _, m := range []struct {
		name string
		read func(text []byte) error
	}{
		{"labels", c.labels}, {"tolerance", c.tolerances}, {"max_latency_milliseconds", c.maxLatency}, {"description", c.description},
	} {
		if text := file[m.name]; text != nil {
			if err := m.read(text); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

func (c *Case) description(text []byte) error {
	if text[0] != '"' {
		return fmt.Errorf("expected a string, got %s", brief(text))
	}
	return json.Unmarshal(text, &c.Description)
}

// longest bounds a latency, in milliseconds.
const longest = 3_600_000

func (c *Case) maxLatency(text []byte) error {
	ms, err := number(text, longest)
	if err != nil {
		return err
	}
	c.MaxLatency = time.Duration(ms * float64(time.Millisecond))
	if c.MaxLatency <= 0 {
		return fmt.Errorf("expected a number above 0, got %s", brief(text))
	}
	return nil
}

// object returns the texts of an object's members. null stands for a member that is
// not there. Members that are not known are errors, in which what says what they are.
func object(text []byte, what string, known []string) (map[string][]byte, error) {
	found := map[string][]byte{}
	err := jsontensor.Members(text, func(name, value []byte) error {
		switch {
		case !slices.Contains(known, string(name)):
			return unknown(what, string(name), known)
		case found[string(name)] != nil:
			return fmt.Errorf("%s %q is there twice", what, name)
		}
		found[string(name)] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	for name, value := range found {
		if value[0] == 'n' {
			delete(found, name)
		}
	}
	return found, nil
}

// number reads a number from 0 to most.
func number(text []byte, most float64) (float64, error) {
	n, err := strconv.ParseFloat(string(text), 64)
	isNumber := text[0] == '-' || '0' <= text[0] && text[0] <= '9' // and not what strconv takes besides
	if err == nil && isNumber && 0 <= n && n <= most {
		return n, nil
	}
	if most == math.MaxFloat64 {
		return 0, fmt.Errorf("expected a number that is not negative, got %s", brief(text))
	}
	return 0, fmt.Errorf("expected a number from 0 to %v, got %s", strconv.FormatFloat(most, 'f', -1, 64), brief(text))
}

// brief is the text of a value, cut to a length that fits an error.
func brief(text []byte) string {
	const most = 40
	if len(text) <= most {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:most]), "") + "..."
}
