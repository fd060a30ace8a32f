package repository

import "log/slog"

// refusal is a reason why files cannot be loaded, which all versions of a model may share.
type refusal struct{ name, root, text string }

// complain logs what the source says cannot be loaded, once for as long as it says so.
func (l *loop) complain() {
	present := map[refusal]bool{}
	for _, all := range [][]Desired{l.wanted, l.newcomers} {
		for _, d := range all {
			if d.Err == nil {
				continue
			}
			r := refusal{d.Name, d.Root, d.Err.Error()}
			if !l.refused[r] && !present[r] {
				l.o.Log.Error("refused", slog.String("model", d.Name), slog.Int64("version", d.Version), slog.String("root", d.Root), slog.Any("err", d.Err))
			}
			present[r] = true
		}
	}
	l.refused = present
}
