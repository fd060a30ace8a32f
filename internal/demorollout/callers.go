package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const body = `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`

// load is callers that call all the time.
type load struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error
}

// call starts the callers.
func (d *demo) call(ctx context.Context, callers int) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel}
	for i := range callers {
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		l.wg.Go(func() {
			for ctx.Err() == nil {
				if err := d.askOnce(ctx, rnd); err != nil && ctx.Err() == nil {
					l.mu.Lock()
					l.err = err
					l.mu.Unlock()
					return
				}
			}
		})
	}
	return l
}

// stop ends the callers; the error is a request that got no answer at all.
func (l *load) stop() error {
	l.cancel()
	l.wg.Wait()
	return l.err
}

// askOnce sends one request of a random kind. A request that is under way when the callers
// end is finished.
func (d *demo) askOnce(ctx context.Context, rnd *rand.Rand) error {
	a := answer{kind: "unversioned"}
	path := "/v2/models/" + model
	switch rnd.IntN(4) {
	case 0:
		if a.pin = d.somePin(rnd); a.pin > 0 {
			a.kind = "pinned"
			path += fmt.Sprintf("/versions/%d", a.pin)
		}
	case 1:
		if d.hasLabel.Load() {
			a.kind = "label"
			path += "/labels/stable"
		}
	}
	a.sent = time.Now()
	text, status, err := d.send(context.WithoutCancel(ctx), http.MethodPost, path+"/infer", []byte(body))
	if err != nil {
		return fmt.Errorf("a %s request: %w", a.kind, err)
	}
	a.got, a.status, a.text = time.Now(), status, string(text)
	if status == http.StatusOK {
		var parsed struct {
			Version int64 `json:"model_version,string"`
			Outputs []struct{ Data []float64 }
		}
		if err := json.Unmarshal(text, &parsed); err != nil || len(parsed.Outputs) != 1 || len(parsed.Outputs[0].Data) != 4 {
			return fmt.Errorf("an answer that is none: %s: %w", text, err)
		}
		a.version, a.factor = parsed.Version, parsed.Outputs[0].Data[0]
	}
	d.record.answer(a)
	return nil
}

// somePin returns one of the versions that were ever published, mostly a late one.
func (d *demo) somePin(rnd *rand.Rand) int64 {
	d.record.mu.Lock()
	defer d.record.mu.Unlock()
	newest := int64(0)
	for v := range d.record.published {
		newest = max(newest, v)
	}
	pin := newest - int64(rnd.IntN(4))
	if len(d.record.published[pin]) == 0 {
		return 0
	}
	return pin
}

// number reads a number from an answer.
func number(text []byte, field string) int64 {
	var all map[string]any
	if json.Unmarshal(text, &all) != nil {
		return 0
	}
	n, _ := all[field].(float64)
	return int64(n)
}
