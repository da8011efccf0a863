package lab

import (
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// Denials that come to the nodes one after another are told of each pair of nodes.
func TestEffectByNode(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@*:80", "x/client@1", "y/other@1:80")
		if r := claim(t, l, "ipv4:\nx/server@*:80\nx/client@1 answered"); len(r.Wrong()) > 0 {
			t.Fatal(r.Text())
		}
		if got := l.EffectByNode(); got != "a to a 0s, a to b 0s" {
			t.Errorf("with nothing to wait for: %q", got)
		}
		start := time.Now()
		b.change(func(b *bench, from *agent, p wire.Probe) string {
			to, _ := b.behind(p)
			if to.identity.Namespace == "sctp-y" || to.identity.Node == "b" && time.Since(start) < time.Second {
				return b.open(from, p)
			}
			return "ETIMEDOUT"
		})
		if r := claim(t, l, "ipv4:\nx/server@*:80 y/other@1:80\nx/client@1 denied answered"); len(r.Wrong()) > 0 {
			t.Fatal(r.Text())
		}
		if got := l.EffectByNode(); got != "a to a 0s, a to b 1.65s" { // the second round begins when the first denial has ended
			t.Errorf("by nodes: %q", got)
		}
	})
}
