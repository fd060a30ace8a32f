package jsontensor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestMembers(t *testing.T) {
	for _, tt := range []struct{ name, text, want, err string }{
		{"none", ` {} `, "", ""},
		{"values as they are", `{"a": [1, NaN], "b":{"c":-Infinity} ,"d":"\n"}`, `a=[1, NaN] b={"c":-Infinity} d="\n"`, ""},
		{"names without escapes", `{"\u0061\"":1}`, `a"=1`, ""},
		{"a name twice", `{"a":1,"a":2}`, `a=1 a=2`, ""},
		{"no object", ` [1]`, "", "expected an object, got array"},
		{"no value", `nul`, "", "unexpected end of JSON: expected null at 3"},
		{"more behind it", `[1] 2`, "", "unexpected character '2': expected nothing after the value at 4"},
		{"more behind an object", `{"a":1}{`, "a=1", "unexpected character '{': expected nothing after the value at 7"},
		{"broken behind a member", `{"a":1,"b":[}`, "a=1", "unexpected character '}': expected a value at 12"},
		{"nested too deep", `{"a":` + deep(DefaultDepth) + `}`, "", "JSON nesting depth exceeds maximum allowed limit (100)"},
		{"what the caller does not want", `{"a":1,"stop":2,"b":3,`, "a=1", "stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			err := Members([]byte(tt.text), func(name, value []byte) error {
				if string(name) == "stop" {
					return errors.New("stopped")
				}
				got = append(got, fmt.Sprintf("%s=%s", name, value))
				return nil
			})
			if all := strings.Join(got, " "); all != tt.want || err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
				t.Errorf("got %s, %v; want %s, %s", all, err, tt.want, tt.err)
			}
		})
	}
}
