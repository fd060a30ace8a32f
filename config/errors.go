package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	File  string // as the caller named it
	Line  int    // the first line is 1; 0 where no line is to blame
	Field string // such as input[0].dims; "" where the whole file is meant
	Text  string // what is wrong, then what was expected
}

// Error returns FILE:LINE: FIELD: TEXT, without the parts that are not known.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.File != "" && e.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", e.File, e.Line)
	case e.File != "":
		fmt.Fprintf(&b, "%s: ", e.File)
	case e.Line > 0:
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	return b.String() + e.Text
}

// source remembers where a configuration was read, so that what is found wrong later can still name the line.
type source struct {
	file  string
	lines map[string]int // by field path
}

// line returns the line of a field, or of the nearest field around it that the file has, or 0.
func (s source) line(field string) int {
	for field != "" {
		if n, ok := s.lines[field]; ok {
			return n
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
	return 0
}

// maxErrors is how many errors of one file are told; a file with more is broken in one way that repeats.
const maxErrors = 100

// report collects what is wrong with one file.
type report struct {
	source
	errs    []*Error
	dropped int
}

// add records an error on a line.
func (r *report) add(line int, field, format string, args ...any) {
	if len(r.errs) == maxErrors {
		r.dropped++
		return
	}
	r.errs = append(r.errs, &Error{File: r.file, Line: line, Field: field, Text: fmt.Sprintf(format, args...)})
}

// fail records an error on a field, on the field's line, unless an error within the
// field has been recorded: one mistake is told once.
func (r *report) fail(field, format string, args ...any) {
	for _, e := range r.errs {
		if within(e.Field, field) {
			return
		}
	}
	r.add(r.line(field), field, format, args...)
}

// within reports whether inner is the field outer or a part of it.
func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// err returns all errors by line, joined, or nil.
func (r *report) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(r.errs, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	all := make([]error, 0, len(r.errs)+1)
	for _, e := range r.errs {
		all = append(all, e)
	}
	if r.dropped > 0 {
		all = append(all, &Error{File: r.file, Text: fmt.Sprintf("and %d more errors", r.dropped)})
	}
	return errors.Join(all...)
}
