package jsontensor

// skipNumbers checks the list of numbers at i, where an element of an array must be,
// for as long as it sees nothing but numbers and commas. It returns the position from
// which others are to go on, where there must be an element as well.
//
// It says nothing that scanner.value would not; it is there because nearly all that
// Parse walks is numbers, and this takes about a cycle for each byte of them, however
// they are written.
func skipNumbers(b []byte, i int) int {
	start, s := i, uint64(atValue)
	for ; i+8 <= len(b); i += 8 {
		w := b[i : i+8 : i+8]
		t := steps[w[0]] >> (s & 63)
		t = steps[w[1]] >> (t & 63)
		t = steps[w[2]] >> (t & 63)
		t = steps[w[3]] >> (t & 63)
		t = steps[w[4]] >> (t & 63)
		t = steps[w[5]] >> (t & 63)
		t = steps[w[6]] >> (t & 63)
		t = steps[w[7]] >> (t & 63)
		if state(t&63) == outside {
			break
		}
		s = t
	}
	for i > start && b[i-1] != ',' {
		i--
	}
	return i
}

// steps holds for each byte the state behind it, for each state before it. A step is
// a load, which waits for nothing, and a shift by the state, after which the low six
// bits are the new one.
var steps = func() (table [256]uint64) {
	for c := range table {
		for s := atValue; s <= outside; s += 6 {
			table[c] |= uint64(s.next(byte(c))) << s
		}
	}
	return table
}()

// state is a place in a list of numbers: the offset of its six bits in a step.
type state uint64

const (
	atValue    state = 6 * iota // where a number must be, or white space before it
	atWhole                     // behind its minus
	behindZero                  // behind the zero that is its whole part
	inWhole                     // behind another digit of the whole part
	atFraction                  // behind the point
	inFraction                  // behind a digit of the fraction
	atExponent                  // behind the e
	atDigits                    // behind the sign of the exponent
	inExponent                  // behind a digit of the exponent
	outside                     // behind anything else, for good
)

// next returns the state behind c.
func (s state) next(c byte) state {
	switch s {
	case atValue, atWhole:
		switch {
		case c == '0':
			return behindZero
		case isDigit(c):
			return inWhole
		case c == '-' && s == atValue:
			return atWhole
		case isSpace(c) && s == atValue:
			return atValue
		}
	case behindZero, inWhole, inFraction, inExponent:
		switch {
		case c == ',':
			return atValue
		case isDigit(c) && s != behindZero:
			return s
		case c == '.' && (s == behindZero || s == inWhole):
			return atFraction
		case c|0x20 == 'e' && s != inExponent:
			return atExponent
		}
	case atFraction:
		if isDigit(c) {
			return inFraction
		}
	case atExponent, atDigits:
		switch {
		case isDigit(c):
			return inExponent
		case (c == '-' || c == '+') && s == atExponent:
			return atDigits
		}
	case outside:
	}
	return outside
}
