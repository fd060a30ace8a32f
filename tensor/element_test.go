package tensor_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"galatea/tensor"
)

func TestNumbersAsElements(t *testing.T) {
	for _, tt := range []struct {
		dtype tensor.DType
		f     float64
		want  uint64 // the element's bits
		ok    bool
	}{
		{tensor.Bool, 1, 1, true},
		{tensor.Bool, 2, 0, false},
		{tensor.Uint8, 255, 255, true},
		{tensor.Uint8, 256, 0, false},
		{tensor.Uint8, -1, 0, false},
		{tensor.Int8, -128, 0x80, true},
		{tensor.Int8, 128, 0, false},
		{tensor.Int32, -100, 0xffffff9c, true},
		{tensor.Int32, 0.5, 0, false},
		{tensor.Int64, -1, math.MaxUint64, true},
		{tensor.Int64, 0x1p63, 0, false},
		{tensor.Uint64, 0x1p63, 1 << 63, true},
		{tensor.Int16, math.NaN(), 0, false},
		{tensor.FP32, 0.1, uint64(math.Float32bits(0.1)), true},
		{tensor.FP32, 1e300, 0, false},
		{tensor.FP32, math.Inf(-1), 0xff800000, true},
		{tensor.FP64, -0.1, math.Float64bits(-0.1), true},
		{tensor.FP16, 1, 0x3c00, true},
		{tensor.FP16, -2, 0xc000, true},
		{tensor.FP16, 65504, 0x7bff, true},
		{tensor.FP16, 65519, 0x7bff, true},
		{tensor.FP16, 65520, 0, false},
		{tensor.FP16, math.Inf(1), 0x7c00, true},
		{tensor.FP16, 0x1p-24, 1, true},
		{tensor.FP16, 0x1p-25, 0, true},
		{tensor.FP16, 0x1.8p-25, 1, true},
		{tensor.FP16, 0x1.ff8p-15, 0x3ff, true}, // the largest that is subnormal
		{tensor.FP16, 0x1.fffp-15, 0x400, true}, // rounds to the least that is normal
		{tensor.FP16, 1 + 0x1p-11, 0x3c00, true},
		{tensor.FP16, 1 + 0x1p-11 + 0x1p-40, 0x3c01, true},
		{tensor.FP16, 1 + 0x3p-11, 0x3c02, true},
		{tensor.BF16, 1, 0x3f80, true},
		{tensor.BF16, 1 + 0x1p-8, 0x3f80, true},
		{tensor.BF16, 1 + 0x1p-8 + 0x1p-40, 0x3f81, true}, // past halfway by less than an FP32 shows
		{tensor.BF16, 1 + 0x3p-8 - 0x1p-40, 0x3f81, true},
		{tensor.BF16, 1 + 0x3p-8, 0x3f82, true},
		{tensor.BF16, 3.4e38, 0, false},
		{tensor.Bytes, 0, 0, false},
	} {
		got, ok := tensor.AppendNumber(nil, tt.dtype, tt.f)
		want := binary.LittleEndian.AppendUint64(nil, tt.want)[:tt.dtype.Size()]
		if !ok && len(got) > 0 {
			t.Errorf("%v of %v: appended %x", tt.dtype, tt.f, got)
		}
		if ok != tt.ok || ok && !bytes.Equal(got, want) {
			t.Errorf("%v of %v: got %x %v, want %x %v", tt.dtype, tt.f, got, ok, want, tt.ok)
		}
	}
}
