package golden

import (
	"fmt"
	"strings"
)

// unknown says that there is no such name, and which one may have been meant: one that
// is nearly the same, or begins alike.
func unknown(what, name string, known []string) error {
	const longest = 64 // bounds the work on a hostile file
	best, least := "", len(name)/3+1
	for _, k := range known {
		if len(name) > longest || len(k) > longest {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	for _, k := range known {
		if best == "" && len(name) <= longest && shared(name, k) >= max(4, (3*len(name)+3)/4) {
			best = k
		}
	}
	if best != "" {
		return fmt.Errorf("unknown %s %.64q: did you mean %q?", what, name, best)
	}
	return fmt.Errorf("unknown %s %.64q: expected %s", what, name, oneOf(known))
}

// oneOf lists some names.
func oneOf(names []string) string {
	const most = 8
	var all []string
	for _, name := range names[:min(len(names), most)] {
		all = append(all, fmt.Sprintf("%.64q", name))
	}
	if len(names) > most {
		all = append(all, "...")
	}
	return "one of " + strings.Join(all, ", ")
}

// shared counts the letters that a and b begin with alike.
func shared(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// distance counts the letters to insert, drop or change to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
