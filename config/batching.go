package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// DynamicBatching says how requests wait and are put together, as the file declares it.
type DynamicBatching struct {
	// Batch sizes to send at once when the waiting requests make one up. Left out, max_batch_size.
	PreferredBatchSize []int `yaml:"preferred_batch_size" min:"1" max:"2147483647" rule:"unique"`

	// How long, in microseconds, the oldest waiting request may be held back for more to join its batch while an instance is free. 0 holds nothing back; batches then form while all instances are busy.
	MaxQueueDelayMicroseconds *int64 `yaml:"max_queue_delay_microseconds" min:"0" max:"9223372036854775" default:"0"`

	// Whether answers go out in the order in which the requests came.
	PreserveOrdering bool `yaml:"preserve_ordering" default:"false"`

	// How many levels of priority there are; a request asks for one with the parameter priority, 1 is the highest. 0: requests are all alike.
	PriorityLevels int `yaml:"priority_levels" min:"0" max:"1000" default:"0"`

	// The level of requests that name none, or one that there is not. Left out, the lowest.
	DefaultPriorityLevel int `yaml:"default_priority_level" min:"0" max:"1000"`

	// How many requests may wait, and for how long, on each level that priority_queue_policy leaves out.
	DefaultQueuePolicy *QueuePolicy `yaml:"default_queue_policy"`

	// How many requests may wait, and for how long, on a level, by the level's number.
	PriorityQueuePolicy map[string]QueuePolicy `yaml:"priority_queue_policy"`

	// How long, in microseconds, a request waits until it counts as one of the next higher level. 0: a request waits until there is none on the higher levels, however long that is. (Galatea's own.)
	PriorityAgeingMicroseconds int64 `yaml:"priority_ageing_microseconds" min:"0" max:"86400000000" default:"0"`

	// Choose the batch size and the delay while the model serves, from what its batches are measured to cost. It takes the place of preferred_batch_size and max_queue_delay_microseconds. (Galatea's own.)
	Auto *Auto `yaml:"auto"`
}

// Auto says what a model that tunes itself aims at, as the file declares it.
type Auto struct {
	// The 99th percentile of the time that requests take in the server, in milliseconds, that batches are kept small enough for.
	P99Milliseconds float64 `yaml:"p99_milliseconds" min:"0.1" max:"3600000" rule:"required"`
}

// QueuePolicy limits a queue, as the file declares it.
type QueuePolicy struct {
	// What happens to a request that has waited too long. REJECT: it is refused. DELAY: it goes on waiting, behind all others of its level.
	TimeoutAction TimeoutAction `yaml:"timeout_action" default:"REJECT"`

	// How long, in microseconds, a request may wait. 0 is without limit.
	DefaultTimeoutMicroseconds *int64 `yaml:"default_timeout_microseconds" min:"0" max:"9223372036854775" default:"0"`

	// Whether a request's own timeout counts where it is shorter than default_timeout_microseconds.
	AllowTimeoutOverride bool `yaml:"allow_timeout_override" default:"false"`

	// How many requests may wait; the next one is refused at once. 0 is without limit. Left out, the server's default (1024 unless galatea.yaml says otherwise).
	MaxQueueSize *int `yaml:"max_queue_size" min:"0" max:"2147483647"`
}

// checkBatching reports contradictions in how requests wait and are put together.
func (m *Model) checkBatching(r *report) {
	b := m.DynamicBatching
	if b == nil {
		b = &DynamicBatching{}
	}
	b.checkLevels(r)
	b.checkAuto(r)
	if m.MaxBatchSize == nil {
		return
	}
	if *m.MaxBatchSize > 0 {
		checkPreferred(r, b.PreferredBatchSize, *m.MaxBatchSize, "max_batch_size")
		return
	}
	for _, field := range m.wantsBatches() {
		r.fail(field, "max_batch_size is 0, which turns batching off: expected it left out, or a max_batch_size of 1 or more")
	}
}

func (b *DynamicBatching) checkLevels(r *report) {
	const levels = "dynamic_batching.priority_levels"
	if b.DefaultPriorityLevel > b.PriorityLevels {
		r.fail("dynamic_batching.default_priority_level", "%d is more than priority_levels, which is %d: expected %s", b.DefaultPriorityLevel, b.PriorityLevels, upTo(b.PriorityLevels))
	}
	for _, key := range slices.Sorted(maps.Keys(b.PriorityQueuePolicy)) {
		if n, err := strconv.Atoi(key); err != nil || n < 1 || n > b.PriorityLevels || strconv.Itoa(n) != key {
			r.fail(join("dynamic_batching.priority_queue_policy", key), "no such level, since priority_levels is %d: expected %s", b.PriorityLevels, upTo(b.PriorityLevels))
		}
	}
	if b.PriorityAgeingMicroseconds > 0 && b.PriorityLevels < 2 {
		r.fail("dynamic_batching.priority_ageing_microseconds", "nothing to age towards: expected %s of 2 or more, or no ageing", levels)
	}
}

func upTo(levels int) string {
	if levels == 0 {
		return "it left out, or a priority_levels of 1 or more"
	}
	return fmt.Sprintf("1 to %d", levels)
}

func (b *DynamicBatching) checkAuto(r *report) {
	if b.Auto == nil {
		return
	}
	if len(b.PreferredBatchSize) > 0 {
		r.fail("dynamic_batching.preferred_batch_size", "auto chooses the batch size: expected one of the two")
	}
	if b.MaxQueueDelayMicroseconds != nil {
		r.fail("dynamic_batching.max_queue_delay_microseconds", "auto chooses the delay: expected one of the two")
	}
}

// wantsBatches lists the fields that are set and mean nothing where nothing is batched.
func (m *Model) wantsBatches() []string {
	var fields []string
	if m.Batching != nil {
		fields = append(fields, "batching")
	}
	b := m.DynamicBatching
	if b == nil {
		return fields
	}
	if len(b.PreferredBatchSize) > 0 {
		fields = append(fields, "dynamic_batching.preferred_batch_size")
	}
	if b.MaxQueueDelayMicroseconds != nil && *b.MaxQueueDelayMicroseconds > 0 {
		fields = append(fields, "dynamic_batching.max_queue_delay_microseconds")
	}
	if b.Auto != nil {
		fields = append(fields, "dynamic_batching.auto")
	}
	return fields
}

func checkPreferred(r *report, sizes []int, limit int, whose string) {
	for i, n := range sizes {
		if n > limit {
			r.fail(fmt.Sprintf("dynamic_batching.preferred_batch_size[%d]", i), "%d is more than %s, which is %d: expected 1 to %d", n, whose, limit, limit)
		}
	}
}

// queue completes how requests wait and are put together.
func (c *completer) queue(r *Resolved) {
	b := c.model.DynamicBatching
	if b == nil {
		b = &DynamicBatching{}
	}
	r.RequestTimeout = c.model.RequestTimeout
	r.Queue = Queue{
		DefaultLevel: b.DefaultPriorityLevel, PreserveOrdering: b.PreserveOrdering,
		Ageing: time.Duration(b.PriorityAgeingMicroseconds) * time.Microsecond,
	}
	if r.Queue.DefaultLevel == 0 {
		r.Queue.DefaultLevel = max(1, b.PriorityLevels)
	}
	open := false // some level leaves its size to the server
	for level := range max(1, b.PriorityLevels) {
		p := b.DefaultQueuePolicy
		if own, ok := b.PriorityQueuePolicy[strconv.Itoa(level+1)]; ok {
			p = &own
		}
		open = open || p == nil || p.MaxQueueSize == nil
		r.Queue.Levels = append(r.Queue.Levels, c.level(p))
	}
	if open {
		c.note("queue: %s by default", requests(c.defaults.MaxQueueSize))
	}
	if !r.Batching() {
		for _, field := range c.model.wantsBatches() {
			c.fail(field, "batching is %s: expected a model that batches, or it left out", r.batching)
		}
		return
	}
	if !r.Insisted {
		checkPreferred(c.report, b.PreferredBatchSize, r.MaxBatchSize, "the max_batch_size that the server has by default")
	}
	r.PreferredBatchSizes = slices.Sorted(slices.Values(b.PreferredBatchSize))
	r.MaxQueueDelay = microseconds(b.MaxQueueDelayMicroseconds)
	if b.Auto != nil {
		r.Queue.AimP99 = time.Duration(b.Auto.P99Milliseconds * float64(time.Millisecond))
	}
}

// level completes the policy of a priority level; nil is one that leaves everything out.
func (c *completer) level(p *QueuePolicy) Level {
	if p == nil {
		p = &QueuePolicy{}
	}
	l := Level{
		MaxSize: or(p.MaxQueueSize, c.defaults.MaxQueueSize), Timeout: microseconds(p.DefaultTimeoutMicroseconds),
		TimeoutOverride: p.AllowTimeoutOverride, Delay: p.TimeoutAction == TimeoutDelay,
	}
	if l.TimeoutOverride && l.Timeout == 0 {
		c.note("allow_timeout_override has no effect, since default_timeout_microseconds is 0")
	}
	return l
}

func requests(limit int) string {
	if limit == 0 {
		return "without limit"
	}
	return fmt.Sprintf("%d requests", limit)
}

func microseconds(n *int64) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Microsecond
}
