package jsontensor

import "bytes"

// number checks a number.
func (s *scanner) number(i int) int {
	start := i + sign(s.at(i))
	end := s.digits(start)
	if end == start || end > start+1 && s.src[start] == '0' {
		return s.oddNumber(i, start)
	}
	if s.at(end) == '.' {
		if end = s.someDigits(end + 1); end < 0 {
			return failed
		}
	}
	if s.at(end)|0x20 == 'e' {
		end++
		if c := s.at(end); c == '-' || c == '+' {
			end++
		}
		return s.someDigits(end)
	}
	return end
}

// oddNumber goes on with the number at i where its digits should start, but there
// are none, or more of them behind a zero.
func (s *scanner) oddNumber(i, start int) int {
	rest := s.src[min(start, len(s.src)):]
	switch {
	case s.nan && start == i && bytes.HasPrefix(rest, []byte("NaN")):
		return start + len("NaN")
	case s.nan && bytes.HasPrefix(rest, []byte("Infinity")):
		return start + len("Infinity")
	case s.at(start) == '0':
		return s.fail(start, "a number with a leading zero")
	case start == i:
		return s.unexpected(start, "a value")
	}
	return s.unexpected(start, "a digit")
}

// digits returns the end of the digits at i, of which there may be none.
func (s *scanner) digits(i int) int {
	for isDigit(s.at(i)) {
		i++
	}
	return i
}

// someDigits does the same, but fails where there are none.
func (s *scanner) someDigits(i int) int {
	end := s.digits(i)
	if end == i {
		return s.unexpected(i, "a digit")
	}
	return end
}

// sign returns the length of the sign that starts with c: 1 for a minus. It is made
// to need no branch, since signs are hard to foretell.
func sign(c byte) int {
	n := 0
	if c == '-' {
		n = 1
	}
	return n
}

// startsNumber reports whether c is a digit or a minus, or one of the two
// characters between them, which number refuses: it takes a single comparison.
func startsNumber(c byte) bool { return c-'-' <= '9'-'-' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
