package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"galatea/internal/tritonpb"
	"galatea/internal/workload"
)

// caller asks a model by one protocol. ask sends row i of the load and checks that there
// is an answer.
type caller struct {
	ask   func(ctx context.Context, i int) error
	close func() error
}

// rate is how many requests a second are answered to the callers.
func rate(ctx context.Context, s settings, ask func(ctx context.Context, i int) error) (float64, error) {
	var answered atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, s.callers)
	began := time.Now()
	until := began.Add(s.time)
	for c := range s.callers {
		wg.Go(func() {
			for i := c; time.Now().Before(until); i++ {
				if err := ask(ctx, i%workload.DistinctRows); err != nil {
					errs <- err
					return
				}
				answered.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	close(errs)
	return float64(answered.Load()) / took.Seconds(), <-errs
}

func httpCaller(m workload.Model, address string) caller {
	bodies, header := m.Bodies()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: math.MaxInt32}}
	url := "http://" + address + m.Path()
	ask := func(ctx context.Context, i int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(bodies[i]))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Header.Set(workload.HeaderLength, strconv.Itoa(header))
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || len(text) < 4*m.Answer) {
			err = fmt.Errorf("status %d: %s", resp.StatusCode, text)
		}
		return err
	}
	return caller{ask, func() error { client.CloseIdleConnections(); return nil }}
}

// connections is over how many of them gRPC's calls are spread, as clients that ask much
// are advised to do.
const connections = 4

func rpcCaller(m workload.Model, address string) (caller, error) {
	var conns []*grpc.ClientConn
	closeAll := func() error {
		var err error
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
		return err
	}
	for range connections {
		c, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return caller{}, errors.Join(err, closeAll())
		}
		conns = append(conns, c)
	}
	bodies, header := m.Bodies()
	var requests []*tritonpb.ModelInferRequest
	for _, body := range bodies {
		requests = append(requests, &tritonpb.ModelInferRequest{
			ModelName:        m.Name,
			Inputs:           []*tritonpb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: append([]int64{1}, m.Row...)}},
			RawInputContents: [][]byte{body[header:]},
		})
	}
	ask := func(ctx context.Context, i int) error {
		resp, err := tritonpb.NewGRPCInferenceServiceClient(conns[i%connections]).ModelInfer(ctx, requests[i])
		if err == nil && (len(resp.RawOutputContents) != 1 || len(resp.RawOutputContents[0]) != 4*m.Answer) {
			err = fmt.Errorf("answered %v", resp)
		}
		return err
	}
	return caller{ask, closeAll}, nil
}
