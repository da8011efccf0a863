package reach

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// nonce is the nonce of every probe in these tests, except where another one is the point.
const nonce = "7f3a09"

// timers make 6 INITs leave in 1.65 s.
var timers = wire.Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5, AssocMaxRetran: 6}

const window = 1650 * time.Millisecond

// nodes by number, and the number of the node on which a pod stands whose word names none.
var (
	nodes   = []string{"", "node-a", "node-b", "node-c"}
	homes   = map[string]int{"x/server": 1, "x/client": 2, "x/stranger": 2, "y/client": 3, "x/other": 3}
	numbers = map[string]int{"x/server": 4, "x/client": 6, "x/stranger": 7, "y/client": 8, "x/other": 9}
)

// named is the Name of a word: x/client, x/client@2, x/server@2:80, svc/web:80.
func named(word string) Name {
	head, place, _ := split(word)
	n := Name{Word: word, Node: homes[head]}
	if place != "" {
		_, _ = fmt.Sscan(place, &n.Node)
	}
	return n
}

func allNamed(words string) []Name {
	var out []Name
	for _, w := range strings.Fields(words) {
		out = append(out, named(w))
	}
	return out
}

func address(word string, f Family) netip.Addr {
	head, _, _ := split(word)
	subnet := []int{0, 2, 1, 3}[named(word).Node]
	if f == IPv6 {
		return netip.MustParseAddr(fmt.Sprintf("fd00:244:%d::%d", subnet, numbers[head]))
	}
	return netip.MustParseAddr(fmt.Sprintf("10.244.%d.%d", subnet, numbers[head]))
}

func identity(word string) wire.Identity {
	head, _, _ := split(word)
	ns, pod, _ := strings.Cut(head, "/")
	return wire.Identity{UID: "uid of " + head, Namespace: ns, Pod: pod, Node: nodes[named(word).Node]}
}

// event is what happens to a probe on its way.
type event func(e *Evidence)

// events are the words for what was found in a cell of a scene.
var events = map[string]event{
	"answered":     answeredBy(identity("x/server")),
	"silent":       endedAt(wire.StageConnect, wire.EndedByKernel, "ETIMEDOUT"),
	"refused":      endedAt(wire.StageConnect, wire.EndedByKernel, "ECONNREFUSED"),
	"unreachable":  endedAt(wire.StageConnect, wire.EndedByKernel, "EHOSTUNREACH"),
	"no-socket":    endedAt(wire.StageSocket, wire.EndedByKernel, "EPROTONOSUPPORT"),
	"no-protocol":  endedAt(wire.StageConnect, wire.EndedByKernel, "ENOPROTOOPT"),
	"stalled":      endedAt(wire.StageEcho, wire.EndedByKernel, "ETIMEDOUT"),
	"no-reply":     func(e *Evidence) { e.Trouble = "agent x/stranger, after 21.3s: no reply: the agent was given 21.3s" },
	"lost":         func(e *Evidence) { e.Trouble = "the stream ended" },
	"wrong-server": answeredBy(identity("x/other")),
	"changed": func(e *Evidence) {
		answeredBy(identity("x/server"))(e)
		e.Seen.Echoes[1].PPID = 0
	},
	"unrecorded": func(e *Evidence) {
		answeredBy(identity("x/server"))(e)
		e.Records = nil
	},
	"damaged": func(e *Evidence) {
		endedAt(wire.StageEcho, wire.EndedByAgent, "")(e)
		e.Seen.Detail, e.Seen.Damaged = "greeting of 170 bytes: not JSON", &wire.Echo{Size: 170, Digest: "00ff"}
	},
	"unclosed": func(e *Evidence) {
		answeredBy(identity("x/server"))(e)
		e.Seen.Stage, e.Seen.Ender, e.Seen.Errno, e.Seen.Total = wire.StageClose, wire.EndedByKernel, "ETIMEDOUT", 4_100_000
	},
	"delivered": func(e *Evidence) {
		endedAt(wire.StageConnect, wire.EndedByKernel, "ETIMEDOUT")(e)
		e.Records = []Witness{{Server: identity("x/server"), Record: wire.Record{Nonce: nonce}}}
	},
}

// probe asks for two messages on two streams.
func probe(proto wire.Proto) wire.Probe {
	return wire.Probe{
		Proto: proto, Nonce: nonce, Timers: timers, Patience: 8000,
		Messages: []wire.Message{{Size: 100, PPID: 46}, {Size: 1000, Stream: 1, PPID: 47}},
	}
}

// local is where the server was reached.
var local = netip.MustParseAddrPort("10.244.2.4:80")

func answeredBy(server wire.Identity) event {
	return func(e *Evidence) {
		e.Seen = &wire.Observation{
			Nonce: nonce, Stage: wire.StageDone, Connect: 1800, Total: 41_000,
			Greeting: &wire.Greeting{Nonce: nonce, Server: server}, Echoes: sent(e.Probe),
		}
		e.Records = []Witness{{Server: server, Record: wire.Record{Nonce: nonce, Proto: e.Probe.Proto, Local: local, Messages: sent(e.Probe)}}}
	}
}

func endedAt(stage wire.Stage, ender wire.Ender, errno string) event {
	return func(e *Evidence) {
		e.Seen = &wire.Observation{Nonce: nonce, Stage: stage, Ender: ender, Errno: errno}
		switch {
		case errno == "ETIMEDOUT" && stage == wire.StageConnect:
			e.Seen.Connect, e.Seen.Total = wire.Micros(window.Microseconds()), wire.Micros(window.Microseconds())
		case errno == "ETIMEDOUT":
			e.Seen.Connect, e.Seen.Total = 1800, wire.Micros(window.Microseconds())
		case stage == wire.StageSocket:
			e.Seen.Total = 52
		default:
			e.Seen.Connect, e.Seen.Total = 900, 1200
		}
	}
}

// evidence of one event; the pod that may answer is x/server.
func evidence(proto wire.Proto, events ...event) Evidence {
	e := Evidence{Probe: probe(proto), Intended: []Backend{{UID: identity("x/server").UID, Port: 80}}}
	for _, happen := range events {
		happen(&e)
	}
	return e
}

// scene reads a matrix and what was found in it. A cell is a word of tables where it was
// found as claimed, or claim=event:
//
//	            x/server:80      x/server:81
//	x/client    answered         denied
//	x/stranger  denied=answered  denied
func scene(t *testing.T, f Family, text string) Result {
	t.Helper()
	var r Result
	r.Family = f
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		fields := strings.Fields(line)
		if i == 0 {
			r.Columns = allNamed(line)
			continue
		}
		row := named(fields[0])
		var want []Word
		var found []Cell
		for j, field := range fields[1:] {
			w, what, _ := strings.Cut(field, "=")
			want = append(want, Word(w))
			found = append(found, cellOf(t, f, row, r.Columns[j], Word(w), what))
		}
		r.Rows, r.Want, r.Found = append(r.Rows, row), append(r.Want, want), append(r.Found, found)
	}
	return r
}

func cellOf(t *testing.T, f Family, client, server Name, w Word, what string) Cell {
	t.Helper()
	if w == NotAsked {
		return Cell{}
	}
	what = cmp.Or(what, map[Word]string{Denied: "silent", Word(Unsupported): "no-socket"}[w], string(w))
	happen, ok := events[what]
	if !ok {
		t.Fatalf("the scene has no event %q", what)
	}
	_, _, tail := split(server.Word)
	path := fmt.Sprintf("%s %s on %s -> %s %s on %s", client.Word, address(client.Word, f), nodes[client.Node],
		server.Word, netip.AddrPortFrom(address(server.Word, f), port(tail)), nodes[server.Node])
	return Cell{Finding: Judge(evidence(wire.SCTP, happen)), Path: path}
}

func port(tail string) (p uint16) {
	_, _ = fmt.Sscanf(tail, ":%d", &p)
	return p
}
