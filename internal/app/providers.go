package app

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"galatea/backend"
	"galatea/config"
)

// providersOf returns what executes a graph on a GPU: what the file lists, and CUDA behind it.
func providersOf(r *config.Resolved) []backend.Provider {
	var all []backend.Provider
	for _, p := range r.Session.GPUAccelerators {
		options := maps.Clone(p.Parameters)
		if p.Name == config.AcceleratorTensorRT {
			options = tensorRTOptions(p.Parameters)
		}
		all = append(all, backend.Provider{Name: string(p.Name), Options: options})
	}
	at := slices.IndexFunc(all, func(p backend.Provider) bool { return p.Name == "cuda" })
	if at < 0 {
		at = len(all)
		all = append(all, backend.Provider{Name: "cuda"})
	}
	// By default cuDNN tries all of its algorithms for each new size of a batch, which the
	// callers would wait for.
	const search = "cudnn_conv_algo_search"
	if _, set := all[at].Options[search]; r.Batching() && !set {
		if all[at].Options == nil {
			all[at].Options = map[string]string{}
		}
		all[at].Options[search] = "HEURISTIC"
	}
	return all
}

// tensorRTOptions turns Triton's names into those of ONNX Runtime's provider.
func tensorRTOptions(parameters map[string]string) map[string]string {
	names := map[string]string{
		"max_workspace_size_bytes":          "trt_max_workspace_size",
		"int8_calibration_table_name":       "trt_int8_calibration_table_name",
		"int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
	}
	options := map[string]string{}
	for name, value := range parameters {
		switch {
		case name == "precision_mode" && value == "FP32": // as it is
		case name == "precision_mode":
			options["trt_"+strings.ToLower(value)+"_enable"] = "1"
		default:
			options[cmp.Or(names[name], name)] = value
		}
	}
	return options
}
