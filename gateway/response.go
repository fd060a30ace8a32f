package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/jsontensor"
	"galatea/internal/mem"
	"galatea/tensor"
)

// appendResponse appends the JSON part of an answer to dst; binary says for each
// output whether its bytes follow the JSON.
func appendResponse(dst []byte, resp *infer.Response, id string, w wanted) (out []byte, binary int, err error) {
	dst = appendNames(append(dst, '{'), resp, id)
	dst = append(dst, `,"outputs":[`...)
	for i, t := range resp.Outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"name":`...), t.Name)
		dst = append(append(append(dst, `,"datatype":"`...), t.DType.String()...), `","shape":[`...)
		for j, d := range t.Shape {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, d, 10)
		}
		dst = append(dst, ']')
		switch w.of(t.Name) {
		case asBinary:
			dst = append(dst, `,"parameters":{"binary_data_size":`...)
			dst = append(strconv.AppendInt(dst, int64(len(t.Data)), 10), '}')
			binary += len(t.Data)
		case asJSON:
			if dst, err = appendArray(append(dst, `,"data":`...), t); err != nil {
				return nil, 0, err
			}
		case asShared: // neither data nor its size
		}
		dst = append(dst, '}')
	}
	return append(dst, ']', '}'), binary, nil
}

// appendNames appends the members by which the caller knows an answer.
func appendNames(dst []byte, resp *infer.Response, id string) []byte {
	if id != "" {
		dst = append(appendString(append(dst, `"id":`...), id), ',')
	}
	dst = appendString(append(dst, `"model_name":`...), resp.Model.Name)
	dst = append(dst, `,"model_version":"`...)
	return append(strconv.AppendInt(dst, resp.Model.Version, 10), '"')
}

// appendArray appends an output as a list.
func appendArray(dst []byte, t tensor.Tensor) ([]byte, error) {
	dst, err := jsontensor.AppendArray(dst, t)
	if errors.Is(err, jsontensor.ErrUnsupported) {
		return nil, wire.Invalid("sending %v data via JSON is not supported. Please use the binary data format for output %s", t.DType, t.Name)
	}
	return dst, err
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			var quoted bytes.Buffer
			_ = marshal(&quoted, s) // a string always can be
			return append(dst, quoted.Bytes()...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// send sends an answer; the caller still owns it.
func (x *exchange) send(c *gin.Context, resp *infer.Response, id string) error {
	buffer := mem.Get(responseGuess)
	defer buffer.Release()
	head, binary, err := appendResponse(buffer.B[:0], resp, id, x.wanted)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h["Content-Type"] = typeJSON
	if binary > 0 {
		h["Content-Type"] = typeBytes
		h[headerLength] = []string{strconv.Itoa(len(head))} // x may serve another request when the server sends it
	}
	return transmit(c, head, binary, resp.Outputs, x.wanted)
}

// transmit sends the JSON part of an answer, whose headers are set, and so many bytes of
// binary tensors.
func transmit(c *gin.Context, head []byte, binary int, outputs []tensor.Tensor, w wanted) error {
	h := c.Writer.Header()
	total := len(head) + binary
	encoding := ""
	if total >= compressMin {
		encoding = acceptedEncoding(c.Request.Header)
	}
	if total > serverBuffer || encoding != "" {
		if err := expectReader(c, total); err != nil {
			return err
		}
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
		z, err := compressor(c.Writer, encoding)
		if err != nil {
			return err
		}
		defer func() { _ = z.Close() }() // the caller may be gone
		writeParts(z, head, outputs, w)
		return nil
	}
	if total > serverBuffer {
		h.Set("Content-Length", strconv.Itoa(total))
	}
	writeParts(c.Writer, head, outputs, w)
	return nil
}

// Values of headers that all answers share; nobody changes them.
var (
	typeJSON  = []string{"application/json"}
	typeBytes = []string{"application/octet-stream"}
)

// serverBuffer is the size up to which the server, be it http1's or net/http's, keeps an
// answer until it is whole, so that it knows its length by itself, and whoever is to read
// it cannot hold it up for longer than the server's own limit.
const serverBuffer = 2048

// expectReader gives the reader of an answer the time that the sender of a body gets,
// and as much again, since what is left of a body is read before its answer is sent.
func expectReader(c *gin.Context, size int) error {
	deadline := time.Now().Add(2*senderGrace + time.Duration(size/slowestSender)*time.Second)
	err := http.NewResponseController(c.Writer).SetWriteDeadline(deadline)
	if errors.Is(err, http.ErrNotSupported) {
		return nil // not a network connection
	}
	return err
}

// responseGuess is room for the JSON part of most binary answers.
const responseGuess = 512

// writeParts writes the JSON part and the binary tensors. A write that fails means
// that the caller is gone, so there is nobody to tell.
func writeParts(to io.Writer, head []byte, outputs []tensor.Tensor, w wanted) {
	if _, err := to.Write(head); err != nil {
		return
	}
	for _, t := range outputs {
		if w.of(t.Name) != asBinary || len(t.Data) == 0 {
			continue
		}
		if _, err := to.Write(t.Data); err != nil {
			return
		}
	}
}
