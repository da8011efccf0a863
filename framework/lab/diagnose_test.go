package lab

import (
	"slices"
	"strings"
	"testing"

	"sctp.test/framework/capture"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// dropSCTP is a network that knows TCP and UDP only.
func dropSCTP(b *bench, from *agent, p wire.Probe) string {
	if p.Proto == wire.SCTP {
		return "ETIMEDOUT"
	}
	return b.open(from, p)
}

// dropFirst drops the batches after which a table is given up, and nothing after them.
func dropFirst(b *bench, from *agent, p wire.Probe) string {
	if b.batches <= 2 {
		return "ETIMEDOUT"
	}
	return b.open(from, p)
}

// A wrong path is asked again beside its twins, and the first line names the cause.
func TestExplain(t *testing.T) {
	for name, tt := range map[string]struct {
		network func(*bench, *agent, wire.Probe) string
		class   string
	}{
		"SCTP alone is dropped": {dropSCTP, "sctp-dropped"},
		"everything is dropped": {func(*bench, *agent, wire.Probe) string { return "ETIMEDOUT" }, "network-down"},
		"it works again":        {dropFirst, "intermittent"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80", "x/client@2")
				l.families = l.families[:1]
				l.patience = 1
				b.change(tt.network)
				matrices, err := l.matrices(AllAnswered)
				if err != nil {
					t.Fatal(err)
				}
				s := l.settle(t.Context(), reach.Claim{Hold: holdRounds, Matrices: matrices}, greetingOnly)
				l.explain(t.Context(), s, greetingOnly)
				text := s.Report.Text()
				if len(s.Report.Causes) != 1 || s.Report.Causes[0].Class != tt.class || !strings.HasPrefix(text, "POL-99: "+s.Report.Causes[0].Sentence+"; 1 of 1 path is") {
					t.Errorf("the text is\n%s", text)
				}
			})
		})
	}
}

// A policy that is heeded on one path within a node is enforced there, for that protocol and
// family; one that nobody heeds is not, and between two nodes the client's engine may be the
// one that heeds it. Where an engine reads a policy wrongly, all do.
func TestExplainPolicy(t *testing.T) {
	const server = "x/server@1:80 x/server@1:81 x/server@1:82\n"
	notOf := func(pod string) func(*bench, *agent, wire.Probe) string {
		return func(b *bench, from *agent, p wire.Probe) string {
			if from.identity.UID == pod {
				return b.open(from, p)
			}
			return port81("ETIMEDOUT")(b, from, p)
		}
	}
	for name, tt := range map[string]struct {
		table   string
		network func(*Lab) func(*bench, *agent, wire.Probe) string
		class   string
		nodes   string
	}{
		"heeded within a node": {
			server + "x/client@1 answered denied denied",
			func(*Lab) func(*bench, *agent, wire.Probe) string { return port81("ETIMEDOUT") }, "policy-admits-denied", "node a",
		},
		"heeded between two nodes": {
			server + "x/client@2 answered denied denied",
			func(*Lab) func(*bench, *agent, wire.Probe) string { return port81("ETIMEDOUT") }, "policy-not-enforced", "node a",
		},
		"not heeded": {
			server + "x/client@1 answered denied denied",
			func(*Lab) func(*bench, *agent, wire.Probe) string { return (*bench).open }, "policy-not-enforced", "node a",
		},
		"read wrongly": {
			"x/server@1:80 x/server@1:81 x/server@2:81\nx/client@1 answered denied denied\nx/other@2 answered denied denied",
			func(l *Lab) func(*bench, *agent, wire.Probe) string { return notOf(l.member("x/other@2").uid) }, "policy-admits-denied", "nodes a, b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				b.hire(t, seat{"x", "b"})
				l := b.lab(t, "x/server@1:80,81,82", "x/server@2:81", "x/client@1", "x/client@2", "x/other@2")
				l.families = l.families[:1]
				l.patience = 1
				claim(t, l, AllAnswered)
				l.applied = []object{{kind: "NetworkPolicy", file: "policy/some.yaml", namespace: "x"}}
				b.change(tt.network(l))
				matrices, err := l.matrices(tt.table)
				if err != nil {
					t.Fatal(err)
				}
				s := l.settle(t.Context(), reach.Claim{Hold: holdRounds, Matrices: matrices}, greetingOnly)
				l.explain(t.Context(), s, greetingOnly)
				if c := s.Report.Causes; len(c) != 1 || c[0].Class != tt.class || !strings.Contains(c[0].Sentence, " on "+tt.nodes) {
					t.Errorf("the causes are %+v", c)
				}
			})
		})
	}
}

// Whose engine decides depends on the direction of a policy.
func TestEgressOnly(t *testing.T) {
	for file, want := range map[string]bool{
		"policy/deny-ingress.yaml": false, "policy/deny-egress.yaml": true, "policy/deny-both-ways.yaml": false, "policy/admin-tier.yaml": false, "policy/no-such.yaml": false,
	} {
		if egressOnly(file) != want {
			t.Errorf("%s is taken for the opposite", file)
		}
	}
}

// What a policy says of a path holds for its TCP twin unless it speaks of SCTP.
func TestSpeaksOfSCTP(t *testing.T) {
	for file, want := range map[string]bool{
		"policy/deny-ingress.yaml": false, "policy/allow-port-80.yaml": true, "policy/allow-tcp-only.yaml": false, "policy/admin-tier.yaml": true, "policy/no-such.yaml": false,
	} {
		if speaksOfSCTP(file) != want {
			t.Errorf("%s is taken for the opposite", file)
		}
	}
}

// INITs of which the server heard are asked again with time for a late answer; those that
// nobody heard are lost, and nobody waits.
func TestTrialGivesTime(t *testing.T) {
	for name, tt := range map[string]struct {
		heard int64 // packets by the server, each time that it is asked
		want  []wire.Timers
	}{
		"nobody heard":     {0, []wire.Timers{denySlowTimers}},
		"the server heard": {6, []wire.Timers{denySlowTimers, holdTimers}},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80", "x/client@2")
				var timers []wire.Timers
				b.change(func(_ *bench, _ *agent, p wire.Probe) string {
					timers = append(timers, p.Timers)
					return "ETIMEDOUT"
				})
				heard := int64(0)
				b.mu.Lock()
				b.lies = func(_ *agent, _ wire.Request, r *wire.Reply) {
					if r.State != nil {
						heard += tt.heard
						r.State.Counters = wire.Counters{wire.InSCTPPacks: heard}
					}
				}
				b.mu.Unlock()
				p := pair{reach.IPv4, "x/client@2", "x/server@1:80"}
				if trial := l.trial(t.Context(), asked{pair: p, want: reach.Word(reach.Answered)}, greetingOnly); trial.Server[wire.InSCTPPacks] != tt.heard || !slices.Equal(timers, tt.want) {
					t.Errorf("asked with %+v, and the server heard %d packets", timers, trial.Server[wire.InSCTPPacks])
				}
			})
		})
	}
}

// Different nodes, families and outcomes have causes of their own; the rest are alike.
func TestRepresentatives(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80,81", "x/server@2:80,80/tcp", "x/client@*")
		place := func(f reach.Family, client, server string, o reach.Outcome) reach.Place {
			return reach.Place{Family: f, Row: reach.Name{Word: client}, Column: reach.Name{Word: server}, Cell: reach.Cell{Finding: reach.Finding{Outcome: o}}}
		}
		got := l.representatives([]reach.Place{
			place(reach.IPv4, "x/client@1", "x/server@1:80", reach.Broken),
			place(reach.IPv4, "x/client@1", "x/server@1:80", reach.Silent),
			place(reach.IPv4, "x/client@1", "x/server@1:81", reach.Silent),
			place(reach.IPv4, "x/client@2", "x/server@1:81", reach.Silent),
			place(reach.IPv6, "x/client@2", "x/server@1:81", reach.Silent),
			place(reach.IPv6, "x/client@2", "x/server@1:80", reach.Refused),
			place(reach.IPv6, "x/client@1", "x/server@1:80", reach.Refused),
		})
		both := l.representatives([]reach.Place{place(reach.IPv4, "x/client@1", "x/server@2:80/tcp", reach.Silent), place(reach.IPv4, "x/client@1", "x/server@2:80", reach.Silent)})
		if len(both) != 2 || both[0].server != "x/server@2:80" {
			t.Errorf("of two protocols asked again are %+v", both)
		}
		if len(got) != diagnosePaths || got[0].server != "x/server@1:80" || got[1].client != "x/client@2" || got[2].family != reach.IPv6 {
			t.Errorf("asked again are %+v", got)
		}
	})
}

// What moves while a spec runs and must not is told with the agent it befell.
func TestInvariants(t *testing.T) {
	for name, tt := range map[string]struct {
		counters wire.Counters
		want     string // "" is nothing
	}{
		"nothing":              {wire.Counters{wire.InSCTPPacks: 100}, ""},
		"a bad checksum":       {wire.Counters{wire.ChecksumErrors: 2}, "2 SCTP packets with a bad checksum came to x/server on node a"},
		"a living association": {wire.Counters{wire.CurrEstab: 1}, "1 association of x/server on node a is still established 10s after the last probe"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server:80", "x/client")
				b.mu.Lock()
				b.lies = func(a *agent, _ wire.Request, r *wire.Reply) {
					if r.State != nil && a.identity.UID == l.member("x/server").uid {
						r.State.Counters = tt.counters
					}
				}
				b.mu.Unlock()
				theirs, ours := l.brokenInvariants(t.Context())
				if got := strings.Join(sentences(theirs), "; "); got != tt.want || len(ours) > 0 {
					t.Errorf("broken are %q and %q, want %q", got, ours, tt.want)
				}
			})
		})
	}
}

// Captures are searched for what the ends of a path look like from their nodes: an agent on
// its node's network has no pod's interface of its own.
func TestWhatCapturesAreSearchedFor(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		b.hire(t, seat{hostNetwork, "a"})
		l := b.lab(t, "x/server@1:80", "x/client@2", "host/client@1")
		probe := func(client string) capture.Probe {
			return l.sought(asked{pair: pair{reach.IPv4, client, "x/server@1:80"}}, l.targets["x/server@1:80"], diag.Trial{})
		}
		if p := probe("x/client@2"); p.ClientOnHost || p.ServerOnHost || p.ClientNode != "b" || p.ServerNode != "a" {
			t.Errorf("from a pod: %+v", p)
		}
		if p := probe("host/client@1"); !p.ClientOnHost || p.ServerOnHost || p.ClientNode != "a" {
			t.Errorf("from a node: %+v", p)
		}
	})
}

// The twin of a Service is the same Service for another protocol, whatever else it offers.
func TestTwinsOfAPod(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80", "x/client")
		set := l.twinsOf(t.Context(), "x/server:80", l.targets["x/server:80"])
		if len(set.targets) != 2 || len(set.trouble) > 0 || set.targets[wire.TCP].kind != diag.Pod || set.targets[wire.UDP].port != 80 {
			t.Errorf("twins are %+v", set)
		}
		if n := len(l.open[l.member("x/server")]); n != 6 { // three protocols, two families
			t.Errorf("%d listeners are open", n)
		}
	})
}

// Of a path that is asked many times at once it is told when only some associations are answered.
func TestPartly(t *testing.T) {
	for name, tt := range map[string]struct {
		answers func(n int) bool
		want    bool
	}{
		"every other one": {func(n int) bool { return n%2 == 0 }, true},
		"none":            {func(int) bool { return false }, false},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80", "x/client@2")
				l.families = l.families[:1]
				l.patience = 1
				n := 0
				b.change(func(b *bench, from *agent, p wire.Probe) string {
					if n++; !tt.answers(n) {
						return "ETIMEDOUT"
					}
					return b.open(from, p)
				})
				if !failing(func() { l.ExpectAll(running{t.Context()}, "x/server@1:80") }) {
					t.Error("it does not fail")
				}
				if got := l.partly(pair{l.families[0], "x/client@2", "x/server@1:80"}); got != tt.want {
					t.Errorf("some are answered: %v", got)
				}
			})
		})
	}
}
