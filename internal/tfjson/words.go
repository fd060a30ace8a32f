package tfjson

import (
	"bytes"
	"errors"

	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// brief returns a value as errors repeat it.
func brief(value []byte) string { return jsontensor.Brief(bytes.TrimSpace(value)) }

// parseError words why a body is no object.
func parseError(err error, body []byte) error {
	var syntax *jsontensor.SyntaxError
	var field *jsontensor.FieldError
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &syntax):
		return errorf("JSON Parse error: %s at offset: %d", syntax.Text, syntax.Offset)
	case errors.As(err, &field):
		return errorf("JSON Value: %s Is not object", brief(body))
	default:
		return errorf("JSON Parse error: %v", err)
	}
}

// valueError words why a value is no tensor of type d.
func valueError(err error, value []byte, d tensor.DType) error {
	var element *jsontensor.ElementError
	var nest *jsontensor.NestError
	switch {
	case errors.As(err, &element):
		return typeError(element.Got, d)
	case errors.As(err, &nest):
		return nestError(nest)
	case errors.Is(err, jsontensor.ErrBase64):
		return errorf("Unable to base64 decode")
	case errors.Is(err, jsontensor.ErrUnsupported):
		return &Error{Text: "Conversion of JSON Value: " + brief(value) + " to type: " + TypeName(d), Unsupported: true}
	default:
		return parseError(err, value)
	}
}

// typeError words why the value with the text got is no element of type d.
func typeError(got string, d tensor.DType) error {
	kind := jsonType(got[0])
	switch {
	case kind == "Object" && d == tensor.Bytes:
		return errorf("JSON Value: %s not formatted correctly for base64 data", got)
	case kind == "Number" && (d == tensor.FP32 || d == tensor.FP64):
		return errorf("Cannot convert JSON value: %s to %s without loss of precision.", got, TypeName(d))
	default:
		return errorf("JSON Value: %s Type: %s is not of expected type: %s", got, kind, TypeName(d))
	}
}

func nestError(e *jsontensor.NestError) error {
	switch e.Kind {
	case jsontensor.TooDeep:
		return errorf("Encountered list at unexpected level: %d expected < %d", e.Level, e.Expected)
	case jsontensor.TooShallow:
		return errorf("JSON Value: %s found at incorrect level: %d in the JSON DOM. Expected at level: %d", e.Value, e.Level+1, e.Expected)
	default:
		return errorf("Encountered list at unexpected size: %d at level: %d expected size: %d", e.Got, e.Level, e.Expected)
	}
}

// jsonType returns RapidJSON's name of a value's type, by its first byte.
func jsonType(first byte) string {
	switch first {
	case 'n':
		return "Null"
	case 't':
		return "True"
	case 'f':
		return "False"
	case '{':
		return "Object"
	case '[':
		return "Array"
	case '"':
		return "String"
	default:
		return "Number"
	}
}
