package servetest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// build makes the model that a script names: the generator and its arguments.
func build(args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, errors.New("which model?")
	}
	numbers := make([]float64, 0, len(args))
	for _, arg := range args[1:] {
		if n, err := strconv.ParseFloat(arg, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	number := func() float64 {
		if len(numbers) == 0 {
			return 1
		}
		return numbers[0]
	}
	switch args[0] {
	case "scale":
		return onnxtest.Scale(float32(number())), nil
	case "classifier":
		return onnxtest.Classifier(int(number())), nil
	case "slow":
		return onnxtest.Slow(int(number())), nil
	case "mlp":
		return onnxtest.MLP(uint64(number())), nil
	case "add_sub_cast":
		d, err := tensor.ParseDType(strings.Join(args[1:], " "))
		return onnxtest.AddSubCast(d), err
	case "identity":
		d, err := tensor.ParseDType(strings.Join(args[1:], " "))
		return onnxtest.Identity(d, tensor.Shape{tensor.Dynamic, 4}), err
	}
	if model := onnxtest.Servable()[args[0]]; model != nil {
		return model, nil
	}
	if model := onnxtest.Refused()[args[0]]; model != nil {
		return model, nil
	}
	return nil, fmt.Errorf("no generator %q", args[0])
}
