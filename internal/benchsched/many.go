package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"galatea/internal/gauge"
	"galatea/internal/onnxtest"
	"galatea/internal/workload"
)

// manyModels is how many models are loaded beside the one that is used.
const manyModels = 999

// many compares a server of one model with a server of a thousand.
type many struct {
	Models     int     `json:"models"`
	Alone      float64 `json:"alone_per_second"` // medians
	Among      float64 `json:"among_per_second"`
	Ratio      float64 `json:"ratio"` // median of the rounds'
	Goroutines float64 `json:"goroutines_per_idle_model"`
	Resident   float64 `json:"resident_bytes_per_idle_model"`
	ModelBytes int     `json:"bytes_of_a_model_file"`
}

func measureMany(ctx context.Context, s settings, root string) (_ printer, err error) {
	m, err := workload.Named("mlp")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "many: %d models, %d rounds\n", manyModels+1, s.rounds)
	idle := onnxtest.Small(1)
	var servers [2]*server
	defer func() {
		for _, v := range servers {
			if v != nil {
				err = errors.Join(err, v.stop())
			}
		}
	}()
	for i, n := range []int{0, manyModels} {
		repository := filepath.Join(root, fmt.Sprintf("many-%d", n))
		if err := m.Write(repository, nil); err != nil {
			return nil, err
		}
		for k := range n {
			if err := onnxtest.WriteFile(filepath.Join(repository, fmt.Sprintf("idle%03d", k), "1", "model.onnx"), idle); err != nil {
				return nil, err
			}
		}
		if servers[i], err = serve(ctx, s, repository); err != nil {
			return nil, err
		}
	}
	r := &many{Models: manyModels + 1, ModelBytes: len(idle)}
	if err := r.idle(ctx, servers); err != nil {
		return nil, err
	}
	var rates [2][]float64
	var ratios []float64
	for range s.rounds {
		for i, v := range servers {
			rate, err := closed(ctx, s, v, m, 128)
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], rate)
		}
		n := len(rates[0]) - 1
		ratios = append(ratios, rates[1][n]/rates[0][n])
	}
	r.Alone, r.Among, r.Ratio = gauge.Median(rates[0]), gauge.Median(rates[1]), gauge.Median(ratios)
	return r, nil
}

// idle reads what the models cost while nobody uses them.
func (r *many) idle(ctx context.Context, servers [2]*server) error {
	var resident, goroutines [2]float64
	for i, v := range servers {
		bytes, err := v.resident()
		if err != nil {
			return err
		}
		series, err := v.series(ctx, "go_goroutines")
		if err != nil {
			return err
		}
		resident[i], goroutines[i] = float64(bytes), series[""]
	}
	r.Resident, r.Goroutines = (resident[1]-resident[0])/manyModels, (goroutines[1]-goroutines[0])/manyModels
	return nil
}

func (r *many) print() string {
	return fmt.Sprintf("  the mlp: %.0f requests/s alone, %.0f/s among %d loaded models: %.3f times\n  an idle model (a file of %d bytes): %.1f goroutines, %.0f KiB resident\n",
		r.Alone, r.Among, r.Models, r.Ratio, r.ModelBytes, r.Goroutines, r.Resident/1024)
}
