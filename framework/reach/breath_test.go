package reach

import (
	"strings"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// Where most handshakes outlast the wait for an INIT's answer, an association that came to
// nothing after INITs were sent again is no news of the network. A few lost INITs excuse nothing,
// and nothing excuses what hosts out of breath do not do.
func TestHostsOutOfBreathProveNothing(t *testing.T) {
	for _, c := range []struct {
		found string // by one client of many servers
		took  time.Duration
		want  string
	}{
		{"answered answered silent", 3 * time.Millisecond, ""},
		{"answered answered silent", timers.RTOInitial.Duration(), ""},
		{"answered answered silent", 2300 * time.Millisecond, "2 of 2 associations that came about took 2.3s"},
		{"answered answered refused", 2300 * time.Millisecond, ""}, // at once, so nothing was sent again
		{"answered answered unreachable", 2300 * time.Millisecond, ""},
		{"answered wrong-server silent", 2300 * time.Millisecond, ""},
		{"answered stalled silent", 2300 * time.Millisecond, ""},
		{"answered no-reply silent", 2300 * time.Millisecond, "1 of 1 associations"},
		{"silent silent silent", 0, ""},
	} {
		var probes []Evidence
		for _, what := range strings.Fields(c.found) {
			e := evidence(wire.SCTP, events[what])
			if what == "answered" {
				e.Seen.Connect = wire.Micros(c.took.Microseconds())
			}
			probes = append(probes, e)
		}
		if got := Excuse(probes); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s, after %v: %q", c.found, c.took, got)
		}
		s := claimed("x/server:80 x/server:81 x/server:82", Word(Answered), Word(Answered), Word(Answered))
		s.Add(roundOf(s, probes))
		ground, text := s.Conclusion()
		if c.want == "" && ground != GroundFail || c.want != "" && (ground != GroundBroken || !strings.HasPrefix(text, "POD-01: "+c.want)) {
			t.Errorf("%s, after %v: %s: %s", c.found, c.took, ground, text)
		}
	}
}

// Hosts out of breath leave other protocols unanswered, too. What these are answered with is news.
func TestHostsOutOfBreathDoNotAnswerOtherProtocols(t *testing.T) {
	slow := evidence(wire.SCTP, events["answered"])
	slow.Seen.Connect = 2_300_000
	for _, proto := range []wire.Proto{wire.TCP, wire.UDP} {
		for what, want := range map[string]bool{"silent": true, "refused": false} {
			if got := Excuse([]Evidence{slow, evidence(proto, events[what])}); (got != "") != want {
				t.Errorf("%s, %s: %q", proto, what, got)
			}
		}
	}
}

// Only an association that was up, and late, was killed by its second INIT.
func TestKilledLate(t *testing.T) {
	for name, want := range map[string]bool{"answered": false, "silent": false, "stalled": true} {
		for took, late := range map[wire.Micros]bool{3000: false, 2_300_000: true} {
			e := evidence(wire.SCTP, events[name])
			e.Seen.Connect = took
			if got := KilledLate(e); got != (want && late) {
				t.Errorf("%s after %d µs: %v", name, took, got)
			}
		}
	}
}

// What comes to nothing before a chunk was sent again has met something else than connection
// tracking's memory, and so has an INIT that finds no way.
func TestBeganLate(t *testing.T) {
	for name, want := range map[string]bool{"answered": false, "silent": true, "refused": true, "unreachable": true, "stalled": true, "wrong-server": false} {
		for took, late := range map[wire.Micros]bool{3000: false, 4_900_000: true} {
			e := evidence(wire.SCTP, events[name])
			e.Seen.Connect = took
			for counter, cookie := range map[string]bool{wire.T1CookieExpireds: true, wire.T1InitExpireds: false} {
				if got := BeganLate(e, wire.Counters{counter: 1}); got != (want && late && (cookie || name != "unreachable")) {
					t.Errorf("%s after %d µs, %s: %v", name, took, counter, got)
				}
			}
		}
	}
}

// Slow hosts do not open what is to be denied.
func TestSlowHostsDoNotExcuseAPathThatIsOpen(t *testing.T) {
	open, slow := evidence(wire.SCTP, events["answered"]), evidence(wire.SCTP, events["answered"])
	slow.Seen.Connect = 2_300_000
	s := claimed("x/server:80 x/server:81 x/server:82", Word(Answered), Word(Answered), Denied)
	s.Add(roundOf(s, []Evidence{slow, slow, open}))
	if ground, text := s.Conclusion(); ground != GroundFail {
		t.Errorf("%s: %s", ground, text)
	}
}

// A few rounds of slow handshakes are no excuse for what is wrong among many of fast ones.
func TestBreathIsOfAllRounds(t *testing.T) {
	fast, slow, silent := evidence(wire.SCTP, events["answered"]), evidence(wire.SCTP, events["answered"]), evidence(wire.SCTP, events["silent"])
	slow.Seen.Connect = 2_300_000
	s := claimed("x/server:80 x/server:81", Word(Answered), Word(Answered))
	s.Add(roundOf(s, []Evidence{slow, silent}))
	for range 2 {
		s.Add(roundOf(s, []Evidence{fast, silent}))
	}
	if ground, text := s.Conclusion(); ground != GroundFail {
		t.Errorf("%s: %s", ground, text)
	}
}

// roundOf are probes of a series' next round, one of each of its columns.
func roundOf(s *Series, probes []Evidence) []Asked {
	var out []Asked
	for i, e := range probes {
		a := one(s.Report.Rounds+1, wire.SCTP, s.Matrices[0].Columns[i].Word, "answered", wire.Counters{wire.T1InitExpireds: 60, wire.InSCTPPacks: 60})
		a.Want, a.Evidence = s.Matrices[0].Want[0][i], e
		out = append(out, a)
	}
	return out
}
