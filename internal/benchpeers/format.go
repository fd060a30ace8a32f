package main

import (
	"encoding/json"
	"fmt"

	"galatea/internal/workload"
)

// format is how requests and answers look on the wire.
type format struct {
	name     string
	requests func(workload.Model) [][]byte
	answer   func(body []byte, n int) ([]float32, error) // the n numbers of an answer's row
}

// The formats of the servers' own users.
var (
	binaryV2 = format{"v2, binary", workload.Model.Requests, workload.Floats}
	jsonV2   = format{"v2, JSON", workload.Model.JSONRequests, tensorAnswer}
	jsonData = format{"JSON", func(m workload.Model) [][]byte { return m.DataRequests("/predict") }, outputAnswer}
)

// tensorAnswer reads {"outputs":[{"data":[...]}]}.
func tensorAnswer(body []byte, n int) ([]float32, error) {
	var answer struct {
		Outputs []struct {
			Data []float32 `json:"data"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Outputs) != 1 {
		return nil, fmt.Errorf("an answer of %d outputs: expected one", len(answer.Outputs))
	}
	return counted(answer.Outputs[0].Data, n)
}

// outputAnswer reads {"output":[...]}.
func outputAnswer(body []byte, n int) ([]float32, error) {
	var answer struct {
		Output []float32 `json:"output"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	return counted(answer.Output, n)
}

func counted(numbers []float32, n int) ([]float32, error) {
	if len(numbers) != n {
		return nil, fmt.Errorf("an answer of %d numbers: expected %d", len(numbers), n)
	}
	return numbers, nil
}

// tolerance is how far an answer may be from the plain runtime's.
const tolerance = 1e-4

// checker compares a connection's first answer with the right one.
func (f format) checker(right [][]float32) func(request, status int, body []byte) error {
	return func(request, _ int, body []byte) error {
		want := right[request]
		got, err := f.answer(body, len(want))
		if err == nil && !workload.Near(got, want, tolerance) {
			err = fmt.Errorf("a wrong answer to row %d: got %v, expected %v", request, got, want)
		}
		return err
	}
}
