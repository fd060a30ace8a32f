package workload

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"galatea/internal/loadclient"
	"galatea/tensor"
)

// HeaderLength is the HTTP header that says how many bytes of a body are JSON.
const HeaderLength = "Inference-Header-Content-Length"

// Path is where the model answers by the v2 protocol.
func (m Model) Path() string { return "/v2/models/" + m.Name + "/infer" }

// Bodies are v2 requests of one row each, with the binary tensor extension in both
// directions; the first header bytes of each are JSON.
func (m Model) Bodies() (bodies [][]byte, header int) {
	rows := m.rows()
	head := fmt.Sprintf(`{"inputs":[{"name":"x","shape":%v,"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`,
		append(tensor.Shape{1}, m.Row...), len(rows[0]))
	for _, row := range rows {
		bodies = append(bodies, append([]byte(head), row...))
	}
	return bodies, len(head)
}

// Requests are the Bodies as whole HTTP requests.
func (m Model) Requests() [][]byte {
	bodies, header := m.Bodies()
	headers := []loadclient.Header{
		{Name: "Content-Type", Value: "application/octet-stream"},
		{Name: HeaderLength, Value: strconv.Itoa(header)},
	}
	var requests [][]byte
	for _, body := range bodies {
		requests = append(requests, loadclient.Request(http.MethodPost, "localhost", m.Path(), headers, body))
	}
	return requests
}

// JSONRequests are whole v2 HTTP requests of the same rows as numbers in JSON.
func (m Model) JSONRequests() [][]byte {
	head := fmt.Sprintf(`{"inputs":[{"name":"x","shape":%v,"datatype":"FP32","data":`, append(tensor.Shape{1}, m.Row...))
	return m.jsonRequests(m.Path(), head, "}]}")
}

// DataRequests are whole HTTP requests to path whose body is {"data":[...]}, the same
// rows as numbers in a flat list, as small services take them.
func (m Model) DataRequests(path string) [][]byte { return m.jsonRequests(path, `{"data":`, "}") }

func (m Model) jsonRequests(path, head, tail string) [][]byte {
	headers := []loadclient.Header{{Name: "Content-Type", Value: "application/json"}}
	var requests [][]byte
	for _, row := range m.rows() {
		body := append([]byte(head), numbers(row)...)
		requests = append(requests, loadclient.Request(http.MethodPost, "localhost", path, headers, append(body, tail...)))
	}
	return requests
}

// numbers is a row in JSON, each number with the fewest digits that mean the same FP32.
func numbers(row []byte) []byte {
	text := []byte{'['}
	for i := 0; i < len(row); i += 4 {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendFloat(text, float64(math.Float32frombits(binary.LittleEndian.Uint32(row[i:]))), 'g', -1, 32)
	}
	return append(text, ']')
}

// rows are the bytes of the rows that a load is made of.
func (m Model) rows() [][]byte {
	all := m.Batch(DistinctRows)
	size := len(all.Data) / DistinctRows
	rows := make([][]byte, DistinctRows)
	for i := range rows {
		rows[i] = all.Data[i*size : (i+1)*size]
	}
	return rows
}
