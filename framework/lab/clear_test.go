package lab

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/onsi/ginkgo/v2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// What a spec says by itself when it fails rests on nothing that is judged again; where it did
// not come to its end there is no verdict at all.
func TestBasisOf(t *testing.T) {
	said := func(verdict string) types.ReportEntries {
		value := types.WrapEntryValue(verdict)
		return types.ReportEntries{{Name: "another"}, {Name: spec.VerdictEntry, Value: value}}
	}
	for _, tt := range []struct {
		report types.SpecReport
		want   reach.Basis
	}{
		{types.SpecReport{State: types.SpecStateFailed}, reach.Basis{Ground: reach.GroundFail, Rests: reach.OnOther}},
		{types.SpecReport{State: types.SpecStateFailed, ReportEntries: said("inconclusive")}, reach.Basis{Ground: reach.GroundUnsupported, Rests: reach.OnOther}},
		{types.SpecReport{State: types.SpecStateTimedout}, reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnNothing}},
		{types.SpecReport{State: types.SpecStatePanicked, ReportEntries: said("fail")}, reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnNothing}},
	} {
		if got := basisOf(tt.report); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.report.State, got, tt.want)
		}
	}
}

// endings are what a spec may have done when it ends, and what then fails it.
var endings = map[string]struct {
	do      func(t *testing.T, b *bench, l *Lab)
	verdict string // "" where none is recorded at the end
	text    string // how the failure begins; "" for none
	besides string // what stands further on
}{
	"all as claimed": {
		do: func(t *testing.T, _ *bench, l *Lab) { expect(t, l, AllAnswered) },
	},
	"a denial that goes with its policy": {
		do: func(t *testing.T, b *bench, l *Lab) {
			denyPort81(t, b, l)
			b.change((*bench).open)
		},
	},
	"a denial that stays": {
		do:      denyPort81,
		verdict: "inconclusive", text: "POL-99: the denials are not proven: without the policies, not all is open again\nPOL-99: ",
	},
	"a denial that stays, beside bad checksums": {
		do:      func(t *testing.T, b *bench, l *Lab) { denyPort81(t, b, l); b.counting(wire.ChecksumErrors, 3) },
		verdict: "inconclusive", text: "POL-99: the denials are not proven", besides: "POL-99: besides, 3 SCTP packets with a bad checksum came to x/",
	},
	"nothing expected": {
		do:      func(*testing.T, *bench, *Lab) {},
		verdict: "error", text: "POL-99: the spec deployed agents and never said what to expect of it",
	},
	"something applied after the last expectation": {
		do: func(t *testing.T, _ *bench, l *Lab) {
			expect(t, l, AllAnswered)
			if err := l.apply(t.Context(), "x", "policy/deny-ingress.yaml"); err != nil {
				t.Fatal(err)
			}
		},
		verdict: "error", text: "POL-99: the spec applied manifests/policy/deny-ingress.yaml and never said what to expect of it",
	},
	"something deleted after the last expectation": {
		do: func(t *testing.T, _ *bench, l *Lab) {
			if err := l.apply(t.Context(), "x", "policy/deny-ingress.yaml"); err != nil {
				t.Fatal(err)
			}
			expect(t, l, AllAnswered)
			if err := l.delete(t.Context(), "x", "policy/deny-ingress.yaml"); err != nil {
				t.Fatal(err)
			}
		},
		verdict: "error", text: "POL-99: the spec deleted manifests/policy/deny-ingress.yaml and never said what to expect of it",
	},
	"bad checksums": {
		do:      func(t *testing.T, b *bench, l *Lab) { expect(t, l, AllAnswered); b.counting(wire.ChecksumErrors, 3) },
		verdict: "fail", text: "POL-99: its paths are as claimed, but 3 SCTP packets with a bad checksum came to x/",
	},
	"bad checksums at an agent that came later": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			for m := range l.before {
				if m.pod == b.agents[0].identity.Pod {
					delete(l.before, m)
				}
			}
			b.counting(wire.ChecksumErrors, 3)
		},
		verdict: "fail", text: "POL-99: its paths are as claimed, but 3 SCTP packets with a bad checksum came to x/",
	},
	"associations that do not end": {
		do:      func(t *testing.T, b *bench, l *Lab) { expect(t, l, AllAnswered); b.counting(wire.CurrEstab, 1) },
		verdict: "fail", text: "POL-99: its paths are as claimed, but 1 association of x/", besides: "still established 10s after the last probe",
	},
	"an association whose path was cut": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			l.evidence[1].Asked.Evidence.Seen.Stage, l.evidence[1].Asked.Evidence.Seen.Ender = wire.StageEcho, wire.EndedByClock
			b.counting(wire.CurrEstab, 1)
		},
	},
	"one of no table whose path was cut": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			x := &l.evidence[1]
			x.Asked, x.Aside = nil, x.Asked
			x.Aside.Evidence.Seen.Stage, x.Aside.Evidence.Seen.Ender = wire.StageEcho, wire.EndedByClock
			b.counting(wire.CurrEstab, 1)
		},
	},
	"an association whose COOKIE-ACKs were lost": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			neverUp(l, "ETIMEDOUT", wire.T1CookieExpireds)
			b.counting(wire.CurrEstab, 1)
		},
	},
	"an association whose COOKIE-ECHO found no way any more": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			neverUp(l, "ENETUNREACH", wire.T1CookieExpireds)
			b.counting(wire.CurrEstab, 1)
		},
	},
	"an association whose COOKIE-ECHO was refused": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			neverUp(l, "ECONNREFUSED", wire.T1CookieExpireds)
			b.counting(wire.CurrEstab, 1)
		},
	},
	"an association beside an attempt whose INITs were lost": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			neverUp(l, "ETIMEDOUT", wire.T1InitExpireds)
			b.counting(wire.CurrEstab, 1)
		},
		verdict: "fail", text: "POL-99: its paths are as claimed, but 1 association of x/", besides: "still established 10s after the last probe",
	},
	"more associations than were cut": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			l.evidence[1].Asked.Evidence.Seen.Stage, l.evidence[1].Asked.Evidence.Seen.Ender = wire.StageEcho, wire.EndedByClock
			b.counting(wire.CurrEstab, 2)
		},
		verdict: "fail", text: "POL-99: its paths are as claimed, but 2 associations of x/", besides: "still established 10s after the last probe",
	},
	"an agent that tells nothing any more": {
		do:      func(t *testing.T, b *bench, l *Lab) { expect(t, l, AllAnswered); b.mumbling() },
		verdict: "error", text: "POL-99: its paths are as claimed, but nobody knows what ", besides: "has counted: ",
	},
	"an object of the run that is left": {
		do: func(t *testing.T, _ *bench, l *Lab) {
			expect(t, l, AllAnswered)
			if err := l.apply(t.Context(), "x", "policy/deny-ingress.yaml"); err != nil {
				t.Fatal(err)
			}
			l.applied, l.expected = nil, true // nobody knows of it any more
		},
		verdict: "error", text: "POL-99: its paths are as claimed, but NetworkPolicy sctp-x/",
	},
	"an agent that restarted": {
		do: func(t *testing.T, b *bench, l *Lab) {
			expect(t, l, AllAnswered)
			b.restart(b.agents[0])
			synctest.Wait()
		},
		verdict: "error", text: "POL-99: its paths are as claimed, but agent agent-1", besides: "the agent has restarted and lost its state",
	},
	"a failure": {
		do: func(_ *testing.T, _ *bench, l *Lab) { l.failed = true },
	},
	"a failure and bad checksums": {
		do:   func(_ *testing.T, b *bench, l *Lab) { l.failed = true; b.counting(wire.ChecksumErrors, 3) },
		text: "POL-99: besides, 3 SCTP packets with a bad checksum came to x/",
	},
}

// However a spec ends, it is told of once, and nothing of it is left for the next one.
func TestClear(t *testing.T) {
	for name, tt := range endings {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server:80,81", "x/client")
				members := slices.Clone(l.members)
				tt.do(t, b, l)
				text := l.clear(t.Context())
				if !strings.HasPrefix(text, tt.text) || (text == "") != (tt.text == "") || !strings.Contains(text, tt.besides) {
					t.Errorf("it fails with\n%s\nwant\n%s ... %s", text, tt.text, tt.besides)
				}
				verdicts := slices.DeleteFunc(b.entries, func(e string) bool { return !strings.HasPrefix(e, "verdict: ") })
				if want := "verdict: " + tt.verdict; tt.verdict == "" && len(verdicts) > 0 || tt.verdict != "" && !slices.Equal(verdicts, []string{want}) {
					t.Errorf("the verdicts are %q, want %q", verdicts, want)
				}
				for i, m := range members {
					if m.word != "" {
						t.Errorf("%s is not free", m.word)
					}
					if tt.verdict == "" && i == 0 && len(b.agents[0].listens) > 0 {
						t.Errorf("its server listens on %v", b.agents[0].listens)
					}
				}
				if len(l.applied) > 0 {
					t.Errorf("left behind: %v", l.applied)
				}
				policies, err := b.client.NetworkingV1().NetworkPolicies("sctp-x").List(t.Context(), metav1.ListOptions{})
				if left := strings.Contains(text, "is left"); err != nil || (len(policies.Items) > 0) != left {
					t.Errorf("%d policies, %v", len(policies.Items), err)
				}
			})
		})
	}
}

// expect claims a table that comes true.
func expect(t *testing.T, l *Lab, table string) {
	t.Helper()
	if r := claim(t, l, table); len(r.Wrong()) > 0 {
		t.Fatalf("%s", r.Text())
	}
	l.expected = true
}

// denyPort81 sees everything open and then port 81 denied.
func denyPort81(t *testing.T, b *bench, l *Lab) {
	t.Helper()
	expect(t, l, AllAnswered)
	b.change(port81("ETIMEDOUT"))
	expect(t, l, halfDenied)
}

// counting lets the first agent count something from now on.
func (b *bench) counting(name string, n int64) {
	b.lie(func(a *agent, _ wire.Request, r *wire.Reply) {
		if r.State != nil && a == b.agents[0] {
			r.State.Counters = wire.Counters{name: n}
		}
	})
}

// mumbling lets the first agent of y answer nothing that it is asked about its counters.
func (b *bench) mumbling() {
	b.lie(func(a *agent, q wire.Request, r *wire.Reply) {
		if q.State != nil && a.identity.Namespace == "sctp-y" && a.identity.Node == "a" {
			r.ID = 0
		}
	})
}

func (b *bench) lie(lies func(*agent, wire.Request, *wire.Reply)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lies = lies
}

// Of two that stand beside one spec the later one ends it: evidence is written once.
func TestALabIsRelieved(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		attending := newLab(b.Run, "MOD-03")
		deployed := newLab(b.Run, "MOD-03")
		later := newLab(b.Run, "MOD-07")
		if !attending.relieved || deployed.relieved || later.relieved || b.Attended("MOD-03") || !b.Attended("MOD-07") {
			t.Errorf("relieved are %v, %v, %v", attending.relieved, deployed.relieved, later.relieved)
		}
	})
}

// neverUp makes a probe one whose association its client never had, after a chunk of its
// handshake was sent again.
func neverUp(l *Lab, errno, counter string) {
	asked := l.evidence[1].Asked
	asked.Evidence.Seen.Stage, asked.Evidence.Seen.Ender, asked.Evidence.Seen.Errno = wire.StageConnect, wire.EndedByKernel, errno
	asked.Moved = wire.Counters{counter: 1}
}
