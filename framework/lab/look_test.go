package lab

import (
	"strings"
	"testing"

	"sctp.test/framework/reach"
)

func TestOutcomesOfALook(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80,81", "x/client@2")
		ask := func() (found, broken string) {
			matrices, err := l.matrices("ipv4:\nx/server@1:80 x/server@1:81\nx/client@2 answered answered")
			if err != nil {
				t.Fatal(err)
			}
			questions := l.questions(asking{matrices: matrices})
			l.ask(t.Context(), questions)
			l.readRecords(t.Context(), questions)
			return l.outcomes(questions)
		}
		b.change(port81("ETIMEDOUT"))
		const want = "answered: x/client@2 to x/server@1:80 (ipv4); silent: x/client@2 to x/server@1:81 (ipv4)"
		if found, broken := ask(); found != want || broken != "" {
			t.Errorf("found %q, broken %q", found, broken)
		}
		b.change(port81(gone))
		if _, broken := ask(); !strings.HasPrefix(broken, "x/client@2 10.0.0.4 on b -> x/server@1:") {
			t.Errorf("an agent that is gone: %q", broken)
		}
	})
}

func TestALookClaimsNothing(t *testing.T) {
	m := reach.Matrix{Want: [][]reach.Word{{"answered", "denied"}, {"-", "silent"}}}
	if m.Want = nothing(m); m.Asked() != 0 || len(m.Want) != 2 || len(m.Want[1]) != 2 {
		t.Errorf("it claims %v", m.Want)
	}
}
