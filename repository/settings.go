package repository

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"galatea/tensor"
)

// Settings is what was decided at run time, by callers and by rollouts, by the names of
// models. It is all that a restart needs besides the files. The Reconciler owns its
// Settings; in JSON they are kept by a Store.
type Settings struct {
	Models map[string]*ModelSettings `json:"models,omitempty"`
	// Asked are the models that were asked for in ModeExplicit. A model that is false was
	// unloaded, though it is loaded at start.
	Asked map[string]bool `json:"asked,omitempty"`
}

// ModelSettings are one model's.
type ModelSettings struct {
	Default *Pin            `json:"default,omitempty"` // what a request without a version gets
	Labels  map[string]*Pin `json:"labels,omitempty"`
	// Withdrawn generations do not serve, the newest last.
	Withdrawn []Withdrawal `json:"withdrawn,omitempty"`
	// Accepted are the digests of the versions that have taken over, the newest last. Those
	// of a model with a strategy that are not among them go on trial first.
	Accepted []string `json:"accepted,omitempty"`
	// Live is the version that took over last, and Signature that version's.
	Live      int64             `json:"live,omitempty"`
	Signature *tensor.Signature `json:"signature,omitempty"`
	Trial     *Trial            `json:"trial,omitempty"`
}

// Pin is a version that a caller has set, over what the model's config said then. It
// counts until the config says something else.
type Pin struct {
	Version int64 `json:"version"`
	Config  int64 `json:"config,omitempty"` // what the config said; 0: nothing
}

// Withdrawal takes one generation out of service.
type Withdrawal struct {
	Version int64     `json:"version"`
	Digest  string    `json:"digest"`
	Why     string    `json:"why"`
	At      time.Time `json:"at"`
}

// Trial is a rollout that goes on: a version that is ready and does not yet take over.
type Trial struct {
	Version int64     `json:"version"`
	Digest  string    `json:"digest"`
	Step    int       `json:"step"` // of the plan's
	Since   time.Time `json:"since"`
}

// Most of what is remembered of one model.
const (
	maxWithdrawn = 64
	maxAccepted  = 64
)

// Store keeps the Settings over a restart.
type Store interface {
	// Load returns what Save got last; nothing before the first.
	Load() ([]byte, error)
	// Save replaces it whole, or fails without effect.
	Save(data []byte) error
}

// LoadSettings reads what a Store kept; there may be no store.
func LoadSettings(store Store) (*Settings, error) {
	s := &Settings{}
	var data []byte
	if store != nil {
		var err error
		if data, err = store.Load(); err != nil {
			return nil, err
		}
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, s); err != nil {
			return nil, fmt.Errorf("the saved state: %w", err)
		}
	}
	if s.Models == nil {
		s.Models = map[string]*ModelSettings{}
	}
	for name, m := range s.Models {
		if m == nil {
			delete(s.Models, name)
			continue
		}
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("the saved state: model %q: %w", name, err)
		}
	}
	return s, nil
}

// check says what this program would never have kept.
func (m *ModelSettings) check() error {
	for label, pin := range m.Labels {
		if pin == nil {
			return fmt.Errorf("label %q stands for nothing: expected a version", label)
		}
	}
	if m.Trial != nil && m.Trial.Step < 0 {
		return fmt.Errorf("a trial in step %d: expected a number from 0 up", m.Trial.Step)
	}
	return nil
}

// encode returns the settings as a Store keeps them.
func (s *Settings) encode() ([]byte, error) {
	return json.MarshalIndent(s, "", "  ")
}

// of returns a model's settings, to be changed.
func (s *Settings) of(name string) *ModelSettings {
	m := s.Models[name]
	if m == nil {
		m = &ModelSettings{}
		s.Models[name] = m
	}
	return m
}

// get returns a model's settings, to be read.
func (s *Settings) get(name string) ModelSettings {
	if m := s.Models[name]; m != nil {
		return *m
	}
	return ModelSettings{}
}

// withdrawn says why a generation is out of service; "": it is not.
func (m ModelSettings) withdrawn(version int64, digest string) string {
	for _, w := range m.Withdrawn {
		if w.Version == version && w.Digest == digest {
			return w.Why
		}
	}
	return ""
}

func (m *ModelSettings) withdraw(w Withdrawal) {
	m.Withdrawn = append(m.Withdrawn, w)
	if n := len(m.Withdrawn) - maxWithdrawn; n > 0 {
		m.Withdrawn = slices.Delete(m.Withdrawn, 0, n)
	}
}

// readmit takes back what was withdrawn of a version.
func (m *ModelSettings) readmit(version int64) {
	m.Withdrawn = slices.DeleteFunc(m.Withdrawn, func(w Withdrawal) bool { return w.Version == version })
}

// accept remembers that a generation has taken over.
func (m *ModelSettings) accept(digest string) bool {
	if len(m.Accepted) > 0 && m.Accepted[len(m.Accepted)-1] == digest {
		return false
	}
	m.Accepted = append(slices.DeleteFunc(m.Accepted, func(d string) bool { return d == digest }), digest)
	if n := len(m.Accepted) - maxAccepted; n > 0 {
		m.Accepted = slices.Delete(m.Accepted, 0, n)
	}
	return true
}

// setLabel pins a label over what the config says of it; 0 gives it back to the config.
func (m *ModelSettings) setLabel(label string, version, config int64) {
	if version == 0 {
		delete(m.Labels, label)
		return
	}
	if m.Labels == nil {
		m.Labels = map[string]*Pin{}
	}
	m.Labels[label] = &Pin{Version: version, Config: config}
}

// dropStale forgets the pins of names of which the config says something else than it did
// when they were set. It reports whether there was one.
func (m *ModelSettings) dropStale(p Policy) bool {
	dropped := false
	maps.DeleteFunc(m.Labels, func(label string, pin *Pin) bool {
		stale := pin.Config != p.Labels[label]
		dropped = dropped || stale
		return stale
	})
	if m.Default != nil && m.Default.Config != p.Default {
		m.Default, dropped = nil, true
	}
	return dropped
}

// names returns the versions that a model's names are to stand for: labels, and "" for the
// default where there is one.
func (m ModelSettings) names(p Policy) map[string]int64 {
	all := p.Names()
	for label, pin := range m.Labels {
		all[label] = pin.Version
	}
	if m.Default != nil {
		all[""] = m.Default.Version
	}
	return all
}
