package gateway

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// compressMin is the least size of an answer that is worth compressing.
const compressMin = 1 << 10

// acceptedEncoding returns the compression that a caller prefers among those that we
// have, by the weights of its Accept-Encoding; "" for none.
func acceptedEncoding(h http.Header) string {
	accept := h.Get("Accept-Encoding")
	if accept == "" {
		return ""
	}
	best, weight := "", 0.0
	for item := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(item), ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			q, _ = strconv.ParseFloat(value, 64) // 0, so not wanted, where it is no number
		}
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "gzip", "deflate", "identity":
			if q > weight {
				best, weight = name, q
			}
		}
	}
	if best == "identity" {
		return ""
	}
	return best
}

// compressor returns a writer that compresses into w; it must be closed.
func compressor(w io.Writer, encoding string) (io.WriteCloser, error) {
	if encoding == "deflate" {
		return zlib.NewWriterLevel(w, flate.BestSpeed)
	}
	return gzip.NewWriterLevel(w, flate.BestSpeed)
}
