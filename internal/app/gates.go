package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"galatea/config"
	"galatea/infer"
	"galatea/internal/golden"
	"galatea/internal/manifest"
	"galatea/repository"
)

// A version goes live only when it has passed its gates, in this order: the files are
// those of their manifest (integrity), it can stand in for the version that serves
// (signature), it runs at all (warmup), and it answers as it should (golden). What does
// not pass is refused for good, until its files, or what it is tried against, change.
const (
	gateIntegrity = "integrity"
	gateSignature = "signature"
	gateWarmup    = "warmup"
	gateGolden    = "golden"
)

// refuse makes a refusal of an error, but for those that are not the version's fault: the
// end of ctx, and what the system did.
func refuse(ctx context.Context, gate string, err error) error {
	if system := syscall.Errno(0); err == nil || ctx.Err() != nil || errors.As(err, &system) {
		return err
	}
	return &repository.GateError{Gate: gate, Err: err}
}

// checkIntegrity holds the files against their manifest, where there is one.
func checkIntegrity(ctx context.Context, d repository.Desired) error {
	return refuse(ctx, gateIntegrity, manifest.Check(ctx, d.Folder, "config.yaml", "config.pbtxt", "configs", warmupFolder))
}

// checkSignature holds what the version takes and gives against what callers are used to.
func checkSignature(ctx context.Context, d repository.Desired, r *config.Resolved) error {
	if d.Live == nil || d.Policy.Rollout.AllowSignatureChange {
		return nil
	}
	err := d.Live.Breaking(r.RequestSignature())
	if err != nil {
		err = fmt.Errorf("%w: callers of the version that served last would fail; rollout: {allow_signature_change: true} lets it pass", err)
	}
	return refuse(ctx, gateSignature, err)
}

// goldenTries is how often a golden request that has a limit on its time is tried: the
// machine may be busy with something else for a moment.
const goldenTries = 3

// checkGolden asks the version its golden requests, those of the model and its own.
func checkGolden(ctx context.Context, d repository.Desired, h infer.Handler) error {
	cases, err := GoldenCases(d)
	if err != nil {
		return refuse(ctx, gateGolden, err)
	}
	ref := infer.Ref{Name: d.Name, Version: d.Version}
	for _, c := range cases {
		tries := 1
		if c.MaxLatency > 0 {
			tries = goldenTries
		}
		for range tries {
			if err = askGolden(ctx, c, ref, h); err == nil {
				break
			}
		}
		if err != nil {
			return refuse(ctx, gateGolden, err)
		}
	}
	return nil
}

func askGolden(ctx context.Context, c *golden.Case, ref infer.Ref, h infer.Handler) error {
	began := time.Now()
	resp, err := h.Infer(ctx, c.Request(ref))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	defer resp.Release()
	return c.Check(resp, time.Since(began))
}

// modelFolder returns the folder of a version's model, and the name of the version's own
// in it; "" where they are the same.
func modelFolder(d repository.Desired) (model, own string) {
	base := filepath.Base(d.Folder)
	if base != fmt.Sprint(d.Version) {
		return d.Folder, ""
	}
	return filepath.Dir(d.Folder), base
}
