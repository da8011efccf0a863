package assoc

import (
	"fmt"
	"slices"
	"time"

	"sctp.test/framework/wire"
)

// timed is an expectation that something happens in time: how long it took, what it was, and
// what time it had. Where what is empty, nothing had to.
type timed interface {
	took(k *known) (d time.Duration, what, within string)
}

// took is from the call of its peer on, by the suite's clock, to what the end was told.
func (x Hears) took(k *known) (d time.Duration, what, within string) {
	aborts, s := k.all(k.peer.Number, wire.DoAbort), k.last(wire.DoReceive)
	i := x.in(s.Reply)
	if x.Chunk != "ABORT" || len(aborts) == 0 || i < 0 {
		return 0, "", ""
	}
	heard := s.At.Add(time.Duration(s.Reply.Events[i].At-s.Reply.Begun) * time.Microsecond)
	return heard.Sub(aborts[len(aborts)-1].At), "ABORTs that were heard, calls and all", fmt.Sprintf("before the receive ends after %v (an ABORT is not sent again)", s.Op.Patience.Duration())
}

func (x Beats) took(k *known) (d time.Duration, what, within string) {
	idle, each := x.idle(k)
	return idle / time.Duration(max(k.since("octrlchunks"), 0)+1), "idle ends, from one heartbeat to the next on average", fmt.Sprintf("within %v", each)
}

func (x Learns) took(k *known) (d time.Duration, what, within string) {
	_, d = x.told(k)
	return d, "ends that learned of the end of their peer", fmt.Sprintf("within %v", x.Within)
}

func (GivesUp) took(k *known) (d time.Duration, what, within string) {
	s := k.last(wire.DoDial)
	within = "in time"
	if s.Op.Timers != nil {
		within = inTime(*s.Op.Timers)
	}
	return took(s.Reply), "connects that ended, for nobody answered", within
}

func (x Paths) took(k *known) (d time.Duration, what, within string) {
	return k.last(wire.DoStatus).At.Sub(x.Since), fmt.Sprintf("paths of multihomed associations that were found %s", x.State), fmt.Sprintf("within %v", x.Within)
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
			if what == "" {
				continue
			}
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
		when := "in " + span(first, last)
		if last <= 0 { // what they waited for was not over when they knew
			when = span(-last, -first) + " before it was over"
		}
		out = append(out, fmt.Sprintf("%s: %d, %s, wanted %s", k.what, len(all[k]), when, k.within))
	}
	return out
}

func span(from, to time.Duration) string {
	if from == to {
		return from.String()
	}
	return fmt.Sprintf("%v to %v", from, to)
}
