package lab

import (
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// When a Service begins to lead to a pod, and when it ceases to, is told of each node, and of TCP
// beside it.
func TestMoments(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := twinned(t, b)
		const web = "svc/port-differs:5000"
		serves := func(sctp, tcp time.Duration) func(*bench, *agent, wire.Probe) string {
			return func(_ *bench, from *agent, p wire.Probe) string {
				limit := sctp
				if p.Proto == wire.TCP {
					limit = tcp
				}
				if from.identity.Node == "b" {
					limit += time.Second
				}
				if p.Delay.Duration() < limit {
					return "ETIMEDOUT"
				}
				return "answered"
			}
		}
		b.change(serves(2*time.Second, 20*time.Second))
		came := l.Appears(running{t.Context()}, web, func() {})
		if got, want := came.String(), "1.1s on a, 2s on b; TCP not in 9s on a, not in 9s on b"; got != want {
			t.Errorf("it came %q, want %q", got, want)
		}
		b.change(func(b *bench, from *agent, p wire.Probe) string {
			if serves(3*time.Second, 3*time.Second)(b, from, p) == "answered" {
				return "ETIMEDOUT"
			}
			return "answered"
		})
		left := l.Ceases(running{t.Context()}, web, func() {})
		if got, want := left.String(), "2s on a, 3.2s on b; TCP 2s on a, 3.2s on b"; got != want {
			t.Errorf("it left %q, want %q", got, want)
		}
	})
}
