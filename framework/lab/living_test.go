package lab

import (
	"strings"
	"testing"

	"sctp.test/framework/assoc"
	"sctp.test/framework/wire"
)

func TestTwinsLiveBesideAssociations(t *testing.T) {
	for name, tt := range map[string]struct {
		before         func(*bench)
		entry, blaming string // what is told where associations are as claimed, and where they are not
	}{
		"they live": {
			func(*bench) {},
			"TCP twin: 4 of 4 connections lived on beside the associations, messages echoed: 4",
			"its TCP twin lived on, messages echoed: 1",
		},
		"they end, too": {
			func(b *bench) { b.severs = true },
			"associations are as claimed and a connection of the TCP twin beside them is not, which is not SCTP's fault: x/client@1 -> the TCP twin of svc/port-differs:5000 (ipv4) ended at stage echo: after 1 echoes: EOF",
			"TCP fares no better: not SCTP's fault: its twin ended at stage echo: after 1 echoes: EOF",
		},
		"they do not come about": {
			func(b *bench) { b.change(only(wire.TCP)) },
			"is not, which is not SCTP's fault: x/client@1 -> the TCP twin of svc/port-differs:5000 (ipv4) ended at stage connect: connection refused",
			"TCP fares no better: not SCTP's fault: its twin ended at stage connect: connection refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := twinned(t, b)
				matrices, err := l.matrices(throughService)
				if err != nil {
					t.Fatal(err)
				}
				paths := l.paths(matrices)
				tt.before(b)
				twins := l.keepTwins(t.Context(), paths)
				twins.end(t.Context())
				if twins.tell(); !strings.Contains(strings.Join(b.entries, "\n"), tt.entry) {
					t.Errorf("the report has %q, want %q", b.entries, tt.entry)
				}
				found := []assoc.Found{{Course: paths[0].course}}
				if twins.beside(found); found[0].Beside != tt.blaming {
					t.Errorf("the failure has %q, want %q", found[0].Beside, tt.blaming)
				}
			})
		})
	}
}

// Where a policy applies, TCP proves nothing and is not asked.
func TestNoTwinsBesidePolicies(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := twinned(t, b)
		matrices, err := l.matrices(throughService)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.apply(t.Context(), "x", "policy/allow-port-6000.yaml"); err != nil {
			t.Fatal(err)
		}
		twins := l.keepTwins(t.Context(), l.paths(matrices))
		twins.end(t.Context())
		if twins.tell(); len(twins.twins) != 0 {
			t.Errorf("%d connections", len(twins.twins))
		}
	})
}
