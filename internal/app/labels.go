package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"galatea/repository"
)

// maxLabels bounds a label file.
const maxLabels = 16 << 20

// readLabels reads the label files that a model's configuration names: by output, the
// names of its classes, one in a line.
func readLabels(d repository.Desired) (map[string][]string, error) {
	if d.Config == nil {
		return nil, nil
	}
	folder, _ := modelFolder(d)
	var all map[string][]string
	for i, out := range d.Config.Output {
		if out.LabelFilename == "" {
			continue
		}
		labels, wrong, err := labelsOf(filepath.Join(folder, filepath.FromSlash(out.LabelFilename)))
		if err != nil {
			return nil, err // the disk may do better the next time
		}
		if wrong != nil {
			return nil, repository.Terminal(d.Config.Errorf(fmt.Sprintf("output[%d].label_filename", i), "%v", wrong))
		}
		if all == nil {
			all = map[string][]string{}
		}
		all[out.Name] = labels
	}
	return all, nil
}

// labelsOf reads a label file. It tells what is wrong with it from what the system did.
func labelsOf(file string) (labels []string, wrong, err error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no file %s: expected one with a label in each line", file), nil
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file: expected one with a label in each line", file), nil
	case info.Size() > maxLabels:
		return nil, fmt.Errorf("%s has %d bytes: expected at most %d", file, info.Size(), maxLabels), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if !utf8.ValidString(line) {
			return nil, fmt.Errorf("%s:%d: got %q: expected UTF-8", file, len(labels)+1, line), nil
		}
		labels = append(labels, line)
	}
	return labels, nil, nil
}
