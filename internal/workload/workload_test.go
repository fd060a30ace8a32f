package workload

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
)

func TestTheJSONIsTheSameNumbers(t *testing.T) {
	for _, name := range []string{"mlp", "cnn"} {
		m, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		binary, header := m.Bodies()
		v2, data := m.JSONRequests(), m.DataRequests("/predict")
		if len(v2) != DistinctRows || len(data) != DistinctRows || len(binary) != DistinctRows {
			t.Fatalf("%d, %d and %d requests", len(v2), len(data), len(binary))
		}
		for i := range DistinctRows {
			size := (len(binary[i]) - header) / 4
			want, err := Floats(binary[i], size)
			if err != nil {
				t.Fatal(err)
			}
			var tensors struct {
				Inputs []struct {
					Shape []int
					Data  []float32
				}
			}
			var flat struct{ Data []float32 }
			decode(t, v2[i], &tensors)
			decode(t, data[i], &flat)
			if !Near(tensors.Inputs[0].Data, want, 0) || !Near(flat.Data, want, 0) {
				t.Fatalf("%s: the numbers of row %d differ", name, i)
			}
			if s := tensors.Inputs[0].Shape; s[0] != 1 || len(s) != 1+len(m.Row) {
				t.Fatalf("shape %v", s)
			}
		}
	}
	if _, err := Named("x"); err == nil {
		t.Error("no error for a model that is not there")
	}
}

func decode(t *testing.T, request []byte, to any) {
	t.Helper()
	_, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	if err := json.Unmarshal(body, to); err != nil {
		t.Fatal(err)
	}
}

func TestNear(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		a, b []float32
		want bool
	}{
		{[]float32{1, 2}, []float32{1, 2.00005}, true},
		{[]float32{1, 2}, []float32{1, 2.001}, false},
		{[]float32{1, 2}, []float32{1}, false},
		{[]float32{1}, []float32{1, 2}, false},
		{[]float32{nan}, []float32{nan}, false},
		{nil, nil, true},
	} {
		if Near(c.a, c.b, 1e-4) != c.want {
			t.Errorf("%v and %v: want %v", c.a, c.b, c.want)
		}
	}
	if _, err := Floats(make([]byte, 7), 2); err == nil {
		t.Error("no error for a short answer")
	}
}
