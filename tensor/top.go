package tensor

import (
	"slices"
	"strconv"
)

// fewTop is how many of the largest elements are kept in order while a row is read; for
// more of them the whole row is sorted.
const fewTop = 64

// Top returns the indices of the k largest elements of a row of numbers, the largest
// first and the first among equals first; NaNs are smaller than all else. There are fewer
// where the row has fewer. The time is proportional to n*log(n) at worst.
func Top(d DType, row []byte, k int) []int {
	size := d.Size()
	n := len(row) / size
	k = min(k, n)
	if k <= 0 {
		return []int{}
	}
	at := func(i int) []byte { return row[i*size:] }
	before := func(a, b int) bool { // of two indices, a the smaller one
		switch {
		case isNaN(d, at(b)):
			return true
		case isNaN(d, at(a)):
			return false
		default:
			return !larger(d, at(b), at(a))
		}
	}
	compare := func(a, b int) int {
		first := before(min(a, b), max(a, b))
		switch {
		case a == b:
			return 0
		case first == (a < b):
			return -1
		default:
			return 1
		}
	}
	if k > fewTop {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		slices.SortFunc(all, compare)
		return all[:k]
	}
	top := make([]int, 0, k+1)
	for i := range n {
		if len(top) == k && before(top[k-1], i) {
			continue
		}
		place, _ := slices.BinarySearchFunc(top, i, compare)
		top = slices.Insert(top, place, i)
		top = top[:min(len(top), k)]
	}
	return top
}

// AppendFixed appends the number at the start of element in decimal, floats with six
// digits behind the point.
func AppendFixed(dst []byte, d DType, element []byte) []byte {
	switch {
	case d.isFloat():
		return strconv.AppendFloat(dst, float(d, element), 'f', 6, 64)
	case d.isSigned():
		return strconv.AppendInt(dst, int64(integer(d, element)), 10)
	default:
		return strconv.AppendUint(dst, integer(d, element), 10)
	}
}
