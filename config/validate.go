package config

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"galatea/tensor"
)

// check reports what is wrong with a model file beyond the single value: what the
// tags cannot say, and contradictions. It needs no graph; Complete checks what does.
func (m *Model) check(r *report) {
	if name := m.DefaultModelFilename; strings.ContainsAny(name, "/\\\x00") || name == "." || name == ".." {
		r.fail("default_model_filename", "%s is no plain file name: expected a file in the version folder, such as model.onnx", quote(name))
	}
	checkNames(r, "input", m.inputs())
	checkNames(r, "output", m.outputs())
	checkReshapes(r, m.inputs())
	checkReshapes(r, m.outputs())
	m.checkLabelFiles(r)
	m.checkInstances(r)
	m.checkBatching(r)
	m.checkAccelerators(r)
	m.checkVersions(r)
	m.checkRollout(r)
	m.checkWarmup(r)
	m.Parameters.session(r)
	for _, name := range slices.Sorted(maps.Keys(m.MetricTags)) {
		if !tagPattern.MatchString(name) {
			r.fail(join("metric_tags", name), "not a metric label: expected letters, digits and underscores, no underscore first")
		}
	}
}

// The underscore that is put in front of a tag must not become a second one: two are reserved.
var tagPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_]*$`)

func checkNames(r *report, list string, tensors []declared) {
	first := map[string]int{}
	for i, t := range tensors {
		at := fmt.Sprintf("%s[%d].name", list, i)
		if _, set := r.lines[at]; t.name == "" && !set {
			continue // the decoder has reported it
		}
		if t.name == "" {
			r.fail(at, "an empty name: expected the name that the ONNX file has")
			continue
		}
		if j, twice := first[t.name]; twice {
			r.fail(at, "%s is there already, as item %d: expected each once", quote(t.name), j)
			continue
		}
		first[t.name] = i
	}
}

// checkReshapes reports shapes that do not have the elements of the dims.
func checkReshapes(r *report, tensors []declared) {
	for _, t := range tensors {
		switch {
		case t.reshape == nil:
		case t.callers == nil:
			r.fail(t.field+".reshape", "there are no dims that it could be for: expected dims, which requests have, beside the shape, which the ONNX file has")
		default:
			fixed, dynamic := product(t.callers)
			wantFixed, wantDynamic := product(t.dims)
			if fixed != wantFixed || dynamic != wantDynamic {
				r.fail(t.field+".reshape", "shape %v is no other form of dims %v: expected as many elements, and as many dynamic dimensions", tensor.Shape(t.dims), tensor.Shape(t.callers))
			}
		}
	}
}

// product multiplies the fixed dimensions, and counts the others.
func product(dims []int64) (fixed int64, dynamic int) {
	fixed = 1
	for _, d := range dims {
		if d == tensor.Dynamic {
			dynamic++
			continue
		}
		fixed *= d // what overflows in one form does in the other
	}
	return fixed, dynamic
}

// checkLabelFiles reports label files outside of the model's folder.
func (m *Model) checkLabelFiles(r *report) {
	for i, out := range m.Output {
		name := out.LabelFilename
		if name != "" && (strings.ContainsAny(name, "\\\x00") || !fs.ValidPath(path.Clean(name)) || path.Clean(name) == ".") {
			r.fail(fmt.Sprintf("output[%d].label_filename", i), "%s is not in the model's folder: expected a file beside the config, such as labels.txt", quote(name))
		}
	}
}

func (m *Model) checkAccelerators(r *report) {
	accelerators := m.accelerators()
	const list = "optimization.execution_accelerators.gpu_execution_accelerator"
	onCPU := len(m.InstanceGroup) > 0 && !slices.ContainsFunc(m.InstanceGroup, func(g InstanceGroup) bool { return g.Kind != KindCPU })
	if len(accelerators) > 0 && onCPU {
		r.fail(list, "GPU accelerators for instances of KIND_CPU: expected KIND_GPU or KIND_AUTO, or no accelerators")
	}
	seen := map[AcceleratorName]bool{}
	for i, a := range accelerators {
		at := fmt.Sprintf("%s[%d]", list, i)
		if seen[a.Name] {
			r.fail(at+".name", "%q is there already: expected each once", a.Name)
		}
		seen[a.Name] = true
		if a.Name == AcceleratorTensorRT {
			checkTensorRT(r, at+".parameters", a.Parameters)
		}
	}
}

// accelerators returns the execution providers that the file lists.
func (m *Model) accelerators() []Accelerator {
	o := m.Optimization
	if o == nil || o.ExecutionAccelerators == nil || len(o.ExecutionAccelerators.GPUExecutionAccelerator) == 0 {
		return nil
	}
	return o.ExecutionAccelerators.GPUExecutionAccelerator
}

func checkTensorRT(r *report, field string, parameters map[string]string) {
	known := []string{"precision_mode", "max_workspace_size_bytes", "int8_calibration_table_name", "int8_use_native_calibration_table"}
	precisions := []string{"FP32", "FP16", "BF16", "INT8"}
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		switch {
		case key == "precision_mode" && !slices.Contains(precisions, parameters[key]):
			r.fail(join(field, key), "unknown value %s: expected %s", quote(parameters[key]), either(precisions))
		case !slices.Contains(known, key) && !strings.HasPrefix(key, "trt_"):
			r.add(r.line(join(field, key)), field, "%s", unknownKey(key, Nearest(key, known), append(known, "one that starts with trt_")))
		}
	}
}
