package scheduler

// heap is a binary heap: items[0] goes before all others. placed, where it is set, tells
// each item its place, for fix and remove.
type heap[T any] struct {
	items  []T
	before func(a, b T) bool
	placed func(x T, at int)
}

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	h.place(len(h.items) - 1)
	h.up(len(h.items) - 1)
}

// fix moves the item at a place, which has changed, to where it belongs.
func (h *heap[T]) fix(at int) {
	if !h.down(at) {
		h.up(at)
	}
}

// remove takes out the item at a place.
func (h *heap[T]) remove(at int) {
	last := len(h.items) - 1
	if at != last {
		h.swap(at, last)
	}
	var none T
	h.items[last] = none
	if h.items = h.items[:last]; at != last {
		h.fix(at)
	}
}

func (h *heap[T]) up(at int) {
	for at > 0 {
		parent := (at - 1) / 2
		if !h.before(h.items[at], h.items[parent]) {
			return
		}
		h.swap(at, parent)
		at = parent
	}
}

// down reports whether it moved the item.
func (h *heap[T]) down(at int) bool {
	from := at
	for {
		first := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(h.items); child++ {
			if h.before(h.items[child], h.items[first]) {
				first = child
			}
		}
		if first == at {
			return at != from
		}
		h.swap(at, first)
		at = first
	}
}

func (h *heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.place(i)
	h.place(j)
}

func (h *heap[T]) place(at int) {
	if h.placed != nil {
		h.placed(h.items[at], at)
	}
}
