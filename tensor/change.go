package tensor

import (
	"errors"
	"fmt"
)

// Breaking says what of next would break callers of s: requests that s takes and next
// does not, or answers that are not what they were. It returns nil when next can stand in
// for s.
func (s Signature) Breaking(next Signature) error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, old := range s.Inputs {
		at := next.Input(old.Name)
		if at < 0 {
			add("input %q is gone", old.Name)
			continue
		}
		in := next.Inputs[at]
		switch {
		case in.DType != old.DType:
			add("input %q is %v, was %v", old.Name, in.DType, old.DType)
		case !covers(in.Shape, old.Shape):
			add("input %q takes shape %v, took %v", old.Name, in.Shape, old.Shape)
		case old.Optional && !in.Optional:
			add("input %q is required, was optional", old.Name)
		}
	}
	for _, in := range next.Inputs {
		if s.Input(in.Name) < 0 && !in.Optional {
			add("input %q is new and required", in.Name)
		}
	}
	for _, old := range s.Outputs {
		at := next.Output(old.Name)
		if at < 0 {
			add("output %q is gone", old.Name)
			continue
		}
		out := next.Outputs[at]
		switch {
		case out.DType != old.DType:
			add("output %q is %v, was %v", old.Name, out.DType, old.DType)
		case old.Shape != nil && out.Shape != nil && !covers(old.Shape, out.Shape):
			add("output %q has shape %v, had %v", old.Name, out.Shape, old.Shape)
		}
	}
	return errors.Join(errs...)
}

// covers reports whether every shape that fits narrow fits wide.
func covers(wide, narrow Shape) bool {
	if len(wide) != len(narrow) {
		return false
	}
	for i, d := range wide {
		if d != Dynamic && d != narrow[i] {
			return false
		}
	}
	return true
}
