package gateway

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/repository"
)

// change is the body of a request that decides about a model's versions.
type change struct {
	Version int64  `json:"version"` // which one; 0: see each request
	Why     string `json:"reason"`  // for the index and the log
}

func (ch change) why(otherwise string) string {
	if ch.Why != "" {
		return ch.Why
	}
	return otherwise
}

// decide reads a change and carries it out; do returns the answer.
func (g *Gateway) decide(c *gin.Context, do func(ch change) (any, error)) {
	name := c.Param("model")
	var ch change
	err := readControl(c, &ch)
	if err == nil && ch.Version < 0 {
		err = wire.Invalid("version %d: expected a number from 1 up", ch.Version)
	}
	var answer any
	if err == nil {
		answer, err = do(ch)
	}
	switch {
	case errors.Is(err, repository.ErrChoice):
		replyError(c, http.StatusConflict, err.Error())
	case err != nil:
		g.fail(c, err, infer.Ref{Name: name, Version: ch.Version, Label: c.Param("label")}, "")
	default:
		replyJSON(c, answer)
	}
}

// done is the answer about a version that something was decided about.
type done struct {
	Model   string `json:"model"`
	Version int64  `json:"version,omitempty"`
	Label   string `json:"label,omitempty"`
}

// setLabel answers POST and DELETE of .../labels/{label} and .../default.
func (g *Gateway) setLabel(c *gin.Context) {
	g.decide(c, func(ch change) (any, error) {
		if (c.Request.Method == http.MethodDelete) != (ch.Version == 0) {
			return nil, wire.Invalid("expected {\"version\": N} with POST, or DELETE to give the name back to config.yaml")
		}
		name, label := c.Param("model"), c.Param("label")
		err := g.o.Decisions.SetLabel(c.Request.Context(), name, label, ch.Version)
		return done{name, ch.Version, label}, err
	})
}

// rollBack answers POST .../rollback.
func (g *Gateway) rollBack(c *gin.Context) {
	g.decide(c, func(ch change) (any, error) {
		version, err := g.o.Decisions.RollBack(c.Request.Context(), c.Param("model"), ch.why("on request"))
		return done{Model: c.Param("model"), Version: version}, err
	})
}

// promote answers POST .../promote.
func (g *Gateway) promote(c *gin.Context) {
	g.decide(c, func(ch change) (any, error) {
		err := g.o.Decisions.Promote(c.Request.Context(), c.Param("model"), ch.Version, ch.why("on request"))
		return done{Model: c.Param("model"), Version: ch.Version}, err
	})
}

// Rows of GET /v2/repository/models, for people and their commands.
type (
	modelRow struct {
		Name     string           `json:"name"`
		Default  int64            `json:"default_version,omitempty"`
		Labels   map[string]int64 `json:"labels,omitempty"`
		Versions []versionRow     `json:"versions"`
		Rollout  *rolloutRow      `json:"rollout,omitempty"`
		Reason   string           `json:"reason,omitempty"`
	}
	versionRow struct {
		Version  int64   `json:"version"`
		State    string  `json:"state"`
		Reason   string  `json:"reason,omitempty"`
		Loaded   float64 `json:"load_seconds,omitempty"`
		Weights  int64   `json:"weight_bytes,omitempty"`
		Requests uint64  `json:"requests,omitempty"`
	}
	rolloutRow struct {
		Model    string    `json:"model"`
		Strategy string    `json:"strategy"`
		Version  int64     `json:"version"`
		Stable   int64     `json:"stable_version"`
		Step     int       `json:"step"`
		Steps    int       `json:"steps"`
		Percent  float64   `json:"percent"`
		Since    time.Time `json:"since"`
		Counts   any       `json:"counts,omitempty"`
	}
)

func (g *Gateway) rolloutRow(t repository.TrialInfo) *rolloutRow {
	row := &rolloutRow{
		Model: t.Model, Strategy: string(t.Plan.Strategy), Version: t.Version, Stable: t.Stable, Step: t.Step + 1, Steps: len(t.Plan.Steps), Since: t.Since,
	}
	if t.Step < len(t.Plan.Steps) {
		row.Percent = t.Plan.Steps[t.Step].Percent
	}
	if g.o.Counts != nil {
		row.Counts = g.o.Counts(t)
	}
	return row
}

// models answers GET /v2/repository/models.
func (g *Gateway) models(c *gin.Context) {
	all := []*modelRow{}
	for _, s := range g.o.Service.Index() {
		if len(all) == 0 || all[len(all)-1].Name != s.Name {
			all = append(all, g.modelRow(s.Name))
		}
		row := all[len(all)-1]
		if s.Version == 0 {
			row.Reason = s.Reason
			continue
		}
		v := versionRow{Version: s.Version, State: s.State, Reason: s.Reason}
		if info, err := g.o.Service.Info(infer.Ref{Name: s.Name, Version: s.Version}); err == nil {
			v.Loaded, v.Weights, v.Requests = info.Loaded.Seconds(), info.Weights, info.Stats.Success.Count
		}
		row.Versions = append(row.Versions, v)
	}
	replyJSON(c, all)
}

func (g *Gateway) modelRow(name string) *modelRow {
	row := &modelRow{Name: name, Versions: []versionRow{}}
	labels, standard := g.o.Rollouts.Names(name)
	row.Default = standard
	for label, version := range labels {
		if label != "" {
			if row.Labels == nil {
				row.Labels = map[string]int64{}
			}
			row.Labels[label] = version
		}
	}
	if t, is := g.o.Rollouts.Trial(name); is {
		row.Rollout = g.rolloutRow(t)
	}
	return row
}

// rollouts answers GET /v2/repository/rollouts.
func (g *Gateway) rollouts(c *gin.Context) {
	all := []*rolloutRow{}
	for _, t := range g.o.Rollouts.Trials() {
		all = append(all, g.rolloutRow(t))
	}
	replyJSON(c, all)
}
