package onnxfile

import (
	"bytes"
	"fmt"
)

// lookalikes are what is found in the place of a model, by how it starts.
var lookalikes = []struct {
	at    int
	magic string
	what  string
}{
	{0, "version https://git-lfs", "it is a Git LFS pointer: the model itself was not fetched"},
	{4, "ORTM", "it is in ONNX Runtime's own format (.ort)"},
	{0, "PK\x03\x04", "it is a zip archive, as PyTorch writes them"},
	{0, "\x1f\x8b", "it is compressed with gzip"},
	{0, "<", "it is an HTML or XML page"},
}

// sniff names the files that are often taken for models.
func sniff(s *source) error {
	if s.size <= 0 {
		return fmt.Errorf("%w: the file is empty", ErrNotModel)
	}
	head, err := s.peek(0, min(64, s.size))
	if err != nil {
		return err
	}
	for _, l := range lookalikes {
		if len(head) > l.at && bytes.HasPrefix(head[l.at:], []byte(l.magic)) {
			return fmt.Errorf("%w: %s", ErrNotModel, l.what)
		}
	}
	return nil
}
