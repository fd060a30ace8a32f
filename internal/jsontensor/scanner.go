package jsontensor

import (
	"fmt"
	"unicode/utf8"
)

// DefaultDepth is how deep JSON may be nested where the caller does not say.
const DefaultDepth = 100

// scanner checks JSON text. Its methods take the position where something starts
// and return the position behind it, or failed, having set err. Positions are
// passed along, not kept in the scanner: in registers they are several times faster.
type scanner struct {
	src      []byte
	depth    int // arrays and objects that are open
	maxDepth int
	nan      bool // NaN, Infinity and -Infinity are numbers here
	err      error
}

// failed stands in place of a position for the first failure, which ends a walk.
const failed = -1

// fail sets a syntax error.
func (s *scanner) fail(i int, text string) int {
	s.err = &SyntaxError{Offset: i, Text: text}
	return failed
}

// unexpected fails because something other than what was expected is at i.
func (s *scanner) unexpected(i int, expected string) int {
	if i >= len(s.src) {
		return s.fail(i, "unexpected end of JSON: expected "+expected)
	}
	r, size := utf8.DecodeRune(s.src[i:])
	if r == utf8.RuneError && size == 1 {
		return s.fail(i, "invalid UTF-8")
	}
	return s.fail(i, fmt.Sprintf("unexpected character %q: expected %s", r, expected))
}

// at returns the byte at i, or 0, which no JSON token has in it, at the end.
func (s *scanner) at(i int) byte {
	if uint(i) < uint(len(s.src)) {
		return s.src[i]
	}
	return 0
}

// token returns the position of the next byte that is not white space, and the
// byte, 0 at the end.
func (s *scanner) token(i int) (int, byte) {
	c := s.at(i)
	for isSpace(c) {
		i++
		c = s.at(i)
	}
	return i, c
}

func isSpace(c byte) bool {
	const spaces uint64 = 1<<' ' | 1<<'\n' | 1<<'\r' | 1<<'\t'
	return c <= ' ' && spaces>>c&1 != 0
}

// end checks that only white space is left.
func (s *scanner) end(i int) int {
	if i, _ = s.token(i); i < len(s.src) {
		return s.unexpected(i, "nothing after the value")
	}
	return i
}

// value checks a value.
func (s *scanner) value(i int) int {
	c := s.at(i)
	if startsNumber(c) {
		return s.number(i)
	}
	switch c {
	case '"':
		return s.str(i)
	case '[':
		return s.array(i, nil)
	case '{':
		return s.object(i, s.member)
	case 't':
		return s.word(i, "true")
	case 'f':
		return s.word(i, "false")
	case 'n':
		return s.word(i, "null")
	case 'N', 'I':
		return s.number(i)
	}
	return s.unexpected(i, "a value")
}

func (s *scanner) member(i int, _ []byte) int { return s.value(i) }

// word checks that w is at i.
func (s *scanner) word(i int, w string) int {
	for j := range len(w) {
		if s.at(i+j) != w[j] {
			return s.unexpected(i+j, w)
		}
	}
	return i + len(w)
}

// array checks an array. Its elements are left to item, a method like those here,
// where there is one.
func (s *scanner) array(i int, item func(i int) int) int {
	if !s.enter() {
		return failed
	}
	i, c := s.token(i + 1)
	if c == ']' {
		return s.leave(i)
	}
	for {
		switch {
		case item != nil:
			i = item(i)
		case startsNumber(s.at(i)):
			i, _ = s.token(skipNumbers(s.src, i))
			i = s.value(i)
		default:
			i = s.value(i)
		}
		if i < 0 {
			return failed
		}
		i, c = s.token(i)
		switch c {
		case ',':
			i, _ = s.token(i + 1)
		case ']':
			return s.leave(i)
		default:
			return s.unexpected(i, "',' or ']'")
		}
	}
}

// object checks an object. Its values are left to member, which also gets the key,
// still escaped.
func (s *scanner) object(i int, member func(i int, key []byte) int) int {
	if !s.enter() {
		return failed
	}
	i, c := s.token(i + 1)
	if c == '}' {
		return s.leave(i)
	}
	for {
		value, key := s.key(i)
		if value < 0 {
			return failed
		}
		if i = member(value, key); i < 0 {
			return failed
		}
		i, c = s.token(i)
		switch c {
		case ',':
			i, _ = s.token(i + 1)
		case '}':
			return s.leave(i)
		default:
			return s.unexpected(i, "',' or '}'")
		}
	}
}

// key checks a key and the colon, and returns the position of the value.
func (s *scanner) key(i int) (value int, key []byte) {
	if s.at(i) != '"' {
		return s.unexpected(i, "a key in double quotes"), nil
	}
	end := s.str(i)
	if end < 0 {
		return failed, nil
	}
	colon, c := s.token(end)
	if c != ':' {
		return s.unexpected(colon, "':'"), nil
	}
	value, _ = s.token(colon + 1)
	return value, s.src[i+1 : end-1]
}

// enter counts an array or object as open, unless it is one too deep.
func (s *scanner) enter() bool {
	if s.depth >= s.maxDepth {
		s.err = fmt.Errorf("%w (%d)", ErrDepth, s.maxDepth)
		return false
	}
	s.depth++
	return true
}

// leave returns the position behind the bracket at i.
func (s *scanner) leave(i int) int {
	s.depth--
	return i + 1
}
