package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every testdata/NAME.bad.yaml is refused with the text in NAME.bad.txt.
func TestBadFiles(t *testing.T) {
	for _, kind := range []struct {
		folder string
		parse  func(file string, data []byte) error
	}{
		{"testdata", func(file string, data []byte) error { _, err := ParseModel(file, data); return err }},
		{"testdata/server", func(file string, data []byte) error { _, err := ParseServer(file, data); return err }},
	} {
		files, err := filepath.Glob(filepath.Join(kind.folder, "*.bad.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no bad files in %s: %v", kind.folder, err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".bad.yaml"), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				err = kind.parse(filepath.Base(file), data)
				if err == nil {
					t.Fatal("it was taken")
				}
				var one *Error
				if !errors.As(err, &one) || one.File != filepath.Base(file) {
					t.Errorf("no *Error with the file's name: %#v", err)
				}
				golden(t, strings.TrimSuffix(file, ".yaml")+".txt", []byte(err.Error()+"\n"))
			})
		}
	}
}

func TestEmptyFilesAreValid(t *testing.T) {
	for _, data := range []string{"", "\n", "# nothing\n", "---\n", "{}", "null", "# a\n---\n# b\n"} {
		m, err := ParseModel("config.yaml", []byte(data))
		if err != nil {
			t.Errorf("ParseModel(%q): %v", data, err)
			continue
		}
		m.source = source{}
		if !reflect.DeepEqual(m, &Model{}) {
			t.Errorf("ParseModel(%q) = %+v", data, m)
		}
		if s, err := ParseServer("galatea.yaml", []byte(data)); err != nil || !reflect.DeepEqual(s, DefaultServer()) {
			t.Errorf("ParseServer(%q) = %+v, %v", data, s, err)
		}
	}
}

func TestKeysWithoutValuesAreEmptyContainers(t *testing.T) {
	m, err := ParseModel("config.yaml", []byte("input:\nparameters:\ndynamic_batching:\nversion_policy:\n  all:\n"))
	if err != nil {
		t.Fatal(err)
	}
	if m.DynamicBatching == nil || m.VersionPolicy.All == nil || len(m.Input) != 0 || len(m.Parameters) != 0 {
		t.Errorf("got %+v", m)
	}
}

func TestServerFile(t *testing.T) {
	got, err := ParseServer("galatea.yaml", []byte(`
models: {default_max_batch_size: 8}
http:
  max_input_size: 1.5 MiB
  max_inflight_bytes: 2000000
log: {verbose: 1}
repository: {poll_seconds: 2.5}
`))
	want := DefaultServer()
	want.Models.DefaultMaxBatchSize = 8
	want.HTTP = HTTP{MaxInputSize: 3 << 19, MaxInflightBytes: 2e6}
	want.Log.Verbose = 1
	want.Repository.Poll = 2500 * time.Millisecond
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if d := got.Defaults(); !reflect.DeepEqual(d, Defaults{MaxBatchSize: 8, MaxQueueSize: DefaultMaxQueueSize}) {
		t.Errorf("Defaults() = %+v", d)
	}
}

func TestValidate(t *testing.T) {
	s := DefaultServer()
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	s.HTTP.MaxInputSize = 2 << 30
	if want := "http.max_input_size: max_inflight_bytes of 1GiB is less than max_input_size of 2GiB: expected room for one request of the largest size"; fmt.Sprint(s.Validate()) != want {
		t.Errorf("got %v", s.Validate())
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "17": 17, "17B": 17, "64MiB": 64 << 20, "64 MiB": 64 << 20, "1.5GB": 1.5e9, "0.5KiB": 512, "2TiB": 2 << 40,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v: expected %d", text, got, err, want)
		}
		var s Size
		if err := s.UnmarshalText([]byte(want.String())); err != nil || s != want {
			t.Errorf("%d prints as %s, which reads as %d, %v", want, want, s, err)
		}
	}
	for _, text := range []string{"", "-1", "1e3", "1 MiBs", "MiB", "1mib", "0x10", "NaN", "1.MiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d: expected an error", text, got)
		}
	}
}

func TestAnAliasStandsForItsValueOnItsOwnLine(t *testing.T) {
	m, err := ParseModel("config.yaml", []byte("input:\n  - {name: x, dims: &d [8, 8]}\n  - {name: z, dims: *d}\n"))
	if err != nil || !reflect.DeepEqual(m.Input[1].Dims, []int64{8, 8}) {
		t.Fatalf("got %+v, %v", m, err)
	}
	_, err = ParseModel("config.yaml", []byte("name: &d [8, 8]\nmax_batch_size: *d\n"))
	if want := "config.yaml:2: max_batch_size: got a list: expected a whole number such as 8"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v: expected %s", err, want)
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	bomb := "input: &i\n  - &a {name: x, dims: &d [" + strings.Repeat("1,", 1000) + "1]}\n" + strings.Repeat("  - *a\n", 50_000)
	for name, data := range map[string]string{
		"aliases that multiply": bomb,
		"an alias of itself":    "input: &i [*i]\n",
		"deep nesting":          strings.Repeat("[", 5000),
		"deep block nesting":    "input: " + strings.Repeat("- ", 5000),
		"a large file":          "# " + strings.Repeat("x", maxBytes),
		"many errors":           strings.Repeat("? [a]\n: 1\n", 1000),
		"a long key":            strings.Repeat("k", 100_000) + ": 1\n",
		"a long number":         "max_batch_size: " + strings.Repeat("9", 100_000) + "\n",
		"not text":              "name: \x00\xff\n",
	} {
		_, err := ParseModel("config.yaml", []byte(data))
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if n := len(err.Error()); n > 20_000 {
			t.Errorf("%s: an error text of %d bytes", name, n)
		}
	}
}

func TestManyErrorsAreCounted(t *testing.T) {
	_, err := ParseModel("config.yaml", []byte("instance_group:\n"+strings.Repeat("- count: 0\n", maxErrors+3)))
	if err == nil || !strings.HasSuffix(err.Error(), "config.yaml: and 3 more errors") {
		t.Errorf("got %v", err)
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		e    Error
		want string
	}{
		{Error{"config.yaml", 3, "input[0].dims", "bad"}, "config.yaml:3: input[0].dims: bad"},
		{Error{"config.yaml", 0, "name", "bad"}, "config.yaml: name: bad"},
		{Error{"", 3, "", "bad"}, "line 3: bad"},
		{Error{"", 0, "", "bad"}, "bad"},
	} {
		if got := c.e.Error(); got != c.want {
			t.Errorf("got %q: expected %q", got, c.want)
		}
	}
}

func TestNamed(t *testing.T) {
	m, err := ParseModel("m/config.yaml", []byte("\nname: letters\n"))
	if err != nil {
		t.Fatal(err)
	}
	if same, err := m.Named("letters"); err != nil || same.Name != "letters" {
		t.Errorf("got %+v, %v", same, err)
	}
	_, err = m.Named("digits")
	if want := "m/config.yaml:2: name: unexpected directory name 'digits' for model 'letters', directory name must equal model name"; fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
	unnamed, err := ParseModel("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if named, err := unnamed.Named("digits"); err != nil || named.Name != "digits" || unnamed.Name != "" {
		t.Errorf("got %+v, %v", named, err)
	}
}

func TestErrorfNamesTheNearestLine(t *testing.T) {
	m, err := ParseModel("config.yaml", []byte("version_policy:\n  specific:\n    versions: [3]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for field, line := range map[string]int{"version_policy.specific.versions[0]": 3, "version_policy.specific.other": 2, "name": 0} {
		if got := m.Errorf(field, "text"); got.Line != line {
			t.Errorf("%s: line %d: expected %d", field, got.Line, line)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"name", "max_batch_size", "input", "output", "instance_group"}
	for got, want := range map[string]string{
		"max_batchsize": "max_batch_size", "maxBatchSize": "max_batch_size", "max-batch-size": "max_batch_size", "nmae": "name",
		"inputs": "input", "instance_groups": "instance_group", "colour": "", "x": "", "": "",
	} {
		if near := Nearest(got, known); near != want {
			t.Errorf("Nearest(%q) = %q: expected %q", got, near, want)
		}
	}
}
