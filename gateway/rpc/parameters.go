package rpc

import (
	"math"
	"strconv"
	"strings"
	"time"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/tritonpb"
)

// parameters is those of a request, an input or an output.
type parameters = map[string]*tritonpb.InferParameter

// requestParameters reads the parameters of a request that mean something here, and refuses
// those that are Triton's own.
func requestParameters(req *infer.Request, all parameters) (err error) {
	for name, p := range all {
		switch name {
		case "sequence_id":
			req.Sequence.ID, err = sequenceID(p)
		case "sequence_start":
			req.Sequence.Start, err = boolean(name, p)
		case "sequence_end":
			req.Sequence.End, err = boolean(name, p)
		case "priority":
			req.Priority, err = unsigned(name, p)
		case "timeout":
			var us uint64
			us, err = unsigned(name, p)
			req.Timeout = time.Duration(min(us, math.MaxInt64/1000)) * time.Microsecond
		case finalResponse, emptyFinalResponse, "headers":
		default:
			if strings.HasPrefix(name, "triton_") {
				err = wire.ErrReservedParameter
			} else if p.GetParameterChoice() == nil {
				err = wire.Invalid("parameter '%s' has no value: expected one of bool_param, int64_param, string_param, double_param, uint64_param", name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Parameters of streams, which are Triton's.
const (
	finalResponse      = "triton_final_response"              // of an answer: it is the last one to its request
	emptyFinalResponse = "triton_enable_empty_final_response" // of a request: say so even without an answer
)

func boolean(name string, p *tritonpb.InferParameter) (bool, error) {
	if _, is := p.GetParameterChoice().(*tritonpb.InferParameter_BoolParam); !is {
		return false, wrongType(name, "bool_param")
	}
	return p.GetBoolParam(), nil
}

// unsigned reads a number, which clients send in either of two types.
func unsigned(name string, p *tritonpb.InferParameter) (uint64, error) {
	switch v := p.GetParameterChoice().(type) {
	case *tritonpb.InferParameter_Uint64Param:
		return v.Uint64Param, nil
	case *tritonpb.InferParameter_Int64Param:
		if v.Int64Param < 0 {
			return 0, wire.Invalid("parameter '%s' is out of range: expected 0 or more, got: %d", name, v.Int64Param)
		}
		return uint64(v.Int64Param), nil
	default:
		return 0, wrongType(name, "int64_param or uint64_param")
	}
}

func text(name string, p *tritonpb.InferParameter) (string, error) {
	if _, is := p.GetParameterChoice().(*tritonpb.InferParameter_StringParam); !is {
		return "", wrongType(name, "string_param")
	}
	return p.GetStringParam(), nil
}

// sequenceID reads an identifier, which may be a number or a string.
func sequenceID(p *tritonpb.InferParameter) (string, error) {
	switch v := p.GetParameterChoice().(type) {
	case *tritonpb.InferParameter_StringParam:
		return v.StringParam, nil
	case *tritonpb.InferParameter_Uint64Param:
		return strconv.FormatUint(v.Uint64Param, 10), nil
	case *tritonpb.InferParameter_Int64Param:
		return strconv.FormatUint(uint64(v.Int64Param), 10), nil
	default:
		return "", wrongType("sequence_id", "int64_param or string_param")
	}
}

func wrongType(name, want string) error {
	return wire.Invalid("invalid value type for '%s' parameter, expected %s.", name, want)
}

// outputOf reads an output's parameters.
func outputOf(all parameters) (o wire.Output, err error) {
	if p := all["classification"]; p != nil {
		o.Classes, err = unsigned("classification", p)
	}
	if err == nil {
		o.Part, err = partOf(all)
	}
	if err == nil && o.Part.Region != "" && o.Classes > 0 {
		err = wire.Invalid("output can't set both 'shared_memory_region' and 'classification'")
	}
	return o, err
}

// partOf reads where in shared memory a tensor lies; no region where it does not.
func partOf(all parameters) (p wire.Part, err error) {
	region := all["shared_memory_region"]
	if region == nil {
		return p, nil
	}
	if p.Region, err = text("shared_memory_region", region); err != nil {
		return p, err
	}
	size := all["shared_memory_byte_size"]
	if p.Region == "" || size == nil {
		return p, wire.Invalid("'shared_memory_byte_size' must be specified along with 'shared_memory_region'")
	}
	if p.Size, err = unsigned("shared_memory_byte_size", size); err != nil {
		return p, err
	}
	if offset := all["shared_memory_offset"]; offset != nil {
		p.Offset, err = unsigned("shared_memory_offset", offset)
	}
	return p, err
}
