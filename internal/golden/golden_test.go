package golden

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"galatea/infer"
	"galatea/tensor"
)

const (
	request  = `"request":{"id":"r","inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`
	response = `"response":{"model_name":"m","model_version":"3","id":"r","outputs":[
		{"name":"p","datatype":"FP32","shape":[3,2],"data":[0,1,0.5,0.25,2,1]},
		{"name":"word","datatype":"BYTES","shape":[2],"data":["a","b"]}]}`
)

// file is a golden file of the request and response above, with more members.
func file(more ...string) []byte {
	return []byte("{" + strings.Join(append([]string{request, response}, more...), ",\n") + "}")
}

func parsed(t *testing.T, data []byte) *Case {
	t.Helper()
	c, err := Parse("golden/one.json", data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fp32 makes the output p, with rows of two elements.
func fp32(all ...float32) tensor.Tensor {
	data, _ := binary.Append(nil, binary.LittleEndian, all)
	return tensor.Tensor{Name: "p", DType: tensor.FP32, Shape: tensor.Shape{int64(len(all)) / 2, 2}, Data: data}
}

func word(all ...string) tensor.Tensor {
	t := tensor.Tensor{Name: "word", DType: tensor.Bytes, Shape: tensor.Shape{int64(len(all))}}
	for _, s := range all {
		t.Data = tensor.AppendString(t.Data, s)
	}
	return t
}

func answer(all ...tensor.Tensor) *infer.Response { return &infer.Response{Outputs: all} }

func TestARequestIsAlwaysAnew(t *testing.T) {
	c := parsed(t, file())
	ref := infer.Ref{Name: "m", Version: 3}
	first := c.Request(ref)
	first.Inputs[0].Data[0], first.Inputs[0].Shape[0], first.Outputs[0] = 99, 99, "q"
	req := c.Request(ref)
	in := req.Inputs[0]
	if req.Model != ref || req.ID != "r" || strings.Join(req.Outputs, " ") != "p word" {
		t.Errorf("%+v", req)
	}
	if in.Name != "x" || in.DType != tensor.FP32 || in.Shape.String() != "[1,2]" || !bytes.Equal(in.Data, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}) {
		t.Errorf("%+v", in)
	}
	req.Release() // which it needs not
}

func TestAnswersAreHeldAgainstWhatIsExpected(t *testing.T) {
	good, words := fp32(0, 1, 0.5, 0.25, 2, 1), word("a", "b")
	for _, tt := range []struct {
		name string
		file []byte
		resp *infer.Response
		took time.Duration
		text []string // none: it is as expected
	}{
		{"the same", file(), answer(good, words), time.Hour, nil},
		{"the same in another order, among others", file(), answer(tensor.Tensor{Name: "q"}, words, good), 0, nil},
		{"within what another kernel changes", file(), answer(fp32(1e-6, 1.00001, 0.5, 0.25, 2, 1), words), 0, nil},
		{
			"a value that differs", file(), answer(fp32(0, 1, 0.5, 0.75, 2, 1.125), words), 0,
			[]string{`output "p": row 1, element 1: got 0.75, expected 0.25: a difference of 0.5, tolerance 8.5e-05 (2 of 6 elements differ)`},
		},
		{
			"a value that is no number", file(), answer(fp32(0, 1, 0.5, float32(math.NaN()), 2, 1), words), 0,
			[]string{`output "p": row 1, element 1: got NaN, expected 0.25 (1 of 6 elements differ)`},
		},
		{"other words", file(), answer(good, word("a", "c")), 0, []string{`output "word": element 1: got "c", expected "b" (1 of 2 elements differ)`}},
		{
			"all that is wrong, line by line", file(`"max_latency_milliseconds":50`), answer(fp32(0, 1, 0.5, 0.25, 2, 3)), 80 * time.Millisecond,
			[]string{
				`output "p": row 2, element 1: got 3, expected 1: a difference of 2, tolerance 0.00031 (1 of 6 elements differ)`,
				`output "word" is missing`, "took 80 ms, expected at most 50 ms",
			},
		},
		{"as slow as allowed", file(`"max_latency_milliseconds":0.5`), answer(good, words), 500 * time.Microsecond, nil},
		{"slower", file(`"max_latency_milliseconds":0.5`), answer(good, words), 501 * time.Microsecond, []string{"took 0.501 ms, expected at most 0.5 ms"}},
		{"another shape", file(), answer(fp32(0, 1, 0.5, 0.25), words), 0, []string{`output "p": got shape [2,2], expected [3,2]`}},
		{"another type", file(), answer(good, tensor.Tensor{Name: "word", DType: tensor.Int8, Shape: tensor.Shape{2}, Data: []byte("ab")}), 0, []string{`output "word": got type INT8, expected BYTES`}},

		{"within a tolerance for all", file(`"tolerance":0.5`), answer(fp32(0.5, 1, 0.5, 0.25, 2, 1), words), 0, nil},
		{
			"beyond a tolerance for all", file(`"tolerance":0.5`), answer(fp32(0.625, 1, 0.5, 0.25, 2, 1), words), 0,
			[]string{`output "p": row 0, element 0: got 0.625, expected 0: a difference of 0.625, tolerance 0.5 (1 of 6 elements differ)`},
		},
		{"within the tolerance of an output", file(`"tolerance":{"p":1e1}`), answer(fp32(10, 1, 0.5, 0.25, 2, 1), words), 0, nil},
		{"within both parts of a tolerance", file(`"tolerance":{"p":{"absolute":1,"relative":0.5}}`), answer(fp32(0, 1, 0.5, 0.25, 6, 1), words), 0, nil},
		{
			"beyond a relative tolerance", file(`"tolerance":{"p":{"relative":0.5}}`), answer(fp32(0, 1, 0.5, 0.25, 8, 1), words), 0,
			[]string{`output "p": row 2, element 0: got 8, expected 2: a difference of 6, tolerance 4 (1 of 6 elements differ)`},
		},
		{
			"a tolerance of nothing", file(`"tolerance":{"p":0}`), answer(fp32(0, 1, 0.5, 0.25, 2, 1.0000001), words), 0,
			[]string{`output "p": row 2, element 1: got 1.0000001, expected 1: a difference of 1.19e-07, tolerance 0 (1 of 6 elements differ)`},
		},

		{"other values, the same labels", file(`"labels":{"p":1}`), answer(fp32(7, 8, 8, 7, 9, 8), words), 0, nil},
		{"labels as many as needed", file(`"labels":{"p":0.6}`), answer(fp32(8, 7, 8, 7, 9, 8), words), 0, nil},
		{"fewer labels", file(`"labels":{"p":0.7}`), answer(fp32(8, 7, 8, 7, 9, 8), words), 0, []string{`output "p": labels agree in 2 of 3 rows, expected at least 0.7`}},
		{"fewer words", file(`"labels":{"word":0.75}`), answer(good, word("a", "c")), 0, []string{`output "word": labels agree in 1 of 2 rows, expected at least 0.75`}},
		{"no label needed -> type and shape alone", file(`"labels":{"p":0}`), answer(fp32(1, 0, 0, 1, 0, 1), words), 0, nil},
		{"no label needed, and another shape", file(`"labels":{"p":0}`), answer(fp32(1, 0), words), 0, []string{`output "p": got shape [1,2], expected [3,2]`}},
		{
			"labels and values", file(`"tolerance":{"p":1}`, `"labels":{"p":1}`), answer(fp32(3, 1, 0.5, 0.25, 2, 1), words), 0,
			[]string{
				`output "p": row 0, element 0: got 3, expected 0: a difference of 3, tolerance 1 (1 of 6 elements differ)`,
				`output "p": labels agree in 2 of 3 rows, expected at least 1`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			for _, line := range tt.text {
				want = append(want, "golden/one.json: "+line)
			}
			got := ""
			if err := parsed(t, tt.file).Check(tt.resp, tt.took); err != nil {
				got = err.Error()
			}
			if all := strings.Join(want, "\n"); got != all {
				t.Errorf("\n got %s\nwant %s", got, all)
			}
		})
	}
}

func TestScalarsAndEmptyOutputs(t *testing.T) {
	c := parsed(t, []byte(`{"request":{"inputs":[]},"labels":{"none":1},"response":{"outputs":[
		{"name":"n","datatype":"INT64","shape":[],"data":7},{"name":"none","datatype":"FP32","shape":[0,2],"data":[]}]}}`))
	seven := tensor.Tensor{Name: "n", DType: tensor.Int64, Data: []byte{8, 0, 0, 0, 0, 0, 0, 0}}
	none := tensor.Tensor{Name: "none", DType: tensor.FP32, Shape: tensor.Shape{0, 2}}
	err := c.Check(answer(seven, none), 0)
	if want := `golden/one.json: output "n": got 8, expected 7: a difference of 1, tolerance 0 (1 of 1 elements differ)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if req := c.Request(infer.Ref{}); len(req.Inputs) != 0 || len(req.Outputs) != 2 {
		t.Errorf("%+v", req)
	}
}
