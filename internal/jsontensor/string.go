package jsontensor

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// str checks a string.
func (s *scanner) str(i int) int {
	i++
	for {
		i = plainRun(s.src, i)
		switch c := s.at(i); {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = s.escape(i); i < 0 {
				return failed
			}
		case c < ' ':
			return s.unexpected(i, "the rest of a string")
		default:
			r, size := utf8.DecodeRune(s.src[i:])
			if r == utf8.RuneError && size == 1 {
				return s.fail(i, "invalid UTF-8 in a string")
			}
			i += size
		}
	}
}

// escape checks an escape.
func (s *scanner) escape(i int) int {
	switch s.at(i + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.unexpected(i+1, "an escape")
	}
	for j := i + 2; j < i+6; j++ {
		if !isHex(s.at(j)) {
			return s.unexpected(j, "a hexadecimal digit")
		}
	}
	return i + 6
}

// plainRun returns the end of the run of bytes at i that stand for themselves in
// a string: ASCII without controls, quotes and backslashes.
func plainRun(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		v := binary.LittleEndian.Uint64(b[i : i+8 : i+8])
		quote, slash := v^(ones*'"'), v^(ones*'\\')
		// The top bit of a byte of (x - ones*n) is set where that byte is less than
		// n. A borrow may set the one above it too, which only costs a closer look.
		odd := v | (v - ones*' ') | (quote - ones) | (slash - ones)
		if odd&tops != 0 {
			break
		}
	}
	for i < len(b) && isPlain(b[i]) {
		i++
	}
	return i
}

func isPlain(c byte) bool { return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unescape appends the content of a string that str has checked. Half a surrogate
// pair becomes U+FFFD, as in encoding/json. It appends no more than len(raw) bytes.
func unescape(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		if raw[i+1] != 'u' {
			dst = append(dst, unescaped(raw[i+1]))
			raw = raw[i+2:]
			continue
		}
		r := hex4(raw[i+2:])
		raw = raw[i+6:]
		if utf16.IsSurrogate(r) && len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
			if pair := utf16.DecodeRune(r, hex4(raw[2:])); pair != utf8.RuneError {
				r, raw = pair, raw[6:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
}

// unescaped returns what a backslash and c stand for.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// hex4 returns the value of four hexadecimal digits.
func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		digit := rune(c & 0x0f)
		if c > '9' {
			digit += 9
		}
		r = r<<4 | digit
	}
	return r
}

const hexDigits = "0123456789abcdef"

// Text returns the content of value, which has to be checked JSON, if that is a string.
// It aliases value where nothing is escaped.
func Text(value []byte) (content []byte, is bool) {
	if len(value) == 0 || value[0] != '"' {
		return nil, false
	}
	content = value[1 : len(value)-1]
	if bytes.IndexByte(content, '\\') >= 0 {
		content = unescape(nil, content)
	}
	return content, true
}

// AppendString appends b as a JSON string. Bytes that are not UTF-8 become
// U+FFFD; nothing is escaped that need not be.
func AppendString(dst, b []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(b); {
		end := plainRun(b, i)
		dst = append(dst, b[i:end]...)
		if i = end; i == len(b) {
			break
		}
		if b[i] < utf8.RuneSelf {
			dst = appendEscaped(dst, b[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, `\ufffd`...)
		} else {
			dst = append(dst, b[i:i+size]...)
		}
		i += size
	}
	return append(dst, '"')
}

// appendEscaped appends the escape for a quote, a backslash or a control.
func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
