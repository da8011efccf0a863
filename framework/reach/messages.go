package reach

import (
	"fmt"
	"strings"

	"sctp.test/framework/wire"
)

// differences compares messages with what was asked to be sent, one sentence for each
// that did not arrive as it was.
func differences(way string, p wire.Probe, got []wire.Echo) []string {
	var out []string
	pairs, extra := pairUp(sent(p), got)
	missing := 0
	for i, want := range sent(p) {
		switch found := pairs[i]; {
		case found == nil:
			missing++
		case *found != want:
			out = append(out, fmt.Sprintf("message %d changed on the way %s: %s", i, way, changes(want, *found)))
		}
	}
	if missing > 0 {
		out = append(out, fmt.Sprintf("%d of %s missing on the way %s", missing, of("message", len(p.Messages), missing), way))
	}
	if extra > 0 {
		out = append(out, fmt.Sprintf("%s too many on the way %s", count(extra, "message"), way))
	}
	return out
}

// sent is how the messages of a probe look when they arrive unharmed.
func sent(p wire.Probe) []wire.Echo {
	out := make([]wire.Echo, len(p.Messages))
	for i, m := range p.Messages {
		out[i] = wire.Echo{Size: m.Size, Digest: wire.Digest(wire.Payload(p.Nonce, i, m.Size))}
		if p.Proto == wire.SCTP {
			out[i].Stream, out[i].PPID = m.Stream, m.PPID
		}
	}
	return out
}

// pairUp finds for each message the one that arrived in its place on its stream; what a
// stream lacks and what another has too many are then the same message, moved. It returns
// nil where nothing arrived, and how many arrived that nobody sent.
func pairUp(want, got []wire.Echo) (pairs []*wire.Echo, extra int) {
	pairs = make([]*wire.Echo, len(want))
	var unplaced []*wire.Echo
	places := map[uint16][]int{}
	for i, w := range want {
		places[w.Stream] = append(places[w.Stream], i)
	}
	for i := range got {
		g := &got[i]
		free := places[g.Stream]
		if len(free) == 0 {
			unplaced = append(unplaced, g)
			continue
		}
		if *g != (wire.Echo{}) { // a hole that a server keeps for a datagram that did not come
			pairs[free[0]] = g
		}
		places[g.Stream] = free[1:]
	}
	for i := range pairs {
		if pairs[i] == nil && len(unplaced) > 0 {
			pairs[i], unplaced = unplaced[0], unplaced[1:]
		}
	}
	return pairs, len(unplaced)
}

// changes tells in what two messages differ, for people.
func changes(want, got wire.Echo) string {
	var out []string
	note := func(what string, got, want any) {
		if got != want {
			out = append(out, fmt.Sprintf("%s %v instead of %v", what, got, want))
		}
	}
	note("size", got.Size, want.Size)
	note("digest", got.Digest, want.Digest)
	note("stream", got.Stream, want.Stream)
	note("PPID", got.PPID, want.PPID)
	return strings.Join(out, ", ")
}
