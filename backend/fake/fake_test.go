package fake_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"galatea/backend"
	"galatea/backend/backendtest"
	"galatea/backend/fake"
	"galatea/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBackend(t *testing.T) {
	doubling := backend.Artifact{Name: "doubling/1", Signature: backendtest.Doubling, Devices: []backend.Device{{}}}
	backendtest.Run(t, &fake.Backend{}, doubling, func(*testing.T) (backend.Backend, backend.Artifact, []tensor.Tensor) {
		slow := &fake.Backend{Delay: func(int) time.Duration { return time.Hour }}
		return slow, doubling, []tensor.Tensor{{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{1, 4}, Data: make([]byte, 16)}}
	})
}
