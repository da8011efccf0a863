package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// madeUp is a spec of a made up run: its table, and in which cells it finds something else
// than the table says.
type madeUp struct {
	id, text, claim, source string
	level                   spec.Level
	clients, servers        []string
	denied, wrong           func(family reach.Family, client, server string) bool
	controlled              bool
}

func nowhere(reach.Family, string, string) bool { return false }

var (
	fast    = wire.Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5}
	address = netip.MustParseAddrPort("10.244.2.4:80")
)

// rounds that a spec of a made up run asks.
const rounds = 5

// folderOf writes what a run with these specs leaves behind, all but report.html.
func folderOf(t testing.TB, folder string, specs []madeUp) Report {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2)) // the same times each time
	var results []Result
	for _, m := range specs {
		evidence, reason := m.evidence(t, random)
		at := filepath.Join(folder, m.id)
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{"probes.jsonl": evidence}
		r := Result{
			ID: m.id, Text: m.text, Chapter: spec.Case{ID: m.id}.Chapter(), Level: m.level, Verdict: spec.Pass,
			Seconds: 2 + 10*random.Float64(), Claim: m.claim, Source: m.source, Needs: spec.Needs{spec.TwoNodes},
		}
		if reason != "" {
			r.Verdict, r.Reason, r.Class = spec.Fail, reason, "nodeport-dead-on-a-node"
			files["verdict.txt"] = reason
			files["nodes/b/nft"], files["nodes/b/conntrack #1"] = "table ip kube-proxy {}", ""
		}
		for name, text := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		results = append(results, r)
	}
	r := made(results...)
	r.Environment.Nodes = append(r.Environment.Nodes, Node{"b", "6.12.57+deb13-amd64", "Debian GNU/Linux 13 (trixie)", "containerd://2.2.0", "off: not loaded"})
	r.Environment.Image = "registry.example:5000/sctp-agent@sha256:9b1c7f0e5d2a4b6c8e0f1a3b5c7d9e1f2a4b6c8d0e2f4a6b8c0d2e4f6a8b0c2d"
	return r
}

// evidence is probes.jsonl, and the text of the failure that it amounts to.
func (m madeUp) evidence(t testing.TB, random *rand.Rand) (lines, reason string) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	write := func(l reach.Line) {
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	claims := []reach.Claim{{Matrices: m.matrices(nowhere)}}
	if m.controlled {
		claims = append(claims, reach.Claim{Matrices: m.matrices(m.denied)}, reach.Claim{Control: reach.After, Matrices: m.matrices(nowhere)})
	}
	for i, c := range claims {
		c.ID, c.Series, c.Evidence = m.id, i+1, "_artifacts/run/"+m.id
		write(reach.Line{Claim: &c})
		for n := 1; n <= rounds; n++ {
			for _, a := range m.round(c, n, random) {
				write(reach.Line{Asked: &a})
			}
		}
	}
	series, err := reach.Replay(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	_, reason = reach.Verdict(series)
	return b.String(), reason
}

func (m madeUp) matrices(denied func(reach.Family, string, string) bool) []reach.Matrix {
	var out []reach.Matrix
	for _, f := range []reach.Family{reach.IPv4, reach.IPv6} {
		x := reach.Matrix{Family: f}
		for _, s := range m.servers {
			x.Columns = append(x.Columns, reach.Name{Word: s})
		}
		for _, c := range m.clients {
			x.Rows = append(x.Rows, reach.Name{Word: c})
			var want []reach.Word
			for _, s := range m.servers {
				w := reach.Word(reach.Answered)
				if denied(f, c, s) {
					w = reach.Denied
				}
				want = append(want, w)
			}
			x.Want = append(x.Want, want)
		}
		out = append(out, x)
	}
	return out
}

func (m madeUp) round(c reach.Claim, n int, random *rand.Rand) []reach.Asked {
	var out []reach.Asked
	for _, x := range c.Matrices {
		for i, row := range x.Rows {
			for j, column := range x.Columns {
				answered := (x.Want[i][j] == reach.Word(reach.Answered)) != m.wrong(x.Family, row.Word, column.Word)
				out = append(out, reach.Asked{
					Series: c.Series, Round: n, Family: x.Family, Client: row.Word, Server: column.Word, Want: x.Want[i][j], Elapsed: wire.Millis(350 * n),
					Path:     fmt.Sprintf("%s 10.244.1.%d on a -> %s 10.0.0.2:30080", row.Word, 4+i, column.Word),
					Evidence: probed(answered, random), Moved: wire.Counters{wire.T1InitExpireds: 1000},
				})
			}
		}
	}
	return out
}

func probed(answered bool, random *rand.Rand) reach.Evidence {
	server := wire.Identity{UID: "u", Namespace: "x", Pod: "server", Node: "a"}
	e := reach.Evidence{
		Probe:    wire.Probe{Proto: wire.SCTP, Nonce: "7f3a09", Timers: fast},
		Seen:     &wire.Observation{Nonce: "7f3a09", Stage: wire.StageConnect, Ender: wire.EndedByKernel, Errno: "ETIMEDOUT", Connect: 1650000, Total: 1650000},
		Intended: []reach.Backend{{UID: "u"}},
	}
	if answered {
		connect := wire.Micros(400 + 900*random.ExpFloat64())
		e.Seen = &wire.Observation{
			Nonce: "7f3a09", Stage: wire.StageDone, Connect: connect, Total: connect*2 + wire.Micros(1500*random.ExpFloat64()),
			Greeting: &wire.Greeting{Nonce: "7f3a09", Server: server},
		}
		e.Records = []reach.Witness{{Server: server, Record: wire.Record{Nonce: "7f3a09", Local: address}}}
	}
	return e
}

// ofTwoNodes is a small run. With dead, the NodePort of one node answers nobody from other nodes.
func ofTwoNodes(dead bool) []madeUp {
	pods := []string{"x/client@1", "x/client@2"}
	servers := []string{"x/server@1:80", "x/server@2:80", "x/server@1:81", "x/server@2:81"}
	port80 := func(_ reach.Family, client, server string) bool {
		return strings.HasPrefix(client, "y/") || !strings.HasSuffix(server, ":80")
	}
	broken := func(f reach.Family, client, server string) bool {
		return dead && f == reach.IPv4 && strings.HasPrefix(server, "node/2") && client == "x/client@1"
	}
	c := spec.Core
	return []madeUp{
		{"MOD-01", "lets ordinary pods open SCTP sockets on every node", "On every schedulable Linux node an ordinary pod MUST be able to open SCTP sockets.", "OKD, Using SCTP; socket(2)", c, pods[:1], servers[:1], nowhere, nowhere, false},
		{"POD-01", "reach each other on the same node", "A pod MUST reach the SCTP port of another pod on its node.", "Kubernetes, Cluster Networking: the network model", c, pods, servers[:2], nowhere, nowhere, false},
		{"POD-02", "reach each other between every two nodes, both ways", "A pod MUST reach the SCTP port of a pod on every other node.", "Kubernetes, Cluster Networking: the network model", c, pods, servers, nowhere, nowhere, false},
		{"SVC-01", "are reached at their cluster addresses from every node", "A client on any node MUST reach an SCTP Service at each of its cluster addresses.", "v1 ServiceSpec.clusterIPs", c, pods, []string{"svc/web:80"}, nowhere, nowhere, false},
		{"SVC-04", "are reached at their NodePort on every node", "The NodePort of an SCTP Service MUST lead to its pods at the InternalIP of every node in each family, whether or not one of them runs there.", "OKD, Using SCTP; v1 ServicePort.nodePort", c, pods, []string{"node/1:svc/web", "node/2:svc/web"}, nowhere, broken, false},
		{"POL-05", "admit port 80 from the labelled pod and from nobody else", "An ingress rule with protocol SCTP, port 80 and a podSelector MUST admit the selected pods on that port and nothing else.", "networking.k8s.io/v1 NetworkPolicyIngressRule", c, append(pods, "y/client"), servers, port80, nowhere, true},
		{"MSG-01", "of every size arrive byte by byte between pods", "Messages of 1 byte to 64 KiB MUST arrive whole and unchanged.", "RFC 9260 section 6.9", c, pods, servers[:2], nowhere, nowhere, false},
	}
}

// small is a run of two nodes with each verdict that is no failure of the tables.
func small(t testing.TB, folder string, dead bool) Report {
	t.Helper()
	r := folderOf(t, folder, ofTwoNodes(dead))
	r.Specs = append(r.Specs,
		Result{ID: "POD-09", Text: "fragment what is larger than the path", Chapter: "pod", Level: spec.Extended, Verdict: spec.NotApplicable, Reason: "the cluster has one schedulable Linux node, and the claim is about two", Claim: "A message larger than the MTU MUST arrive.", Source: "RFC 9260 section 6.9"},
		Result{ID: "SVC-09", Text: "hold a client to one pod by ClientIP affinity", Chapter: "service", Level: spec.Extended, Verdict: spec.KnownLimitation, Reason: "this proxy has no affinity for SCTP: https://example.org/issues/1234.", Seconds: 3, Claim: "It MUST hold.", Source: "v1 ServiceSpec.sessionAffinity"},
		Result{ID: "PRF-01", Text: "take so long to open between nodes", Chapter: "performance", Level: spec.Informational, Verdict: spec.Informed, Seconds: 9, Claim: "An association MAY take any time to open.", Source: "measured"},
	)
	if dead {
		r.Specs = append(r.Specs, Result{ID: "ASC-02", Text: "survive a heartbeat interval", Chapter: "association", Level: spec.Core, Verdict: spec.Error, Seconds: 31, Reason: "agent x/client@1, after 31.2s: no reply: the agent was given 31s\nlast seen: stream closed", Claim: "An association MUST survive.", Source: "RFC 9260 section 8.3"},
			Result{ID: "POL-07", Text: "admit a namespace", Chapter: "policy", Level: spec.Core, Verdict: spec.Inconclusive, Seconds: 12, Reason: "POL-07: the denials are not proven: without the policies, not all is open again\nPOL-07: 2 of 8 paths are not as claimed", Claim: "It MUST admit.", Source: "networking.k8s.io/v1"})
	}
	r.conclude()
	return r
}

// large is a run of 150 specs on three nodes; all of them fail if red.
func large(t testing.TB, folder string, red bool) Report {
	t.Helper()
	var clients, servers []string
	for n := 1; n <= 3; n++ {
		clients = append(clients, fmt.Sprintf("x/client@%d", n), fmt.Sprintf("x/stranger@%d", n))
		servers = append(servers, fmt.Sprintf("x/server@%d:80", n), fmt.Sprintf("x/server@%d:81", n))
	}
	denied := func(_ reach.Family, client, server string) bool {
		return strings.HasPrefix(client, "x/stranger") || strings.HasSuffix(server, ":81")
	}
	m := madeUp{
		"MOD-01", "are reached at their NodePort on every node", "The NodePort of an SCTP Service MUST lead to its pods at the InternalIP of every node in each family, whether or not one of them runs there.",
		"OKD, Using SCTP; v1 ServicePort.nodePort", spec.Core, clients, servers, denied, nowhere, true,
	}
	if red {
		m.wrong = func(f reach.Family, client, _ string) bool { return f == reach.IPv6 && client == "x/client@2" }
	}
	r := folderOf(t, folder, []madeUp{m})
	first := r.Specs[0]
	r.Specs = nil
	for _, chapter := range []string{"MOD", "POD", "SVC", "POL", "MSG", "ASC"} {
		for n := 1; n <= 25; n++ {
			s := first // of the same size as any other, and quickly made
			s.ID = fmt.Sprintf("%s-%02d", chapter, n)
			s.Chapter = spec.Case{ID: s.ID}.Chapter()
			r.Specs = append(r.Specs, s)
			if err := os.CopyFS(filepath.Join(folder, s.ID), os.DirFS(filepath.Join(folder, first.ID))); err != nil && s.ID != first.ID {
				t.Fatal(err)
			}
		}
	}
	r.conclude()
	return r
}

// written writes all that a run leaves behind and returns its page.
func written(t testing.TB, leave func(testing.TB, string, bool) Report, bad bool) (folder, page string) {
	t.Helper()
	folder = t.TempDir()
	r := leave(t, folder, bad)
	start := time.Now()
	if err := r.Write(folder); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("report.html has %d bytes and took %v", len(raw), time.Since(start).Round(time.Millisecond))
	return folder, string(raw)
}
