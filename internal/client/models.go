package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// States of versions.
const (
	StateReady       = "READY"
	StateLoading     = "LOADING"
	StateUnloading   = "UNLOADING"
	StateUnavailable = "UNAVAILABLE"
)

// Model is a model with its versions.
type Model struct {
	Name     string           `json:"name"`
	Default  int64            `json:"default_version"` // what a request without a version gets; 0: nothing does
	Labels   map[string]int64 `json:"labels"`
	Versions []Version        `json:"versions"`
	Rollout  *Rollout         `json:"rollout"` // nil: none goes on
	Reason   string           `json:"reason"`  // what is wrong with the model as a whole
}

// In lists the model's versions that are in one of the states.
func (m *Model) In(states ...string) []Version {
	var all []Version
	for _, v := range m.Versions {
		for _, s := range states {
			if v.State == s {
				all = append(all, v)
			}
		}
	}
	return all
}

// Version is one version of a model.
type Version struct {
	Version  int64   `json:"version"`
	State    string  `json:"state"`
	Reason   string  `json:"reason"`
	Loaded   float64 `json:"load_seconds"`
	Weights  int64   `json:"weight_bytes"`
	Requests uint64  `json:"requests"` // answered
}

// Rollout is a canary or a shadow that goes on.
type Rollout struct {
	Model    string    `json:"model"`
	Strategy string    `json:"strategy"`
	Version  int64     `json:"version"`
	Stable   int64     `json:"stable_version"` // what answers meanwhile
	Step     int       `json:"step"`           // from 1 up
	Steps    int       `json:"steps"`
	Percent  float64   `json:"percent"`
	Since    time.Time `json:"since"` // of the step
	Counts   Counts    `json:"counts"`
}

// Counts is what a rollout has shown in its step.
type Counts struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
	Compared uint64 `json:"compared"`
	Rows     uint64 `json:"rows"` // compared
	Agreed   uint64 `json:"agreed"`
}

// ModelsJSON returns what Models reads, as the server sent it.
func (c *Client) ModelsJSON(ctx context.Context) ([]byte, error) {
	return c.call(ctx, request{http.MethodGet, "/v2/repository/models", nil, answerTimeout})
}

// Models returns all models that the server knows, by name.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	return decode[[]Model](c.ModelsJSON(ctx))
}

// Model returns one model, or nil where the server knows none of that name.
func (c *Client) Model(ctx context.Context, name string) (*Model, error) {
	all, err := c.Models(ctx)
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, err
}

// RolloutsJSON returns what Rollouts reads, as the server sent it.
func (c *Client) RolloutsJSON(ctx context.Context) ([]byte, error) {
	return c.call(ctx, request{http.MethodGet, "/v2/repository/rollouts", nil, answerTimeout})
}

// Rollouts returns the rollouts that go on.
func (c *Client) Rollouts(ctx context.Context) ([]Rollout, error) {
	return decode[[]Rollout](c.RolloutsJSON(ctx))
}

// Load asks for a model and waits until it is ready or refused; with force, versions are
// loaded again though their files have not changed. When ctx ends, the server goes on.
func (c *Client) Load(ctx context.Context, name string, force bool) error {
	body := []byte("{}")
	if force {
		body = []byte(`{"parameters":{"force":true}}`)
	}
	_, err := c.call(ctx, request{http.MethodPost, ofModel(name, "/load"), body, loadTimeout})
	return err
}

// Unload says that a model is not wanted any more. It does not wait until it is gone, and
// a name that is not known is no error.
func (c *Client) Unload(ctx context.Context, name string) error {
	_, err := c.call(ctx, request{http.MethodPost, ofModel(name, "/unload"), []byte("{}"), answerTimeout})
	return err
}

// change is the body of what is decided.
type change struct {
	Version int64  `json:"version,omitempty"`
	Why     string `json:"reason,omitempty"`
}

func (c *Client) decide(ctx context.Context, name, what string, ch change) (version int64, err error) {
	body, err := json.Marshal(ch)
	if err != nil {
		return 0, err
	}
	type done struct{ Version int64 }
	answer, err := decode[done](c.call(ctx, request{http.MethodPost, ofModel(name, what), body, answerTimeout}))
	return answer.Version, err
}

// Rollback takes the version out of service that is on trial, or else the one that answers,
// and returns it. why is for the server's records; "" is none.
func (c *Client) Rollback(ctx context.Context, name, why string) (version int64, err error) {
	return c.decide(ctx, name, "/rollback", change{0, why})
}

// Promote ends a trial in favour of the new version, or readmits the version that is given
// if it was rolled back.
func (c *Client) Promote(ctx context.Context, name string, version int64, why string) error {
	_, err := c.decide(ctx, name, "/promote", change{version, why})
	return err
}

// SetLabel lets a label stand for a version; version 0 gives it back to the model's
// config.yaml. The label "" is what a request without a version gets.
func (c *Client) SetLabel(ctx context.Context, name, label string, version int64) error {
	path := "/default"
	if label != "" {
		path = "/labels/" + url.PathEscape(label)
	}
	if version == 0 {
		_, err := c.call(ctx, request{http.MethodDelete, ofModel(name, path), nil, answerTimeout})
		return err
	}
	_, err := c.decide(ctx, name, path, change{Version: version})
	return err
}

func ofModel(name, what string) string {
	return "/v2/repository/models/" + url.PathEscape(name) + what
}
