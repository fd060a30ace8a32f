package jsontensor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// show writes a request down, so that a table can say what it is.
func (r *Request) show() string {
	var b strings.Builder
	text := func(name string, t []byte) {
		if t != nil {
			fmt.Fprintf(&b, " %s=%s", name, t)
		}
	}
	parameters := func(all []Parameter) {
		for _, p := range all {
			fmt.Fprintf(&b, " %s:%s", p.Name, p.Value)
		}
	}
	text("id", r.ID)
	parameters(r.Parameters)
	if r.HasInputs && len(r.Inputs) == 0 {
		b.WriteString(" no inputs")
	}
	for _, in := range r.Inputs {
		b.WriteString(" input(")
		text("name", in.Name)
		text("datatype", in.DataType)
		if in.Shape != nil {
			fmt.Fprintf(&b, " shape=%v", in.Shape)
		}
		parameters(in.Parameters)
		text("data", in.Data)
		b.WriteString(" )")
	}
	for _, out := range r.Outputs {
		b.WriteString(" output(")
		text("name", out.Name)
		parameters(out.Parameters)
		b.WriteString(" )")
	}
	return strings.TrimSpace(b.String())
}

var requests = []struct{ name, body, want string }{
	{
		"every member",
		`{"id":"a","parameters":{"p":1},"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"q":"r"},"data":[1,2.5,3]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`,
		`id=a p:1 input( name=x datatype=FP32 shape=[1 3] q:"r" data=[1,2.5,3] ) output( name=y binary_data:true )`,
	},
	{"members belong to the element that they stand in", `{"inputs":[{"data":[1]},{"name":"n"},{"data":[[2],[3]]},{}]}`, `input( data=[1] ) input( name=n ) input( data=[[2],[3]] ) input( )`},
	{"members in any order, among others", `{"outputs":[],"x":{"inputs":[{"data":[1]}]},"data":[1],"inputs":[{"y":[{}],"name":"n"}],"id":"i"}`, `id=i input( name=n )`},
	{"white space", " { \"inputs\" : [ { \"data\" :\t[ 1 , 2 ]\r\n , \"shape\" : [ 1 , 2 ] } ] } ", `input( shape=[1 2] data=[ 1 , 2 ] )`},
	{"any value may be data", `{"inputs":[{"data":"x"},{"data":null},{"data":{"a":[1]}},{"data":-1e5}]}`, `input( data="x" ) input( data=null ) input( data={"a":[1]} ) input( data=-1e5 )`},
	{"not-numbers are numbers under data", `{"inputs":[{"data":[NaN,[Infinity],-Infinity]},{"data":NaN}]}`, `input( data=[NaN,[Infinity],-Infinity] ) input( data=NaN )`},
	{"what is escaped is the same", `{"\u0069n\u0070uts":[{"\u0064\u0061\u0074\u0061":[1],"name":"\u0078\n","parameters":{"\"":"\u0061"}}]}`, "input( name=x\n \":\"\\u0061\" data=[1] )"},
	{"keys in capitals are others", `{"INPUTS":[{}],"inputs":[{"Data":[1],"NAME":"n"}],"input\u017f":7}`, `input( )`},
	{"null is nothing", `{"id":null,"parameters":null,"inputs":[{"name":null,"shape":null,"datatype":null,"parameters":null}],"outputs":null}`, `input( )`},
	{"an empty name is a name", `{"inputs":[{"name":"","shape":[]}],"id":""}`, `id= input( name= shape=[] )`},
	{"parameters of the same name", `{"parameters":{"p":1,"p":2}}`, `p:1 p:2`},
	{"the largest dimension", `{"inputs":[{"shape":[18446744073709551615,0]}]}`, `input( shape=[18446744073709551615 0] )`},
	{"no inputs", `{"inputs":[]}`, `no inputs`},
	{"nothing", `{}`, ``},
}

func TestParse(t *testing.T) {
	var r Request // one for all: nothing is left of those before
	for _, test := range requests {
		t.Run(test.name, func(t *testing.T) {
			if err := r.Parse([]byte(test.body), Limits{}); err != nil {
				t.Fatal(err)
			}
			if got := r.show(); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
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
	{"two inputs", `{"inputs":[],"x":1,"\u0069nputs":[]}`, `duplicate key "inputs" at 33`},
	{"two data", `{"inputs":[{"data":1,"\u0064ata":[2]}]}`, `duplicate key "data" at 33`},
	{"two ids", `{"id":"a","id":"b"}`, `duplicate key "id" at 15`},
	{"two shapes", `{"inputs":[{"shape":[],"shape":[1]}]}`, `duplicate key "shape" at 31`},
	{"two lists of outputs", `{"outputs":[{}],"outputs":[]}`, `duplicate key "outputs" at 26`},
	{"two parameters of an output", `{"outputs":[{"parameters":{"a":1},"parameters":{}}]}`, `duplicate key "parameters" at 47`},
	{"syntax behind a wrong type", `{"id":7,`, `unexpected end of JSON: expected a key in double quotes at 8`},
	{"a list", `[1]`, `expected an object, got array`},
	{"a word", `null`, `expected an object, got null`},
	{"an id that is no string", `{"id":7}`, `id: expected string, got number`},
	{"inputs that are no list", `{"inputs":{"a":[1]}}`, `inputs: expected array, got object`},
	{"an input that is no object", `{"inputs":[true]}`, `inputs: expected object, got bool`},
	{"an output that is no object", `{"outputs":["y"]}`, `outputs: expected object, got string`},
	{"parameters that are no object", `{"outputs":[{"parameters":[]}]}`, `parameters: expected object, got array`},
	{"a dimension with a sign", `{"inputs":[{"shape":[-1]}]}`, `shape: expected unsigned-integer, got number`},
	{"a dimension with an exponent", `{"inputs":[{"shape":[1e2]}]}`, `shape: expected unsigned-integer, got number`},
	{"a dimension past 2^64", `{"inputs":[{"shape":[18446744073709551616]}]}`, `shape: expected unsigned-integer, got number`},
	{"a dimension that is null", `{"inputs":[{"shape":[null]}]}`, `shape: expected unsigned-integer, got null`},
	{"the first of several wrong types", `{"id":7,"inputs":7}`, `id: expected string, got number`},
	{"deep arrays", deep(101), `JSON nesting depth exceeds maximum allowed limit (100)`},
	{"deep data", `{"inputs":[{"data":` + deep(98) + `}]}`, `JSON nesting depth exceeds maximum allowed limit (100)`},
	{"ten thousand deep", strings.Repeat(`{"a":[`, 5000), `JSON nesting depth exceeds maximum allowed limit (100)`},
	{"many inputs", `{"inputs":[` + strings.Repeat("{},", 4096) + `{}]}`, `too many inputs: expected at most 4096`},
}

func TestParseRefuses(t *testing.T) {
	for _, test := range refusedBodies {
		t.Run(test.name, func(t *testing.T) {
			var r Request
			err := r.Parse([]byte(test.body), Limits{})
			if err == nil || err.Error() != test.text {
				t.Fatalf("got %v\nwant %s", err, test.text)
			}
			var syntax *SyntaxError
			var field *FieldError
			if kinds := errors.As(err, &syntax) || errors.As(err, &field) || errors.Is(err, ErrDepth) || errors.Is(err, ErrInputs); !kinds {
				t.Errorf("%T is of no documented kind", err)
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	tests := []struct {
		name, body string
		limits     Limits
		err        error
	}{
		{"as deep as the default", `{"a":` + deep(99) + `}`, Limits{}, nil},
		{"data as deep as the default", `{"inputs":[{"data":` + deep(97) + `}]}`, Limits{}, nil},
		{"side by side is not deeper", `{"a":[` + strings.Repeat("[[]],", 200) + "{}]}", Limits{Depth: 4}, nil},
		{"as deep as asked", `{"a":[{}]}`, Limits{Depth: 3}, nil},
		{"deeper than asked", `{"a":[{}]}`, Limits{Depth: 2}, ErrDepth},
		{"as many inputs as asked", `{"inputs":[{},{}]}`, Limits{Inputs: 2}, nil},
		{"more inputs than asked", `{"inputs":[{},{},{}]}`, Limits{Inputs: 2}, ErrInputs},
		{"as much beside the data as asked", `{"inputs":[{"data":[1,2,3,4,5,6,7,8,9]}]}`, Limits{Rest: 22}, nil},
		{"more beside the data than asked", `{"inputs":[{"data":[1,2,3,4,5,6,7,8,9]}]}`, Limits{Rest: 21}, ErrRest},
		{"many outputs", `{"outputs":[` + strings.Repeat("{},", 100) + `{}]}`, Limits{Rest: 100}, ErrRest},
		{"many parameters", `{"parameters":{` + strings.Repeat(`"":1,`, 100) + `"":1}}`, Limits{Rest: 100}, ErrRest},
		{"many dimensions", `{"inputs":[{"shape":[` + strings.Repeat("1,", 100) + `1]}]}`, Limits{Rest: 100}, ErrRest},
		{"a long string", `{"id":"` + strings.Repeat("i", 100) + `"}`, Limits{Rest: 100}, ErrRest},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r Request
			if err := r.Parse([]byte(test.body), test.limits); !errors.Is(err, test.err) {
				t.Errorf("got %v, want %v", err, test.err)
			}
		})
	}
}

// A Request that is used again allocates nothing, however much data there is.
func TestParseAllocations(t *testing.T) {
	var r Request
	for _, n := range []int{10, 100_000} {
		body := request(numbers(n, forms[0].append, ","))
		allocations := testing.AllocsPerRun(10, func() {
			if err := r.Parse(body, Limits{}); err != nil {
				t.Error(err)
			}
		})
		if allocations > 0 {
			t.Errorf("%v allocations for %d elements", allocations, n)
		}
	}
}
