package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/http1"
	"galatea/repository"
	"galatea/tensor"
)

// newGateway returns a gateway over a service.
func newGateway(o wire.Options) *Gateway { return New(Options{Service: wire.New(o)}) }

// anyModel knows every model; its index is empty.
type anyModel struct{}

func (anyModel) Find(infer.Ref) error { return nil }
func (anyModel) Info(infer.Ref) (repository.Info, error) {
	return repository.Info{}, infer.ErrUnknownModel
}
func (anyModel) Versions(string) []int64                               { return nil }
func (anyModel) Index() []repository.Status                            { return nil }
func (anyModel) Load(context.Context, string) error                    { return nil }
func (anyModel) LoadWith(context.Context, string, wire.Override) error { return nil }
func (anyModel) Reload(context.Context, string) error                  { return nil }
func (anyModel) Unload(context.Context, string) error                  { return nil }
func answerWith(y string) (*infer.Response, error) {
	return &infer.Response{Outputs: []tensor.Tensor{{Name: "y", DType: tensor.Bytes, Shape: tensor.Shape{1}, Data: tensor.AppendString(nil, y)}}}, nil
}
func yes(context.Context, *infer.Request) (*infer.Response, error) { return answerWith("yes") }

// pipes is a listener of connections in memory, whose time a bubble can bend.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// bubble serves a gateway with the given handler in virtual time and calls f with a
// connection to it. Afterwards no body may be held.
func bubble(t *testing.T, h infer.HandlerFunc, f func(t *testing.T, g *Gateway, conn net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(wire.Options{Handler: h, Models: anyModel{}, Control: anyModel{}})
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := http1.New(t.Context(), &http.Server{Handler: g, ReadHeaderTimeout: time.Hour, WriteTimeout: time.Hour})
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		client, conn := net.Pipe()
		defer func() {
			_ = client.Close()
			if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
			if err := <-served; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
			if n := g.InflightBytes(); n != 0 {
				t.Errorf("%d bytes are held", n)
			}
		}()
		l.conns <- conn
		f(t, g, client)
	})
}

// ask writes the head of a request, with the beginning of its body.
func ask(t *testing.T, conn net.Conn, head, body string) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\n%s", head, body); err != nil {
		t.Fatal(err)
	}
}

// answer reads the answer and says when it came.
func answer(t *testing.T, conn net.Conn, began time.Time) (status int, text string, after time.Duration) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	after = time.Since(began)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), after
}

func TestSendersThatStallAreStopped(t *testing.T) {
	for _, tt := range []struct {
		name, head, body string
		status           int
	}{
		{"a body that is never sent", "POST /v2/models/m/infer", "Content-Length: 1000\r\n\r\n", 408},
		{"a body that stops half way", "POST /v2/models/m/infer", "Content-Length: 1000\r\n\r\n{\"inputs\":", 408},
		{"a body as large as may be", "POST /v2/models/m/infer", "Content-Length: 67108864\r\n\r\n{\"inputs\":", 408},
		{"chunks that stop", "POST /v2/models/m/infer", "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"inp\r\n", 408},
		{"a compressed body that stops", "POST /v2/models/m/infer", "Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n\x1f\x8b", 408},
		{"the index's body", "POST /v2/repository/index", "Content-Length: 1000\r\n\r\n{", 408},
		{"a load's body", "POST /v2/repository/models/m/load", "Content-Length: 1000\r\n\r\n{", 408},
		{"a body for which there is no route", "POST /v2/nothing", "Content-Length: 1000\r\n\r\n{", 404},
		{"a body that nobody reads", "GET /v2", "Content-Length: 1000\r\n\r\n{", 200},
		{"a body with the wrong method", "PUT /v2", "Content-Length: 1000\r\n\r\n{", 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, yes, func(t *testing.T, g *Gateway, conn net.Conn) {
				began := time.Now()
				ask(t, conn, tt.head, tt.body)
				status, text, after := answer(t, conn, began)
				if status != tt.status || after != senderGrace {
					t.Errorf("%d %s after %v, want %d after %v", status, text, after, tt.status, senderGrace)
				}
				if tt.status == 408 && text != `{"error":"failed to read the request body: it came too slowly"}` {
					t.Errorf("got %s", text)
				}
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("the connection goes on: %v", err)
				}
			})
		})
	}
}

func TestSendersMustKeepUp(t *testing.T) {
	const size = 8 << 20
	for _, tt := range []struct {
		name   string
		rate   int // bytes a second
		status int
		within [2]time.Duration
	}{
		{"a little faster than the slowest", slowestSender + 1024, 500, [2]time.Duration{2 * time.Minute, 3 * time.Minute}},
		{"a little slower, but ended within the grace", slowestSender - 10_000, 500, [2]time.Duration{2 * time.Minute, 3 * time.Minute}},
		{"at half the speed", slowestSender / 2, 408, [2]time.Duration{senderGrace, 2*senderGrace + 3*time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, yes, func(t *testing.T, g *Gateway, conn net.Conn) {
				began := time.Now()
				ask(t, conn, "POST /v2/models/m/infer", fmt.Sprintf("Content-Length: %d\r\n\r\n", size))
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					piece := []byte(strings.Repeat(" ", tt.rate/10))
					for left := size; left > 0; left -= len(piece) {
						time.Sleep(time.Second / 10)
						if _, err := conn.Write(piece[:min(left, len(piece))]); err != nil {
							return // refused
						}
					}
				}()
				status, text, after := answer(t, conn, began)
				if status != tt.status || after < tt.within[0] || after > tt.within[1] {
					t.Errorf("%d %s after %v, want %d within %v", status, text, after, tt.status, tt.within)
				}
				_ = conn.Close()
				<-sent
			})
		})
	}
}

const smallBody = `{"inputs":[{"name":"x","shape":[1],"datatype":"INT8","data":[1]}]}`

func TestALongRunIsNoSlowSender(t *testing.T) {
	long := func(ctx context.Context, _ *infer.Request) (*infer.Response, error) {
		select {
		case <-time.After(10 * senderGrace):
			return answerWith("at last")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for _, body := range []string{
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(smallBody), smallBody),
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(smallBody), smallBody),
	} {
		bubble(t, long, func(t *testing.T, _ *Gateway, conn net.Conn) {
			began := time.Now()
			ask(t, conn, "POST /v2/models/m/infer", body)
			if status, text, after := answer(t, conn, began); status != 200 || after != 10*senderGrace || !strings.Contains(text, "at last") {
				t.Errorf("%d %s after %v", status, text, after)
			}
		})
	}
}

func TestACallerWhoLeavesEndsTheRequest(t *testing.T) {
	var left atomic.Int32
	wait := func(ctx context.Context, _ *infer.Request) (*infer.Response, error) {
		<-ctx.Done()
		left.Add(1)
		return nil, context.Cause(ctx)
	}
	bubble(t, wait, func(t *testing.T, g *Gateway, conn net.Conn) {
		ask(t, conn, "POST /v2/models/m/infer", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(smallBody), smallBody))
		synctest.Wait()
		if left.Load() != 0 {
			t.Error("the request has ended")
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second / 10) // the front looks now and then
		synctest.Wait()
		if left.Load() != 1 || g.InflightBytes() != 0 {
			t.Errorf("%d have left, %d bytes are held", left.Load(), g.InflightBytes())
		}
		if n := g.Requests()[RouteStatus{"/v2/models/:model/infer", wire.StatusClientClosed}].Count(); n != 1 {
			t.Errorf("the requests are %v", g.Requests())
		}
	})
}

func TestAReaderWhoStallsIsStopped(t *testing.T) {
	large := func(context.Context, *infer.Request) (*infer.Response, error) {
		return answerWith(strings.Repeat("y", 1<<20))
	}
	bubble(t, large, func(t *testing.T, g *Gateway, conn net.Conn) {
		began := time.Now()
		ask(t, conn, "POST /v2/models/m/infer", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(smallBody), smallBody))
		synctest.Wait()
		if n := g.InflightBytes(); n != 0 {
			t.Errorf("%d bytes are held while the answer is sent", n)
		}
		time.Sleep(2*senderGrace + time.Minute)
		synctest.Wait()
		if n := len(g.Requests()); n != 1 {
			t.Errorf("after %v the answer is still being sent", time.Since(began))
		}
	})
}

// patient is a control whose loads take longer than the server gives an answer.
type patient struct{ anyModel }

func (patient) Load(context.Context, string) error {
	<-time.After(2 * time.Hour)
	return nil
}

func TestALoadThatTakesLongIsAnswered(t *testing.T) {
	bubble(t, yes, func(t *testing.T, g *Gateway, conn net.Conn) {
		g.o.Service = wire.New(wire.Options{Models: anyModel{}, Control: patient{}})
		ask(t, conn, "POST /v2/repository/models/m/load", "Content-Length: 2\r\n\r\n{}")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("got %s", resp.Status)
		}
	})
}
