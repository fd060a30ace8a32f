package jsontensor

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"galatea/tensor"
)

const pixels = 150_528 // 3 * 224 * 224

// forms are the ways in which clients write floats.
var forms = []struct {
	name   string
	append func(dst []byte, f float64) []byte
}{
	{"shortest", func(dst []byte, f float64) []byte { return strconv.AppendFloat(dst, float64(float32(f)), 'g', -1, 32) }},
	{"python17", func(dst []byte, f float64) []byte { return strconv.AppendFloat(dst, f, 'g', -1, 64) }},
	{"decimals4", func(dst []byte, f float64) []byte { return strconv.AppendFloat(dst, f, 'f', 4, 64) }},
	{"integers", func(dst []byte, f float64) []byte {
		return strconv.AppendInt(dst, int64(math.Abs(f)*256)%256, 10)
	}},
}

// infer is what a gateway would decode with encoding/json.
type infer[Data any] struct {
	ID     string `json:"id"`
	Inputs []struct {
		Name     string  `json:"name"`
		DataType string  `json:"datatype"`
		Shape    []int64 `json:"shape"`
		Data     Data    `json:"data"`
	} `json:"inputs"`
}

// numbers returns a JSON array of n values from a normal distribution.
func numbers(n int, form func([]byte, float64) []byte, comma string) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := []byte{'['}
	for i := range n {
		if i > 0 {
			b = append(b, comma...)
		}
		b = form(b, rnd.NormFloat64())
	}
	return append(b, ']')
}

func request(data []byte) []byte {
	return fmt.Appendf(nil, `{"id":"1","inputs":[{"name":"image","shape":[1,3,224,224],"datatype":"FP32","data":%s}],"outputs":[{"name":"scores"}]}`, data)
}

// BenchmarkDecode compares the ways from a request's body to its values: ours, and
// encoding/json.
func BenchmarkDecode(b *testing.B) {
	for _, form := range forms {
		body := request(numbers(pixels, form.append, ","))
		b.Run(form.name+"/jsontensor", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			var r Request
			dst := make([]byte, 0, 4*pixels)
			for b.Loop() {
				if err := r.Parse(body, Limits{}); err != nil {
					b.Fatal(err)
				}
				if _, err := Append(dst, r.Inputs[0].Data, tensor.FP32, pixels); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(form.name+"/encoding-json", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				var r infer[[]float32]
				if err := json.Unmarshal(body, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, form := range forms {
		b.Run(form.name, func(b *testing.B) {
			body := request(numbers(pixels, form.append, ", "))
			var r Request
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := r.Parse(body, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	run := func(name string, data []byte, d tensor.DType, want int64) {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, room(len(data), d, want))
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Append(dst, data, d, want); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, form := range forms {
		run("FP32/"+form.name, numbers(pixels, form.append, ","), tensor.FP32, pixels)
	}
	for _, form := range forms {
		run("FP64/"+form.name, numbers(pixels, form.append, ","), tensor.FP64, pixels)
	}
	run("INT64", numbers(pixels, forms[3].append, ","), tensor.Int64, pixels)
	text := func(dst []byte, f float64) []byte { return fmt.Appendf(dst, `"a line of text, %v"`, f) }
	run("BYTES", numbers(10_000, text, ","), tensor.Bytes, 10_000)
}

func BenchmarkAppendArray(b *testing.B) {
	run := func(name string, d tensor.DType, data []byte) {
		b.Run(name, func(b *testing.B) {
			count := int64(len(data) / max(1, d.Size()))
			if d == tensor.Bytes {
				count, _ = tensor.CountStrings(data)
			}
			t := tensor.Tensor{DType: d, Shape: tensor.Shape{count}, Data: data}
			dst, err := AppendArray(nil, t)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(dst)))
			for b.Loop() {
				dst, _ = AppendArray(dst[:0], t)
			}
		})
	}
	decode := func(form int, d tensor.DType) []byte {
		data, err := Append(nil, numbers(pixels, forms[form].append, ","), d, pixels)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	run("FP32/normal", tensor.FP32, decode(0, tensor.FP32))
	run("FP32/decimals4", tensor.FP32, decode(2, tensor.FP32))
	run("FP32/whole", tensor.FP32, decode(3, tensor.FP32))
	run("FP64/normal", tensor.FP64, decode(1, tensor.FP64))
	run("INT64", tensor.Int64, decode(3, tensor.Int64))
	var text []byte
	for range 10_000 {
		text = tensor.AppendString(text, "a line of \"text\", 0.123456")
	}
	run("BYTES", tensor.Bytes, text)
	b.Run("FP32/normal/encoding-json", func(b *testing.B) {
		values := make([]float32, pixels)
		data := decode(0, tensor.FP32)
		for i := range values {
			values[i] = math.Float32frombits(uint32(data[4*i]) | uint32(data[4*i+1])<<8 | uint32(data[4*i+2])<<16 | uint32(data[4*i+3])<<24)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(values); err != nil {
				b.Fatal(err)
			}
		}
	})
}
