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
	if end := s.members(member); end >= 0 {
		s.end(end)
	}
	return s.err
}

// LeadingMembers is Members for a text of which only the first value counts: it does
// not look at what follows.
func LeadingMembers(text []byte, member func(name, value []byte) error) error {
	s := scanner{src: text, maxDepth: DefaultDepth, nan: true}
	s.members(member)
	return s.err
}

// members walks the value that the text starts with, and returns its end even where it
// is no object.
func (s *scanner) members(member func(name, value []byte) error) int {
	i, first := s.token(0)
	if first != '{' {
		return s.other(i, "object")
	}
	return s.object(i, func(i int, key []byte) int {
		end := s.value(i)
		if end < 0 {
			return failed
		}
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unescape(nil, key)
		}
		if s.err = member(key, s.src[i:end:end]); s.err != nil {
			return failed
		}
		return end
	})
}

// other notes that the value at i is not what was expected, and returns its end.
func (s *scanner) other(i int, expected string) int {
	end := s.value(i)
	if end >= 0 {
		s.err = &FieldError{Expected: expected, Got: typeOf(s.src[i])}
	}
	return end
}

// Elements takes an array apart as Members does an object: it calls element with the
// text of each element.
func Elements(text []byte, element func(value []byte) error) error {
	s := scanner{src: text, maxDepth: DefaultDepth, nan: true}
	i, first := s.token(0)
	var end int
	if first != '[' {
		end = s.other(i, "array")
	} else {
		end = s.array(i, func(i int) int {
			end := s.value(i)
			if end >= 0 {
				if s.err = element(text[i:end:end]); s.err != nil {
					return failed
				}
			}
			return end
		})
	}
	if end >= 0 {
		s.end(end)
	}
	return s.err
}
