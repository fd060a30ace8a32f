package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// InstanceGroup is a group of instances as the file declares it.
type InstanceGroup struct {
	// The group's name, shown in the model's configuration. Left out, the model's name and the group's place: digits_0.
	Name string `yaml:"name"`

	// The hardware to run on. KIND_GPU fails to load where no GPU can be used; KIND_AUTO takes the GPUs listed if they all can be used, else the CPU.
	Kind Kind `yaml:"kind" default:"KIND_AUTO"`

	// How many batches may be executed at the same time (on each GPU listed). All instances share the model's weights, and the processors.
	Count *int `yaml:"count" min:"1" max:"1024" default:"1"`

	// The GPUs to run on, by number. Left out, all.
	GPUs []int `yaml:"gpus" min:"0" max:"1023" rule:"unique"`

	// Which processors the group's threads run on: the name of one of the host_policies of galatea.yaml. Left out, the one named cpu, or gpu_0 and so on, if there is such.
	HostPolicy string `yaml:"host_policy"`

	// What an execution on one of the group's instances needs that executions of other models need, too.
	RateLimiter *RateLimiter `yaml:"rate_limiter"`
}

// RateLimiter says what an execution needs beside its instance, as the file declares it.
type RateLimiter struct {
	// What is taken for the time of an execution, and given back after it. An execution waits until all of it is there.
	Resources []Resource `yaml:"resources"`

	// How often executions get what they need while others wait for it, too: one of priority 2 half as often as one of priority 1.
	Priority int `yaml:"priority" min:"0" max:"1000000" default:"1"`
}

// Resource is something that executions share, as the file declares it.
type Resource struct {
	// Its name; models that name the same one share it.
	Name string `yaml:"name" rule:"required"`

	// Whether there is one of it for the whole server; else each device has its own.
	Global bool `yaml:"global" default:"false"`

	// How much of it an execution takes.
	Count int `yaml:"count" min:"0" max:"2147483647"`
}

// HostPolicy says where threads run, as galatea.yaml declares it.
type HostPolicy struct {
	// The processors, by number, such as 0-3,8.
	CPUCores string `yaml:"cpu_cores" rule:"required"`
}

// maxCPU is the highest number of a processor; a set of them has room for so many.
const maxCPU = 1023

// ParseCPUs reads a list of processors such as 0-3,8 and returns it sorted.
func ParseCPUs(text string) ([]int, error) {
	seen := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.Atoi(low)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(high)
		}
		if err != nil || from < 0 || to < from || to > maxCPU {
			return nil, fmt.Errorf("got %s: expected numbers of processors from 0 to %d, such as 0-3,8", quote(text), maxCPU)
		}
		for n := from; n <= to; n++ {
			seen[n] = true
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

func (m *Model) checkInstances(r *report) {
	for i, g := range m.InstanceGroup {
		at := fmt.Sprintf("instance_group[%d]", i)
		if g.Kind == KindCPU && len(g.GPUs) > 0 {
			r.fail(at+".gpus", "GPUs listed for KIND_CPU: expected none, or KIND_GPU")
		}
		if g.RateLimiter == nil {
			continue
		}
		seen := map[string]bool{}
		for j, need := range g.RateLimiter.Resources {
			if seen[need.Name] {
				r.fail(fmt.Sprintf("%s.rate_limiter.resources[%d].name", at, j), "%s is there already: expected each once", quote(need.Name))
			}
			seen[need.Name] = true
		}
	}
}

// instances completes the groups of instances.
func (c *completer) instances() []Instances {
	groups := c.model.InstanceGroup
	if len(groups) == 0 {
		groups = make([]InstanceGroup, 1)
	}
	all := make([]Instances, len(groups))
	for i, g := range groups {
		all[i] = c.group(g, i)
	}
	return all
}

// group completes the group at a place of the list.
func (c *completer) group(g InstanceGroup, at int) Instances {
	i := Instances{Name: g.Name, Kind: g.Kind, Count: or(g.Count, 1), HostPolicy: g.HostPolicy}
	if i.Name == "" {
		i.Name = fmt.Sprintf("%s_%d", c.model.Name, at)
	}
	usable := c.defaults.GPUs > 0 && !slices.ContainsFunc(g.GPUs, func(gpu int) bool { return gpu >= c.defaults.GPUs })
	switch {
	case i.Kind == KindGPU || i.Kind == KindCPU:
	case usable:
		i.Kind = KindGPU
		c.note("instances: on the GPU, since KIND_AUTO takes the GPUs where they can be used")
	default:
		i.Kind = KindCPU
		if g.Kind == KindAuto || len(g.GPUs) > 0 || len(c.model.accelerators()) > 0 {
			c.note("instances: on the CPU, since KIND_AUTO takes the GPUs only where all of them can be used")
		}
	}
	if i.Kind == KindGPU {
		i.GPUs = c.gpus(g.GPUs, usable, at)
	}
	c.hostPolicy(&i, at)
	if l := g.RateLimiter; l != nil {
		i.Priority = max(1, l.Priority)
		i.Resources = slices.DeleteFunc(slices.Clone(l.Resources), func(r Resource) bool { return r.Count == 0 })
	}
	return i
}

// gpus returns the GPUs listed, or all.
func (c *completer) gpus(listed []int, usable bool, at int) []int {
	if len(listed) > 0 && c.defaults.GPUs > 0 && !usable {
		c.fail(fmt.Sprintf("instance_group[%d].gpus", at), "not all of these GPUs are there: expected numbers from 0 to %d", c.defaults.GPUs-1)
	}
	if len(listed) > 0 {
		return listed
	}
	var all []int
	for n := range c.defaults.GPUs {
		all = append(all, n)
	}
	return all
}

// hostPolicy completes where the group's threads run.
func (c *completer) hostPolicy(i *Instances, at int) {
	name := i.HostPolicy
	if name == "" {
		name = "cpu"
		if i.Kind == KindGPU && len(i.GPUs) > 0 {
			name = fmt.Sprintf("gpu_%d", i.GPUs[0])
		}
	}
	policy, known := c.defaults.HostPolicies[name]
	if !known {
		if i.HostPolicy != "" {
			c.fail(fmt.Sprintf("instance_group[%d].host_policy", at), "no host policy is named %s: expected one of the host_policies of galatea.yaml%s", quote(name), c.listed())
		}
		return
	}
	i.HostPolicy = name
	i.CPUs, _ = ParseCPUs(policy.CPUCores) // checked when it was read
}

func (c *completer) listed() string {
	if len(c.defaults.HostPolicies) == 0 {
		return ", which has none"
	}
	return ": " + either(slices.Sorted(maps.Keys(c.defaults.HostPolicies)))
}
