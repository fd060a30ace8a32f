package jsontensor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// absent is how the tables write an input without data.
const absent = "(none)"

func texts(data [][]byte) []string {
	out := make([]string, len(data))
	for i, d := range data {
		if out[i] = string(d); d == nil {
			out[i] = absent
		}
	}
	return out
}

var bodies = []struct {
	name, body, rest string
	data             []string
}{
	{
		"an input's data is cut out",
		`{"inputs":[{"name":"x","data":[1,2.5,3]}],"id":"a"}`,
		`{"inputs":[{"name":"x","data":0}],"id":"a"}`,
		[]string{"[1,2.5,3]"},
	},
	{
		"data belongs to the input it stands in",
		`{"inputs":[{"data":[1]},{"name":"no data"},7,{"data":[[2],[3]]},{}]}`,
		`{"inputs":[{"data":0},{"name":"no data"},7,{"data":0},{}]}`,
		[]string{"[1]", absent, absent, "[[2],[3]]", absent},
	},
	{
		"white space around data stays",
		" { \"inputs\" : [ { \"data\" :\t[ 1 , 2 ]\r\n } ] } ",
		" { \"inputs\" : [ { \"data\" :\t0\r\n } ] } ",
		[]string{"[ 1 , 2 ]"},
	},
	{
		"any value may be data",
		`{"inputs":[{"data":"x"},{"data":null},{"data":{"a":[1]}},{"data":true},{"data":-1e5},{"data":[]}]}`,
		`{"inputs":[{"data":0},{"data":0},{"data":0},{"data":0},{"data":0},{"data":0}]}`,
		[]string{`"x"`, "null", `{"a":[1]}`, "true", "-1e5", "[]"},
	},
	{
		"not-numbers are numbers under data",
		`{"inputs":[{"data":[NaN,[Infinity],-Infinity]},{"data":NaN}]}`,
		`{"inputs":[{"data":0},{"data":0}]}`,
		[]string{"[NaN,[Infinity],-Infinity]", "NaN"},
	},
	{
		"escaped keys are the same keys",
		`{"\u0069n\u0070uts":[{"\u0064\u0061\u0074\u0061":[1]}]}`,
		`{"\u0069n\u0070uts":[{"\u0064\u0061\u0074\u0061":0}]}`,
		[]string{"[1]"},
	},
	{
		"keys are compared as encoding/json does, whatever their case",
		`{"INPUTS":[{"Data":[1]}]}`, `{"INPUTS":[{"Data":0}]}`,
		[]string{"[1]"},
	},
	{
		"a long s is an s to encoding/json",
		`{"input\u017f":[{"data":[1]}]}`, `{"input\u017f":[{"data":0}]}`,
		[]string{"[1]"},
	},
	{
		"data elsewhere is not an input's data",
		`{"data":[1],"x":{"inputs":[{"data":[2]}]},"outputs":[{"data":[3]}],"inputs":[{"parameters":{"data":[4]}},[{"data":[5]}]]}`,
		`{"data":[1],"x":{"inputs":[{"data":[2]}]},"outputs":[{"data":[3]}],"inputs":[{"parameters":{"data":[4]}},[{"data":[5]}]]}`,
		[]string{absent, absent},
	},
	{"inputs that are no array are left alone", `{"inputs":{"data":[1]}}`, `{"inputs":{"data":[1]}}`, nil},
	{"a body that is no object is left alone", ` [{"inputs":[{"data":[1]}]}] `, ` [{"inputs":[{"data":[1]}]}] `, nil},
	{"no inputs", `{"inputs":[]}`, `{"inputs":[]}`, nil},
	{"a bare number", `-0.5E+07`, `-0.5E+07`, nil},
}

func TestCut(t *testing.T) {
	for _, test := range bodies {
		t.Run(test.name, func(t *testing.T) {
			rest, data, err := Cut([]byte("before"), []byte(test.body), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if want := "before" + test.rest; string(rest) != want {
				t.Errorf("rest:\n got %s\nwant %s", rest, want)
			}
			if got, want := fmt.Sprintf("%q", texts(data)), fmt.Sprintf("%q", test.data); got != want {
				t.Errorf("data: got %s, want %s", got, want)
			}
		})
	}
}

// deep is an array with n brackets at each end.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

var refusedBodies = []struct{ name, body, text string }{
	{"nothing", "", "unexpected end of JSON: expected a value at 0"},
	{"white space only", " \n", "unexpected end of JSON: expected a value at 2"},
	{"a byte order mark", "\ufeff{}", `unexpected character '\ufeff': expected a value at 0`},
	{"a second value", `{} {}`, `unexpected character '{': expected nothing after the value at 3`},
	{"an end in an object", `{"a":1`, `unexpected end of JSON: expected ',' or '}' at 6`},
	{"an end in an array", `[1,`, `unexpected end of JSON: expected a value at 3`},
	{"an end in a string", `{"a":"b`, `unexpected end of JSON: expected the rest of a string at 7`},
	{"an end in an escape", `"\`, `unexpected end of JSON: expected an escape at 2`},
	{"an end in a hexadecimal escape", `"\u12`, `unexpected end of JSON: expected a hexadecimal digit at 5`},
	{"an end in a word", `[tru`, `unexpected end of JSON: expected true at 4`},
	{"a comma before a bracket", `[1,]`, `unexpected character ']': expected a value at 3`},
	{"a comma before a brace", `{"a":1,}`, `unexpected character '}': expected a key in double quotes at 7`},
	{"no comma", `[1 2]`, `unexpected character '2': expected ',' or ']' at 3`},
	{"the wrong bracket", `[1}`, `unexpected character '}': expected ',' or ']' at 2`},
	{"a key without quotes", `{a:1}`, `unexpected character 'a': expected a key in double quotes at 1`},
	{"no colon", `{"a" 1}`, `unexpected character '1': expected ':' at 5`},
	{"single quotes", `{'a':1}`, `unexpected character '\'': expected a key in double quotes at 1`},
	{"an unknown word", `[nul]`, `unexpected character ']': expected null at 4`},
	{"a comment", `[1] // one`, `unexpected character '/': expected nothing after the value at 4`},
	{"a leading zero", `[-012]`, `a number with a leading zero at 2`},
	{"a plus", `[+1]`, `unexpected character '+': expected a value at 1`},
	{"a minus only", `[-]`, `unexpected character ']': expected a digit at 2`},
	{"no digit before the point", `[.5]`, `unexpected character '.': expected a value at 1`},
	{"no digit after the point", `[5.]`, `unexpected character ']': expected a digit at 3`},
	{"no digit in the exponent", `[5e+]`, `unexpected character ']': expected a digit at 4`},
	{"a hexadecimal number", `[0x10]`, `unexpected character 'x': expected ',' or ']' at 2`},
	{"digits in groups", `[1_000]`, `unexpected character '_': expected ',' or ']' at 2`},
	{"a control in a string", "[\"a\nb\"]", `unexpected character '\n': expected the rest of a string at 3`},
	{"a zero byte in a string", "[\"a\x00b\"]", `unexpected character '\x00': expected the rest of a string at 3`},
	{"an unknown escape", `["\x"]`, `unexpected character 'x': expected an escape at 3`},
	{"a bad hexadecimal escape", `["\u12g4"]`, `unexpected character 'g': expected a hexadecimal digit at 6`},
	{"bytes that are not UTF-8 in a string", "[\"a\xffb\"]", `invalid UTF-8 in a string at 3`},
	{"half a rune in a key", "{\"a\xc3\":1}", `invalid UTF-8 in a string at 3`},
	{"a surrogate as bytes", "[\"\xed\xa0\x80\"]", `invalid UTF-8 in a string at 2`},
	{"bytes that are not UTF-8 elsewhere", "[\xff]", `invalid UTF-8 at 1`},
	{"NaN outside of data", `{"id":NaN,"inputs":[{"data":[NaN]}]}`, `unexpected character 'N': expected a value at 6`},
	{"Infinity after data", `{"inputs":[{"data":[Infinity],"x":Infinity}]}`, `unexpected character 'I': expected a value at 34`},
	{"-Infinity in an input that is no object", `{"inputs":[-Infinity]}`, `unexpected character 'I': expected a digit at 12`},
	{"-NaN under data", `{"inputs":[{"data":[-NaN]}]}`, `unexpected character 'N': expected a digit at 21`},
	{"Inf under data", `{"inputs":[{"data":[Inf]}]}`, `unexpected character 'I': expected a value at 20`},
	{"nan under data", `{"inputs":[{"data":[nan]}]}`, `unexpected character 'a': expected null at 21`},
	{"broken data", `{"inputs":[{"data":[1 2]}]}`, `unexpected character '2': expected ',' or ']' at 22`},
	{"two inputs", `{"inputs":[],"x":1,"Inputs":[]}`, `duplicate key "inputs" at 28`},
	{"two data", `{"inputs":[{"data":1,"\u0064ata":[2]}]}`, `duplicate key "data" at 33`},
	{"deep arrays", deep(101), `JSON nesting depth exceeds maximum allowed limit (100)`},
	{"deep data", `{"inputs":[{"data":` + deep(98) + `}]}`, `JSON nesting depth exceeds maximum allowed limit (100)`},
	{"ten thousand deep", strings.Repeat(`{"a":[`, 5000), `JSON nesting depth exceeds maximum allowed limit (100)`},
	{"many inputs", `{"inputs":[` + strings.Repeat("{},", 4096) + `{}]}`, `too many inputs: expected at most 4096`},
}

func TestCutRefuses(t *testing.T) {
	for _, test := range refusedBodies {
		t.Run(test.name, func(t *testing.T) {
			rest, data, err := Cut([]byte("before"), []byte(test.body), Limits{})
			if err == nil || err.Error() != test.text {
				t.Fatalf("got %v\nwant %s", err, test.text)
			}
			if string(rest) != "before" || data != nil {
				t.Errorf("got %q and %q beside the error", rest, texts(data))
			}
			var syntax *SyntaxError
			if kinds := errors.As(err, &syntax) || errors.Is(err, ErrDepth) || errors.Is(err, ErrInputs); !kinds {
				t.Errorf("%T is of no documented kind", err)
			}
		})
	}
}

func TestCutLimits(t *testing.T) {
	tests := []struct {
		name, body string
		limits     Limits
		err        error
	}{
		{"as deep as the default", deep(100), Limits{}, nil},
		{"data as deep as the default", `{"inputs":[{"data":` + deep(97) + `}]}`, Limits{}, nil},
		{"side by side is not deeper", "[" + strings.Repeat("[[]],", 200) + "{}]", Limits{Depth: 3}, nil},
		{"as deep as asked", `{"a":[{}]}`, Limits{Depth: 3}, nil},
		{"deeper than asked", `{"a":[{}]}`, Limits{Depth: 2}, ErrDepth},
		{"as many inputs as asked", `{"inputs":[1,2]}`, Limits{Inputs: 2}, nil},
		{"more inputs than asked", `{"inputs":[1,2,3]}`, Limits{Inputs: 2}, ErrInputs},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, _, err := Cut(nil, []byte(test.body), test.limits); !errors.Is(err, test.err) {
				t.Errorf("got %v, want %v", err, test.err)
			}
		})
	}
}

// Cut must not allocate for what it cuts.
func TestCutAllocations(t *testing.T) {
	rest := make([]byte, 0, 1024)
	count := func(n int) float64 {
		body := request(numbers(n, forms[0].append, ","))
		return testing.AllocsPerRun(10, func() {
			if _, _, err := Cut(rest, body, Limits{}); err != nil {
				t.Error(err)
			}
		})
	}
	if few, many := count(10), count(100_000); many > few {
		t.Errorf("%v allocations for 100,000 elements, %v for 10", many, few)
	}
}

// What Cut leaves must look to encoding/json like what was there.
func TestCutThenDecode(t *testing.T) {
	body := request([]byte(`[1,NaN,3]`))
	rest, data, err := Cut(nil, body, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var r infer[*int]
	if err := json.Unmarshal(rest, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Inputs) != len(data) || r.Inputs[0].Name != "image" || r.Inputs[0].Data == nil || *r.Inputs[0].Data != 0 {
		t.Errorf("got %+v", r)
	}
}
