package jsontensor

import "bytes"

// Members takes an object apart: it calls member with the name of each member of text
// and the text of its value, checked to be a value; both alias text where they can.
// NaN, Infinity and -Infinity are numbers anywhere in it, so that a document around
// requests and answers can be read; whoever reads a value further says whether there
// too. A name may come twice.
//
// An error of member ends the walk and is returned as it is. Otherwise it returns a
// *SyntaxError, an error that wraps ErrDepth, or a *FieldError where text is JSON but
// no object. What stands behind the first error has not been looked at.
func Members(text []byte, member func(name, value []byte) error) error {
	s := scanner{src: text, maxDepth: DefaultDepth, nan: true}
	i, first := s.token(0)
	if first != '{' {
		if end := s.value(i); end >= 0 && s.end(end) >= 0 {
			return &FieldError{Expected: "object", Got: typeOf(first)}
		}
		return s.err
	}
	i = s.object(i, func(i int, key []byte) int {
		end := s.value(i)
		if end < 0 {
			return failed
		}
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unescape(nil, key)
		}
		if s.err = member(key, text[i:end:end]); s.err != nil {
			return failed
		}
		return end
	})
	if i >= 0 {
		s.end(i)
	}
	return s.err
}
