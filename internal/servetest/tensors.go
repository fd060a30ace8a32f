package servetest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"galatea/tensor"
)

// headerLength is the header that says how much of a body is JSON.
const headerLength = "Inference-Header-Content-Length"

// Ask is a request for the outputs of one FP32 input, in one of the two encodings.
func Ask(model, input string, shape tensor.Shape, values []float32, inBinary bool) Request {
	r := Request{Path: "/v2/models/" + model + "/infer", Header: map[string]string{}}
	var data []byte
	if !inBinary {
		numbers := make([]string, len(values))
		for i, v := range values {
			numbers[i] = strconv.FormatFloat(float64(v), 'g', -1, 32)
		}
		r.Body = fmt.Appendf(nil, `{"inputs":[{"name":%q,"shape":%v,"datatype":"FP32","data":[%s]}]}`, input, shape, strings.Join(numbers, ","))
		return r
	}
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	r.Body = fmt.Appendf(nil, `{"inputs":[{"name":%q,"shape":%v,"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`, input, shape, len(data))
	r.Header[headerLength] = strconv.Itoa(len(r.Body))
	r.Body = append(r.Body, data...)
	return r
}

// Floats returns an FP32 output of an answer in either encoding.
func (r Reply) Floats(output string) ([]float32, error) {
	if r.Status != http.StatusOK {
		return nil, fmt.Errorf("the answer was %v", r)
	}
	head, tail := r.Body, []byte(nil)
	if text := r.Header.Get(headerLength); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n > len(head) {
			return nil, fmt.Errorf("%s is %q", headerLength, text)
		}
		head, tail = head[:n], head[n:]
	}
	var answer struct {
		Outputs []struct {
			Name       string
			DataType   string
			Data       []float32
			Parameters struct {
				Size int `json:"binary_data_size"`
			}
		}
	}
	// Data of other types than numbers is not looked at.
	if err := json.NewDecoder(bytes.NewReader(head)).Decode(&answer); err != nil {
		return nil, err
	}
	for _, out := range answer.Outputs {
		size := out.Parameters.Size
		if size > len(tail) {
			return nil, errors.New("the answer is shorter than its header says")
		}
		if out.Name == output {
			for ; size > 0; size -= 4 {
				out.Data = append(out.Data, math.Float32frombits(binary.LittleEndian.Uint32(tail)))
				tail = tail[4:]
			}
			return out.Data, nil
		}
		tail = tail[size:]
	}
	return nil, fmt.Errorf("no output %q in %v", output, r)
}

// Batches returns how many runs a version has had, by their rows.
func (s *Server) Batches(model string) (map[int]int, error) {
	reply := s.Get("/v2/models/" + model + "/stats")
	var stats struct {
		Models []struct {
			Batches []struct {
				Size    int                 `json:"batch_size"`
				Compute struct{ Count int } `json:"compute_infer"`
			} `json:"batch_stats"`
		} `json:"model_stats"`
	}
	if err := json.Unmarshal(reply.Body, &stats); err != nil || len(stats.Models) != 1 {
		return nil, fmt.Errorf("%w in %v", err, reply)
	}
	all := map[int]int{}
	for _, b := range stats.Models[0].Batches {
		all[b.Size] += b.Compute.Count
	}
	return all, nil
}
