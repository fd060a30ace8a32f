package dir

import (
	"io/fs"
	"syscall"
	"time"
)

// changeTime is when the file, or its entry, was last touched in any way; unlike the
// time of modification it cannot be carried over by a copy.
func changeTime(info fs.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return time.Now()
}
