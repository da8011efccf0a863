package lab

import (
	"slices"
	"testing"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// A Service whose rules come late is found open soon after they are there, by attempts of which
// none is judged; one that has none after the last of them is asked by its table anyway; and one
// that was open is not asked twice.
func TestKnocks(t *testing.T) {
	for name, tt := range map[string]struct {
		after  time.Duration // until the rules are there
		knocks int
		took   time.Duration // until the table is right for the first time, at most
	}{
		"at once": {0, 1, 50 * time.Millisecond},
		"soon":    {600 * time.Millisecond, 4, 1100 * time.Millisecond},
		"late":    {5 * time.Second, 6, 8 * time.Second},
	} {
		on(t, func(t *testing.T, b *bench) {
			l := b.lab(t, "x/server@1:80 role=backend", "x/client@2")
			behindService(t, b, l)
			l.patience, l.families = 20*time.Second, []reach.Family{reach.IPv4}
			l.run.Patience = l.patience
			begun := time.Now()
			var knocked []time.Duration
			b.change(func(b *bench, from *agent, p wire.Probe) string {
				if p.Connect > 0 && p.Proto == wire.SCTP {
					knocked = append(knocked, p.Connect.Duration())
				}
				if time.Since(begun) < tt.after {
					return "ETIMEDOUT"
				}
				return b.open(from, p)
			})
			const table = "ipv4:\nsvc/backends:80\nx/client@2 answered"
			r := claim(t, l, table)
			if r.State != reach.Held || !slices.Equal(knocked, knocks[:tt.knocks]) || l.effect > tt.took {
				t.Errorf("%s: %s, knocked for %v, right after %v", name, r.State, knocked, l.effect)
			}
			knocked = nil
			if r := claim(t, l, table); r.State != reach.Held || len(knocked) > 0 {
				t.Errorf("%s: asked again it is %s, knocked for %v", name, r.State, knocked)
			}
		})
	}
}
