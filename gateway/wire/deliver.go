package wire

import (
	"galatea/infer"
)

// Output is how a request wants one output that it lists, besides its encoding.
type Output struct {
	Classes uint64 // so many of the largest elements; 0: the tensor
	Part    Part   // where in shared memory it goes; no region: into the answer
}

// CheckOutput returns what is wrong with the wishes for an output before anything is run.
func (s *Service) CheckOutput(o Output) error {
	if o.Part.Region == "" {
		return nil
	}
	return s.o.Regions.Check(o.Part)
}

// Deliver writes outputs to shared memory where the request wants them there; they have no
// data then. wanted goes with the outputs that the request lists, in its order. The
// response keeps owning the memory of its outputs.
func (s *Service) Deliver(resp *infer.Response, wanted []Output) error {
	for i, o := range wanted {
		if o.Part.Region == "" {
			continue
		}
		t := &resp.Outputs[i]
		if err := s.o.Regions.Write(o.Part, t.Name, t.Data); err != nil {
			return err
		}
		t.Data = nil
	}
	return nil
}

// Classes sets how many of the largest elements of each output a request wants.
func Classes(req *infer.Request, wanted []Output) {
	for i, o := range wanted {
		if o.Classes == 0 {
			continue
		}
		if req.Classes == nil {
			req.Classes = make([]uint64, len(wanted))
		}
		req.Classes[i] = o.Classes
	}
}
