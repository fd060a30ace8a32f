package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/tensor"
)

// Bodies of the benchmarks: a row of 784 numbers, and an image of 3x224x224.
var benchShapes = []struct {
	name  string
	shape tensor.Shape
}{
	{"row", tensor.Shape{1, 784}},
	{"image", tensor.Shape{1, 3, 224, 224}},
}

func benchTensor(shape tensor.Shape) tensor.Tensor {
	n, err := shape.Elements()
	if err != nil {
		panic(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	t := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: shape}
	for range n {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(rnd.NormFloat64())))
	}
	return t
}

func benchBinaryBody(t tensor.Tensor) (body []byte, header int) {
	body = fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":%v,"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`, t.Shape, len(t.Data))
	return append(body, t.Data...), len(body)
}

func benchJSONBody(t tensor.Tensor) []byte {
	body := fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":%v,"datatype":"FP32","data":[`, t.Shape)
	for i := 0; i < len(t.Data); i += 4 {
		if i > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendFloat(body, float64(math.Float32frombits(binary.LittleEndian.Uint32(t.Data[i:]))), 'g', -1, 32)
	}
	return append(body, "]}]}"...)
}

// BenchmarkDecode makes a request of a body that is in memory.
func BenchmarkDecode(b *testing.B) {
	for _, s := range benchShapes {
		t := benchTensor(s.shape)
		decode := func(b *testing.B, text []byte, header int) {
			g := newGateway(wire.Options{})
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				x := g.newExchange(infer.Ref{Name: "m"})
				if err := x.body.resize(len(text)); err != nil {
					b.Fatal(err)
				}
				copy(x.body.B, text)
				if err := x.parseInfer(header); err != nil {
					b.Fatal(err)
				}
				x.Release()
			}
		}
		b.Run("binary/"+s.name, func(b *testing.B) {
			text, header := benchBinaryBody(t)
			decode(b, text, header)
		})
		b.Run("json/"+s.name, func(b *testing.B) { decode(b, benchJSONBody(t), wholeBody) })
	}
}

// BenchmarkEncode makes the body of an answer.
func BenchmarkEncode(b *testing.B) {
	for _, s := range benchShapes {
		resp := &infer.Response{Model: infer.ID{Name: "m", Version: 1}, Outputs: []tensor.Tensor{benchTensor(s.shape)}}
		for _, form := range []string{"binary", "json"} {
			b.Run(form+"/"+s.name, func(b *testing.B) {
				var text []byte
				if form == "json" {
					b.SetBytes(int64(len(resp.Outputs[0].Data)))
				}
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if text, _, err = appendResponse(text[:0], resp, "1", wanted{rest: form == "binary"}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// benchModels knows every model.
type benchModels struct{ wire.Models }

func (benchModels) Find(infer.Ref) error { return nil }

// benchWriter takes an answer and keeps nothing of it.
type benchWriter struct {
	header http.Header
	status int
	n      int
}

func (w *benchWriter) Header() http.Header            { return w.header }
func (w *benchWriter) WriteHeader(s int)              { w.status = s }
func (*benchWriter) SetReadDeadline(time.Time) error  { return nil }
func (*benchWriter) SetWriteDeadline(time.Time) error { return nil }
func (w *benchWriter) Write(b []byte) (int, error) {
	w.n += len(b)
	return len(b), nil
}

// BenchmarkServe is a whole request of one row without a network and without a
// model, through the gateway and through a Gin handler that does nothing but read
// the same body and write the same answer.
func BenchmarkServe(b *testing.B) {
	row := benchTensor(tensor.Shape{1, 784})
	answer := &infer.Response{Model: infer.ID{Name: "m", Version: 1}, Outputs: []tensor.Tensor{{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{1, 10}, Data: make([]byte, 40)}}}
	gateway := newGateway(wire.Options{Models: benchModels{}, Handler: infer.HandlerFunc(func(context.Context, *infer.Request) (*infer.Response, error) { return answer, nil })})
	binaryBody, header := benchBinaryBody(row)
	b.Run("binary", func(b *testing.B) { serve(b, gateway, binaryBody, header) })
	b.Run("json", func(b *testing.B) { serve(b, gateway, benchJSONBody(row), wholeBody) })
	b.Run("bare", func(b *testing.B) { serve(b, bareHandler(), binaryBody, header) })
}

func bareHandler() http.Handler {
	bare := gin.New()
	held := make([]byte, 8<<10)
	bare.POST("/v2/models/:model/infer", func(c *gin.Context) {
		if _, err := io.ReadFull(c.Request.Body, held[:c.Request.ContentLength]); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.Header(headerLength, "143")
		c.Data(http.StatusOK, "application/octet-stream", held[:183])
	})
	return bare
}

func serve(b *testing.B, h http.Handler, text []byte, header int) {
	reader := bytes.NewReader(text)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/v2/models/m/infer", reader)
	if err != nil {
		b.Fatal(err)
	}
	if header != wholeBody {
		r.Header.Set(headerLength, strconv.Itoa(header))
	}
	w := &benchWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(text)
		clear(w.header)
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK || w.n == 0 {
			b.Fatal(w.status)
		}
	}
}
