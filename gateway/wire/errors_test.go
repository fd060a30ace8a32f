package wire_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"galatea/gateway/wire"
	"galatea/infer"
)

func TestEverySentinelHasAStatusAndAText(t *testing.T) {
	ref := infer.Ref{Name: "m", Version: 3}
	invalid := infer.Invalidf("unexpected inference input 'z' for model 'm'")
	for _, tt := range []struct {
		err    error
		status int
		code   codes.Code
		text   string
	}{
		{infer.ErrUnknownModel, 404, codes.NotFound, "Request for unknown model: 'm' is not found"},
		{infer.ErrUnknownVersion, 404, codes.NotFound, "Request for unknown model: 'm' version 3 is not found"},
		{infer.ErrNoVersion, 404, codes.NotFound, "Request for unknown model: 'm' has no available versions"},
		{infer.ErrNotReady, 503, codes.Unavailable, "Request for unknown model: 'm' version 3 is not at ready state"},
		{infer.ErrInvalid, 400, codes.InvalidArgument, "[request id: me] invalid request"},
		{invalid, 400, codes.InvalidArgument, "[request id: me] unexpected inference input 'z' for model 'm'"},
		{infer.ErrQueueFull, 503, codes.Unavailable, "[request id: me] Exceeds maximum queue size"},
		{infer.ErrTimeout, 503, codes.Unavailable, "[request id: me] Request timeout expired"},
		{infer.ErrStopping, 503, codes.Unavailable, "[request id: me] Server is stopping, scheduler for model has stopped accepting new inference requests"},
		{infer.ErrInstanceLost, 503, codes.Unavailable, "[request id: me] instance lost"},
		{infer.ErrExecution, 500, codes.Internal, "[request id: me] inference failed"},
		{context.Canceled, 499, codes.Canceled, "[request id: me] context canceled"},
		{context.DeadlineExceeded, 504, codes.DeadlineExceeded, "[request id: me] context deadline exceeded"},
		{errors.New("odd"), 500, codes.Internal, "[request id: me] odd"},
		{wire.Invalid("so %d", 1), 400, codes.InvalidArgument, "so 1"},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
			if status, code := wire.Status(err), wire.Code(err); status != tt.status || code != tt.code {
				t.Errorf("%v: %d and %v, want %d and %v", err, status, code, tt.status, tt.code)
			}
		}
		if got := wire.Text(tt.err, ref, "me"); got != tt.text {
			t.Errorf("%v: got %q, want %q", tt.err, got, tt.text)
		}
	}
	for _, sentinel := range infer.Sentinels() {
		if wire.Status(sentinel) == http.StatusInternalServerError && !errors.Is(sentinel, infer.ErrExecution) {
			t.Errorf("%v has no row in the table of numbers", sentinel)
		}
	}
}

func TestOwnErrorsHaveTheCodesOfTheirStatuses(t *testing.T) {
	for code, err := range map[codes.Code]error{
		codes.InvalidArgument: wire.Invalid("x"), codes.NotFound: wire.NotFound("x"), codes.Unimplemented: wire.Unsupported("x"),
		codes.Unavailable: wire.Unavailable("x"), codes.Internal: wire.Failed("x"),
	} {
		if got := wire.Code(err); got != code {
			t.Errorf("%d is %v, want %v", wire.Status(err), got, code)
		}
	}
	if err := wire.Unreadable("x"); wire.Status(err) != 500 || wire.Code(err) != codes.InvalidArgument {
		t.Errorf("%d, %v", wire.Status(err), wire.Code(err))
	}
}

func TestTextsAreCut(t *testing.T) {
	text := wire.Text(wire.Invalid("%s", strings.Repeat("ä", 1<<20)), infer.Ref{}, "")
	if len(text) > 5000 || !strings.HasSuffix(text, "ä...") {
		t.Errorf("%d bytes, ending in %q", len(text), text[len(text)-10:])
	}
}
