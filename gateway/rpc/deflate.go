package rpc

import (
	"compress/zlib"
	"io"

	"google.golang.org/grpc/encoding"
)

// deflate is the compression of that name in HTTP, which gRPC's C library offers and its
// Go library does not have: zlib's format.
type deflate struct{}

// gRPC keeps one list of compressions for the process, to be filled before it is used.
var _ = func() bool {
	encoding.RegisterCompressor(deflate{})
	return true
}()

// Name is what messages are marked with.
func (deflate) Name() string { return "deflate" }

// Compress returns a writer that compresses.
func (deflate) Compress(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }

// Decompress returns a reader of what was compressed.
func (deflate) Decompress(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }
