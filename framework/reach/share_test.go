package reach

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

// How a Service shares out associations is judged again from the file as it was: the last of
// several tries counts, and an answer that is missing comes first.
func TestSharingIsJudgedAgain(t *testing.T) {
	const server, other = "x/server", "x/other"
	try := func(s Sharing, series int, servers ...string) []Line {
		names := Matrix{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed(s.Service), Want: [][]Word{{Word(Answered)}}}
		lines := []Line{{Claim: &Claim{ID: "SVC-08", Series: series, Evidence: "here", Matrices: []Matrix{names}, Sharing: &s}}}
		for _, by := range servers {
			e := evidence(wire.SCTP, events["silent"])
			if by != "" {
				e = evidence(wire.SCTP, answeredBy(identity(by)))
				e.Probe.Messages, e.Seen.Echoes = nil, nil
				e.Intended = []Backend{{UID: identity(by).UID}}
				e.Records = []Witness{{Server: identity(by), Record: wire.Record{Nonce: e.Probe.Nonce}}}
			}
			lines = append(lines, Line{Asked: &Asked{Series: series, Batch: 1, Round: 1, Family: IPv4, Client: "x/client", Server: s.Service, Want: Word(Answered), Evidence: e, Moved: wire.Counters{wire.T1InitExpireds: 60}}})
		}
		return lines
	}
	spread := Sharing{Service: "svc/web:80", Spread: []string{server, other}}
	sticky := Sharing{Service: "svc/web:80", Sticky: true}
	near := Sharing{Service: "svc/web:80", Near: map[string][]string{"x/client": {server}}}
	nobody := Sharing{Service: "svc/web:80", Near: map[string][]string{"x/client": nil}}
	for name, c := range map[string]struct {
		lines []Line
		want  string // in the failure
	}{
		"each gets some":                         {try(spread, 1, server, other, server), ""},
		"one gets none":                          {try(spread, 1, server, server), "SVC-08: svc/web:80 shares out its associations wrongly: ipv4: x/other got none of the associations of x/client (x/server 2)\n  evidence: here      again: with FOCUS=SVC-08\n"},
		"one gets none at first":                 {append(try(spread, 1, server), try(spread, 2, server, other)...), ""},
		"one gets none again":                    {append(try(spread, 1, server, other), try(spread, 2, other)...), "x/server got none"},
		"one pod every time":                     {try(sticky, 1, other, other), ""},
		"another pod":                            {try(sticky, 1, other, server), "x/client was sent to several servers"},
		"the near one":                           {try(near, 1, server), ""},
		"one that is far":                        {try(near, 1, server, other), "x/client was sent elsewhere although it has x/server near it"},
		"nobody is near, and yet it is answered": {try(nobody, 1, other), "x/client was sent elsewhere"},
		"one that is silent":                     {try(spread, 1, server, other, ""), "1 of 1 path is not as claimed"},
	} {
		var file bytes.Buffer
		for _, l := range c.lines {
			if err := json.NewEncoder(&file).Encode(l); err != nil {
				t.Fatal(err)
			}
		}
		series, err := Replay(&file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ground, text := Verdict(series)
		if (ground == GroundFail) != (c.want != "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q\n%s\nwant %s", name, ground, text, c.want)
		}
	}
}

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
		{"one server for all", by("x/client", "x/server", 4), "ipv4: x/other on b got none of the associations of x/client (x/server 4)", ""},
		{"a client with two", append(by("x/client", "x/server", 2), by("x/client", "x/other", 1)...), "", "ipv4: x/client was sent to several servers (x/other 1, x/server on a 2)"},
		{"what was not answered does not count", append(silent, both...), "", ""},
	} {
		if got := texts(Sharing{Spread: []string{"x/server", "x/other"}, Nodes: map[string]string{"x/other": "b"}}.wrong(c.asked)); got != c.idle {
			t.Errorf("%s: idle %q, want %q", c.name, got, c.idle)
		}
		if got := texts(Sharing{Sticky: true, Nodes: map[string]string{"x/server": "a"}}.wrong(c.asked)); got != c.wandering {
			t.Errorf("%s: wandering %q, want %q", c.name, got, c.wandering)
		}
	}
}

func texts(unfair []Unfair) string {
	var out []string
	for _, u := range unfair {
		out = append(out, u.Text)
	}
	return strings.Join(out, "; ")
}

// What is wrong names whom it befell, for those who ask again: the server that got none, or
// the client that was sent wrongly.
func TestUnfairNamesWhom(t *testing.T) {
	asked := []Asked{
		{Family: IPv6, Client: "x/client", Path: "x/client fd00::7 on a -> svc/web:80 fd00::1:80 ClusterIP", Evidence: evidence(wire.SCTP, answeredBy(identity("x/server")))},
		{Family: IPv6, Client: "x/client", Path: "x/client fd00::7 on a -> svc/web:80 fd00::1:80 ClusterIP", Evidence: evidence(wire.SCTP, answeredBy(identity("x/other")))},
	}
	nodes := map[string]string{"x/server": "a", "x/other": "b", "x/third": "c"}
	for _, c := range []struct {
		sharing Sharing
		want    Unfair
	}{
		{Sharing{Spread: []string{"x/server", "x/third"}, Nodes: nodes}, Unfair{IPv6, "", "x/third", "ipv6: x/third on c got none of the associations of x/client fd00::7 on a (x/other on b 1, x/server on a 1)"}},
		{Sharing{Sticky: true, Nodes: nodes}, Unfair{IPv6, "x/client", "", "ipv6: x/client fd00::7 on a was sent to several servers (x/other on b 1, x/server on a 1)"}},
		{Sharing{Near: map[string][]string{"x/client": {"x/server"}}, Nodes: nodes}, Unfair{IPv6, "x/client", "", "ipv6: x/client fd00::7 on a was sent elsewhere although it has x/server near it (x/other on b 1, x/server on a 1)"}},
		{Sharing{Near: map[string][]string{}, Nodes: nodes}, Unfair{IPv6, "x/client", "", "ipv6: x/client fd00::7 on a was sent elsewhere although it has no server near it (x/other on b 1, x/server on a 1)"}},
	} {
		if got := c.sharing.wrong(asked); len(got) != 1 || got[0] != c.want {
			t.Errorf("wrong is %+v, want %+v", got, c.want)
		}
	}
}

// The twin's share stands in the first line where it was asked alone; one round of it beside
// its Service shows nothing.
func TestTwinsShare(t *testing.T) {
	names := Matrix{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed("svc/web:80"), Want: [][]Word{{Word(Answered)}}}
	by := func(twin bool, servers ...string) (out []Asked) {
		for _, s := range servers {
			e := evidence(wire.SCTP, events["silent"])
			if s != "" {
				e = evidence(wire.SCTP, answeredBy(identity(s)))
				e.Probe.Messages, e.Seen.Echoes, e.Intended = nil, nil, []Backend{{UID: identity(s).UID}}
				e.Records = []Witness{{Server: identity(s), Record: wire.Record{Nonce: e.Probe.Nonce}}}
			}
			out = append(out, Asked{Round: 1, Family: IPv4, Client: "x/client", Server: "svc/web:80", Twin: twin, Want: Word(Answered), Evidence: e})
		}
		return out
	}
	own := append(by(false, "x/server"), by(true, "x/server")...)
	for _, c := range []struct {
		name  string
		alone []Asked
		want  string
	}{
		{"not asked alone", nil, "(x/server 1)\n"},
		{"fair", by(true, "x/server", "x/other"), "(x/server 1); its TCP twin shares them out as it should\n"},
		{"as unfair", by(true, "x/server", "x/server"), "(x/server 1); its TCP twin does no better, which is not SCTP's fault\n"},
		{"silent", by(true, "", ""), "(x/server 1); its TCP twin is not answered at all\n"},
	} {
		s := NewSeries(Claim{ID: "SVC-08", Evidence: "here", Matrices: []Matrix{names}, Sharing: &Sharing{Service: "svc/web:80", Spread: []string{"x/server", "x/other"}}})
		s.Add(own)
		if c.alone != nil {
			s.Add(c.alone)
		}
		s.Report.Causes = []Cause{{Class: "service-uneven", Sentence: "node a", Facts: []string{"this"}, Look: "that"}}
		ground, text := s.Conclusion()
		if want := c.want + "  cause: node a\n    this\n    look at: that\n  evidence: here "; ground != GroundFail || !strings.Contains(text, want) {
			t.Errorf("%s: %q\n%s\nwant %s", c.name, ground, text, want)
		}
	}
}
