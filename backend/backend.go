package backend

import (
	"context"
	"errors"
	"fmt"

	"galatea/tensor"
)

// Backend loads models.
type Backend interface {
	// Load opens what a describes, once for each of its devices, and returns the
	// model, which the caller closes. When ctx ends, Load stops as soon as the
	// runtime lets it and returns ctx's error. The files are not needed any more
	// once Load has returned: whatever is written to them changes nothing.
	Load(ctx context.Context, a Artifact) (Model, error)
}

// Model is an opened version: its weights, once for each device.
type Model interface {
	// Signature is the artifact's. It sets the order of a batch's Want and Outputs.
	Signature() tensor.Signature
	// NewInstance makes a lane on one of the artifact's devices. All instances on a
	// device share the weights. It may be called from several goroutines.
	NewInstance(ctx context.Context, d Device) (Instance, error)
	// Close frees the model. Every instance must have been closed.
	Close() error
}

// Instance executes batches, one at a time; one goroutine owns it. The instance
// supplies the memory that a batch is gathered into, so that it can be the
// device's own, pinned, or shared with another process.
type Instance interface {
	// Batch returns an empty batch for the given inputs: names, types and full
	// shapes in the signature's order, their Data ignored; optional inputs may be
	// missing. It ends the life of the batch returned before.
	Batch(inputs []tensor.Tensor) (*Batch, error)
	// Run executes b and fills b.Outputs. When ctx ends, the runtime is told to stop
	// at its next chance, and Run returns ctx's error. ErrInstanceLost (wrapped)
	// means that this instance is of no more use; close it and make another.
	Run(ctx context.Context, b *Batch) error
	// Close frees the instance.
	Close() error
}

// Batch is one execution: its inputs, the outputs wanted, and, after Run, what came out.
type Batch struct {
	// Inputs are filled by appending each request's rows to Data, whose capacity is
	// what the shape needs (BYTES grow), or by replacing Data by the bytes of a sole
	// request, which must then stay untouched until Run returns.
	Inputs []tensor.Tensor
	// Want says for each output of the signature whether it is to be returned; it is
	// all false in a new batch.
	Want []bool
	// Outputs has an entry for each output of the signature, filled by Run for those
	// wanted. Data belongs to the instance and is valid until its next Batch or Close.
	Outputs []tensor.Tensor
}

// DeviceKind is a kind of processor.
type DeviceKind uint8

// The kinds of device.
const (
	CPU DeviceKind = iota
	GPU
)

// Device is a processor that a session runs on, and where its threads do. Instances
// on equal devices share a session.
type Device struct {
	Kind    DeviceKind
	Index   int    // which GPU; 0 for CPU
	CPUs    string // the processors that threads run on, as numbers between commas; "": all. Linux has it.
	Threads int    // that one operator may use, the calling one included; 0: the artifact's IntraOpThreads
}

// String returns cpu or gpu:N, with the processors where they are set.
func (d Device) String() string {
	name := "cpu"
	if d.Kind == GPU {
		name = fmt.Sprintf("gpu:%d", d.Index)
	}
	if d.CPUs != "" {
		name += "(" + d.CPUs + ")"
	}
	return name
}

// Artifact is what a backend loads.
type Artifact struct {
	Name      string           // how logs and errors call the model: name/version
	File      string           // path of the model file
	External  []string         // files with external weights, relative to File's folder
	Signature tensor.Signature // what of the model is served; a session that has it not is refused
	Devices   []Device         // where instances will be made; at least one
	Options   Options
	// GraphCache is a folder for optimised graphs, which a later load of the same file
	// uses; the backend makes it if need be, and does without when it cannot. Empty: none.
	GraphCache string
}

// Options are the runtime's settings for one model. The zero value is one thread
// for each running instance, all graph optimisations, and the runtime's defaults.
type Options struct {
	IntraOpThreads int  // threads that one operator may use, the calling one included; 0 is 1
	InterOpThreads int  // threads that run operators side by side when Parallel; 0 is 1
	Parallel       bool // run independent operators side by side
	NoArena        bool // allocate each tensor by itself instead of keeping an arena
	NoMemPattern   bool // do not plan memory ahead for shapes seen before
	// GraphLevel is how far the graph is optimised, in Triton's numbers: 0 all, 1 extended, -1 basic, 2 none.
	GraphLevel int
	// Entries are the runtime's own session configuration entries, by key.
	Entries map[string]string
	// RunEntries are the runtime's own run configuration entries, by key.
	RunEntries map[string]string
	// Providers are the execution providers for the GPU devices, the preferred first; CUDA is used where none is named.
	Providers []Provider
}

// Provider is an execution provider with its options.
type Provider struct {
	Name    string // cuda or tensorrt
	Options map[string]string
}

// ErrUnsupported says that this build of the runtime cannot do what the artifact
// asks for. Trying again will not help.
var ErrUnsupported = errors.New("unsupported by this runtime")
