package tensor

// CopyBox copies what two row-major arrays have in common, the part of each that
// starts at the origin and lies within both shapes, from src to dst. Both shapes have
// the same rank, and elements take size bytes. So it pads, into a dst that was filled
// before, and cuts back. dst and src must not overlap.
func CopyBox(dst []byte, to Shape, src []byte, from Shape, size int) {
	// Trailing dimensions that are equal are copied as one.
	for n := len(to); n > 0 && to[n-1] == from[n-1]; n-- {
		size *= int(to[n-1])
		to, from = to[:n-1], from[:n-1]
	}
	copyBox(dst, to, src, from, size)
}

func copyBox(dst []byte, to Shape, src []byte, from Shape, size int) {
	if len(to) == 0 {
		copy(dst[:size], src[:size])
		return
	}
	common := int(min(to[0], from[0]))
	if len(to) == 1 {
		copy(dst[:common*size], src[:common*size])
		return
	}
	toStep, fromStep := size, size
	for i := range to[1:] {
		toStep *= int(to[i+1])
		fromStep *= int(from[i+1])
	}
	for i := range common {
		copyBox(dst[i*toStep:], to[1:], src[i*fromStep:], from[1:], size)
	}
}
