package tune

import (
	"fmt"
	"slices"
)

// Setting is a combination of what is swept.
type Setting struct {
	Instances int // of the instance group, on each of its devices
	Threads   int // that work on one operator, shared by the instances; 0: as many as the server chooses
	Batch     int // the most rows of a batch; 0: nothing is batched
}

func (s Setting) String() string {
	text := count(s.Instances, "instance")
	if s.Threads > 0 {
		text += ", " + count(s.Threads, "thread")
	}
	if s.Batch > 0 {
		text += fmt.Sprintf(", batches of up to %d", s.Batch)
	}
	return text
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// Space is the settings that make sense for a model on a machine.
type Space struct {
	Present Setting // as the model is now
	Procs   int     // processors that its instances share
	Devices int     // that each count of the instance group makes an instance on
	Fixed   bool    // the instances stay as they are
	Waits   bool    // requests that could share a batch are held back for others
	// SmallestBatch and LargestBatch are the limits of the batch size; of no meaning for
	// a model that does not batch.
	SmallestBatch, LargestBatch int
}

// oversubscribed is how many threads there may be for each processor.
const oversubscribed = 2

// Grid returns the settings besides the present one: the powers of two of each number
// up to its limit, and the limit. Those with more than twice as many threads as there
// are processors are left out: every instance brings one of the threads that share an
// operator. Neighbours are apart in the list, so that its beginning says something
// about all of it.
func (s Space) Grid() []Setting {
	instances, batches := steps(1, s.Procs), []int{0}
	if s.Fixed {
		instances = []int{s.Present.Instances}
	}
	if s.Present.Batch > 0 {
		batches = steps(s.SmallestBatch, s.LargestBatch)
	}
	var all []Setting
	for _, i := range instances {
		for _, t := range steps(1, s.Procs) {
			for _, b := range batches {
				at := Setting{i, t, b}
				if at != s.Present && (s.Lanes(at)+t-1 <= oversubscribed*s.Procs || s.Fixed && t == 1) {
					all = append(all, at)
				}
			}
		}
	}
	return apart(all)
}

// Lanes returns how many batches run at the same time.
func (s Space) Lanes(at Setting) int { return at.Instances * max(1, s.Devices) }

// steps returns the powers of two from low to high, with both.
func steps(low, high int) []int {
	low = max(1, low)
	all := []int{low, max(low, high)}
	for n := 1; n < high; n *= 2 {
		if n > low {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// apart orders a list in strides of about the golden section, after which what has been
// taken lies evenly at any time.
func apart(all []Setting) []Setting {
	n := len(all)
	stride := max(1, n*618/1000)
	for gcd(stride, n) > 1 {
		stride++
	}
	ordered := make([]Setting, n)
	for i := range ordered {
		ordered[i] = all[i*stride%n]
	}
	return ordered
}

func gcd(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}
