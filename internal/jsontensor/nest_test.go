package jsontensor

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"galatea/tensor"
)

func TestNestingIsTheShape(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		dtype      tensor.DType
		shape      tensor.Shape
		data       []byte
		err        string
	}{
		{"a scalar", ` 7 `, tensor.Int8, tensor.Shape{}, []byte{7}, ""},
		{"a vector", `[1, 2,3]`, tensor.Uint8, tensor.Shape{3}, []byte{1, 2, 3}, ""},
		{"a matrix", `[[1,2],[3,4],[5,6]]`, tensor.Int8, tensor.Shape{3, 2}, []byte{1, 2, 3, 4, 5, 6}, ""},
		{"more levels", `[[[true]],[[false]]]`, tensor.Bool, tensor.Shape{2, 1, 1}, []byte{1, 0}, ""},
		{"nothing in a list", `[]`, tensor.FP32, tensor.Shape{0}, nil, ""},
		{"nothing in lists", `[[],[]]`, tensor.FP32, tensor.Shape{2, 0}, nil, ""},
		{"bare words", `[NaN,-Infinity]`, tensor.FP32, tensor.Shape{2}, []byte{0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0xff}, ""},
		{"strings in both forms", `["a",{"b64":"Ymk="},{ "b\u00364" : "Ym\/\u002f" },{"b64":""}]`, tensor.Bytes, tensor.Shape{4}, stringsOf("a", "bi", "bo\xff", ""), ""},
		{"base64 with white space", `[{"b64":"Ymk"},{"b64":" Y m\nk = "},{"b64":"Y\tg"}]`, tensor.Bytes, tensor.Shape{3}, stringsOf("bi", "bi", "b"), ""},
		{"a scalar in base64", `{"b64":"Ymk="}`, tensor.Bytes, tensor.Shape{}, stringsOf("bi"), ""},

		{"a list that is too long", `[[1],[2,3]]`, tensor.Int8, nil, nil, "an array of 2, in 1 others: expected 1, as in the first"},
		{"a list that is too short", `[[[1],[2]],[[3]]]`, tensor.Int8, nil, nil, "an array of 1, in 1 others: expected 2, as in the first"},
		{"nothing where there was something", `[[1],[]]`, tensor.Int8, nil, nil, "an array of 0, in 1 others: expected 1, as in the first"},
		{"nothing where there was more", `[[[1]],[]]`, tensor.Int8, nil, nil, "an array of 0, in 1 others: expected 1, as in the first"},
		{"something where there was nothing", `[[],[1]]`, tensor.Int8, nil, nil, "an array of 1, in 1 others: expected 0, as in the first"},
		{"a list among elements", `[1,[2]]`, tensor.Int8, nil, nil, "an array in 1 others: expected elements in 1"},
		{"a list deeper than nothing", `[[],[[]]]`, tensor.Int8, nil, nil, "an array in 2 others: expected elements in 2"},
		{"an element among lists", `[[1],2]`, tensor.Int8, nil, nil, "element 2 in 1 arrays: expected it in 2"},
		{"an element between lists", `[[1], "xy" ,[3]]`, tensor.Bytes, nil, nil, "element 0: expected a string, got 1"},
		{"a string between lists", `[["1"], "xy" ,["3"]]`, tensor.Bytes, nil, nil, `element "xy" in 1 arrays: expected it in 2`},
		{"an element behind empty lists", `[[],1]`, tensor.Int8, nil, nil, "element 1 in 1 arrays: expected it in 2"},
		{"an element of another type", `[1,1.0]`, tensor.Int8, nil, nil, "element 1: expected an integer from -128 to 127, got 1.0"},
		{"an object that is no string", `[{"b64":"Ymk=","x":1}]`, tensor.Bytes, nil, nil, `element 0: expected a string, got {"b64":"Ymk=","x":1}`},
		{"an object with b64 twice", `{"b64":"Ymk=","b64":"Ymk="}`, tensor.Bytes, nil, nil, `element 0: expected a string, got {"b64":"Ymk=","b64":"Ymk="}`},
		{"an object with another b64", `{"b64":["Ymk="]}`, tensor.Bytes, nil, nil, `element 0: expected a string, got {"b64":["Ymk="]}`},
		{"an object for a number", `[{"b64":"Ymk="}]`, tensor.FP32, nil, nil, `element 0: expected a number within the range of FP32, got {"b64":"Ymk="}`},
		{"what is no base64", `["a",{"b64":"%"}]`, tensor.Bytes, nil, nil, "not base64: illegal base64 data at input byte 0"},
		{"base64 with too little padding", `{"b64":"Yg="}`, tensor.Bytes, nil, nil, "not base64: illegal base64 data at input byte 3"},
		{"a type that is none of JSON's", `[1]`, tensor.FP16, nil, nil, "data type is not supported in JSON: FP16"},
		{"more behind it", `[1]]`, tensor.Int8, nil, nil, "unexpected character ']': expected nothing after the value at 3"},
		{"nothing at all", ``, tensor.Int8, nil, nil, "unexpected end of JSON: expected a value at 0"},
		{"too many levels", deep(DefaultDepth + 1), tensor.Int8, nil, nil, "JSON nesting depth exceeds maximum allowed limit (100)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := []byte("before")
			got, shape, err := AppendNested(before, tensor.Shape{9}, []byte(tt.text), tt.dtype)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err || len(got) != len(before) || len(shape) != 1 {
					t.Errorf("got  %v, with %d bytes and shape %v\nwant %s", err, len(got), shape, tt.err)
				}
				return
			}
			if err != nil || !bytes.Equal(got, append(before, tt.data...)) || !shape.Equal(append(tensor.Shape{9}, tt.shape...)) {
				t.Errorf("got %q of shape %v, %v", got, shape, err)
			}
		})
	}
}

func TestElements(t *testing.T) {
	for _, tt := range []struct{ name, text, want, err string }{
		{"none", ` [] `, "", ""},
		{"values as they are", ` [1 , [NaN,2],{"a":"]"}] `, `1 [NaN,2] {"a":"]"}`, ""},
		{"no array", `{"a":1}`, "", "expected an array, got object"},
		{"more behind it", `[1]2`, "1", "unexpected character '2': expected nothing after the value at 3"},
		{"more behind no array", `{}2`, "", "unexpected character '2': expected nothing after the value at 2"},
		{"broken", `[1,`, "1", "unexpected end of JSON: expected a value at 3"},
		{"what the caller does not want", `[1,"stop",2,`, "1", "stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			err := Elements([]byte(tt.text), func(value []byte) error {
				if string(value) == `"stop"` {
					return errors.New("stopped")
				}
				got = append(got, string(value))
				return nil
			})
			if all := strings.Join(got, " "); all != tt.want || err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
				t.Errorf("got %s, %v; want %s, %s", all, err, tt.want, tt.err)
			}
		})
	}
}

func TestOnlyTheLeadingObjectCounts(t *testing.T) {
	for _, tt := range []struct{ text, want, err string }{
		{`{"a":1}{"b":`, "a", ""},
		{` {"a":1} ]`, "a", ""},
		{`{"a":1`, "a", "unexpected end of JSON: expected ',' or '}' at 6"},
		{`[1]]`, "", "expected an object, got array"},
	} {
		var got []string
		err := LeadingMembers([]byte(tt.text), func(name, _ []byte) error {
			got = append(got, string(name))
			return nil
		})
		if all := strings.Join(got, " "); all != tt.want || err == nil && tt.err != "" || err != nil && err.Error() != tt.err {
			t.Errorf("%s: got %s, %v; want %s, %s", tt.text, all, err, tt.want, tt.err)
		}
	}
}

// shapeOf returns the shape of a decoded value, and whether it has one: that of its
// first part, for all of its parts.
func shapeOf(v any) (shape tensor.Shape, ok bool) {
	list, is := v.([]any)
	if !is {
		return tensor.Shape{}, true
	}
	shape = tensor.Shape{int64(len(list))}
	for i, part := range list {
		inner, ok := shapeOf(part)
		if !ok || i > 0 && !slices.Equal(inner, shape[1:]) {
			return nil, false
		}
		shape = append(shape[:1], inner...)
	}
	return shape, true
}

// withBase64 replaces objects that hold a string in base64 by the string.
func withBase64(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withBase64(v[i])
		}
	case map[string]any:
		if text, is := v["b64"].(string); is && len(v) == 1 {
			text = strings.Join(strings.Fields(text), "")
			encoding := base64.RawStdEncoding
			if strings.Contains(text, "=") {
				encoding = base64.StdEncoding
			}
			if content, err := encoding.DecodeString(text); err == nil {
				return string(content)
			}
		}
	}
	return v
}

// FuzzAppendNested holds the shape, and strings and booleans, against encoding/json.
func FuzzAppendNested(f *testing.F) {
	for _, seed := range []string{
		`[[1,2],[3,4]]`, `[[],[1]]`, `[[[]],[]]`, `[1,[2]]`, `[[1],2,[3]]`, `[[true],[false]]`, `true`, `["a",{"b64":"YQ=="}]`, `[{"b64":" Y Q"},{"b64":"%"},{}]`,
		`[[["a"],["b"]],[["c"],[["d"]]]]`, `[[NaN,1],[2,Infinity]]`, `[1,2,]`, `[[1]]]`, `[[1,2],[3],[4,5]]`, `[",",",,,"]`, `{"b64":"YQ==","b64":"YQ=="}`,
	} {
		for _, d := range []tensor.DType{tensor.FP32, tensor.Bytes, tensor.Bool, tensor.Int64} {
			f.Add([]byte(seed), byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, dtype byte) {
		d := tensor.DType(dtype)
		got, shape, err := AppendNested(nil, nil, src, d)
		if room := 8*bytes.Count(src, []byte{','}) + 2*len(src) + 64; cap(got) > 2*room {
			t.Fatalf("%q as %v: %d bytes of text, room for %d", src, d, len(src), cap(got))
		}
		if err == nil {
			count, errCount := shape.Elements()
			flat, errFlat := Append(nil, src, d, count)
			if errCount != nil || errFlat == nil && !bytes.Equal(flat, got) || errFlat != nil && d != tensor.Bytes {
				t.Fatalf("%q as %v: %v, %v, %x and flat %v, %x", src, d, shape, errCount, got, errFlat, flat)
			}
		}
		value, errAny := decodeAny(src)
		if errAny != nil || bytes.Count(src, []byte("b64")) != bytes.Count(src, []byte(`{"b64"`)) || bytes.Contains(src, []byte{'\\'}) || !bytes.Equal(src, bytes.ToValidUTF8(src, nil)) {
			return // what it does not know, or sees otherwise: a key that comes twice
		}
		value = withBase64(value)
		want, rectangular := shapeOf(value)
		if err == nil && !shape.Equal(want) {
			t.Fatalf("%q as %v: shape %v, want %v", src, d, shape, want)
		}
		if d != tensor.Bytes && d != tensor.Bool {
			return
		}
		data, typed := expectedBytes(flatten(nil, value), d)
		typed = typed || len(flatten(nil, value)) == 0
		if ok := rectangular && typed; ok != (err == nil) || ok && !bytes.Equal(data, got) {
			t.Fatalf("%q as %v: rectangular %v, of the type %v, but %v; %q and %q", src, d, rectangular, typed, err, data, got)
		}
	})
}

func BenchmarkAppendNested(b *testing.B) {
	row := "[" + strings.TrimSuffix(strings.Repeat("0.12345678,", 784), ",") + "]"
	for _, rows := range []int{1, 192} {
		text := []byte("[" + strings.TrimSuffix(strings.Repeat(row+",", rows), ",") + "]")
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, _, err := AppendNested(nil, nil, text, tensor.FP32); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
