package golden

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"galatea/infer"
	"galatea/tensor"
)

func mapped(files map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, content := range files {
		all[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return all
}

func TestLoadFindsTheFilesOfAllFolders(t *testing.T) {
	good := string(file())
	fsys := mapped(map[string]string{
		"golden/b.json": good, "golden/a.json": good, "golden/README.md": "x", "golden/.c.json": "x", "golden/old/d.json": "x",
		"1/golden/a.json": good, "2/model.onnx": "x",
	})
	for _, tt := range []struct {
		name string
		dirs []string
		want string
	}{
		{"one folder, by name", []string{"golden"}, "golden/a.json golden/b.json"},
		{"several folders, in their order", []string{"golden", "1/golden"}, "golden/a.json golden/b.json 1/golden/a.json"},
		{"a folder that is not there", []string{"2/golden", "3/golden"}, ""},
		{"none", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cases, err := Load(fsys, tt.dirs...)
			var names []string
			for _, c := range cases {
				names = append(names, c.Name)
			}
			if got := strings.Join(names, " "); err != nil || got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestFilesThatCannotBeLoaded(t *testing.T) {
	many := map[string]string{}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("golden/%d.json", i)] = ""
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		text  string
	}{
		{"wrong files, each", map[string]string{"golden/a.json": "[", "golden/b.json": string(file()), "golden/c.json": "{}"}, "golden/a.json:1: unexpected end of JSON: expected a value\n" + `golden/c.json: no member "request": expected a request and the response to it`},
		{"a folder like a file", map[string]string{"golden/a.json/b": ""}, "golden/a.json: not a regular file"},
		{"a file like the folder", map[string]string{"golden": ""}, "golden: not implemented"},
		{"too many", many, "golden: more than 1000 golden files"},
		{"a file that is too large", map[string]string{"golden/a.json": strings.Repeat(" ", maxFile+1)}, "golden/a.json: more than 67108864 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if cases, err := Load(mapped(tt.files), "golden"); cases != nil || err == nil || err.Error() != tt.text {
				t.Errorf("got %v, want %s", err, tt.text)
			}
		})
	}
}

// failing is a file system that cannot read one file or folder.
type failing struct {
	fs.FS
	name string
}

func (f failing) Open(name string) (fs.File, error) {
	if name == f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EIO}
	}
	return f.FS.Open(name)
}

func TestUnreadableIsAnErrorNotNone(t *testing.T) {
	for _, name := range []string{"golden", "golden/a.json"} {
		cases, err := Load(failing{mapped(map[string]string{"golden/a.json": string(file())}), name}, "golden")
		if cases != nil || !errors.Is(err, syscall.EIO) || err.Error() != name+": input/output error" {
			t.Errorf("got %v, %v", cases, err)
		}
	}
}

func TestARecordingIsAGoldenFile(t *testing.T) {
	const request = `{"id":"a, [b] {c} \" ","inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[[1,NaN ]],"parameters":{}}],
		"outputs":[{"name":"p","parameters":{"binary_data":true,"list":[{},[]]}}],"empty":[ { } ]}`
	resp := answer(fp32(0.1, 1), word("a", "\"é\n"))
	got, err := Record([]byte(request), resp)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "request": {
    "id": "a, [b] {c} \" ",
    "inputs": [
      {
        "name": "x",
        "datatype": "FP32",
        "shape": [1, 2],
        "data": [[1, NaN]],
        "parameters": {}
      }
    ],
    "outputs": [
      {
        "name": "p",
        "parameters": {
          "binary_data": true,
          "list": [{}, []]
        }
      }
    ],
    "empty": [{}]
  },
  "response": {
    "outputs": [
      {
        "name": "p",
        "datatype": "FP32",
        "shape": [1, 2],
        "data": [0.1, 1.0]
      },
      {
        "name": "word",
        "datatype": "BYTES",
        "shape": [2],
        "data": ["a", "\"é\n"]
      }
    ]
  }
}
`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
	if err := parsed(t, got).Check(resp, 0); err != nil {
		t.Error(err)
	}
	if again := append(indented(bytes.TrimSpace(got)), '\n'); string(again) != want {
		t.Errorf("laid out once more, it is %s", again)
	}
}

func TestWhatCannotBeRecorded(t *testing.T) {
	const request = `{"inputs":[]}`
	half := tensor.Tensor{Name: "h", DType: tensor.FP16, Shape: tensor.Shape{1}, Data: make([]byte, 2)}
	for _, tt := range []struct {
		name, request string
		resp          *infer.Response
		text          string
	}{
		{"half precision", request, answer(fp32(1, 2), half), `output "h": data type is not supported in JSON: FP16: a golden file holds neither FP16 nor BF16`},
		{"strings that are not UTF-8", request, answer(word("\xff")), `JSON cannot carry the answer: the recording: output "word": element 0: got "\xff", expected "` + "\ufffd" + `" (1 of 1 elements differ)`},
		{"an answer with nothing in it", request, answer(), "the recording: response: no outputs: expected at least one to compare"},
		{"a tensor that is none", request, answer(tensor.Tensor{Name: "y", DType: tensor.Int8, Shape: tensor.Shape{2}}), `tensor "y" of type INT8 and shape [2] has 0 bytes`},
		{"a request that is not JSON", `{"inputs":[]},"tolerance":{`, answer(fp32(1, 2)), "request: unexpected character ',': expected nothing after the value at 13"},
		{"data in binary form", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}`, answer(fp32(1, 2)), `request: input "x": no data: a golden file holds all data in JSON, none in binary form`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Record([]byte(tt.request), tt.resp); got != nil || err == nil || err.Error() != tt.text {
				t.Errorf("\n got %v\nwant %s", err, tt.text)
			}
		})
	}
}
