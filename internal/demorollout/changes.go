package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"galatea/internal/onnxtest"
	"galatea/internal/process"
)

// demo is one run.
type demo struct {
	binary, dir, models string
	rnd                 *rand.Rand
	record              *record

	base      string
	server    *process.Process
	following func()

	hasLabel atomic.Bool // the label has been set

	last   int64   // number of the last version that was dropped
	whole  []int64 // versions that are there and can serve
	broken []int64 // that are there and cannot
	gone   []int64 // that were rolled back, and are there
}

// Version n of the model multiplies by n, so that an answer tells where it comes from.
const config = "version_policy: {latest: {num_versions: 3}}\n"

func (d *demo) prepare() error {
	if _, err := mkdir(d.models, model); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.models, model, "config.yaml"), []byte(config), 0o600); err != nil {
		return err
	}
	return d.drop()
}

func (d *demo) folder(version int64) string {
	return filepath.Join(d.models, model, strconv.FormatInt(version, 10))
}

// next is the number of the next version.
func (d *demo) next() int64 {
	d.last++
	return d.last
}

// drop puts a version into place the safe way: under another name, then renamed.
func (d *demo) drop() error {
	n := d.next()
	hidden := filepath.Join(d.models, model, ".new")
	if err := onnxtest.WriteFile(filepath.Join(hidden, "model.onnx"), onnxtest.Scale(float32(n))); err != nil {
		return err
	}
	d.whole = append(d.whole, n)
	return os.Rename(hidden, d.folder(n))
}

// copySlowly writes a version piece by piece, at the place where it is watched.
func (d *demo) copySlowly() error {
	n := d.next()
	at, err := mkdir(d.folder(n))
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(at, "model.onnx"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for piece := range slices.Chunk(onnxtest.Scale(float32(n)), 64) {
		if _, err := f.Write(piece); err != nil {
			return err
		}
		<-ticker.C
	}
	d.whole = append(d.whole, n)
	return nil
}

func (d *demo) dropBroken() error {
	n := d.next()
	d.broken = append(d.broken, n)
	text := onnxtest.Scale(float32(n))
	return onnxtest.WriteFile(filepath.Join(d.folder(n), "model.onnx"), text[:len(text)/2])
}

// remove deletes a version, but not the last one that can serve.
func (d *demo) remove() error {
	for _, list := range []*[]int64{&d.broken, &d.gone} {
		if len(*list) > 2 {
			n := (*list)[0]
			*list = (*list)[1:]
			return os.RemoveAll(d.folder(n))
		}
	}
	if len(d.whole) < 3 {
		return d.drop()
	}
	at := d.rnd.IntN(len(d.whole))
	if d.rnd.IntN(2) == 0 {
		at = len(d.whole) - 1 // the one that serves
	}
	n := d.whole[at]
	d.whole = slices.Delete(d.whole, at, at+1)
	return os.RemoveAll(d.folder(n))
}

// moveLabel lets the label stand for one of the versions that are ready.
func (d *demo) moveLabel(ctx context.Context) error {
	s, err := d.serving(ctx)
	if err != nil || len(s.Ready) == 0 {
		return err
	}
	to := s.Ready[d.rnd.IntN(len(s.Ready))]
	text, status, err := d.send(ctx, http.MethodPost, "/v2/repository/models/"+model+"/labels/stable", fmt.Appendf(nil, `{"version": %d}`, to))
	if err == nil && status != http.StatusOK && status != http.StatusNotFound && status != http.StatusServiceUnavailable { // it may have gone meanwhile
		err = fmt.Errorf("move the label: %d %s", status, text)
	}
	if status == http.StatusOK {
		d.hasLabel.Store(true)
	}
	return err
}

func (d *demo) rollBack(ctx context.Context) error {
	if len(d.whole) < 3 {
		return d.drop()
	}
	text, status, err := d.send(ctx, http.MethodPost, "/v2/repository/models/"+model+"/rollback", []byte(`{"reason": "the demo"}`))
	switch {
	case err != nil:
		return err
	case status == http.StatusConflict:
		return nil // nothing to roll back to at the moment
	case status != http.StatusOK:
		return fmt.Errorf("roll back: %d %s", status, text)
	}
	n := number(text, "version")
	if at := slices.Index(d.whole, n); at >= 0 {
		d.whole = slices.Delete(d.whole, at, at+1)
		d.gone = append(d.gone, n)
	}
	return nil
}

// change makes one change, and gives the server some time, often less than it needs.
func (d *demo) change(ctx context.Context) error {
	kinds := []struct {
		name   string
		weight int
		do     func() error
	}{
		{"dropped", 4, d.drop},
		{"copied slowly", 1, d.copySlowly},
		{"dropped broken", 2, d.dropBroken},
		{"removed", 2, d.remove},
		{"label moved", 2, func() error { return d.moveLabel(ctx) }},
		{"rolled back", 2, func() error { return d.rollBack(ctx) }},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	pick := d.rnd.IntN(total)
	for _, k := range kinds {
		if pick -= k.weight; pick >= 0 {
			continue
		}
		if err := k.do(); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		d.record.changed(k.name)
		break
	}
	timer := time.NewTimer(time.Duration(50+d.rnd.IntN(800)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rest waits until what should serve does: the newest versions that can.
func (d *demo) rest(ctx context.Context) error {
	return d.until(ctx, func() error {
		s, err := d.serving(ctx)
		if err != nil {
			return err
		}
		newest := slices.Max(d.whole)
		if s.Default != newest || !slices.Contains(s.Ready, newest) || len(s.Ready) < min(3, len(d.whole)) {
			return fmt.Errorf("%v can serve, but %+v does; the server's log:\n%s", d.whole, s, d.server.Log())
		}
		return nil
	})
}
