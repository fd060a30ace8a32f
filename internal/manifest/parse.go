package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// entry is one line of a manifest.
type entry struct {
	line int
	name string // relative to the manifest's folder, with slashes
	sum  [sha256.Size]byte
}

// parse reads a manifest, and says which of its lines are wrong. The others it
// returns, each name once.
func parse(text []byte) (entries []entry, problems []error) {
	first := map[string]int{} // the line of each name
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := parseLine(line)
		if before := first[e.name]; err == nil && before > 0 {
			err = fmt.Errorf("%s: listed a second time, first on line %d: remove one of the two", shown(e.name), before)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", Name, number, err))
			continue
		}
		e.line, first[e.name] = number, number
		entries = append(entries, e)
	}
	return entries, problems
}

var errForm = errors.New("expected 64 hexadecimal digits, a space, a space or '*', and a path, as sha256sum writes it")

// parseLine reads a line: the sum, how it was read, which is of no meaning here, and the path.
func parseLine(line string) (entry, error) {
	const digits = 2 * sha256.Size
	if len(line) < digits+3 || line[digits] != ' ' || line[digits+1] != ' ' && line[digits+1] != '*' {
		return entry{}, errForm
	}
	var e entry
	if n, err := hex.Decode(e.sum[:], []byte(line[:digits])); err != nil || n != sha256.Size {
		return entry{}, errForm
	}
	path := line[digits+2:]
	e.name = strings.TrimPrefix(path, "./") // as find passes it on
	switch {
	case e.name == Name:
		return e, fmt.Errorf("%s: a manifest cannot list itself: remove the line", Name)
	case strings.HasPrefix(path, "/"):
		return e, fmt.Errorf("%s: the path is absolute: expected one inside the version's folder", shown(path))
	case !fs.ValidPath(e.name) || e.name == ".":
		return e, fmt.Errorf("%s: expected a path inside the version's folder, without . and .. and empty parts", shown(path))
	}
	return e, nil
}
