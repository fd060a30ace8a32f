package onnxtest

import (
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message under construction. Large payloads are kept as
// parts of their own, so that nesting a message in another copies none of them,
// and zeros need no memory at all.
type message struct {
	parts []part
	size  int64
}

// part is either bytes or a run of zeros.
type part struct {
	data  []byte
	zeros int64
}

// large is the size from which a payload becomes a part of its own.
const large = 4096

// raw appends small bytes, which are copied.
func (m *message) raw(b []byte) {
	m.size += int64(len(b))
	if n := len(m.parts); n > 0 && m.parts[n-1].zeros == 0 && len(m.parts[n-1].data) < large {
		p := &m.parts[n-1]
		p.data = append(p.data, b...)
		return
	}
	m.parts = append(m.parts, part{data: append([]byte(nil), b...)})
}

// head appends the tag and the length of a length-delimited field.
func (m *message) head(num protowire.Number, size int64) {
	b := protowire.AppendTag(make([]byte, 0, 16), num, protowire.BytesType)
	m.raw(protowire.AppendVarint(b, uint64(size)))
}

func (m *message) varint(num protowire.Number, v int64) {
	b := protowire.AppendTag(make([]byte, 0, 16), num, protowire.VarintType)
	m.raw(protowire.AppendVarint(b, uint64(v)))
}

func (m *message) fixed32(num protowire.Number, v uint32) {
	b := protowire.AppendTag(make([]byte, 0, 16), num, protowire.Fixed32Type)
	m.raw(protowire.AppendFixed32(b, v))
}

// text appends a string field and leaves an empty one out.
func (m *message) text(num protowire.Number, s string) {
	if s != "" {
		m.bytes(num, []byte(s))
	}
}

// bytes appends a bytes field. A large b is kept, not copied.
func (m *message) bytes(num protowire.Number, b []byte) {
	m.head(num, int64(len(b)))
	if len(b) < large {
		m.raw(b)
		return
	}
	m.parts = append(m.parts, part{data: b})
	m.size += int64(len(b))
}

// zeros appends a bytes field of n zeros.
func (m *message) zeros(num protowire.Number, n int64) {
	m.head(num, n)
	if n > 0 {
		m.parts = append(m.parts, part{zeros: n})
		m.size += n
	}
}

// child appends a message field. c's parts are shared, not copied.
func (m *message) child(num protowire.Number, c message) {
	m.head(num, c.size)
	for _, p := range c.parts {
		if p.zeros == 0 && len(p.data) < large {
			m.raw(p.data)
			continue
		}
		m.parts = append(m.parts, p)
		m.size += p.zeros + int64(len(p.data))
	}
}

// entry appends a StringStringEntryProto.
func (m *message) entry(num protowire.Number, key, value string) {
	var e message
	e.text(1, key)
	e.text(2, value)
	m.child(num, e)
}

// encode returns the message's bytes in one piece.
func (m *message) encode() []byte {
	out := make([]byte, 0, m.size)
	for _, p := range m.parts {
		out = append(out, p.data...)
		out = out[:int64(len(out))+p.zeros] // fresh memory, so it is zero already
	}
	return out
}

// writeFile writes the message to a new file; runs of zeros become holes.
func (m *message) writeFile(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	for _, p := range m.parts {
		if _, err := f.Write(p.data); err != nil {
			return err
		}
		if _, err := f.Seek(p.zeros, io.SeekCurrent); err != nil {
			return err
		}
	}
	return f.Truncate(m.size)
}
