package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"galatea/config"
	"galatea/internal/onnxfile"
	"galatea/tensor"
)

type inspectCmd struct {
	File string `arg:"" type:"existingfile" help:"An ONNX file."`
}

// Help is shown below the command's own line.
func (*inspectCmd) Help() string {
	return `The file is read without loading its weights. Example:

  galatea inspect model_repo/digits/2/model.onnx`
}

// Run prints what the file says of itself, and the configuration it would get.
func (c *inspectCmd) Run() error {
	file, err := onnxfile.Read(c.File)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	row := func(what string, values ...string) {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", what, strings.Join(values, "\t"))
	}
	for _, in := range file.Inputs {
		optional := ""
		if in.Spec.Optional {
			optional = "optional"
		}
		row("input", in.Spec.Name, in.Type, dims(in), optional)
	}
	for _, out := range file.Outputs {
		row("output", out.Spec.Name, out.Type, dims(out))
	}
	for _, domain := range slices.Sorted(maps.Keys(file.Opsets)) {
		row("opset", domain, fmt.Sprint(file.Opsets[domain]))
	}
	row("nodes", fmt.Sprint(file.Nodes))
	row("weights", fmt.Sprintf("%d in %d bytes", file.Parameters, file.ParameterBytes))
	for _, e := range file.External {
		row("side file", e.Location, fmt.Sprintf("%d tensors, at least %d bytes", e.Tensors, e.Size))
	}
	row("producer", strings.TrimSpace(file.Producer+" "+file.ProducerVersion))
	for _, key := range slices.Sorted(maps.Keys(file.Metadata)) {
		row("metadata", key, file.Metadata[key])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return c.printConfig(file)
}

// dims prints a shape with the names of its dynamic dimensions.
func dims(v onnxfile.Value) string {
	if !v.HasShape {
		return "any shape"
	}
	all := make([]string, len(v.Spec.Shape))
	for i, d := range v.Spec.Shape {
		switch {
		case d != tensor.Dynamic:
			all[i] = fmt.Sprint(d)
		case v.Symbols[i] != "":
			all[i] = v.Symbols[i]
		default:
			all[i] = "?"
		}
	}
	return "[" + strings.Join(all, ",") + "]"
}

// printConfig prints the config.yaml that a model of this file would get.
func (c *inspectCmd) printConfig(file *onnxfile.File) error {
	signature, err := file.Signature()
	if err != nil {
		return err
	}
	name := filepath.Base(filepath.Dir(filepath.Dir(c.File)))
	if name == "." || name == string(filepath.Separator) {
		name = strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	}
	model, err := config.ParseModel("config.yaml", nil)
	if err != nil {
		return err
	}
	if model, err = model.Named(name); err != nil {
		return err
	}
	resolved, err := config.Complete(model, signature, config.DefaultServer().Defaults())
	if err != nil {
		return err
	}
	_, err = fmt.Printf("\n# config.yaml\n%s", resolved.YAML())
	return err
}
