package jsontensor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"galatea/tensor"
)

// decodeAny decodes one JSON value with encoding/json, numbers as their text.
func decodeAny(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// plain replaces NaN and Infinity outside of strings by zeros, so that
// encoding/json takes what we take.
func plain(body []byte) []byte {
	var out []byte
	inString := false
	for i := 0; i < len(body); i++ {
		switch rest := body[i:]; {
		case inString && body[i] == '\\' && i+1 < len(body):
			out = append(out, body[i])
			i++
		case body[i] == '"':
			inString = !inString
		case inString:
		case bytes.HasPrefix(rest, []byte("NaN")):
			i += len("NaN") - 1
			out = append(out, '0')
			continue
		case bytes.HasPrefix(rest, []byte("Infinity")):
			i += len("Infinity") - 1
			out = append(out, '0')
			continue
		}
		out = append(out, body[i])
	}
	return out
}

// decoded is a request as encoding/json sees it.
type decoded struct {
	ID         *string
	Parameters map[string]json.RawMessage
	Inputs     []struct {
		Name, DataType *string
		Shape          []uint64
		Parameters     map[string]json.RawMessage
	}
	Outputs []struct {
		Name       *string
		Parameters map[string]json.RawMessage
	}
}

// sameText compares a string of ours with encoding/json's.
func sameText(ours []byte, theirs *string) bool {
	return (ours == nil) == (theirs == nil) && (theirs == nil || string(ours) == *theirs)
}

// sameParameters compares parameters, of which the last of a name counts. Where
// theirs have had NaN and the like replaced, only the names are compared.
func sameParameters(ours []Parameter, theirs map[string]json.RawMessage) bool {
	last := map[string]string{}
	for _, p := range ours {
		last[string(p.Name)] = string(p.Value)
	}
	for name, value := range theirs {
		if got, there := last[name]; !there || got != string(value) {
			return false
		}
	}
	return len(last) == len(theirs)
}

// compare holds what Parse made of a body against encoding/json.
func compare(t *testing.T, r *Request, want *decoded) {
	if !sameText(r.ID, want.ID) || !sameParameters(r.Parameters, want.Parameters) || len(r.Inputs) != len(want.Inputs) || len(r.Outputs) != len(want.Outputs) {
		t.Fatalf("got %s, want %+v", r.show(), want)
	}
	for i, in := range r.Inputs {
		w := want.Inputs[i]
		if !sameText(in.Name, w.Name) || !sameText(in.DataType, w.DataType) || !slices.Equal(in.Shape, w.Shape) || !sameParameters(in.Parameters, w.Parameters) {
			t.Fatalf("input %d: got %s, want %+v", i, r.show(), w)
		}
	}
	for i, out := range r.Outputs {
		if w := want.Outputs[i]; !sameText(out.Name, w.Name) || !sameParameters(out.Parameters, w.Parameters) {
			t.Fatalf("output %d: got %s, want %+v", i, r.show(), w)
		}
	}
}

// FuzzParse holds Parse against encoding/json, which says what JSON is, and what the
// members are wherever it compares keys as we do.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a","inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[1,2.5,-3e-2]}],"outputs":[]}`,
		`{"inputs":[{"data":[NaN,[Infinity,-Infinity]]},{},7,{"\u0064ata":"x"}]}`,
		`{"inputs":[{"data":1}],"data":[true,false,null],"x":"\ud83d\ude00\n\"é"}`,
		`{"outputs":[{"name":"y","parameters":{"binary_data":true,"p":"\u0061"}}],"parameters":{"a":1,"a":2}}`,
		`{"Inputs":[{"DATA":[[],{}]}]}`, `{"inputs":[],"inputs":[]}`, ` [ ] `, `-0.0e+1`, "\"\xff\"", `{"inputs":[{"data":NaN,"x":NaN}]}`,
		`{"inputs":[{"shape":[18446744073709551615,0,-1,1.5,null]}],"id":7}`, `{"id":null,"inputs":null}`,
		"{\"input\u017f\":[{\"data\":12345678.12345678e10}]}",
		`[0,-0,7,-12.25,1e5,2.5E-07, 3,` + "\n" + `123456789.123456789 ,4,NaN,5]`, `[1.5,2.5,3.5,4.5,05,6.5]`, `[1.5,2.5,3.5,4.5,6.5,]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Request
		err := r.Parse(body, Limits{Depth: 1000})
		valid := json.Valid(body) && utf8.Valid(body)
		var syntax *SyntaxError
		if errors.As(err, &syntax) && (syntax.Offset < 0 || syntax.Offset > len(body)) {
			t.Fatalf("offset %d in %d bytes", syntax.Offset, len(body))
		}
		var field *FieldError
		switch {
		case errors.Is(err, ErrDepth), errors.Is(err, ErrInputs), errors.Is(err, ErrRest), err != nil && strings.HasPrefix(err.Error(), "duplicate key"):
			return
		case errors.As(err, &field):
			if !json.Valid(plain(body)) {
				t.Fatalf("%q is not valid, but: %v", body, err)
			}
			return
		case err != nil && valid:
			t.Fatalf("%q is valid, but: %v", body, err)
		case err != nil:
			return
		}
		// A body that only we take is one with NaN and the like under data.
		var want decoded
		if err := json.Unmarshal(plain(body), &want); err != nil {
			t.Fatalf("%q is taken, but: %v", body, err)
		}
		if !oddKeys(plain(body)) {
			compare(t, &r, &want)
		}
		for _, in := range r.Inputs {
			if in.Data != nil && !json.Valid(plain(in.Data)) {
				t.Fatalf("data %q is not valid", in.Data)
			}
		}
	})
}

// oddKeys reports whether a body has keys that are a request's only to encoding/json,
// which does not look at their case.
func oddKeys(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		key, is := token.(string)
		for _, name := range []string{"id", "parameters", "inputs", "outputs", "name", "datatype", "shape"} {
			if is && key != name && strings.EqualFold(key, name) {
				return true
			}
		}
	}
}

// flatten appends the elements of nested arrays.
func flatten(list []any, v any) []any {
	array, ok := v.([]any)
	if !ok {
		return append(list, v)
	}
	for _, item := range array {
		list = flatten(list, item)
	}
	return list
}

// FuzzAppend gives Append any text as any type: it holds the structure it sees, and
// strings and booleans, against encoding/json, and memory to its bounds.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{
		`[1,[2,[]],3]`, `["a","\ud83d\ude00\ud83d","\u00e9\n"]`, `[true,[false]]`, `[NaN]`, `7`, `"x"`, `[1,]`, `[[1],2`, `[{"a":[1]}]`, `[1 2]`, "[\"\xff\"]", `[]`,
		`["12345678\"12345678","` + "\u2028" + `"]`,
	} {
		f.Add([]byte(seed), byte(tensor.FP32), int64(1))
		f.Add([]byte(seed), byte(tensor.Bytes), int64(2))
		f.Add([]byte(seed), byte(tensor.Bool), int64(2))
	}
	f.Fuzz(func(t *testing.T, src []byte, dtype byte, want int64) {
		d := tensor.DType(dtype)
		checkBounds(t, src, d, want)
		if d != tensor.Bytes && d != tensor.Bool || !utf8.Valid(src) {
			return
		}
		value, err := decodeAny(src)
		var list []any
		if err == nil {
			list = flatten(nil, value)
		}
		got, errGot := Append(nil, src, d, int64(len(list)))
		expected, ok := expectedBytes(list, d)
		if (errGot == nil) != (err == nil && ok) {
			t.Fatalf("%q as %v: encoding/json says %v, Append says %v", src, d, err, errGot)
		}
		if errGot == nil && !bytes.Equal(got, expected) {
			t.Fatalf("%q as %v:\n got %q\nwant %q", src, d, got, expected)
		}
	})
}

// expectedBytes returns the tensor's bytes for decoded elements, which must all be
// of type d, Bytes or Bool.
func expectedBytes(list []any, d tensor.DType) (out []byte, ok bool) {
	for _, v := range list {
		switch v := v.(type) {
		case string:
			out, ok = tensor.AppendString(out, v), d == tensor.Bytes
		case bool:
			out, ok = append(out, map[bool]byte{true: 1}[v]), d == tensor.Bool
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	return out, true
}

// checkBounds checks that Append needs no more memory than the text warrants, and
// fails without effect.
func checkBounds(t *testing.T, src []byte, d tensor.DType, want int64) {
	got, err := Append(make([]byte, 3, 8), src, d, want)
	if err != nil {
		if len(got) != 3 || cap(got) != 8 {
			t.Fatalf("%q as %v: %d bytes beside %v", src, d, len(got)-3, err)
		}
		return
	}
	length := int64(len(got) - 3)
	if d == tensor.Bytes && length > int64(len(src))+4*want || d != tensor.Bytes && length != want*int64(d.Size()) {
		t.Fatalf("%q as %v: %d elements make %d bytes", src, d, want, length)
	}
	if limit := 4*len(src) + 8; cap(got) > 2*(limit+8) { // what Grow rounds up included
		t.Fatalf("%q as %v: %d bytes of text, room for %d", src, d, len(src), cap(got))
	}
}

// FuzzRoundTrip checks that what AppendArray writes, Append reads, and that
// encoding/json reads it too where it can.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 0, 0, 0, 128}, byte(tensor.FP32))
	f.Add(le(1.5, math.Inf(1), 1e300, 5e-324), byte(tensor.FP64))
	f.Add(stringsOf("a\"b", "\xff", "😀\x00"), byte(tensor.Bytes))
	f.Add(le[int64](math.MinInt64, 7), byte(tensor.Int64))
	f.Fuzz(func(t *testing.T, data []byte, dtype byte) {
		d := tensor.DType(dtype)
		if supported(d) != nil {
			return
		}
		x, want := tensorOf(data, d)
		text, err := AppendArray(nil, x)
		if (err == nil) != (want != nil) {
			t.Fatalf("%v: %v", x, err)
		}
		if err != nil {
			return
		}
		got, err := Append([]byte{}, text, d, x.Shape[0])
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v % x:\nwritten as %s\nread as % x, %v", d, x.Data, text, got, err)
		}
		if !json.Valid(plain(text)) {
			t.Fatalf("%v % x: %s is not valid", d, x.Data, text)
		}
	})
}

// tensorOf makes a tensor of any bytes, and what is left of its data in JSON: one
// NaN, one byte for true, UTF-8 in strings. That is nil for BYTES that are none.
func tensorOf(data []byte, d tensor.DType) (x tensor.Tensor, want []byte) {
	want = []byte{}
	if d == tensor.Bytes {
		count, err := tensor.CountStrings(data)
		if err != nil {
			want = nil
		}
		for rest := data; len(rest) > 0 && want != nil; {
			var elem []byte
			elem, rest, _ = tensor.NextString(rest)
			want = tensor.AppendString(want, string([]rune(string(elem))))
		}
		return tensor.Tensor{DType: d, Shape: tensor.Shape{count}, Data: data}, want
	}
	n := len(data) / d.Size()
	data = data[:n*d.Size()]
	want = append(want, data...)
	for i := 0; i < len(want); i += d.Size() {
		b := want[i:]
		switch {
		case d == tensor.Bool && b[0] != 0:
			b[0] = 1
		case d == tensor.FP32 && math.IsNaN(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))):
			binary.LittleEndian.PutUint32(b, math.Float32bits(float32(math.NaN())))
		case d == tensor.FP64 && math.IsNaN(math.Float64frombits(binary.LittleEndian.Uint64(b))):
			binary.LittleEndian.PutUint64(b, math.Float64bits(math.NaN()))
		}
	}
	return tensor.Tensor{DType: d, Shape: tensor.Shape{int64(n)}, Data: data}, want
}
