package app

import (
	"strconv"
	"strings"

	"galatea/backend"
	"galatea/config"
	"galatea/scheduler"
)

// lane is where one instance of a model runs, and what its runs need beside it.
type lane struct {
	device backend.Device
	demand scheduler.Demand
}

// lanesOf lists a model's instances. Those on the same processors share them out:
// procs of them, or those of their host policy.
func lanesOf(r *config.Resolved, procs int) []lane {
	var lanes []lane
	for _, group := range r.Instances {
		var cpus []string
		for _, n := range group.CPUs {
			cpus = append(cpus, strconv.Itoa(n))
		}
		d := backend.Device{CPUs: strings.Join(cpus, ",")}
		devices := []backend.Device{d}
		if group.Kind == config.KindGPU {
			devices = nil
			gpus := group.GPUs
			if len(gpus) == 0 {
				gpus = []int{0}
			}
			for _, gpu := range gpus {
				d.Kind, d.Index = backend.GPU, gpu
				devices = append(devices, d)
			}
		}
		for range group.Count {
			for _, d := range devices {
				lanes = append(lanes, lane{d, demandOf(group, d)})
			}
		}
	}
	sharing := map[string]int{} // instances, by processors
	for _, l := range lanes {
		sharing[l.device.CPUs]++
	}
	for i := range lanes {
		d := &lanes[i].device
		own := procs
		if d.CPUs != "" {
			own = min(procs, strings.Count(d.CPUs, ",")+1)
		}
		d.Threads = r.Threads(sharing[d.CPUs], own)
	}
	return lanes
}

// demandOf is what a run of the group on the device needs beside the instance.
func demandOf(group config.Instances, d backend.Device) scheduler.Demand {
	if len(group.Resources) == 0 {
		return scheduler.Demand{}
	}
	demand := scheduler.Demand{Resources: map[scheduler.Resource]int{}, Priority: group.Priority}
	for _, r := range group.Resources {
		device := backend.Device{Kind: d.Kind, Index: d.Index}.String()
		if r.Global {
			device = ""
		}
		demand.Resources[scheduler.Resource{Name: r.Name, Device: device}] = r.Count
	}
	return demand
}
