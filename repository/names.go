package repository

import (
	"fmt"
	"maps"
	"slices"
)

// standing is what the labels of a model, and "" for its default, stand for now. A name
// moves only to a version that is ready; until then it stays where it is. The default
// does not move to one on trial, which has to be promoted; a label may: who asks for it
// by name wants it.
type standing map[string]int64

// move returns where the names stand, given where they are to go, which versions are
// ready to answer, and which are gone: withdrawn, or without files. A label that has stood
// for something and cannot any more stands for the standard, what a request without a
// version gets; 0 is nothing. Where its version is gone, the label has lost that.
func (n standing) move(to map[string]int64, ready func(name string, version int64) bool, gone func(version int64) bool, standard int64) (now standing, lost []string) {
	now = standing{}
	for name, version := range to {
		before, known := n[name]
		switch {
		case ready(name, version):
			now[name] = version
		case known && ready(name, before):
			now[name] = before
		case known && standard != 0 && name != "":
			now[name] = standard
			if before == version && gone(version) {
				lost = append(lost, name)
			}
		}
	}
	return now, lost
}

// kept lists the versions that a model's names stand for or are to stand for.
func (n standing) kept(to map[string]int64) []int64 {
	all := slices.AppendSeq(slices.Collect(maps.Values(n)), maps.Values(to))
	slices.Sort(all)
	return slices.Compact(all)
}

// missingName says which name of a model stands for a version that is not there.
func missingName(name string, version int64) string {
	if name == "" {
		return fmt.Sprintf("default_version is %d, but there is no such version: the newest one that is ready answers instead", version)
	}
	return fmt.Sprintf("label %q is to stand for version %d, but there is no such version", name, version)
}

// moveNames moves each model's names to what is ready now, and says where they went.
func (l *loop) moveNames() {
	all := map[string]standing{}
	for name, to := range l.targets {
		standard := int64(0)
		if g := l.standard(name); g != nil {
			standard = g.Version
		}
		now, lost := l.names[name].move(to, func(label string, version int64) bool {
			g := l.serving(name, version)
			return g != nil && (label != "" || !l.onTrial(g))
		}, func(version int64) bool {
			return !slices.ContainsFunc(l.wantedOf[name], func(d *Desired) bool { return d.Version == version && d.Withdrawn == "" })
		}, standard)
		for _, label := range lost { // for good, so that a restart changes nothing
			l.settings.of(name).setLabel(label, standard, l.policy(name).Labels[label])
			l.save(nil)
		}
		for label, version := range now {
			if before := l.names[name][label]; before != version {
				l.event(Event{Model: name, Version: version, Kind: EventName, Label: label, Text: fmt.Sprintf("was version %d", before)})
			}
		}
		all[name] = now
	}
	l.names = all
}

// serving returns the generation that answers for a version, or nil.
func (l *loop) serving(name string, version int64) *generation {
	var found *generation
	for _, g := range l.generations.of[name] {
		if g.Version != version || g.state != Ready {
			continue
		}
		if found == nil || !l.onTrial(g) {
			found = g
		}
	}
	return found
}

// missingNames lists, of a model, the names that stand for versions that it does not have.
func (l *loop) missingNames(name string) []string {
	return MissingNames(l.targets[name], func(version int64) bool {
		return l.listed(key{name, version}) || l.serving(name, version) != nil
	})
}

// MissingNames says which of a model's names, as Policy.Names has them, stand for versions
// that are not there, a line for each.
func MissingNames(names map[string]int64, there func(version int64) bool) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if version := names[name]; !there(version) {
			all = append(all, missingName(name, version))
		}
	}
	return all
}
