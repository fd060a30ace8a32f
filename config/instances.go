package config

import "slices"

// InstanceGroup is a group of instances as the file declares it.
type InstanceGroup struct {
	// The group's name, shown in the model's configuration. Left out, the model's name and _0.
	Name string `yaml:"name"`

	// The hardware to run on. KIND_GPU fails to load where no GPU can be used; KIND_AUTO takes the GPUs listed if they all can be used, else the CPU.
	Kind Kind `yaml:"kind" default:"KIND_AUTO"`

	// How many batches may be executed at the same time (on each GPU listed). All instances share the model's weights, and the processors.
	Count *int `yaml:"count" min:"1" max:"1024" default:"1"`

	// The GPUs to run on, by number. Left out, all.
	GPUs []int `yaml:"gpus" min:"0" max:"1023" rule:"unique"`
}

func (m *Model) checkInstances(r *report) {
	if len(m.InstanceGroup) > 1 {
		r.fail("instance_group[1]", "%d instance groups: not supported yet: expected one, with all instances in its count", len(m.InstanceGroup))
		return
	}
	for _, g := range m.InstanceGroup {
		if g.Kind == KindCPU && len(g.GPUs) > 0 {
			r.fail("instance_group[0].gpus", "GPUs listed for KIND_CPU: expected none, or KIND_GPU")
		}
	}
}

// instances completes the group of instances.
func (c *completer) instances() Instances {
	var g InstanceGroup
	if len(c.model.InstanceGroup) > 0 {
		g = c.model.InstanceGroup[0]
	}
	i := Instances{Name: g.Name, Kind: g.Kind, Count: 1}
	if i.Name == "" {
		i.Name = c.model.Name + "_0"
	}
	if g.Count != nil {
		i.Count = *g.Count
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
		i.GPUs = c.gpus(g.GPUs, usable)
	}
	return i
}

// gpus returns the GPUs listed, or all.
func (c *completer) gpus(listed []int, usable bool) []int {
	if len(listed) > 0 && c.defaults.GPUs > 0 && !usable {
		c.fail("instance_group[0].gpus", "not all of these GPUs are there: expected numbers from 0 to %d", c.defaults.GPUs-1)
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
