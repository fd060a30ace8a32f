package onnxfile

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// The limits that keep a forged file from costing more than an honest one.
const (
	maxDepth  = 100      // nested messages, as in protobuf's own parsers
	maxFields = 32 << 20 // fields walked over in one file: a few seconds
	maxKept   = 64 << 20 // bytes of names, texts and shapes kept from one file
	maxName   = 64 << 10 // bytes of one operator, domain or file name

	minWindow = 4 << 10 // bytes read after a jump
	maxWindow = 64 << 10
	maxHead   = 20 // a tag and a length or a number, at their longest
)

// span is a range of the file, from inclusive, to exclusive.
type span struct{ from, to int64 }

func (s span) size() int64 { return s.to - s.from }

// field is one field of a message. tag is number and wire type as on the wire,
// so that a field of an unexpected wire type is like an unknown one: skipped, as
// protobuf's parsers do.
type field struct {
	tag    uint64
	number uint64 // the value of a varint or of a fixed field
	body   span   // the content of a length-delimited field
}

// source walks over the protobuf messages of a file through a small window.
// Nothing outside the window is in memory; bytes that no one asks for are not read.
type source struct {
	r    io.ReaderAt
	size int64

	window []byte // bytes of the file from offset at on
	at     int64

	depth  int
	fields int64
	kept   int64
}

func newSource(r io.ReaderAt, size int64) *source {
	return &source{r: r, size: size, window: make([]byte, 0, max(0, min(size, maxWindow)))}
}

// all is the span of the whole file.
func (s *source) all() span { return span{0, s.size} }

// each yields the fields of a message, or an error as the last pair. Messages
// inside it may be walked over meanwhile.
func (s *source) each(msg span) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		if s.depth >= maxDepth {
			yield(field{}, fmt.Errorf("%w: byte %d: messages are nested more than %d deep", ErrInvalid, msg.from, maxDepth))
			return
		}
		s.depth++
		defer func() { s.depth-- }()
		for at := msg.from; at < msg.to; {
			f, next, err := s.field(at, msg)
			if !yield(f, err) || err != nil {
				return
			}
			at = next
		}
	}
}

// field decodes the field at offset at of msg and returns it and where the next
// one starts.
func (s *source) field(at int64, msg span) (field, int64, error) {
	if s.fields++; s.fields > maxFields {
		return field{}, 0, fmt.Errorf("%w: more than %d fields", ErrInvalid, maxFields)
	}
	b, err := s.peek(at, min(maxHead, msg.to-at))
	if err != nil {
		return field{}, 0, err
	}
	if int64(len(b)) > msg.to-at {
		b = b[:msg.to-at]
	}
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return field{}, 0, s.malformed(at, msg, n)
	}
	f := field{tag: protowire.EncodeTag(num, typ)}
	m := 0
	switch typ {
	case protowire.VarintType, protowire.BytesType:
		f.number, m = protowire.ConsumeVarint(b[n:])
	case protowire.Fixed32Type:
		var v uint32
		v, m = protowire.ConsumeFixed32(b[n:])
		f.number = uint64(v)
	case protowire.Fixed64Type:
		f.number, m = protowire.ConsumeFixed64(b[n:])
	case protowire.StartGroupType, protowire.EndGroupType:
		return field{}, 0, fmt.Errorf("%w: byte %d: field %d is a group, which ONNX does not use", ErrInvalid, at, num)
	default:
		return field{}, 0, fmt.Errorf("%w: byte %d: field %d has the unknown wire type %d", ErrInvalid, at, num, typ)
	}
	if m < 0 {
		return field{}, 0, s.malformed(at, msg, m)
	}
	next := at + int64(n) + int64(m)
	if typ != protowire.BytesType {
		return f, next, nil
	}
	if left := msg.to - next; f.number > uint64(left) {
		return field{}, 0, s.overrun(at, f.number, left)
	}
	f.body = span{next, next + int64(f.number)}
	return f, f.body.to, nil
}

// overrun is the error for a field at offset at that is longer than the bytes left
// in its message. Only the outermost message is cut off by the end of the file:
// a field that does not fit into an inner one is no sign of a missing end.
func (s *source) overrun(at int64, size uint64, left int64) error {
	if s.depth == 1 {
		return fmt.Errorf("%w: byte %d starts a field of %d bytes, of which the file holds %d", ErrTruncated, at, size, left)
	}
	return fmt.Errorf("%w: byte %d starts a field of %d bytes in a message with %d left", ErrInvalid, at, size, left)
}

// malformed is the error for a protowire code.
func (s *source) malformed(at int64, msg span, code int) error {
	err := protowire.ParseError(code)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: byte %d: broken field", ErrInvalid, at)
	}
	if s.depth == 1 && msg.to == s.size {
		return fmt.Errorf("%w: the file ends within the field at byte %d", ErrTruncated, at)
	}
	return fmt.Errorf("%w: byte %d: the field does not fit into its message", ErrInvalid, at)
}

// peek returns the bytes from offset at on: need of them, at most maxWindow, which
// must be in the file, or more. They are valid until the next peek.
func (s *source) peek(at, need int64) ([]byte, error) {
	end := s.at + int64(len(s.window))
	if at >= s.at && at+need <= end {
		return s.window[at-s.at:], nil
	}
	// A file that is read on end is read in ever larger pieces. After a jump,
	// over a weight for instance, little may be wanted before the next.
	size := int64(minWindow)
	if at >= s.at && at <= end {
		size = min(2*int64(len(s.window)), maxWindow)
	}
	size = min(max(size, need), s.size-at)
	s.window, s.at = s.window[:size], at
	if err := s.readFull(s.window, at); err != nil {
		s.window = s.window[:0]
		return nil, err
	}
	return s.window, nil
}

func (s *source) readFull(b []byte, at int64) error {
	n, err := s.r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the file ended at byte %d while it was read, it had %d bytes before", ErrTruncated, at+int64(n), s.size)
	default:
		return reason(err)
	}
}

// keep counts n bytes towards what may be kept.
func (s *source) keep(n int64) error {
	if n > maxKept-s.kept {
		return fmt.Errorf("%w: its names, texts and shapes take more than %d bytes", ErrInvalid, maxKept)
	}
	s.kept += n
	return nil
}

// text returns a string to keep.
func (s *source) text(body span) (string, error) {
	const header = 32 // of the string, and its share of what it is kept in
	if err := s.keep(body.size() + header); err != nil {
		return "", err
	}
	if body.size() <= maxWindow {
		b, err := s.peek(body.from, body.size())
		if err != nil {
			return "", err
		}
		return string(b[:body.size()]), nil
	}
	b := make([]byte, body.size())
	if err := s.readFull(b, body.from); err != nil {
		return "", err
	}
	return string(b), nil
}

// name returns the bytes of a name that may be known already; they are valid until
// the next peek.
func (s *source) name(body span) ([]byte, error) {
	if body.size() > maxName {
		return nil, fmt.Errorf("%w: byte %d: a name of %d bytes, more than %d", ErrInvalid, body.from, body.size(), maxName)
	}
	b, err := s.peek(body.from, body.size())
	if err != nil {
		return nil, err
	}
	return b[:body.size()], nil
}

// varints yields the numbers of a packed field, or an error as the last pair.
func (s *source) varints(body span) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for at := body.from; at < body.to; {
			if s.fields++; s.fields > maxFields {
				yield(0, fmt.Errorf("%w: more than %d fields", ErrInvalid, maxFields))
				return
			}
			b, err := s.peek(at, min(maxHead, body.to-at))
			if err != nil {
				yield(0, err)
				return
			}
			v, n := protowire.ConsumeVarint(b[:min(int64(len(b)), body.to-at)])
			if n < 0 {
				yield(0, fmt.Errorf("%w: byte %d: broken number", ErrInvalid, at))
				return
			}
			if !yield(v, nil) {
				return
			}
			at += int64(n)
		}
	}
}
