package gateway

import (
	"time"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/mem"
	"galatea/internal/tfjson"
	"galatea/repository"
	"galatea/tensor"
)

// tfInfer answers POST /v1/models/{model}[/versions/{version}|/labels/{label}]:VERB. It
// is infer but for the forms of the body and the answer.
func (g *Gateway) tfInfer(c *gin.Context, call tfCall) {
	received := time.Now()
	deadline, err := deadlineOf(c.Request.Header, received)
	if err == nil {
		err = g.o.Service.Admit(call.ref, received, deadline) // before the body costs anything
	}
	var form tfForm
	if err == nil {
		form, err = g.tfFormOf(call)
	}
	if err != nil {
		tfFail(c, err, call.ref)
		return
	}
	x := g.newExchange(call.ref)
	defer x.done()
	if err := x.decodeTF(c, &form); err != nil {
		tfFail(c, err, call.ref)
		return
	}
	x.received(c, received, deadline)
	resp, err := x.ask(c.Request.Context())
	if err != nil {
		tfFail(c, err, call.ref)
		return
	}
	defer resp.Release()
	if err := form.send(c, resp); err != nil {
		tfFail(c, err, call.ref)
	}
}

// tfForm is the form of a call's body and answer, for the model as it is.
type tfForm struct {
	verb   tfVerb
	inputs []tensor.Spec // of them, classify and regress have one
	output string        // the only one that is wanted; "": all
	labels []string      // of its classes
	format tfjson.Format // of predict
}

// tfFormOf finds the form of a call. Another version may answer by the time that it is
// asked, to which the body then has to fit as well.
func (g *Gateway) tfFormOf(call tfCall) (tfForm, error) {
	info, err := g.o.Service.Info(call.ref)
	if err != nil {
		return tfForm{}, err
	}
	form := tfForm{verb: call.verb, inputs: info.Config.RequestSignature().Inputs}
	if call.verb == tfPredict {
		return form, nil
	}
	input, output := tfExampleInput(form.inputs), tfResult(call.verb, info)
	if input == nil || output == "" {
		return tfForm{}, wire.Unsupported("%s is not supported for model %s: it takes a model of one input, with a vector for each example, and %s; use predict", call.verb, call.ref.Name, tfResults[call.verb])
	}
	form.inputs, form.output, form.labels = []tensor.Spec{*input}, output, info.Labels[output]
	return form, nil
}

// tfResults say which output a verb needs.
var tfResults = map[tfVerb]string{
	tfClassify: "one output of floats with a row of scores for each",
	tfRegress:  "one output of floats with a value for each",
}

// tfExampleInput returns the input that examples are made into, nil if it is not clear.
func tfExampleInput(inputs []tensor.Spec) (found *tensor.Spec) {
	for i := range inputs {
		switch {
		case inputs[i].Optional:
		case found != nil || !tfjson.TakesExamples(inputs[i]):
			return nil
		default:
			found = &inputs[i]
		}
	}
	return found
}

// tfResult returns the output that has the results of a verb: among those of their form
// the only one, or the only one with labels; "" if it is not clear.
func tfResult(verb tfVerb, info repository.Info) string {
	var found, labelled []string
	for _, o := range info.Config.RequestSignature().Outputs {
		fits := len(o.Shape) == 2
		if verb == tfRegress {
			fits = len(o.Shape) == 1 || fits && o.Shape[1] == 1
		}
		if !fits || o.DType != tensor.FP32 && o.DType != tensor.FP64 {
			continue
		}
		found = append(found, o.Name)
		if info.Labels[o.Name] != nil {
			labelled = append(labelled, o.Name)
		}
	}
	if len(labelled) == 1 {
		return labelled[0]
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

// decodeTF reads the body and makes the request of it. On success the request owns the
// memory.
func (x *exchange) decodeTF(c *gin.Context, form *tfForm) error {
	err := x.readBody(c, wholeBody)
	if err == nil {
		err = x.parseTF(form)
	}
	if err != nil {
		x.free()
		return err
	}
	x.body.release() // nothing of it is left in the tensors
	x.holders.Add(1)
	x.req.Own(x)
	return nil
}

func (x *exchange) parseTF(form *tfForm) error {
	var inputs []tensor.Tensor
	var err error
	if form.verb == tfPredict {
		inputs, form.format, err = tfjson.DecodePredict(x.body.B, form.inputs)
	} else {
		inputs = make([]tensor.Tensor, 1)
		inputs[0], err = tfjson.DecodeExamples(x.body.B, string(form.verb), form.inputs[0])
		x.req.Outputs = []string{form.output}
	}
	if err != nil {
		return err
	}
	for _, t := range inputs {
		x.decoded += int64(cap(t.Data))
	}
	x.gateway.o.Service.Memory().Count(x.decoded)
	x.req.Inputs = inputs
	return nil
}

// send sends an answer; the caller still owns it.
func (f *tfForm) send(c *gin.Context, resp *infer.Response) error {
	buffer := mem.Get(responseGuess)
	defer buffer.Release()
	body, err := f.append(buffer.B[:0], resp.Outputs)
	if err != nil {
		return err
	}
	c.Writer.Header()["Content-Type"] = typeJSON
	return transmit(c, body, 0, nil, wanted{})
}

func (f *tfForm) append(dst []byte, outputs []tensor.Tensor) ([]byte, error) {
	switch f.verb {
	case tfClassify:
		return tfjson.AppendClassifications(dst, outputs[0], f.labels)
	case tfRegress:
		return tfjson.AppendRegressions(dst, outputs[0])
	default:
		return tfjson.AppendPredict(dst, outputs, f.format)
	}
}
