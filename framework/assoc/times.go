package assoc

import (
	"fmt"
	"slices"
	"time"

	"sctp.test/framework/wire"
)

// timed is an expectation that something happens in time: how long it took, what it was, and
// what time it had.
type timed interface {
	took(k *known) (d time.Duration, what, within string)
}

func (x Learns) took(k *known) (d time.Duration, what, within string) {
	_, d = x.told(k)
	return d, "ends learned of the end of their peer", fmt.Sprintf("within %v", x.Within)
}

func (GivesUp) took(k *known) (d time.Duration, what, within string) {
	s := k.last(wire.DoDial)
	return took(s.Reply), "connects that nobody answered ended", inTime(*s.Op.Timers)
}

// inTime is after how long a connect that nobody answers ends, and why.
func inTime(t wire.Timers) string {
	return fmt.Sprintf("after %v (%d INITs: %v)", t.InitWindow(), t.Inits(), t.InitWaits())
}

// Times are sentences on what had to happen in time on the paths, one for each such time.
func (w *Walk) Times() []string {
	type kind struct{ what, within string }
	var kinds []kind
	all := map[kind][]time.Duration{}
	for _, c := range w.Courses {
		c.mu.Lock()
		for _, x := range c.expected {
			t, is := x.What.(timed)
			if !is {
				continue
			}
			d, what, within := t.took(c.known(x))
			k := kind{what, within}
			if all[k] == nil {
				kinds = append(kinds, k)
			}
			all[k] = append(all[k], d)
		}
		c.mu.Unlock()
	}
	var out []string
	for _, k := range kinds {
		first, last := slices.Min(all[k]).Round(time.Millisecond), slices.Max(all[k]).Round(time.Millisecond)
		when := fmt.Sprintf("in %v to %v", first, last)
		if last <= 0 { // what they waited for was not over when they knew
			when = fmt.Sprintf("%v to %v before it was over", -last, -first)
		}
		out = append(out, fmt.Sprintf("%d %s %s, wanted %s", len(all[k]), k.what, when, k.within))
	}
	return out
}
