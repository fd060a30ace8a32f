package jsontensor

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

var (
	// ErrDepth is returned for JSON that is nested deeper than allowed. The text of
	// an error that wraps it is Triton's, with the limit in parentheses.
	ErrDepth = errors.New("JSON nesting depth exceeds maximum allowed limit")
	// ErrInputs is returned for a request with more inputs than allowed.
	ErrInputs = errors.New("too many inputs")
	// ErrRest is returned for a request with more JSON beside its data than allowed.
	ErrRest = errors.New("too much JSON beside the tensors' data")
	// ErrCount is returned for a value that does not have as many elements as
	// wanted; ErrTooFew and ErrTooMany, which wrap it, say which way.
	ErrCount = errors.New("unexpected number of elements")
	// ErrTooFew is an ErrCount.
	ErrTooFew = fmt.Errorf("%w: too few", ErrCount)
	// ErrTooMany is an ErrCount.
	ErrTooMany = fmt.Errorf("%w: too many", ErrCount)
	// ErrBase64 is returned for an element in base64 that is none.
	ErrBase64 = errors.New("not base64")
	// ErrUnsupported is returned for a data type that JSON does not carry: FP16 and BF16.
	ErrUnsupported = errors.New("data type is not supported in JSON")
)

// SyntaxError says where text stops being JSON.
type SyntaxError struct {
	Offset int // in bytes, from the start of the text
	Text   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at %d", e.Text, e.Offset) }

// FieldError is returned for a member of a request that is JSON, but of another type.
type FieldError struct {
	Field    string // "": the request itself
	Expected string // array, object, string or unsigned-integer
	Got      string // array, object, string, number, bool or null
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("expected an %s, got %s", e.Expected, e.Got)
	}
	return fmt.Sprintf("%s: expected %s, got %s", e.Field, e.Expected, e.Got)
}

// ElementError is returned for an element that is JSON, but not a value of the
// tensor's data type.
type ElementError struct {
	Index    int64 // of the element, counted through all nested arrays
	Expected string
	Got      string // the element's text, its end left out where it is long
}

func (e *ElementError) Error() string {
	return fmt.Sprintf("element %d: expected %s, got %s", e.Index, e.Expected, e.Got)
}

// NestError is returned for a value that is nested as no tensor is.
type NestError struct {
	Kind     NestKind
	Level    int    // how many arrays are around it
	Expected int64  // how many there should be, or the array's length
	Got      int64  // of an Uneven array, its length
	Value    string // of a TooShallow element, its text, the end left out where it is long
}

// NestKind says in which way a value is nested wrongly.
type NestKind int

// The kinds of a NestError.
const (
	Uneven     NestKind = iota // an array is not as long as the first of its level
	TooDeep                    // an array stands where elements are
	TooShallow                 // an element stands where arrays are
)

func (e *NestError) Error() string {
	switch e.Kind {
	case TooDeep:
		return fmt.Sprintf("an array in %d others: expected elements in %d", e.Level, e.Expected)
	case TooShallow:
		return fmt.Sprintf("element %s in %d arrays: expected it in %d", e.Value, e.Level, e.Expected)
	default:
		return fmt.Sprintf("an array of %d, in %d others: expected %d, as in the first", e.Got, e.Level, e.Expected)
	}
}

// maxQuoted is how many bytes of a value an error repeats.
const maxQuoted = 40

// Brief returns the text of a value, cut to a length that fits an error.
func Brief(text []byte) string {
	if len(text) <= maxQuoted {
		return string(text)
	}
	end := maxQuoted
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return string(text[:end]) + "..."
}
