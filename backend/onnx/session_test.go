package onnx

import (
	"maps"
	"testing"
)

func TestThreadsSpinForAShortTimeUnlessTheirSpinningWasChosen(t *testing.T) {
	const beside = "session.inter_op.allow_spinning"
	for _, tt := range []struct {
		name         string
		chosen, want map[string]string
	}{
		{"nothing -> ours", nil, map[string]string{allowSpinning: "1", spinDuration: "100", beside: "0"}},
		{"how long -> that long", map[string]string{spinDuration: "20"}, map[string]string{allowSpinning: "1", spinDuration: "20", beside: "0"}},
		{"not at all", map[string]string{allowSpinning: "0"}, map[string]string{allowSpinning: "0", beside: "0"}},
		{"at all -> as long as the runtime has it", map[string]string{allowSpinning: "1"}, map[string]string{allowSpinning: "1", beside: "0"}},
		{"beside operators, too", map[string]string{beside: "1"}, map[string]string{allowSpinning: "1", spinDuration: "100", beside: "1"}},
		{"another entry", map[string]string{"session.x": "y"}, map[string]string{allowSpinning: "1", spinDuration: "100", beside: "0", "session.x": "y"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := configEntries(tt.chosen); !maps.Equal(got, tt.want) {
				t.Errorf("got %v, expected %v", got, tt.want)
			}
		})
	}
}
