package main

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

func TestAWrongAnswerIsAnError(t *testing.T) {
	raw := binary.LittleEndian.AppendUint32([]byte(`{"json":1}`), math.Float32bits(0.25))
	raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(-1))
	for _, f := range []struct {
		format
		right, wrong, short string
	}{
		{binaryV2, string(raw), string(raw[:len(raw)-1]) + "\x00", "1234"},
		{jsonV2, `{"outputs":[{"name":"y","data":[0.25001,-1]}]}`, `{"outputs":[{"data":[0.251,-1]}]}`, `{"outputs":[]}`},
		{jsonData, `{"output":[0.25,-1.00001]}`, `{"output":[0.25,1]}`, `{"output":[0.25]}`},
	} {
		check := f.checker([][]float32{{9, 9}, {0.25, -1}})
		if err := check(1, 200, []byte(f.right)); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if err := check(1, 200, []byte(f.wrong)); err == nil || !strings.Contains(err.Error(), "a wrong answer to row 1") {
			t.Errorf("%s: %v", f.name, err)
		}
		for _, bad := range []string{f.short, ""} {
			if check(1, 200, []byte(bad)) == nil {
				t.Errorf("%s: no error for %q", f.name, bad)
			}
		}
	}
}

func TestTheCommandLineIsChecked(t *testing.T) {
	for args, want := range map[string]string{
		"-peers=torchserve":  "no peer",
		"-connections=8,0":   "-connections",
		"-rounds=0":          "-rounds",
		"-duration=-1s":      "-duration",
		"extra":              "unexpected argument",
		"-connections=1,2 x": "-connections",
	} {
		if _, err := parse([]string{args}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	s, err := parse([]string{"-peers", "triton, litserve", "-connections", "8, 64"})
	if err != nil || len(s.peers) != 2 || len(s.connections) != 2 || len(s.models) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}
