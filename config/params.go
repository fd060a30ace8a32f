package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parameters are the settings of ONNX Runtime that a model file holds, as text.
type Parameters map[string]string

// Session is how a model's ONNX Runtime session is made.
type Session struct {
	IntraOpThreads  int               // 0: left to Resolved.Threads
	InterOpThreads  int               // 0: left to the runtime; of meaning only when Parallel
	Parallel        bool              // independent parts of the graph run at the same time
	MemArena        bool              // memory is kept for the next run
	MemPattern      bool              // memory is laid out ahead, from the last run of the same shapes
	ArenaShrinkage  string            // run option: which arenas shrink after a run, such as cpu:0; "" for none
	Entries         map[string]string // session configuration entries, as session.disable_prepacking, by their full key
	Graph           GraphLevel
	GPUAccelerators []Accelerator // the preferred one first; only for instances on a GPU
}

// parameter is one key that parameters may hold.
type parameter struct {
	key      string
	doc      string         // what editors show
	pattern  *regexp.Regexp // what its value has to match
	expected string         // the same in words
	set      func(s *Session, value string)
}

var (
	upTo1024 = regexp.MustCompile(`^([0-9]|[1-9][0-9]{1,2}|10[01][0-9]|102[0-4])$`)
	zeroOne  = regexp.MustCompile(`^[01]$`)
)

var parameters = []parameter{
	{
		"intra_op_thread_count",
		"Threads that work on one operator together. The pool is shared by all instances of the model. 0, or left out: as many as keep all processors busy when all instances run.",
		upTo1024, "0 to 1024",
		func(s *Session, value string) { s.IntraOpThreads, _ = strconv.Atoi(value) },
	},
	{
		"inter_op_thread_count",
		"Threads that run independent operators at the same time. Only of effect with execution_mode 1. 0, or left out: ONNX Runtime decides.",
		upTo1024, "0 to 1024",
		func(s *Session, value string) { s.InterOpThreads, _ = strconv.Atoi(value) },
	},
	{
		"execution_mode",
		"0: one operator after the other (the default). 1: independent operators at the same time.",
		zeroOne, "0 (sequential) or 1 (parallel)",
		func(s *Session, value string) { s.Parallel = value == "1" },
	},
	{
		"enable_mem_arena",
		"1: memory is kept for the next run (the default). 0: it is given back after each one.",
		zeroOne, "0 or 1",
		func(s *Session, value string) { s.MemArena = value == "1" },
	},
	{
		"enable_mem_pattern",
		"1: memory is laid out ahead, as the last run of the same shapes needed it (the default). 0: it is not.",
		zeroOne, "0 or 1",
		func(s *Session, value string) { s.MemPattern = value == "1" },
	},
	{
		"memory.enable_memory_arena_shrinkage",
		"The arenas that give unused memory back after each run, such as cpu:0 or cpu:0;gpu:0.",
		regexp.MustCompile(`^(cpu|gpu):[0-9]{1,4}(;(cpu|gpu):[0-9]{1,4})*$`), "devices such as cpu:0;gpu:0",
		func(s *Session, value string) { s.ArenaShrinkage = value },
	},
}

// sessionEntry is a key that goes to ONNX Runtime as it is.
var sessionEntry = regexp.MustCompile(`^session\.[A-Za-z0-9_.]{1,120}$`)

// tritonParameters are keys that Triton takes, and Galatea does not.
var tritonParameters = []string{
	"FORCE_CPU_ONLY_INPUT_TENSORS", "TRITON_BATCH_STRATEGY_PATH", "arena_extend_strategy",
	"cudnn_conv_algo_search", "do_copy_in_default_stream", "gpu_mem_limit",
}

// KnownParameter reports whether parameters may hold the key.
func KnownParameter(key string) bool {
	return sessionEntry.MatchString(key) || slices.ContainsFunc(parameters, func(known parameter) bool { return known.key == key })
}

// session reads the parameters, and reports what is wrong with them.
func (p Parameters) session(r *report) Session {
	s := Session{MemArena: true, MemPattern: true}
	for _, key := range slices.Sorted(maps.Keys(p)) {
		i := slices.IndexFunc(parameters, func(known parameter) bool { return known.key == key })
		switch {
		case i >= 0 && parameters[i].pattern.MatchString(p[key]):
			parameters[i].set(&s, p[key])
		case i >= 0:
			r.fail(join("parameters", key), "got %s: expected %s", quote(p[key]), parameters[i].expected)
		case sessionEntry.MatchString(key):
			if s.Entries == nil {
				s.Entries = map[string]string{}
			}
			s.Entries[key] = p[key]
		default:
			unknownParameter(r, key)
		}
	}
	return s
}

func unknownParameter(r *report, key string) {
	line := r.line(join("parameters", key))
	if slices.Contains(tritonParameters, key) {
		text := "key %q: known to Triton, not supported by Galatea"
		if key == strings.ToLower(key) { // the old spellings of the CUDA provider's options
			text += ": expected it among the parameters of the cuda accelerator"
		}
		r.add(line, "parameters", text, key)
		return
	}
	known := make([]string, 0, len(parameters)+1)
	for _, k := range parameters {
		known = append(known, k.key)
	}
	r.add(line, "parameters", "%s", unknownKey(key, Nearest(key, known), append(known, "one that starts with session.")))
}
