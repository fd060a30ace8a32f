package rpc

import (
	"testing"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/tensor"
)

// once is memory that counts how often it is given back.
type once struct{ released int }

func (o *once) Release() { o.released++ }

func TestAnAnswerIsHeldUntilItIsSent(t *testing.T) {
	for _, tt := range []struct {
		name          string
		outputs, size int
		counted       int64 // until it is sent
	}{
		{"a small output", 1, 100, 0},
		{"a large output", 1, 1 << 20, 1 << 20},
		{"two large outputs", 2, 1 << 20, 2 << 20},
		{"many small outputs", 40, 1000, 0},
		{"none", 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, memory, budget := &infer.Response{}, &once{}, &wire.Budget{}
			for range tt.outputs {
				resp.Outputs = append(resp.Outputs, tensor.Tensor{DType: tensor.Uint8, Shape: tensor.Shape{int64(tt.size)}, Data: make([]byte, tt.size)})
			}
			resp.Own(memory)
			a := encode(resp, "", true, budget)
			if held := memory.released == 0; held != (tt.counted > 0) || budget.Held() != tt.counted {
				t.Errorf("before it is sent: released %d times, %d bytes are counted", memory.released, budget.Held())
			}
			a.free()
			if memory.released != 1 || budget.Held() != 0 {
				t.Errorf("afterwards: released %d times, %d bytes are counted", memory.released, budget.Held())
			}
		})
	}
}
