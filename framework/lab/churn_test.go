package lab

import (
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// Hosts are out of breath where most handshakes outlast the wait for an INIT's answer, not
// where a few INITs were lost.
func TestOutOfBreath(t *testing.T) {
	for name, c := range map[string]struct {
		took []time.Duration
		want time.Duration
	}{
		"none came about":     {nil, 0},
		"soon":                {[]time.Duration{time.Millisecond, 3 * time.Millisecond, 2 * time.Millisecond}, 0},
		"one INIT was lost":   {[]time.Duration{2100 * time.Millisecond, time.Millisecond, time.Millisecond}, 0},
		"half of them, slow":  {[]time.Duration{5 * time.Second, time.Second, 3 * time.Second}, 3 * time.Second},
		"each as it is to be": {[]time.Duration{holdTimers.RTOInitial.Duration()}, 0},
	} {
		questions := []*question{{probe: wire.Probe{Timers: holdTimers}}} // this one did not come about
		for _, took := range c.took {
			q := &question{probe: wire.Probe{Timers: holdTimers}}
			q.evidence.Seen = &wire.Observation{Connect: wire.Micros(took.Microseconds()), Greeting: &wire.Greeting{}}
			questions = append(questions, q)
		}
		if got := outOfBreath(questions); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
