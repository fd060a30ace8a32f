package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Nearest returns the known key that a person most likely meant, or "" when none is
// near: the same word written otherwise (maxBatchSize), a slip of at most a third
// of its letters, or the same beginning (intra_op_threads).
func Nearest(got string, known []string) string {
	const longest = 64 // no key is longer; bounds the work on a hostile file
	if len(got) > longest {
		return ""
	}
	best, least := "", len(got)/3+1
	for _, k := range known {
		if plain(k) == plain(got) {
			return k
		}
		if n := distance(got, k); n < least {
			best, least = k, n
		}
	}
	if best != "" {
		return best
	}
	most := max(4, (len(got)*3+3)/4) - 1
	for _, k := range known {
		if n := shared(got, k); n > most {
			best, most = k, n
		}
	}
	return best
}

// shared counts the letters that a and b begin with alike.
func shared(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// unknownKey is the text for a key that is not known, with the key that was meant, if any, or all that are known.
func unknownKey(key, meant string, known []string) string {
	if meant != "" {
		return fmt.Sprintf("unknown key %s: did you mean %q?", quote(key), meant)
	}
	return fmt.Sprintf("unknown key %s: expected %s", quote(key), either(known))
}

func plain(key string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(key))
}

// distance counts the letters to insert, drop, change or swap with their neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// longestQuote is how much of what a file says an error text repeats.
const longestQuote = 64

// quote quotes what a file says for an error text, cut to a readable length.
func quote(s string) string {
	if len(s) > longestQuote {
		return strconv.Quote(strings.ToValidUTF8(s[:longestQuote], "")) + "..."
	}
	return strconv.Quote(s)
}

// cut is quote without the quotes, for numbers.
func cut(s string) string {
	if len(s) > longestQuote {
		return s[:longestQuote] + "..."
	}
	return s
}

// either joins words as a sentence does: a, b or c.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
