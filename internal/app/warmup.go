package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"galatea/backend"
	"galatea/config"
	"galatea/repository"
	"galatea/tensor"
)

// warmupFolder is where a model's files for model_warmup are.
const warmupFolder = "warmup"

// warmer runs a model before anybody asks it: the requests of model_warmup, which must
// succeed, and made-up rows at the batch sizes that the queue will use, so that no caller
// waits for what the runtime does on the first run of a shape. Made-up rows may be none
// that the model can take, so that they fail is no fault.
type warmer struct {
	requests []warmRequest
	sizes    []int // rows of the made-up runs; 0: one run of a model that does not batch
	others   []int // the other sizes that a batch may have, run as far as their time lasts
	s        tensor.Signature

	once    sync.Once
	sought  tensor.Signature    // what a request has to have
	example *repository.Example // found by the first instance, before the queue starts
}

// warmRequest is an item of model_warmup.
type warmRequest struct {
	name   string
	count  int
	inputs []tensor.Tensor
}

// newWarmer reads what a model's config says. The error is the config's fault.
func newWarmer(d repository.Desired, r *config.Resolved) (*warmer, error) {
	w := &warmer{s: r.Signature, sizes: batchSizes(r), sought: r.RequestSignature()}
	for n := 1; n < r.MaxBatchSize; n++ {
		if !slices.Contains(w.sizes, n) {
			w.others = append(w.others, n)
		}
	}
	if d.Config == nil {
		return w, nil
	}
	model, _ := modelFolder(d)
	var errs []error
	for _, item := range d.Config.ModelWarmup {
		request, err := warmOf(item, filepath.Join(model, warmupFolder), r)
		if err != nil {
			errs = append(errs, fmt.Errorf("model_warmup %q: %w", item.Name, err))
		}
		w.requests = append(w.requests, request)
	}
	return w, errors.Join(errs...)
}

// batchSizes lists the sizes that the queue will mostly use: one row, the powers of two,
// those that are preferred, and the largest. After the first they fall: memory that the
// runtime took for a large batch serves the smaller ones.
func batchSizes(r *config.Resolved) []int {
	most := r.MaxBatchSize
	if most == 0 {
		return []int{0}
	}
	sizes := append([]int{most}, r.PreferredBatchSizes...)
	for n := 1; n < most; n *= 2 {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	slices.Reverse(sizes[1:])
	return sizes
}

// warmOf makes the tensors of a warm-up request.
func warmOf(item config.Warmup, folder string, r *config.Resolved) (warmRequest, error) {
	w := warmRequest{name: item.Name, count: 1}
	if item.Count != nil {
		w.count = *item.Count
	}
	rows := 1
	if item.BatchSize != nil {
		rows = *item.BatchSize
	}
	if rows > max(1, r.MaxBatchSize) || rows == 0 && r.MaxBatchSize > 0 {
		return w, fmt.Errorf("batch_size %d: expected 1 to %d", rows, max(1, r.MaxBatchSize))
	}
	var errs []error
	for _, spec := range r.Signature.Inputs {
		in, given := item.Inputs[spec.Name]
		if !given {
			if !spec.Optional {
				errs = append(errs, fmt.Errorf("input %q is missing", spec.Name))
			}
			continue
		}
		t, err := warmTensor(spec, in, rows, r.MaxBatchSize > 0, folder)
		if err != nil {
			errs = append(errs, fmt.Errorf("input %q: %w", spec.Name, err))
		}
		w.inputs = append(w.inputs, t)
	}
	for name := range item.Inputs {
		if r.Signature.Input(name) < 0 {
			errs = append(errs, fmt.Errorf("input %q: the model has none of this name", name))
		}
	}
	return w, errors.Join(errs...)
}

func warmTensor(spec tensor.Spec, in config.WarmupInput, rows int, batching bool, folder string) (tensor.Tensor, error) {
	t := tensor.Tensor{Name: spec.Name, DType: spec.DType, Shape: append(tensor.Shape{}, in.Dims...)}
	if batching {
		t.Shape = append(tensor.Shape{1}, t.Shape...)
	}
	if in.DataType != spec.DType {
		return t, fmt.Errorf("data_type is %v: expected %v", in.DataType, spec.DType)
	}
	if !spec.Shape.Accepts(t.Shape) {
		return t, fmt.Errorf("dims %v do not fit shape %v", in.Dims, spec.Shape)
	}
	n, err := t.Shape.Elements()
	if err != nil || n > maxMadeUp {
		return t, fmt.Errorf("dims %v: expected at most %d elements", in.Dims, maxMadeUp)
	}
	row, err := warmRow(spec.DType, in, n, folder)
	if err != nil {
		return t, err
	}
	if batching {
		t.Shape[0] = int64(rows)
		for range rows {
			t.Data = append(t.Data, row...)
		}
		return t, nil
	}
	t.Data = row
	return t, nil
}

// warmRow returns the bytes of n elements.
func warmRow(d tensor.DType, in config.WarmupInput, n int64, folder string) ([]byte, error) {
	size := int(n) * max(4, d.Size())
	switch {
	case in.InputDataFile != "":
		data, err := os.ReadFile(filepath.Join(folder, in.InputDataFile))
		if errors.Is(err, fs.ErrNotExist) { // trying again would not bring it
			return nil, fmt.Errorf("no file %s/%s in the model's folder", warmupFolder, in.InputDataFile)
		}
		if err != nil {
			return nil, err
		}
		return data, sized(d, data, n)
	case d == tensor.Bytes:
		return make([]byte, 4*n), nil // empty strings, as Triton has it for random ones, too
	case in.RandomData:
		rnd := rand.New(rand.NewPCG(1, uint64(n)))
		data := make([]byte, 0, size)
		for range n {
			data = appendRandom(data, d, rnd)
		}
		return data, nil
	default:
		return make([]byte, int(n)*d.Size()), nil
	}
}

func sized(d tensor.DType, data []byte, n int64) error {
	if d == tensor.Bytes {
		count, err := tensor.CountStrings(data)
		if err == nil && count != n {
			err = fmt.Errorf("%d strings in the file: expected %d", count, n)
		}
		return err
	}
	if want := n * int64(d.Size()); int64(len(data)) != want {
		return fmt.Errorf("%d bytes in the file: expected %d", len(data), want)
	}
	return nil
}

// appendRandom appends a random element: a float from 0 to 1, a bit, or any integer.
func appendRandom(dst []byte, d tensor.DType, rnd *rand.Rand) []byte {
	switch d {
	case tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
		dst, _ = tensor.AppendNumber(dst, d, rnd.Float64()) // it fits all of them
		return dst
	case tensor.Bool:
		return append(dst, byte(rnd.IntN(2)))
	default:
		return binary.LittleEndian.AppendUint64(dst, rnd.Uint64())[:len(dst)+d.Size()]
	}
}

// run warms an instance up.
func (w *warmer) run(ctx context.Context, in backend.Instance) error {
	for _, request := range w.requests {
		for range request.count {
			if _, err := runOnce(ctx, in, request.inputs, w.s); err != nil {
				return fmt.Errorf("model_warmup %q: %w", request.name, err)
			}
		}
	}
	for _, inner := range innerSizes {
		if w.madeUp(ctx, in, inner) || ctx.Err() != nil {
			break
		}
	}
	w.once.Do(func() { w.example = w.find(ctx, in) })
	return context.Cause(ctx)
}

// maxMadeUp bounds the elements of a tensor that is made up.
const maxMadeUp = 1 << 24

// othersWithin is how long an instance is run at the sizes that are not the usual ones:
// enough for all of a cheap model's, and a load of an expensive one is not held up.
const othersWithin = 500 * time.Millisecond

// madeUp runs made-up rows at all sizes, and reports whether the model could run one.
func (w *warmer) madeUp(ctx context.Context, in backend.Instance, inner int64) bool {
	runs := func(rows int) bool {
		inputs, fits := made(w.s, rows, inner)
		if !fits {
			return false
		}
		_, err := runOnce(ctx, in, inputs, w.s)
		return err == nil
	}
	for i, rows := range w.sizes {
		if !runs(rows) {
			return i > 0
		}
	}
	began := time.Now()
	for _, rows := range w.others {
		if time.Since(began) > othersWithin || !runs(rows) {
			break
		}
	}
	return true
}

// made makes up tensors of so many rows; 0: of a model that does not batch. Their other
// dynamic dimensions have the given size. It reports whether that is no too large.
func made(s tensor.Signature, rows int, inner int64) ([]tensor.Tensor, bool) {
	var all []tensor.Tensor
	for _, spec := range s.Inputs {
		if spec.Optional {
			continue
		}
		t := tensor.Tensor{Name: spec.Name, DType: spec.DType, Shape: slices.Clone(spec.Shape)}
		for i, d := range t.Shape {
			switch {
			case d != tensor.Dynamic:
			case i == 0 && rows > 0:
				t.Shape[i] = int64(rows)
			default:
				t.Shape[i] = inner
			}
		}
		n, err := t.Shape.Elements()
		if err != nil || n > maxMadeUp {
			return nil, false
		}
		for i := range n {
			t.Data = appendSample(t.Data, spec.DType, int(i), 0)
		}
		all = append(all, t)
	}
	return all, true
}
