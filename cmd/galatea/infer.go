package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"galatea/internal/client"
	"galatea/internal/jsontensor"
	"galatea/internal/value"
	"galatea/tensor"
)

type inferCmd struct {
	remoteCmd
	Name    string   `arg:"" help:"The model."`
	Input   []string `sep:"none" short:"i" placeholder:"NAME=VALUE" help:"An input: a number, a text, a list in JSON, or @FILE.npy, @FILE.json, @FILE.raw. A model of one input takes VALUE alone. May be given several times."`
	Output  []string `sep:"none" placeholder:"NAME" help:"An output that is wanted. May be given several times. (default: all)"`
	Version int64    `placeholder:"N" help:"The version to ask. (default: the one that answers)"`
	Label   string   `placeholder:"LABEL" help:"The version to ask, by a label."`
	Classes int      `placeholder:"K" help:"Show the K largest elements of each row of the outputs, with their labels."`
	JSON    bool     `name:"json" help:"Print the answer as the server's JSON."`
}

// Help is shown below the command's own line.
func (*inferCmd) Help() string {
	return `Examples:

  galatea infer language --input text="Guten Morgen"
  galatea infer digits --input image=@model_repo/.examples/digits.bin
  galatea infer digits --input image=@image.npy --output scores --classes 3`
}

// Validate refuses what contradicts itself.
func (c *inferCmd) Validate() error {
	if c.Version < 0 || c.Classes < 0 || c.Version > 0 && c.Label != "" {
		return errors.New("expected --version from 1 up or --label, and --classes from 1 up")
	}
	return nil
}

// Run asks for an inference and prints the answer.
func (c *inferCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	which := client.Which{Name: c.Name, Version: c.Version, Label: c.Label}
	signature, err := server.Signature(ctx, which)
	if err != nil {
		return err
	}
	inputs, err := tensorsOf(c.Input, signature)
	if err != nil {
		return err
	}
	head, err := c.head(inputs, signature)
	if err != nil {
		return err
	}
	body := head
	for _, t := range inputs {
		body = append(body, t.Data...)
	}
	if c.JSON {
		answer, err := server.InferJSON(ctx, which, body, len(head))
		if err != nil {
			return err
		}
		return printLine(answer)
	}
	answer, err := server.InferBinary(ctx, which, body, len(head))
	if err != nil {
		return err
	}
	return printAnswer(answer)
}

// specOf is a tensor of a signature.
func specOf(t client.Tensor) (tensor.Spec, error) {
	d, err := tensor.ParseDType(t.DataType)
	return tensor.Spec{Name: t.Name, DType: d, Shape: t.Shape}, err
}

// tensorsOf makes the inputs of what was written for them.
func tensorsOf(given []string, s client.Signature) ([]tensor.Tensor, error) {
	var all []tensor.Tensor
	for _, text := range given {
		name, written, named := strings.Cut(text, "=")
		at := slices.IndexFunc(s.Inputs, func(t client.Tensor) bool { return t.Name == name })
		if at < 0 && len(s.Inputs) == 1 && (!named || s.Inputs[0].DataType == tensor.Bytes.String()) {
			at, name, written = 0, s.Inputs[0].Name, text // the only one, without its name
		}
		if at < 0 {
			return nil, fmt.Errorf("no input %q: the model takes %s", name, taken(s))
		}
		if slices.ContainsFunc(all, func(t tensor.Tensor) bool { return t.Name == name }) {
			return nil, fmt.Errorf("input %s is given twice", name)
		}
		spec, err := specOf(s.Inputs[at])
		if err != nil {
			return nil, err
		}
		t, err := value.Parse(spec, s.MaxRows > 0, written, os.ReadFile)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	if len(all) == 0 && len(s.Inputs) > 0 {
		return nil, fmt.Errorf("no --input is given: the model takes %s", taken(s))
	}
	return all, nil
}

// taken lists the inputs of a model.
func taken(s client.Signature) string {
	var all []string
	for _, t := range s.Inputs {
		all = append(all, fmt.Sprintf("%s (%s %v)", t.Name, t.DataType, tensor.Shape(t.Shape)))
	}
	return strings.Join(all, ", ")
}

// head is the JSON of a request whose inputs follow it as bytes.
func (c *inferCmd) head(inputs []tensor.Tensor, s client.Signature) ([]byte, error) {
	type input struct {
		Name       string         `json:"name"`
		DataType   string         `json:"datatype"`
		Shape      []int64        `json:"shape"`
		Parameters map[string]int `json:"parameters"`
	}
	type output struct {
		Name       string         `json:"name"`
		Parameters map[string]any `json:"parameters,omitempty"`
	}
	var request struct {
		Inputs  []input  `json:"inputs"`
		Outputs []output `json:"outputs,omitempty"`
	}
	request.Inputs = []input{}
	for _, t := range inputs {
		request.Inputs = append(request.Inputs, input{t.Name, t.DType.String(), append([]int64{}, t.Shape...), map[string]int{"binary_data_size": len(t.Data)}})
	}
	wanted := c.Output
	if len(wanted) == 0 {
		for _, o := range s.Outputs {
			wanted = append(wanted, o.Name)
		}
	}
	for _, name := range wanted {
		o := output{name, map[string]any{}}
		if c.Classes > 0 {
			o.Parameters["classification"] = c.Classes
		}
		if !c.JSON {
			o.Parameters["binary_data"] = true
		}
		request.Outputs = append(request.Outputs, o)
	}
	return json.Marshal(request)
}

// shownElements is how many elements of an output are printed.
const shownElements = 20

// printAnswer prints an answer for people: each output's name, type, shape and first
// elements.
func printAnswer(a *client.Answer) error {
	if _, err := fmt.Printf("%s version %s\n", a.Model, a.Version); err != nil {
		return err
	}
	for _, o := range a.Outputs {
		spec, err := specOf(o)
		if err != nil {
			return err
		}
		t := tensor.Tensor{Name: o.Name, DType: spec.DType, Shape: o.Shape, Data: o.Data}
		text, err := elementsOf(t)
		if err != nil {
			return fmt.Errorf("output %s: %w", o.Name, err)
		}
		if _, err := fmt.Printf("%s  %v %v\n  %s\n", t.Name, t.DType, t.Shape, text); err != nil {
			return err
		}
	}
	return nil
}

// elementsOf lists a tensor's first elements.
func elementsOf(t tensor.Tensor) (string, error) {
	var all []string
	rest := t.Data
	for len(rest) > 0 && len(all) < shownElements {
		var one []byte
		if t.DType == tensor.Bytes {
			var err error
			if one, rest, err = tensor.NextString(rest); err != nil {
				return "", err
			}
			all = append(all, fmt.Sprintf("%q", one))
			continue
		}
		size := t.DType.Size()
		if len(rest) < size {
			return "", fmt.Errorf("%d bytes are no elements of %v", len(t.Data), t.DType)
		}
		all = append(all, string(elementText(t.DType, rest[:size])))
		rest = rest[size:]
	}
	text := strings.Join(all, " ")
	if n, err := t.Shape.Elements(); err == nil && n > int64(len(all)) {
		text += fmt.Sprintf(" ... (%d in all; --json prints them)", n)
	}
	return text, nil
}

// elementText is an element in the shortest form; half floats, which JSON does not have, with six
// digits.
func elementText(d tensor.DType, element []byte) []byte {
	if d == tensor.FP16 || d == tensor.BF16 {
		return tensor.AppendFixed(nil, d, element)
	}
	return jsontensor.AppendElement(nil, d, element)
}
