package reach

import (
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

func TestShares(t *testing.T) {
	by := func(client, server string, times int) (out []Asked) {
		for range times {
			out = append(out, Asked{Family: IPv4, Client: client, Evidence: evidence(wire.SCTP, answeredBy(identity(server)))})
		}
		return out
	}
	silent := []Asked{{Family: IPv4, Client: "x/client", Evidence: evidence(wire.SCTP, events["silent"])}}
	both := append(by("x/client", "x/server", 3), by("x/stranger", "x/other", 2)...)
	for _, c := range []struct {
		name            string
		asked           []Asked
		idle, wandering string
	}{
		{"nobody asked", nil, "", ""},
		{"each client its server", both, "", ""},
		{"one server for all", by("x/client", "x/server", 4), "ipv4: x/other got none of the associations (x/server 4)", ""},
		{"a client with two", append(by("x/client", "x/server", 2), by("x/client", "x/other", 1)...), "", "ipv4: x/client was sent to several servers (x/other 1, x/server 2)"},
		{"what was not answered does not count", append(silent, both...), "", ""},
	} {
		if got := strings.Join(Idle(c.asked, []string{"x/server", "x/other"}), "; "); got != c.idle {
			t.Errorf("%s: idle %q, want %q", c.name, got, c.idle)
		}
		if got := strings.Join(Wandering(c.asked), "; "); got != c.wandering {
			t.Errorf("%s: wandering %q, want %q", c.name, got, c.wandering)
		}
	}
}
