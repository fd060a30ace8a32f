package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"galatea/internal/tritonpb"
	"galatea/tensor"
)

// Target is a model behind one protocol, with the requests that it is asked.
type Target struct {
	Ask   func(ctx context.Context, i int) error // sends request i, modulo their number, and checks that there is an answer
	Close func() error
}

// Request is the inputs of one request.
type Request []tensor.Tensor

// patience is how long an answer may take.
const patience = time.Minute

const headerLength = "Inference-Header-Content-Length"

// HTTP is a model by binary tensors over HTTP; url is where it is asked, and header goes
// with each request.
func HTTP(url string, header http.Header, requests []Request) (*Target, error) {
	type input struct {
		Name       string         `json:"name"`
		DataType   string         `json:"datatype"`
		Shape      []int64        `json:"shape"`
		Parameters map[string]int `json:"parameters"`
	}
	type prepared struct {
		body   []byte
		header string
	}
	all := make([]prepared, len(requests))
	for i, r := range requests {
		var head struct {
			Inputs     []input         `json:"inputs"`
			Parameters map[string]bool `json:"parameters"`
		}
		head.Inputs, head.Parameters = []input{}, map[string]bool{"binary_data_output": true}
		var data []byte
		for _, t := range r {
			head.Inputs = append(head.Inputs, input{t.Name, t.DType.String(), append([]int64{}, t.Shape...), map[string]int{"binary_data_size": len(t.Data)}})
			data = append(data, t.Data...)
		}
		text, err := json.Marshal(head)
		if err != nil {
			return nil, err
		}
		all[i] = prepared{append(text, data...), strconv.Itoa(len(text))}
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: math.MaxInt32}}
	ask := func(ctx context.Context, i int) error {
		p := &all[i%len(all)]
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(p.body))
		if err != nil {
			return err
		}
		maps.Copy(r.Header, header)
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Header.Set(headerLength, p.header)
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%d %s", resp.StatusCode, errorText(text))
		}
		return err
	}
	return &Target{ask, func() error { client.CloseIdleConnections(); return nil }}, nil
}

// errorText is what an error's body says.
func errorText(body []byte) string {
	var told struct{ Error string }
	if json.Unmarshal(body, &told) == nil && told.Error != "" {
		return told.Error
	}
	return string(body[:min(len(body), 100)])
}

// callersOnOne is how many callers share a connection of gRPC's, as is advised where many
// ask much.
const callersOnOne = 16

// GRPC is a model by raw tensors over gRPC at an address, for so many callers. version is
// empty for the one that the model serves by default. header goes with each request as
// metadata.
func GRPC(address, model, version string, header http.Header, requests []Request, callers int) (*Target, error) {
	var conns []*grpc.ClientConn
	closeAll := func() error {
		var err error
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
		return err
	}
	for range max(1, (callers+callersOnOne-1)/callersOnOne) {
		c, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		conns = append(conns, c)
	}
	all := make([]*tritonpb.ModelInferRequest, len(requests))
	for i, r := range requests {
		m := &tritonpb.ModelInferRequest{ModelName: model, ModelVersion: version}
		for _, t := range r {
			m.Inputs = append(m.Inputs, &tritonpb.ModelInferRequest_InferInputTensor{Name: t.Name, Datatype: t.DType.String(), Shape: t.Shape})
			m.RawInputContents = append(m.RawInputContents, t.Data)
		}
		all[i] = m
	}
	with := metadata.MD{}
	for name, values := range header {
		with.Set(name, values...)
	}
	ask := func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, with), patience)
		defer cancel()
		_, err := tritonpb.NewGRPCInferenceServiceClient(conns[i%len(conns)]).ModelInfer(ctx, all[i%len(all)])
		if err != nil {
			s := status.Convert(err)
			return fmt.Errorf("%v %s", s.Code(), s.Message())
		}
		return nil
	}
	return &Target{ask, closeAll}, nil
}
