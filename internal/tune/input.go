package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"galatea/config"
	"galatea/infer"
	"galatea/internal/app"
	"galatea/repository"
	"galatea/tensor"
)

// Shapes are those of inputs, by name, without the batch dimension.
type Shapes map[string]tensor.Shape

// ParseShapes reads shapes that are written as NAME:1x2x3.
func ParseShapes(all []string) (Shapes, error) {
	shapes := Shapes{}
	for _, text := range all {
		at := strings.LastIndexByte(text, ':') // a name may have colons
		if at < 1 {
			return nil, fmt.Errorf("--shape=%s: expected the input's name and its shape, such as image:3x224x224", text)
		}
		name := text[:at]
		var shape tensor.Shape
		for part := range strings.SplitSeq(strings.ReplaceAll(text[at+1:], ",", "x"), "x") {
			n, err := strconv.ParseInt(part, 10, 64)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("--shape=%s: got %q: expected numbers from 1 up, such as 3x224x224", text, part)
			}
			shape = append(shape, n)
		}
		if _, twice := shapes[name]; twice {
			return nil, fmt.Errorf("--shape=%s: the input has a shape already: expected one", text)
		}
		shapes[name] = shape
	}
	return shapes, nil
}

// asking returns what makes a request, and what requests it makes, for people. A request
// has been answered.
func asking(ctx context.Context, d repository.Desired, version infer.Handler, r *config.Resolved, in Input) (ask func() *infer.Request, what string, err error) {
	open := in.Shapes.missing(r)
	if in.Golden || len(open) > 0 {
		ask, n, err := goldenRequests(d)
		switch {
		case err != nil:
			return nil, "", err
		case n > 0:
			return ask, "its " + count(n, "golden request"), try(ctx, version, ask)
		case in.Golden:
			return nil, "", errors.New("the model has no golden requests: expected none to be asked for, or some in its folder golden")
		}
	}
	if len(open) == 0 {
		ask, err := in.Shapes.request(d, r, 1)
		if err != nil {
			return nil, "", err
		}
		if err := try(ctx, version, ask); err != nil {
			return nil, "", fmt.Errorf("rows that are made up: %w: --golden asks the model's golden requests instead", err)
		}
		return ask, "made-up rows", nil
	}
	ask, size, err := in.Shapes.guessed(ctx, d, version, r)
	if err != nil {
		return nil, "", fmt.Errorf("the shape of input %q has to be said, with --shape=%s:%s for one: %w", open[0], open[0], example(r, open[0]), err)
	}
	return ask, fmt.Sprintf("made-up rows, of which dynamic dimensions are guessed to be %d: --shape=%s:%s says otherwise", size, open[0], example(r, open[0])), nil
}

// missing returns the inputs whose shapes nothing says.
func (s Shapes) missing(r *config.Resolved) []string {
	var open []string
	for _, spec := range r.RequestSignature().Inputs {
		if _, said := s[spec.Name]; !spec.Optional && !said && !inner(r, spec).Static() {
			open = append(open, spec.Name)
		}
	}
	return open
}

// inner is an input's shape without the batch dimension.
func inner(r *config.Resolved, spec tensor.Spec) tensor.Shape {
	if r.Batching() {
		return spec.Shape[1:]
	}
	return spec.Shape
}

// example is a shape that an input could have, as it is written.
func example(r *config.Resolved, name string) string {
	var words []string
	for _, d := range inner(r, r.Signature.Inputs[r.Signature.Input(name)]) {
		words = append(words, strconv.FormatInt(max(d, -d*128), 10))
	}
	return strings.Join(words, "x")
}

// request returns what makes requests of made-up rows, whose dynamic dimensions that
// nothing is said about have the given size.
func (s Shapes) request(d repository.Desired, r *config.Resolved, size int64) (func() *infer.Request, error) {
	inputs, err := app.MadeUp(r, s, size)
	if err != nil {
		return nil, err
	}
	ref := infer.Ref{Name: d.Name, Version: d.Version}
	return func() *infer.Request { return &infer.Request{Model: ref, Inputs: slices.Clone(inputs)} }, nil
}

// guessed tries sizes of dynamic dimensions until the model runs.
func (s Shapes) guessed(ctx context.Context, d repository.Desired, version infer.Handler, r *config.Resolved) (ask func() *infer.Request, size int64, err error) {
	var first error
	for _, size = range app.InnerSizes() {
		if ask, err = s.request(d, r, size); err == nil {
			err = try(ctx, version, ask)
		}
		if err == nil || ctx.Err() != nil {
			return ask, size, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, 0, fmt.Errorf("no guess ran: %w", first)
}

// try asks once.
func try(ctx context.Context, version infer.Handler, ask func() *infer.Request) error {
	resp, err := version.Infer(ctx, ask())
	if err == nil {
		resp.Release()
	}
	return err
}

// goldenRequests returns what makes a model's golden requests, one after the other, and
// how many there are.
func goldenRequests(d repository.Desired) (func() *infer.Request, int, error) {
	cases, err := app.GoldenCases(d)
	if err != nil {
		return nil, 0, err
	}
	ref := infer.Ref{Name: d.Name, Version: d.Version}
	var next atomic.Uint64
	return func() *infer.Request {
		return cases[(next.Add(1)-1)%uint64(len(cases))].Request(ref)
	}, len(cases), nil
}
