package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func seed(f *testing.F, patterns ...string) {
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: no seeds: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// No file makes ParseModel panic; what it takes completes or is refused with errors
// that name the file; and what completes prints as a file that completes to the same.
func FuzzParseModel(f *testing.F) {
	seed(f, "testdata/*.yaml")
	graphs := []string{
		"x FP32[-1,8,8] -> y FP32[-1,10]",
		"x FP32[1,8], k? INT64[] -> y FP32[?]",
		"pixels FP32[-1,3,-1,-1], text BYTES[-1], k? INT64[-1] -> label INT64[-1], scores FP32[-1,10], n INT64[]",
		"-> y FP32[-1]",
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseModel("config.yaml", data)
		if err != nil {
			demandFile(t, err)
			return
		}
		for i, sig := range graphs {
			d := DefaultServer().Defaults()
			d.GPUs = i
			r, err := complete(t, string(data), sig, d)
			if err != nil {
				demandFile(t, err)
				continue
			}
			if !json.Valid(r.TritonJSON()) {
				t.Errorf("not JSON: %s", r.TritonJSON())
			}
			if r.Batching() != (r.MaxBatchSize > 0) || r.Lanes() < 1 || r.Threads(r.Lanes(), 2) < 1 {
				t.Errorf("impossible: %+v", r)
			}
			if m.Name == "" || m.Name == r.Name {
				printsAsItIs(t, r, sig, d)
			}
		}
	})
}

func FuzzParseServer(f *testing.F) {
	seed(f, "testdata/server/*.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseServer("galatea.yaml", data)
		if err != nil {
			demandFile(t, err)
			return
		}
		if s.HTTP.MaxInputSize < 1 || s.HTTP.MaxInflightBytes < s.HTTP.MaxInputSize || s.Repository.Poll <= 0 {
			t.Errorf("impossible: %+v", s)
		}
	})
}

func demandFile(t *testing.T, err error) {
	t.Helper()
	var one *Error
	if !errors.As(err, &one) || one.File == "" || one.Text == "" {
		t.Errorf("an error without a file: %#v", err)
	}
}
