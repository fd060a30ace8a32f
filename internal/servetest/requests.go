package servetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// scaleBody asks a model made by scale.
const scaleBody = `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`

// request sends a request and looks at the answer. The body is the rest of the line
// when that is JSON, else one or more of the archive's files, or of the module's
// where they begin with @, joined.
func (s *script) request(st step) error {
	args, err := st.need(1)
	if err != nil {
		return err
	}
	r := Request{Method: st.words[0], Path: args[0], Header: map[string]string{}}
	first := 0
	if inline := strings.TrimSpace(strings.TrimPrefix(st.rest, args[0])); strings.HasPrefix(inline, "{") || strings.HasPrefix(inline, "[") {
		r.Body = []byte(inline)
	} else {
		for i, name := range args[1:] {
			part, err := s.part(name)
			if err != nil {
				return err
			}
			if i == 0 {
				part = bytes.TrimSuffix(part, []byte("\n"))
				first = len(part)
			}
			r.Body = append(r.Body, part...)
		}
	}
	for _, e := range st.expects {
		if header, is := strings.CutPrefix(e, "with "); is {
			name, value, _ := strings.Cut(header, ":")
			value = strings.TrimSpace(value)
			if value == "length-of-first-part" {
				value = strconv.Itoa(first)
			}
			r.Header[name] = value
		}
	}
	reply, err := s.server.Do(s.t.Context(), r)
	if err != nil {
		return err
	}
	for _, e := range st.expects {
		if err := expect(reply, e); err != nil {
			return fmt.Errorf("%w\n\tthe answer was %v", err, reply)
		}
	}
	return nil
}

func (s *script) part(name string) ([]byte, error) {
	if path, is := strings.CutPrefix(name, "@"); is {
		module, err := ModuleRoot()
		if err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(module, path))
	}
	data, known := s.files[name]
	if !known {
		return nil, fmt.Errorf("the archive has no file %q", name)
	}
	return data, nil
}

// expect checks one line below a request.
func expect(reply Reply, line string) error {
	what, want, _ := strings.Cut(line, " ")
	switch what {
	case "with":
		return nil
	case "status":
		if strconv.Itoa(reply.Status) != want {
			return fmt.Errorf("status %d, want %s", reply.Status, want)
		}
		return nil
	case "error":
		if got := reply.ErrorText(); got != want {
			return fmt.Errorf("error %q, want %q", got, want)
		}
		return nil
	case "json":
		return Contains(reply.Body, want)
	case "body":
		return matches(string(reply.Body), want)
	case "empty":
		if len(reply.Body) > 0 {
			return errors.New("there is a body")
		}
		return nil
	case "header":
		name, value, _ := strings.Cut(want, ":")
		return matches(reply.Header.Get(name), strings.TrimSpace(value))
	default:
		return fmt.Errorf("no such expectation: %s", line)
	}
}

// scaled is the answer of a model made by scale.
type scaled struct {
	version string
	factor  float64
}

// askScale asks a model made by scale.
func (s *Server) askScale(model string) (scaled, error) {
	name, version, pinned := strings.Cut(model, "/")
	path := "/v2/models/" + name
	if pinned {
		path += "/versions/" + version
	}
	reply, err := s.Do(s.ctx(), Request{Path: path + "/infer", Body: []byte(scaleBody)})
	if err != nil {
		return scaled{}, err
	}
	var answer struct {
		Version string                     `json:"model_version"`
		Outputs []struct{ Data []float64 } `json:"outputs"`
	}
	err = json.Unmarshal(reply.Body, &answer)
	if err != nil || reply.Status != http.StatusOK || len(answer.Outputs) != 1 || len(answer.Outputs[0].Data) != 4 {
		return scaled{}, fmt.Errorf("the answer was %v", reply)
	}
	y := answer.Outputs[0].Data
	for i := range y {
		if y[i] != y[0]*float64(i+1) {
			return scaled{}, fmt.Errorf("no multiple of what was asked: %v", reply)
		}
	}
	return scaled{answer.Version, y[0]}, nil
}

func (s *script) answers(st step) error {
	args, err := st.need(5)
	if err != nil || args[1] != "version" || args[3] != "times" {
		return errors.New("expected: answers NAME[/VERSION] version V times K")
	}
	factor, err := strconv.ParseFloat(args[4], 64)
	if err != nil {
		return err
	}
	got, err := s.server.askScale(args[0])
	if want := (scaled{args[2], factor}); err == nil && got != want {
		err = fmt.Errorf("version %s answers with %v times", got.version, got.factor)
	}
	return err
}

// row returns a row of the index, an empty one when there is none.
func (s *script) row(of string) (IndexRow, error) {
	rows, err := s.server.Index()
	name, version, _ := strings.Cut(of, "/")
	for _, row := range rows {
		if row.Name == name && row.Version == version {
			return row, nil
		}
	}
	return IndexRow{}, err
}

func (s *script) index(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	row, err := s.row(args[0])
	switch {
	case err != nil:
		return err
	case row.Name == "" && args[1] == "absent":
		return nil
	case row.State != args[1] || row.Name == "":
		return fmt.Errorf("got %+v", row)
	}
	pattern := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(strings.TrimPrefix(st.rest, args[0])), args[1]))
	if pattern == "" {
		pattern = "^$"
	}
	return matches(row.Reason, pattern)
}

func (s *script) metric(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	want, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return err
	}
	name, labels, _ := strings.Cut(strings.TrimSuffix(args[0], "}"), "{")
	var all []string
	if labels != "" {
		all = strings.Split(labels, ",")
	}
	got, found := s.server.Metric(name, all...)
	if !found || got != want {
		return fmt.Errorf("got %v (there: %v)", got, found)
	}
	return nil
}
