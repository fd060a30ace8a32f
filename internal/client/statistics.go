package client

import (
	"context"
	"net/http"
)

// Statistics is what a model has done since it was loaded, its versions taken together.
type Statistics struct {
	Success    Sum
	Queue      Sum
	Input      Sum // gathering inputs
	Infer      Sum // running
	Output     Sum // giving outputs out
	Rows       uint64
	Executions uint64
}

// Sum is how often something happened, and the nanoseconds that it took altogether.
type Sum struct {
	Count uint64 `json:"count"`
	NS    uint64 `json:"ns"`
}

func (s *Sum) add(o Sum) { s.Count, s.NS = s.Count+o.Count, s.NS+o.NS }

// Statistics returns the statistics of a model, or of a version.
func (c *Client) Statistics(ctx context.Context, w Which) (all Statistics, err error) {
	told, err := decode[struct {
		Models []struct {
			Rows       uint64 `json:"inference_count"`
			Executions uint64 `json:"execution_count"`
			Stats      struct {
				Success Sum `json:"success"`
				Queue   Sum `json:"queue"`
				Input   Sum `json:"compute_input"`
				Infer   Sum `json:"compute_infer"`
				Output  Sum `json:"compute_output"`
			} `json:"inference_stats"`
		} `json:"model_stats"`
	}](c.call(ctx, request{http.MethodGet, w.path() + "/stats", nil, answerTimeout}))
	for _, m := range told.Models {
		all.Success.add(m.Stats.Success)
		all.Queue.add(m.Stats.Queue)
		all.Input.add(m.Stats.Input)
		all.Infer.add(m.Stats.Infer)
		all.Output.add(m.Stats.Output)
		all.Rows += m.Rows
		all.Executions += m.Executions
	}
	return all, err
}

// Since is what was done after an earlier look.
func (s Statistics) Since(before Statistics) Statistics {
	for _, of := range []struct{ now, then *Sum }{
		{&s.Success, &before.Success}, {&s.Queue, &before.Queue}, {&s.Input, &before.Input}, {&s.Infer, &before.Infer}, {&s.Output, &before.Output},
	} {
		of.now.Count, of.now.NS = less(of.now.Count, of.then.Count), less(of.now.NS, of.then.NS)
	}
	s.Rows, s.Executions = less(s.Rows, before.Rows), less(s.Executions, before.Executions)
	return s
}

// less is how much was added; all of it where the model was loaded anew meanwhile.
func less(now, then uint64) uint64 {
	if now < then {
		return now
	}
	return now - then
}
