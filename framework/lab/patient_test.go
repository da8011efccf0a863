package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

// A connect shows that its INITs went on only if nobody answered the first ones.
func TestPatientConnects(t *testing.T) {
	for name, tt := range map[string]struct {
		network func(*bench, *agent, wire.Probe) string
		late    wire.Micros
		want    string // "" is nothing
	}{
		"answered in the end":     {(*bench).open, 3_000_000, ""},
		"answered from the start": {(*bench).open, 0, "a connect was answered after 2ms, which does not show that its INITs went on from before it rained"},
		"never answered":          {dropSCTP, 0, "1 of 1 associations did not work, begun 2s before it rained"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80", "x/client@2")
				b.change(tt.network)
				b.lie(func(_ *agent, q wire.Request, r *wire.Reply) {
					if q.Batch != nil && q.Batch.Probes[0].Proto == wire.SCTP {
						r.Batch.Observations[0].Connect += tt.late
					}
				})
				happened := false
				failed := failing(func() { l.ExpectPatient(running{t.Context()}, onePath, "it rained", func() { happened = true }) })
				text, err := os.ReadFile(filepath.Join(l.folder(), "verdict.txt"))
				if !happened || failed != (tt.want != "") || failed && (err != nil || !strings.Contains(string(text), tt.want)) {
					t.Errorf("failed: %v, %v\n%s", failed, err, text)
				}
			})
		})
	}
}
