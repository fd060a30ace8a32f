package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"galatea/tensor"
)

// Rollout says how a new version takes over, as the file declares it.
type Rollout struct {
	// immediate: a version that has passed its checks takes over at once. canary: it gets a growing share of the requests first, and is rolled back when it does worse than the version that serves. shadow: it gets copies of requests first, and its answers are compared, which no caller notices.
	Strategy Strategy `yaml:"strategy" default:"immediate"`

	// availability: a new version is loaded before the old one is unloaded. resource: the old one is unloaded first, for models too large to be in memory twice; meanwhile the model is not there.
	Order Order `yaml:"order" default:"availability"`

	// Whether a new version may take or give other tensors than the version that serves, so that requests that are right for the one are wrong for the other.
	AllowSignatureChange bool `yaml:"allow_signature_change" default:"false"`

	// How a canary goes. It is for the strategy canary.
	Canary *Canary `yaml:"canary"`

	// How a shadow goes. It is for the strategy shadow.
	Shadow *Shadow `yaml:"shadow"`
}

// Canary says how a canary goes, as the file declares it.
type Canary struct {
	// The shares of the requests that the new version gets, one after the other. Left out: 5, 25 and 50 percent, each for 60 seconds and 50 requests.
	Steps []CanaryStep `yaml:"steps"`

	// A header of requests by whose value callers stay with a version, an id of a user say. Left out, each request is placed by itself.
	StickyHeader string `yaml:"sticky_header"`

	// How many percent of the requests that the new version answers are run on the old one too, behind the caller's back, so that the answers can be compared.
	ComparePercent *float64 `yaml:"compare_percent" min:"0" max:"100" default:"10"`

	// The limits that end the canary when they are exceeded.
	Limits *Limits `yaml:"limits"`
}

// CanaryStep is a step of a canary as the file declares it.
type CanaryStep struct {
	// How many percent of the requests the new version gets.
	Percent float64 `yaml:"percent" min:"0" max:"100" rule:"required"`

	// How long the step lasts at least: seconds, or a duration such as 10m.
	Duration time.Duration `yaml:"seconds" min:"0s" max:"720h"`

	// How many requests the new version answers in the step at least.
	Requests int `yaml:"requests" min:"0" max:"2147483647"`
}

// Shadow says how a shadow goes, as the file declares it.
type Shadow struct {
	// How many percent of the requests are copied to the new version, as far as it has an instance idle.
	Percent *float64 `yaml:"percent" min:"0" max:"100" default:"10"`

	// How long the shadow lasts at least: seconds, or a duration such as 10m.
	Duration *time.Duration `yaml:"seconds" min:"0s" max:"720h" default:"60"`

	// How many answers are compared at least.
	Requests *int `yaml:"requests" min:"0" max:"2147483647" default:"50"`

	// The limits that end the shadow when they are exceeded.
	Limits *Limits `yaml:"limits"`
}

// Limits say what is too much, as the file declares them.
type Limits struct {
	// The most percent of the new version's requests that may fail, beyond the old version's.
	MaxErrorPercent *float64 `yaml:"max_error_percent" min:"0" max:"100" default:"1"`

	// The most that a request may take on average, as a multiple of what it takes on the old version. 0 is without limit.
	MaxLatencyRatio *float64 `yaml:"max_latency_ratio" min:"0" max:"1000000" default:"2"`

	// The least percent of the rows compared whose label, the place of the largest number, must be the old version's. 0 is without limit.
	MinAgreementPercent *float64 `yaml:"min_agreement_percent" min:"0" max:"100" default:"90"`

	// The most that a number may differ from the old version's. 0 is without limit.
	MaxDifference *float64 `yaml:"max_difference" min:"0" max:"1e300" default:"0"`

	// How many requests or comparisons there must be before a limit counts.
	MinRequests *int `yaml:"min_requests" min:"1" max:"2147483647" default:"20"`
}

// Warmup is a request that is run on every instance before the version is ready, as
// the file declares it.
type Warmup struct {
	// A name for error texts.
	Name string `yaml:"name" rule:"required"`

	// How many rows the run has, each with these inputs; for a model that does not batch it is left out, or 1.
	BatchSize *int `yaml:"batch_size" min:"0" max:"2147483647" default:"1"`

	// How often it is run.
	Count *int `yaml:"count" min:"0" max:"1000000" default:"1"`

	// What it is made of, by the names of the inputs.
	Inputs map[string]WarmupInput `yaml:"inputs" rule:"required"`
}

// WarmupInput is an input of a Warmup: exactly one of zero_data, random_data and
// input_data_file is set.
type WarmupInput struct {
	// The type of its elements.
	DataType tensor.DType `yaml:"data_type" rule:"required"`

	// Its dimensions, without the batch dimension.
	Dims []int64 `yaml:"dims" min:"0" max:"9223372036854775807"`

	// Make it of zeros, or empty strings.
	ZeroData bool `yaml:"zero_data"`

	// Make it of random numbers; of strings, of empty ones.
	RandomData bool `yaml:"random_data"`

	// Read it from a file in the model's folder warmup: raw elements, strings each after its length in four bytes.
	InputDataFile string `yaml:"input_data_file"`
}

var labelPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,127}$`)

// ValidLabel reports whether a version may have this label: a letter, then letters,
// digits, dots, dashes and underscores, which cannot be taken for a number.
func ValidLabel(name string) bool { return labelPattern.MatchString(name) }

// checkVersions reports what is wrong with the names of versions.
func (m *Model) checkVersions(r *report) {
	for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
		if !ValidLabel(name) {
			r.fail(join("labels", name), "not a label: expected a letter, then up to 127 letters, digits, dots, dashes and underscores")
		}
	}
}

// checkRollout reports contradictions in rollout.
func (m *Model) checkRollout(r *report) {
	o := m.Rollout
	if o == nil {
		return
	}
	if o.Canary != nil && o.Strategy != StrategyCanary {
		r.fail("rollout.canary", "set, but the strategy is %s: expected strategy: canary, or no canary", orText(string(o.Strategy), string(StrategyImmediate)))
	}
	if o.Shadow != nil && o.Strategy != StrategyShadow {
		r.fail("rollout.shadow", "set, but the strategy is %s: expected strategy: shadow, or no shadow", orText(string(o.Strategy), string(StrategyImmediate)))
	}
	if o.Order == OrderResource && o.Strategy != "" && o.Strategy != StrategyImmediate {
		r.fail("rollout.order", "resource unloads the old version first, but a %s needs both: expected availability, or strategy: immediate", o.Strategy)
	}
	if s := o.Shadow; s != nil && or(s.Percent, 10) == 0 && or(s.Requests, 50) > 0 {
		r.fail("rollout.shadow.percent", "%d comparisons of 0 percent of the requests, which never come: expected more than 0 percent, or requests: 0", or(s.Requests, 50))
	}
	if o.Canary == nil {
		return
	}
	last := 0.0
	for i, s := range o.Canary.Steps {
		at := fmt.Sprintf("rollout.canary.steps[%d]", i)
		if s.Percent < last {
			r.fail(at+".percent", "%v percent after %v: expected steps that grow", s.Percent, last)
		}
		if s.Duration == 0 && s.Requests == 0 {
			r.fail(at, "a step without an end: expected seconds, requests, or both")
		}
		if s.Percent == 0 && s.Requests > 0 {
			r.fail(at+".requests", "%d requests of 0 percent, which never come: expected more than 0 percent, or seconds alone", s.Requests)
		}
		last = s.Percent
	}
	if h := o.Canary.StickyHeader; h != "" && strings.Trim(h, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		r.fail("rollout.canary.sticky_header", "%s is no name of a header: expected one such as X-User-Id", quote(h))
	}
}

func orText(s, standard string) string {
	if s == "" {
		return standard
	}
	return s
}

// checkWarmup reports contradictions in model_warmup.
func (m *Model) checkWarmup(r *report) {
	for i, w := range m.ModelWarmup {
		for _, name := range slices.Sorted(maps.Keys(w.Inputs)) {
			in, at := w.Inputs[name], join(fmt.Sprintf("model_warmup[%d].inputs", i), name)
			set := 0
			for _, is := range []bool{in.ZeroData, in.RandomData, in.InputDataFile != ""} {
				if is {
					set++
				}
			}
			if set != 1 {
				r.fail(at, "%d kinds of data: expected exactly one of zero_data, random_data and input_data_file", set)
			}
			if f := in.InputDataFile; strings.ContainsAny(f, "/\\\x00") || f == ".." || f == "." {
				r.fail(at+".input_data_file", "%s is no plain file name: expected a file in the model's folder warmup", quote(f))
			}
		}
	}
}
