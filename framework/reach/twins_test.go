package reach

import (
	"slices"
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

var (
	twinClients = []Name{{Word: "x/client@1", Node: 1}, {Word: "x/client@2", Node: 2}}
	twinServers = []Name{{Word: "x/server@1:80", Node: 1}, {Word: "svc/backends:80"}}
)

// twinned is a claim that two clients reach a pod and a Service.
func twinned() Claim {
	yes := Word(Answered)
	return Claim{ID: "SVC-99", Matrices: []Matrix{{Family: IPv4, Rows: twinClients, Columns: twinServers, Want: [][]Word{{yes, yes}, {yes, yes}}}}}
}

// round asks every cell, and the TCP twin of the Service; errnos has what some of them end
// with, by client, server and protocol.
func twinRound(errnos map[string]string) []Asked {
	var out []Asked
	for _, client := range twinClients {
		for _, server := range twinServers {
			out = append(out, twinProbe(1, client.Word, server.Word, wire.SCTP, errnos))
		}
		out = append(out, twinProbe(1, client.Word, "svc/backends:80", wire.TCP, errnos))
	}
	return out
}

func twinProbe(n int, client, server string, proto wire.Proto, errnos map[string]string) Asked {
	id := wire.Identity{UID: "uid-1", Namespace: "x", Pod: "server@1"}
	p := wire.Probe{Proto: proto, Nonce: client + server + string(proto)}
	e := Evidence{Probe: p, Intended: []Backend{{UID: "uid-1"}}, Seen: &wire.Observation{Nonce: p.Nonce, Stage: wire.StageDone}}
	if errno := errnos[client+" "+server+" "+string(proto)]; errno != "" {
		e.Seen.Stage, e.Seen.Ender, e.Seen.Errno = wire.StageConnect, wire.EndedByKernel, errno
	} else {
		e.Seen.Greeting = &wire.Greeting{Nonce: p.Nonce, Server: id}
		e.Records = []Witness{{Server: id, Record: wire.Record{Nonce: p.Nonce, Proto: proto}}}
	}
	return Asked{
		Series: 1, Batch: n, Round: n, Family: IPv4, Client: client, Server: server, Twin: proto == wire.TCP, Want: Word(Answered),
		Path: client + " -> " + server, Evidence: e, Moved: wire.Counters{wire.InSCTPPacks: 1000},
	}
}

func TestTwinsDecideNothing(t *testing.T) {
	s := NewSeries(twinned())
	s.Add(twinRound(map[string]string{"x/client@1 svc/backends:80 tcp": "ECONNREFUSED"}))
	if s.Report.State != Held || len(s.Report.Wrong()) > 0 || s.Report.Rounds != 1 {
		t.Errorf("%s after %d rounds, wrong %v", s.Report.State, s.Report.Rounds, s.Report.Wrong())
	}
	if wrong := s.Report.WrongTwins(); len(wrong) != 1 || wrong[0].Row.Word != "x/client@1" {
		t.Errorf("wrong twins %+v", wrong)
	}
}

func TestTwinsThatAreAskedAloneAreNoRound(t *testing.T) {
	s := NewSeries(twinned())
	s.Add(twinRound(map[string]string{"x/client@1 svc/backends:80 tcp": "ECONNREFUSED"}))
	s.Add([]Asked{twinProbe(2, "x/client@1", "svc/backends:80", wire.TCP, nil)})
	if s.Report.Rounds != 1 || s.Holding() != 0 || len(s.Report.WrongTwins()) != 0 {
		t.Errorf("%d rounds, held %d, wrong twins %v", s.Report.Rounds, s.Holding(), s.Report.WrongTwins())
	}
}

func TestWhoseFaultItIs(t *testing.T) {
	service := func(client, proto string) string { return client + " svc/backends:80 " + proto }
	for _, tt := range []struct {
		name   string
		errnos map[string]string
		first  string // of the first line, after the ID
		body   string
	}{
		{
			"SCTP alone",
			map[string]string{service("x/client@1", "sctp"): "ECONNREFUSED"},
			"1 of 4 paths is not as claimed", "twin: TCP is as claimed on that path\n",
		},
		{
			"TCP as well",
			map[string]string{service("x/client@1", "sctp"): "ECONNREFUSED", service("x/client@1", "tcp"): "ECONNREFUSED"},
			"TCP fares no better: not SCTP's fault; 1 of 4 paths is not as claimed", "twin: TCP is wrong on that path, too: x/client@1 -> svc/backends:80: refused",
		},
		{
			"TCP in part",
			map[string]string{
				service("x/client@1", "sctp"): "ECONNREFUSED", service("x/client@1", "tcp"): "ECONNREFUSED", service("x/client@2", "sctp"): "ECONNREFUSED",
			},
			"2 of 4 paths are not as claimed", "twin: TCP is wrong, too, on 1 of those 2 paths\n",
		},
		{
			"a path without a twin",
			map[string]string{"x/client@1 x/server@1:80 sctp": "ECONNREFUSED"},
			"1 of 4 paths is not as claimed", "",
		},
	} {
		s := NewSeries(twinned())
		s.Add(twinRound(tt.errnos))
		text := s.Report.Text()
		if !strings.HasPrefix(text, "SVC-99: "+tt.first) || !strings.Contains(text, tt.body) || tt.body == "" && strings.Contains(text, "twin:") {
			t.Errorf("%s:\n%s", tt.name, text)
		}
	}
}

func TestTheFirstLineExcusesOnce(t *testing.T) {
	s := NewSeries(twinned())
	s.Add(twinRound(map[string]string{"x/client@1 svc/backends:80 sctp": "ECONNREFUSED", "x/client@1 svc/backends:80 tcp": "ECONNREFUSED"}))
	s.Report.Causes = []Cause{{Class: "service-down", Sentence: "the service proxy leads nowhere: not SCTP's fault"}}
	if first, _, _ := strings.Cut(s.Report.Text(), "\n"); strings.Count(first, NotSCTP) != 1 {
		t.Errorf("first line %q", first)
	}
}

func TestTwinsHaveNoShare(t *testing.T) {
	tcp := func(server string) Asked {
		a := twinProbe(1, "x/client@1", "svc/backends:80", wire.TCP, nil)
		a.Evidence.Seen.Greeting.Server.Pod = server
		return a
	}
	sctp := twinProbe(1, "x/client@1", "svc/backends:80", wire.SCTP, nil)
	s := NewSeries(Claim{Matrices: twinned().Matrices, Sharing: &Sharing{Service: "svc/backends:80", Sticky: true}})
	if s.Add([]Asked{sctp, tcp("server@2")}); len(s.Shared) > 0 {
		t.Errorf("TCP's answer counts as SCTP's: %+v", s.Shared)
	}
	if moved, _ := Moved([]Asked{sctp}, []Asked{sctp, tcp("server@2")}); moved != nil {
		t.Errorf("moved are %q", moved)
	}
	if _, twins := Moved([]Asked{sctp, tcp("server@1")}, []Asked{sctp, tcp("server@2")}); !slices.Equal(twins, []string{"x/client@1"}) {
		t.Errorf("the twins of %q moved", twins)
	}
}

func TestAstray(t *testing.T) {
	asked := []Asked{twinProbe(1, "x/client@1", "svc/backends:80", wire.SCTP, nil), twinProbe(1, "x/client@2", "svc/backends:80", wire.SCTP, nil)}
	near := Sharing{Near: map[string][]string{"x/client@1": {"x/server@1"}, "x/client@2": {"x/server@2"}}}
	want := "x/client@2 was sent elsewhere although it has x/server@2 near it (x/server@1 1)"
	if got := near.wrong(asked); len(got) != 1 || !strings.HasSuffix(got[0].Text, want) {
		t.Errorf("%+v, want %q", got, want)
	}
}

func TestMoved(t *testing.T) {
	at := func(client, server string) []Asked {
		a := twinProbe(1, client, "svc/backends:80", wire.SCTP, nil)
		a.Evidence.Seen.Greeting.Server.Pod = server
		return []Asked{a}
	}
	for _, tt := range []struct {
		before, now []Asked
		want        []string
	}{
		{at("x/client@1", "server@1"), at("x/client@1", "server@1"), nil},
		{at("x/client@1", "server@1"), at("x/client@1", "server@2"), []string{"x/client@1"}},
		{at("x/client@1", "server@1"), at("x/client@2", "server@2"), nil},
		{nil, at("x/client@1", "server@1"), nil},
	} {
		if got, _ := Moved(tt.before, tt.now); !slices.Equal(got, tt.want) {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
