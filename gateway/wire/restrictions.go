package wire

import (
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
)

// Category is a part of the protocol that can be kept from callers, by Triton's names.
type Category string

// The categories.
const (
	CategoryHealth          Category = "health"
	CategoryMetadata        Category = "metadata"
	CategoryInference       Category = "inference"
	CategorySharedMemory    Category = "shared-memory"
	CategoryModelConfig     Category = "model-config"
	CategoryModelRepository Category = "model-repository"
	CategoryStatistics      Category = "statistics"
	CategoryTrace           Category = "trace"
	CategoryLogging         Category = "logging"
)

var categories = []Category{
	CategoryHealth, CategoryMetadata, CategoryInference, CategorySharedMemory, CategoryModelConfig, CategoryModelRepository,
	CategoryStatistics, CategoryTrace, CategoryLogging,
}

// Restrictions is what callers have to send to use a category; there is none for those
// that anybody may use. nil restricts nothing.
type Restrictions map[Category]Secret

// Secret is a header and the value that it must have.
type Secret struct{ Header, Value string }

// ParseRestrictions reads restrictions of the form CATEGORY[,CATEGORY...]:HEADER=VALUE. The
// prefix is put before each header.
func ParseRestrictions(texts []string, prefix string) (Restrictions, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	all := Restrictions{}
	for _, text := range texts {
		list, secret, colon := strings.Cut(text, ":")
		header, value, equals := strings.Cut(secret, "=")
		if !colon || !equals || header == "" || value == "" {
			return nil, fmt.Errorf("%q: expected CATEGORY[,CATEGORY...]:HEADER=VALUE", text)
		}
		for name := range strings.SplitSeq(list, ",") {
			c := Category(strings.TrimSpace(name))
			if !slices.Contains(categories, c) {
				return nil, fmt.Errorf("%q: unknown category %q: expected one of %v", text, name, categories)
			}
			if _, twice := all[c]; twice {
				return nil, fmt.Errorf("%q: the category %q is restricted already", text, name)
			}
			all[c] = Secret{prefix + header, value}
		}
	}
	return all, nil
}

// Missing returns the header that a caller would have to send for a category, and has not
// with the right value; "" where it may go on. get returns a header's value.
func (r Restrictions) Missing(c Category, get func(header string) string) (header string) {
	secret, restricted := r[c]
	if !restricted || subtle.ConstantTimeCompare([]byte(get(secret.Header)), []byte(secret.Value)) == 1 {
		return ""
	}
	return secret.Header
}
