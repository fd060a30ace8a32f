package tfjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"galatea/internal/gauge"
	"galatea/tensor"
)

// models are those that the fuzz targets ask.
var models = [][]tensor.Spec{
	oneFloat, oneInt, oneString, oneBool, two, spare,
	{in("a", tensor.FP64), in("b", tensor.Uint8), optional(in("c_bytes", tensor.Bytes)), in("d", tensor.Int64)},
}

// sameTensors compares tensors; any NaN is as good as another.
func sameTensors(a, b []tensor.Tensor) bool {
	return slices.EqualFunc(a, b, func(a, b tensor.Tensor) bool {
		return a.Name == b.Name && a.DType == b.DType && a.Shape.Equal(b.Shape) && bytes.Equal(a.Data, b.Data)
	})
}

// checkError demands of an error that the caller can read it.
func checkError(t *testing.T, body []byte, err error) {
	own, is := errors.AsType[*Error](err)
	if !is || own.Text == "" || own.Unsupported || len(own.Text) > 8*len(body)+1000 {
		t.Fatalf("%q: %#v", body, err)
	}
}

// held returns how much memory tensors hold.
func held(tensors []tensor.Tensor) (n int) {
	for _, x := range tensors {
		n += cap(x.Data) + 8*cap(x.Shape)
	}
	return n
}

// plainWords replaces NaN and the like, which encoding/json does not know.
func plainWords(text []byte) []byte {
	for _, word := range []string{"NaN", "-Infinity", "Infinity"} {
		text = bytes.ReplaceAll(text, []byte(word), []byte("0"))
	}
	return text
}

// FuzzPredict demands that a body is refused in words or read within bounds; that rows
// read together are those read one by one; and that what was read, written as an answer
// in either format, is read as the same tensors again.
func FuzzPredict(f *testing.F) {
	for _, seed := range []string{
		`{"instances": [[1,2],[3,4],[5,6]]}`, `{"instances": [1, 2.0, NaN, -Infinity, 1e-45]}`, `{"instances":[{"x":[1,2]},{"x":[3,4]}]}`,
		`{"instances":[{"b64":"aGVsbG8="},"a",{"b64":""}]}`, `{"instances":[{"i":[[1,2]],"s":"a"},{"s":"b","i":[[3,4]]}]}`, `{"instances":[{"x":1,"y":2},{"y":4,"x":3}]}`,
		`{"inputs": {"s":["a","b"],"none":1,"i":[1]}}`, `{"inputs":{"b64":"aGVsbG8="}}`, `{"inputs":7,"signature_name":"serving_default"}{`, `{"instances":[[1,2],[3]]}`,
		`{"instances":[{"a":0.1,"b":255,"c_bytes":{"b64":"/w"},"d":-1},{"a":NaN,"b":0,"c_bytes":"","d":9223372036854775807}]}`, `{"inputs":[true,false]}`,
		`{"instances":[[],[]]}`, `{"instances":[[[1]],[[]]]}`, `{"instances":[1,[1]]}`, `{"instances":[{"x":1},{"x":1},{"x":1,"y":1}]}`, `{"instances":[],"instances":[]}`,
	} {
		for i := range models {
			f.Add([]byte(seed), byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, model byte) {
		inputs := models[int(model)%len(models)]
		var got []tensor.Tensor
		var format Format
		var err error
		if took := gauge.Allocated(func() { got, format, err = DecodePredict(body, inputs) }); took > uint64(64<<10+64*len(body)) {
			t.Errorf("%q: %d bytes of memory for a body of %d", body, took, len(body))
		}
		if err != nil {
			checkError(t, body, err)
			return
		}
		if n, limit := held(got), 16*len(body)+1024*len(inputs); n > limit {
			t.Fatalf("%q: %d bytes of body, but tensors of %d", body, len(body), n)
		}
		if format == Row {
			checkRows(t, body, inputs, got)
		}
		for _, format := range []Format{Row, Column} {
			answer, err := AppendPredict(nil, got, format)
			if err != nil {
				checkError(t, body, err)
				continue
			}
			checkAnswer(t, answer, format, inputs, got)
		}
	})
}

// checkRows reads plain rows one by one.
func checkRows(t *testing.T, body []byte, inputs []tensor.Spec, want []tensor.Tensor) {
	var instances []byte
	if err := members(body, map[string]*[]byte{"instances": &instances}); err != nil {
		t.Fatal(err)
	}
	r := newRows(inputs)
	if r.named = isObject(firstOf(instances)); r.named {
		return
	}
	if err := r.read(instances); err != nil || !sameTensors(r.tensors(), want) {
		t.Fatalf("%q: read together %v, one by one %v, %v", body, want, r.tensors(), err)
	}
}

// checkAnswer reads an answer as a request.
func checkAnswer(t *testing.T, answer []byte, format Format, inputs []tensor.Spec, want []tensor.Tensor) {
	if !json.Valid(plainWords(answer)) {
		t.Fatalf("%s is no JSON", answer)
	}
	body := bytes.Replace(answer, []byte(`{"predictions":`), []byte(`{"instances":`), 1)
	body = bytes.Replace(body, []byte(`{"outputs":`), []byte(`{"inputs":`), 1)
	if len(want) == 1 && len(want) < len(inputs) && sole(inputs) < 0 {
		return
	}
	again, formatAgain, err := DecodePredict(body, inputs)
	if err != nil && format == Row && want[0].Shape[0] == 0 && strings.Contains(err.Error(), "No values in 'instances'") {
		return
	}
	if err == nil && format == Row && want[0].Shape[0] > 0 && len(again) == len(want) {
		for i := range want { // a row that is empty has lost what is within it
			if n, _ := want[i].Shape.Elements(); n == 0 {
				again[i].Shape = want[i].Shape
			}
		}
	}
	if err != nil || formatAgain != format || !sameTensors(again, canonical(want)) {
		t.Fatalf("%v\nwritten as %s\nread as %v, %v", want, answer, again, err)
	}
}

// canonical returns tensors as they are after they were JSON: it has one NaN, and
// strings that are not in base64 are UTF-8.
func canonical(tensors []tensor.Tensor) []tensor.Tensor {
	all := slices.Clone(tensors)
	for i, x := range all {
		var data []byte
		switch {
		case x.DType == tensor.Bytes && !strings.HasSuffix(x.Name, "_bytes"):
			for rest := x.Data; len(rest) > 0; {
				var elem []byte
				elem, rest, _ = tensor.NextString(rest)
				data = tensor.AppendString(data, string([]rune(string(elem))))
			}
			all[i].Data = data
			continue
		case x.DType != tensor.FP32 && x.DType != tensor.FP64:
			continue
		}
		for rest := x.Data; len(rest) > 0; rest = rest[x.DType.Size():] {
			one := tensor.Tensor{DType: x.DType, Shape: tensor.Shape{}, Data: rest[:x.DType.Size()]}
			if text, _ := AppendPredict(nil, []tensor.Tensor{one}, Column); bytes.Contains(text, []byte("NaN")) {
				data, _ = tensor.AppendNumber(data, x.DType, math.NaN())
				continue
			}
			data = append(data, one.Data...)
		}
		all[i].Data = data
	}
	return all
}

// FuzzExamples demands that a body is refused in words or read within bounds, and that
// a feature in the context of all is as good as one in each example.
func FuzzExamples(f *testing.F) {
	for _, seed := range []string{
		`{"examples":[{"x":[1.5,2]},{"x":[NaN,-3e2]}]}`, `{"context":{"x":[1,2]},"examples":[{},{"x":[2,true]}]}`, `{"examples":[{"x":"a"},{"x":{"b64":"Yg=="}}]}`,
		`{"examples":[{"x":[]},{"x":[]}]}`, `{"examples":[{"a":null}]}`, `{"examples":[{"x":[false]}],"context":{"y":[[1]]}}`, `{"examples":[{"x":1,"x":1}]}`,
	} {
		for i := range 6 {
			f.Add([]byte(seed), byte(i))
		}
	}
	inputs := []tensor.Spec{in("x", tensor.FP32, -1, -1), in("x", tensor.Int64, -1, 2), in("x", tensor.Bytes, -1), in("x", tensor.Bool, -1, 1), in("x", tensor.Uint8, -1), in("x", tensor.FP64, -1, 2, 1)}
	f.Fuzz(func(t *testing.T, body []byte, model byte) {
		input := inputs[int(model)%len(inputs)]
		var got tensor.Tensor
		var err error
		if took := gauge.Allocated(func() { got, err = DecodeExamples(body, "classify", input) }); took > uint64(64<<10+64*len(body)+mostShared) {
			t.Errorf("%q: %d bytes of memory for a body of %d", body, took, len(body))
		}
		if err != nil {
			checkError(t, body, err)
			return
		}
		elements, err := got.Shape.Elements()
		if err != nil || got.Name != "x" || got.DType != input.DType || !input.Shape.Accepts(got.Shape) {
			t.Fatalf("%q: %v, %v", body, got, err)
		}
		if n := held([]tensor.Tensor{got}); n > 16*len(body)+2*mostShared {
			t.Fatalf("%q: %d bytes of body, but a tensor of %d", body, len(body), n)
		}
		all := values{}
		if err := all.of(got); err != nil {
			t.Fatalf("%q: %d elements: %v", body, elements, err)
		}
		if got.Shape[0] != 1 {
			return
		}
		// The sole example's vector, as one that is everybody's.
		row := append([]byte(`{"examples":[{}],"context":{"x":`), all.append(nil, tensor.Shape{elements})...)
		again, err := DecodeExamples(append(row, `}}`...), "classify", input)
		if err != nil || !sameTensors([]tensor.Tensor{again}, canonical([]tensor.Tensor{got})) {
			t.Fatalf("%q: %v, but %q: %v, %v", body, got, row, again, err)
		}
	})
}
