package repository

import "slices"

// generations are those that are observed, in the order in which they came, and by the
// name of their model: with a thousand models, looking through all of them for each is
// what a pass would cost.
type generations struct {
	all []*generation
	of  map[string][]*generation // a model's, oldest first; nobody but add and drop changes it
}

// add takes in a generation, which has its name.
func (s *generations) add(g *generation) {
	if s.of == nil {
		s.of = map[string][]*generation{}
	}
	s.all = append(s.all, g)
	s.of[g.Name] = append(s.of[g.Name], g)
}

// drop forgets the generations that which is true of.
func (s *generations) drop(which func(*generation) bool) {
	s.all = slices.DeleteFunc(s.all, which)
	for name, of := range s.of {
		if of = slices.DeleteFunc(of, which); len(of) == 0 {
			delete(s.of, name)
		} else {
			s.of[name] = of
		}
	}
}

// byModel sorts what is wanted by model; the pointers are into all.
func byModel(all []Desired) map[string][]*Desired {
	of := map[string][]*Desired{}
	for i := range all {
		of[all[i].Name] = append(of[all[i].Name], &all[i])
	}
	return of
}
