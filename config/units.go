package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. In a file it is a whole number, or a number with a
// unit: 64MiB, 1.5 GB.
type Size int64

var sizePattern = regexp.MustCompile(`^([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMGT]i?B|B)?$`)

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"KB", 1e3},
	{"B", 1},
}

// ParseSize reads a size as a file has it.
func ParseSize(text string) (Size, error) {
	parts := sizePattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("got %s: expected a number of bytes, or a number with one of the units B, KB, MB, GB, TB, KiB, MiB, GiB, TiB", quote(text))
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return 0, fmt.Errorf("got %s: expected a number: %w", quote(text), err)
	}
	for _, u := range sizeUnits {
		if u.name == parts[2] {
			n *= float64(u.bytes)
		}
	}
	return Size(min(n, 1<<62)), nil
}

// UnmarshalText reads a size as ParseSize does, so that a flag can be a Size.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := ParseSize(string(text))
	*s = n
	return err
}

// String returns the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if strings.Contains(u.name, "i") && s >= Size(u.bytes) && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// parseDuration reads a duration as a file has it: a number of seconds, or a Go duration.
func parseDuration(text string) (time.Duration, error) {
	const longest = 1e9 // seconds; far past every limit, and safe from overflow
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= -longest && n <= longest {
		return time.Duration(n * float64(time.Second)), nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("got %s: expected a number of seconds, or a duration such as 500ms or 1m30s", quote(text))
}
