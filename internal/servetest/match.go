package servetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// Contains returns an error unless the JSON text got has all that want says: the
// members that want names, lists of the same length, equal values. Numbers are equal
// within a millionth.
func Contains(got []byte, want string) error {
	w, err := decode([]byte(want))
	if err != nil {
		return fmt.Errorf("what is wanted, %s: %w", want, err)
	}
	g, err := decode(got)
	if err != nil {
		return fmt.Errorf("%s: %w", clip(got), err)
	}
	if err := contains("", g, w); err != nil {
		return fmt.Errorf("%w, in %s", err, clip(got))
	}
	return nil
}

func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func contains(at string, got, want any) error {
	switch want := want.(type) {
	case map[string]any:
		return containsMembers(at, got, want)
	case []any:
		return containsItems(at, got, want)
	case float64:
		if g, ok := got.(float64); ok && math.Abs(g-want) <= 1e-6*math.Max(1, math.Abs(want)) {
			return nil
		}
	default:
		if got == want {
			return nil
		}
	}
	return fmt.Errorf("%s: got %v, want %v", at, got, want)
}

func containsMembers(at string, got any, want map[string]any) error {
	g, ok := got.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: got %v, want an object", at, got)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		value, there := g[name]
		if !there {
			return fmt.Errorf("%s has no %q", at, name)
		}
		if err := contains(at+"."+name, value, want[name]); err != nil {
			return err
		}
	}
	return nil
}

func containsItems(at string, got any, want []any) error {
	g, ok := got.([]any)
	if !ok || len(g) != len(want) {
		return fmt.Errorf("%s: got %v, want a list of %d", at, got, len(want))
	}
	for i := range want {
		if err := contains(fmt.Sprintf("%s[%d]", at, i), g[i], want[i]); err != nil {
			return err
		}
	}
	return nil
}
