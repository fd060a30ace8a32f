package gateway

import (
	"errors"
	"slices"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/jsontensor"
	"galatea/internal/mem"
	"galatea/tensor"
)

// generate answers POST .../generate: an object whose members are inputs and parameters,
// and one whose members are outputs. It is Triton's generate extension.
func (g *Gateway) generate(c *gin.Context) {
	g.inference(c, (*exchange).parseGenerate, (*exchange).sendGenerated)
}

// generateStream is generate with the answer as a server-sent event (HTML, 9.2): a model
// gives one.
func (g *Gateway) generateStream(c *gin.Context) {
	g.inference(c, (*exchange).parseGenerate, (*exchange).sendEvent)
}

// parseGenerate makes the request of an object: members that are named as inputs become
// those, and all others parameters of the request, those of the member parameters too.
func (x *exchange) parseGenerate(header int) error {
	if header != wholeBody {
		return wire.Invalid("%s is not for generate, whose body is JSON as a whole", headerLength)
	}
	info, err := x.gateway.o.Service.Info(x.req.Model)
	if err != nil {
		return err
	}
	signature, batching := info.Config.RequestSignature(), info.Config.Batching()
	err = jsontensor.Members(x.body.B, func(name, value []byte) error {
		at := signature.Input(string(name))
		switch {
		case at >= 0:
			return x.generated(signature.Inputs[at], batching, value)
		case string(name) == "id":
			x.req.ID, err = stringOf("id", value)
			return err
		case string(name) == "parameters":
			return jsontensor.Members(value, x.parameter)
		default:
			return x.parameter(name, value)
		}
	})
	if syntax := generateError(err); syntax != nil {
		return syntax
	}
	x.req.Inputs = x.inputs
	x.body.release() // nothing of it is left in the tensors
	return nil
}

// generateError words what is wrong with an object, and leaves other errors as they are.
func generateError(err error) error {
	_, malformed := errors.AsType[*jsontensor.SyntaxError](err)
	field, wrong := errors.AsType[*jsontensor.FieldError](err)
	switch {
	case errors.Is(err, jsontensor.ErrDepth):
		return wire.Invalid("%v", err)
	case malformed:
		return wire.Unreadable("failed to parse the request JSON buffer: %v", err)
	case wrong:
		return wire.Unreadable("failed to parse the request JSON buffer: expected an %s, got %s", field.Expected, field.Got)
	default:
		return err
	}
}

// generated makes an input of a value, or of a list of values. A second one of a name is
// refused at once, before it takes memory.
func (x *exchange) generated(in tensor.Spec, batching bool, value []byte) error {
	if slices.ContainsFunc(x.inputs, func(t tensor.Tensor) bool { return t.Name == in.Name }) {
		return infer.Invalidf("input '%s' already exists in request", in.Name)
	}
	count := int64(1)
	if value[0] == '[' {
		count = 0
		if err := jsontensor.Elements(value, func([]byte) error { count++; return nil }); err != nil {
			return err
		}
	} else {
		value = slices.Concat([]byte{'['}, value, []byte{']'})
	}
	t := tensor.Tensor{Name: in.Name, DType: in.DType, Shape: append(tensor.Shape{}, in.Shape...)}
	dims := t.Shape
	if batching {
		dims[0], dims = 1, dims[1:]
	}
	if !fit(dims, count) {
		return wire.Invalid("The schema can not convert input '%s' to tensor with proper shape", in.Name)
	}
	part := held{budget: x.gateway.o.Service.Memory()}
	part.take(roomFor(value, t))
	part.B = part.B[:0]
	if err := part.append(value, &t); err != nil {
		part.release()
		return err
	}
	x.parts = append(x.parts, part)
	t.Data = part.B
	x.inputs = append(x.inputs, t)
	return nil
}

// fit sets the dynamic dimensions of a shape so that it has so many elements: the last of
// them takes what the fixed ones leave, and the others are one. It reports false where
// nothing fits.
func fit(shape tensor.Shape, elements int64) bool {
	last := -1
	for i, d := range shape {
		if d >= 0 {
			continue
		}
		if last >= 0 {
			shape[last] = 1
		}
		last = i
	}
	if last >= 0 {
		shape[last] = 1
	}
	fixed, err := shape.Elements()
	switch {
	case err != nil:
		return false
	case last < 0 || fixed == 0:
		return fixed == elements
	}
	shape[last] = elements / fixed
	return elements%fixed == 0
}

// sendGenerated sends an answer to generate; the caller still owns it.
func (x *exchange) sendGenerated(c *gin.Context, resp *infer.Response, id string) error {
	return x.sendObject(c, resp, id, "", "", typeJSON)
}

// sendEvent sends an answer to generateStream; the caller still owns it.
func (x *exchange) sendEvent(c *gin.Context, resp *infer.Response, id string) error {
	return x.sendObject(c, resp, id, "data: ", "\n\n", typeEvents)
}

// typeEvents is the type of server-sent events.
var typeEvents = []string{"text/event-stream"}

// sendObject sends an answer as one object: a member for each output, a value where it has
// one element and else a list.
func (x *exchange) sendObject(c *gin.Context, resp *infer.Response, id, before, after string, contentType []string) error {
	buffer := mem.Get(responseGuess)
	defer buffer.Release()
	body := buffer.B[:0]
	body = append(body, before...)
	body = appendNames(append(body, '{'), resp, id)
	for _, t := range resp.Outputs {
		body = append(appendString(append(body, ','), t.Name), ':')
		from := len(body)
		var err error
		if body, err = appendArray(body, t); err != nil {
			return err
		}
		if n, err := t.Shape.Elements(); err == nil && n == 1 {
			copy(body[from:], body[from+1:len(body)-1]) // without the brackets
			body = body[:len(body)-2]
		}
	}
	body = append(body, '}')
	body = append(body, after...)
	c.Writer.Header()["Content-Type"] = contentType
	return transmit(c, body, 0, nil, wanted{})
}
