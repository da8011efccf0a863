package assoc

import (
	"cmp"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

var (
	here  = netip.MustParseAddr("10.0.0.2")
	there = netip.MustParseAddr("10.0.0.1")
	far   = netip.MustParseAddr("fd00::1")
)

// deceit changes what one step of a scene has brought, and turns what was as expected into
// this failure.
type deceit struct {
	step int
	lie  func(*Step)
	want string
	as   Fault // class, and ground where it is not fail
}

func events(of ...wire.Event) func(*Step) { return func(s *Step) { s.Reply.Events = of } }
func errno(name string) func(*Step) {
	return func(s *Step) { s.Reply.Errno, s.Reply.Call = name, "a call" }
}
func late(s *Step) { s.Reply.Late = true }
func without(i int) func(*Step) {
	return func(s *Step) { s.Reply.Events = slices.Delete(slices.Clone(s.Reply.Events), i, i+1) }
}

func status(change func(*wire.SocketStatus)) func(*Step) {
	return func(s *Step) {
		st := *s.Reply.Status
		st.Peers = slices.Clone(st.Peers)
		change(&st)
		s.Reply.Status = &st
	}
}

// read says in how many reads each message of a step came, and how many of these were parts.
func read(counts ...[2]int) func(*Step) {
	return func(s *Step) {
		s.Reply.Events = slices.Clone(s.Reply.Events)
		for i, n := range counts {
			s.Reply.Events[i].Pieces, s.Reply.Events[i].Partial = n[0], n[1]
		}
	}
}

// after is a step as something has left it.
func after(s *Step, change func(*Step)) *Step {
	change(s)
	return s
}

var mortal = wire.SendMessage{Message: wire.Message{Size: 40}, Policy: "ttl", Value: 200}

// scenes are, for each kind of expectation, what happened where it is so, and lies about it.
var scenes = []struct {
	name     string
	what     Expectation // nil is none
	of, peer End
	steps    []*Step
	deceits  []deceit
}{
	{"a step that must be done", nil, client, server, []*Step{{Agent: "x/client@1", Node: "a", Must: reach.GroundFail, Op: wire.SocketOp{Do: wire.DoSet}, Reply: &wire.SocketReply{Ended: 2000}}}, []deceit{
		{0, errno("EINVAL"), "x/client@1 on a could not set socket options: EINVAL (a call) after 2ms", Fault{}},
		{0, late, "x/client@1 on a could not set socket options: nothing within 2ms", Fault{}},
		{0, errno("EPROTONOSUPPORT"), "SCTP is not available on node a, see MOD-01: x/client@1 on a could not set socket options: EPROTONOSUPPORT (a call) after 2ms", Fault{Ground: reach.GroundUnsupported}},
		{0, errno("ESOCKTNOSUPPORT"), "SCTP is not available on node a, see MOD-01: x/client@1 on a could not set socket options: ESOCKTNOSUPPORT", Fault{Ground: reach.GroundUnsupported}},
		{0, func(s *Step) { s.Reply, s.Trouble = nil, "the connection to the agent ended" }, "x/client@1 on a could not set socket options: the connection to the agent ended", Fault{Ground: reach.GroundBroken}},
	}},
	{"messages", Arrives{Messages: 3}, server, client, []*Step{passed(client, three...), told(server, arrivals(three...)...), showed(client, wire.SocketStatus{State: "ESTABLISHED", Unacked: 1})}, []deceit{
		{1, without(2), "messages are lost; x/server@1 on b got 2 of 3 messages in 3s: message 2 (30 bytes, stream 0) is missing", Fault{Class: DataLost}},
		{1, func(s *Step) { without(1)(s); late(s) }, "messages are lost; x/server@1 on b got 2 of 3 messages in 3s: message 1 (20 bytes, stream 1) is missing; its peer is ESTABLISHED, unacknowledged chunks: 1, sent again: 0", Fault{Class: DataLost}},
		{1, events(change("COMM_LOST")), "messages are lost; x/server@1 on b was told COMM_LOST and got 0 of 3 messages in 3s: message 0 (10 bytes, stream 0) is missing; message 1 (20 bytes, stream 1) is missing; message 2 (30 bytes, stream 0) is missing", Fault{Class: DataLost}},
	}},
	{"messages that came and were not read", Arrives{Messages: 3}, server, client, []*Step{passed(client, three...), told(server, arrivals(three...)...), showed(client, wire.SocketStatus{State: "ESTABLISHED"})}, []deceit{
		{1, func(s *Step) { without(1)(s); late(s); s.Reply.Unread = true }, "the agent has not read what came: x/server@1 on b got 2 of 3 messages in 3s; its peer is ESTABLISHED, unacknowledged chunks: 0, sent again: 0", Fault{Ground: reach.GroundBroken}},
	}},
	{"messages that came and were not delivered", Arrives{Messages: 3}, server, client, []*Step{passed(client, three...), told(server, arrivals(three...)...), showed(client, wire.SocketStatus{State: "ESTABLISHED"})}, []deceit{
		{1, func(s *Step) { without(1)(s); late(s) }, "messages were acknowledged and are not delivered, as if their numbers or flags were changed on the way; x/server@1 on b got 2 of 3 messages in 3s: message 1 (20 bytes, stream 1) is missing; its peer is ESTABLISHED, unacknowledged chunks: 0, sent again: 0", Fault{Class: MessageDamaged}},
	}},
	{"messages after a status", Arrives{Messages: 3}, server, client, []*Step{passed(client, three...), showed(client, wire.SocketStatus{State: "ESTABLISHED"}), told(server, arrivals(three...)...)}, []deceit{
		{2, func(s *Step) { without(1)(s); late(s) }, "message 1 (20 bytes, stream 1) is missing", Fault{Class: DataLost}},
	}},
	{"an event", Arrives{Event: wire.EventAssoc, State: "RESTART"}, server, client, []*Step{told(server, change("RESTART"))}, []deceit{
		{0, events(change("COMM_LOST")), "x/server@1 on b was told COMM_LOST and got no RESTART in 3s", Fault{}},
	}},
	{"all that was sent", Intact{}, server, client, []*Step{passed(client, three...), told(server, arrivals(three...)...)}, []deceit{
		{1, func(s *Step) { s.Reply.Events = slices.Clone(s.Reply.Events); s.Reply.Events[0].PPID = 0 }, "what x/client@1 on a sent did not come to x/server@1 on b as it was: message 0 (10 bytes, stream 0) came with PPID 0 instead of 60", Fault{Class: MessageDamaged}},
		{1, without(1), "messages are lost; what x/client@1 on a sent did not come to x/server@1 on b as it was: message 1 (20 bytes, stream 1) is missing", Fault{Class: DataLost}},
		{0, func(s *Step) { s.Op.Messages = s.Op.Messages[:2]; s.Reply.Sent = 2 }, "30 bytes on stream 0 came that were not sent", Fault{Class: MessageDamaged}},
	}},
	{"an orderly end", Closes{}, server, client, []*Step{passed(client, three[0]), told(server, append(arrivals(three[0]), wire.Event{Kind: wire.EventShutdown}, wire.Event{Kind: wire.EventEOF})...)}, []deceit{
		{1, without(2), "x/server@1 on b got the SHUTDOWN of x/client@1 on a, and no end of file after it in 3s", Fault{}},
		{1, events(arrivals(three[0])...), "the SHUTDOWN of x/client@1 on a had no effect on x/server@1 on b, which got nothing after a message of 10 bytes on stream 0, PPID 60 in 3s", Fault{Class: ChunkLost}},
		{1, events(append(arrivals(three[0]), change("COMM_LOST"))...), "the SHUTDOWN of x/client@1 on a had no effect on x/server@1 on b, which was told COMM_LOST last in 3s", Fault{Class: ChunkLost}},
		{1, events(change("COMM_LOST")), "messages are lost; x/server@1 on b was told COMM_LOST and got no end of file after the SHUTDOWN of x/client@1 on a in 3s: message 0 (10 bytes, stream 0) is missing", Fault{Class: DataLost}},
	}},
	{"an abort", Hears{Chunk: "ABORT", State: "COMM_LOST", Reason: "enough"}, server, client, []*Step{told(server, wire.Event{Kind: wire.EventAssoc, State: "COMM_LOST", Cause: "enough", Error: 12})}, []deceit{
		{0, events(), "the ABORT of x/client@1 on a had no effect on x/server@1 on b, which was told nothing in 3s", Fault{Class: ChunkLost}},
		{0, events(change("COMM_LOST")), `x/server@1 on b was aborted with the reason "" (cause code 0), wanted "enough"`, Fault{}},
	}},
	{"a stream reset", Hears{Chunk: "RE-CONFIG", Event: wire.EventReset}, server, client, []*Step{told(server, wire.Event{Kind: wire.EventReset})}, []deceit{
		{0, events(), "the RE-CONFIG of x/client@1 on a had no effect on x/server@1 on b, which was told nothing in 3s", Fault{Class: ChunkLost}},
		{0, events(change("COMM_LOST")), "the RE-CONFIG of x/client@1 on a had no effect on x/server@1 on b, which was told COMM_LOST last in 3s", Fault{Class: ChunkLost}},
	}},
	{"an association", Connects{To: "x/server@1:80"}, client, End{}, []*Step{dialled(wire.SocketReply{Ended: 500})}, []deceit{
		{0, errno("ETIMEDOUT"), "x/client@1 on a could not connect to x/server@1:80: ETIMEDOUT (a call) after 1ms", Fault{Class: ConnectFailed}},
	}},
	{"an association in the end", Connects{To: "x/server@1:80", After: &client}, End{Name: "x/client@1 on a", Number: 3}, End{}, []*Step{
		dialled(wire.SocketReply{Errno: "ETIMEDOUT"}), did(End{Number: 3}, wire.SocketOp{Do: wire.DoDial}, &wire.SocketReply{Ended: 2000}),
	}, []deceit{
		{1, errno("ECONNREFUSED"), "could not connect to x/server@1:80 again and again in 1.002s; last try: ECONNREFUSED (a call) after 2ms", Fault{Class: ConnectFailed}},
	}},
	{"one from the same port", Restarts{}, client, End{}, []*Step{did(client, wire.SocketOp{Do: wire.DoDial, Local: netip.MustParseAddrPort("10.0.0.2:4711")}, &wire.SocketReply{})}, []deceit{
		{0, errno("ETIMEDOUT"), "x/client@1 could not begin again from port 4711, from which its peer still has an association: ETIMEDOUT", Fault{Class: ConnectFailed}},
	}},
	{"none, for nobody listens", Unheard{}, client, End{}, []*Step{dialled(wire.SocketReply{Errno: "ECONNREFUSED"})}, []deceit{
		{0, errno(""), "a connect succeeded although nobody listens", Fault{}},
	}},
	{"none, for nobody answers", GivesUp{}, client, End{}, []*Step{dialled(wire.SocketReply{Errno: "ETIMEDOUT", Ended: 1_650_000})}, []deceit{
		{0, errno("ECONNREFUSED"), `a connect that was to stay unanswered ended with ECONNREFUSED after 1.65s, wanted ETIMEDOUT after 1.65s (6 INITs: [150ms 300ms`, Fault{}},
		{0, func(s *Step) { s.Reply.Ended = 1_400_000 }, `ended with ETIMEDOUT after 1.4s`, Fault{}},
		{0, func(s *Step) { s.Reply.Ended = 3_660_000 }, `ended with ETIMEDOUT after 3.66s`, Fault{}},
	}},
	{"one that is accepted", Accepted{To: "svc/web:80"}, server, client, []*Step{dialled(wire.SocketReply{}), accepted(wire.SocketReply{Late: true}), accepted(wire.SocketReply{})}, []deceit{
		{2, late, "x/client@1 is connected to svc/web:80, and none of these has accepted the association: x/server@1", Fault{Class: ConnectFailed}},
		{2, errno("EMFILE"), "x/server@1 could not accept the association that x/client@1 has: EMFILE", Fault{Class: ConnectFailed}},
	}},
	{"streams", Streams{Out: 3, In: 5}, client, server, []*Step{showed(client, wire.SocketStatus{OutStreams: 3, InStreams: 5})}, []deceit{
		{0, status(func(st *wire.SocketStatus) { st.InStreams = 4 }), "x/client@1 on a has 3 outgoing and 4 incoming streams, wanted 3 and 5", Fault{Class: StreamsChanged}},
	}},
	{"what both asked for", Agreed{Interleaving: true, Auth: []int{0}}, client, server, []*Step{showed(client, wire.SocketStatus{Interleaving: true, AuthChunks: []int{193, 0}})}, []deceit{
		{0, status(func(st *wire.SocketStatus) { st.Interleaving = false }), "both ends asked for user message interleaving (I-DATA chunks), and by the kernel of x/client@1 on a it was not agreed on with x/server@1 on b", Fault{}},
		{0, status(func(st *wire.SocketStatus) { st.AuthChunks = []int{193} }), "both ends asked for authenticated chunks of type 0 (0 is DATA), and by the kernel of x/client@1 on a it was not agreed on with x/server@1 on b", Fault{}},
	}},
	{"one that overtakes", Overtakes{Stream: 1}, server, client, []*Step{told(server, arrivals(three[1], three[0])...)}, []deceit{
		{0, events(arrivals(three...)...), "x/server@1 on b received 10 bytes on stream 0 first: what was sent on stream 1 has overtaken nothing, although both ends agreed to interleave messages", Fault{}},
		{0, events(change("COMM_LOST")), "x/server@1 on b received nothing: what was sent on stream 1 has overtaken nothing", Fault{}},
	}},
	{"a message in parts", InParts{Above: 25}, server, client, []*Step{passed(client, three...), after(told(server, arrivals(three...)...), read([2]int{1, 0}, [2]int{1, 0}, [2]int{4, 2}))}, []deceit{
		{1, read([2]int{1, 0}, [2]int{1, 0}, [2]int{1, 0}), "x/server@1 on b received 30 bytes on stream 0 without partial delivery (reads: 1), although its receive window has room for 25", Fault{}},
		{1, read([2]int{1, 0}, [2]int{1, 0}, [2]int{4, 0}), "x/server@1 on b received 30 bytes on stream 0 without partial delivery (reads: 4), although its receive window has room for 25", Fault{}},
		{1, read([2]int{1, 0}, [2]int{2, 1}), "x/server@1 on b received 20 bytes on stream 1 in 2 reads, wanted one", Fault{}},
		{1, without(2), "x/server@1 on b received nothing above 25 bytes, which alone is delivered in parts", Fault{}},
	}},
	{"numbers", Numbered{}, server, client, []*Step{told(server, arrivals(three...)...)}, []deceit{
		{0, without(0), "x/server@1 on b received stream sequence number 1 on stream 0, wanted 0", Fault{}},
	}},
	{"numbers after a reset", Renumbered{Reset: 1, Numbers: map[uint16]uint16{0: 0, 1: 0}}, server, client, []*Step{told(server, arrivals(three[:2]...)...)}, []deceit{
		{0, events(arrivals(three...)...), "after stream 1 was reset x/server@1 on b received stream sequence number 1 on stream 0, wanted 0", Fault{}},
	}},
	{"one stream only", Only{Stream: 1, Dropped: 0}, server, client, []*Step{told(server, arrivals(three[1])...)}, []deceit{
		{0, events(), "one stream blocks another: nothing on stream 1 was delivered to x/server@1 on b while a message on stream 0 was missing", Fault{}},
		{0, events(arrivals(three...)...), "x/server@1 on b received 10 bytes on stream 0, whose packets it dropped", Fault{}},
	}},
	{"a window", Widens{Window: 9000}, client, server, []*Step{passed(client, three...), showed(client, wire.SocketStatus{Peers: []wire.PeerAddr{{CWnd: 9000}}})}, []deceit{
		{1, status(func(st *wire.SocketStatus) { st.Peers[0].CWnd-- }), "the congestion window of x/client@1 on a is 8999 bytes after 3 messages, wanted 9000", Fault{}},
		{1, status(func(st *wire.SocketStatus) { st.Peers = nil }), "is 0 bytes", Fault{}},
	}},
	{"a message that is refused", Refuses{Errno: "EMSGSIZE"}, client, server, []*Step{did(client, passed(client, three[1]).Op, &wire.SocketReply{Errno: "EMSGSIZE"})}, []deceit{
		{0, errno(""), "sending 20 bytes on stream 1 from x/client@1 on a succeeded, wanted EMSGSIZE", Fault{}},
		{0, errno("EINVAL"), "sending 20 bytes on stream 1 from x/client@1 on a failed with EINVAL, wanted EMSGSIZE", Fault{}},
	}},
	{"messages that are given up", Mortal{}, client, server, []*Step{
		passed(client, three[0], mortal), told(server, arrivals(three[0])...), told(client, wire.Event{Kind: wire.EventFailed, Digest: arrivals(three[0], mortal)[1].Digest}),
	}, []deceit{
		{1, events(arrivals(three[0], mortal)...), "message 1 of x/client@1 on a (lifetime 200 ms) is reported as given up, and x/server@1 on b has received it", Fault{}},
		{2, events(), "message 1 of x/client@1 on a (lifetime 200 ms) is not reported as given up, and x/server@1 on b has not received it", Fault{}},
		{0, func(s *Step) { s.Op.Messages = slices.Clone(s.Op.Messages); s.Op.Messages[1].Policy = "" }, "message 1 of x/client@1 on a, which had no lifetime, is reported as given up", Fault{}},
	}},
	{"news of the end", Learns{Within: Bound{10 * time.Second, "heartbeats"}}, client, server, []*Step{told(client, change("COMM_LOST"))}, []deceit{
		{0, func(s *Step) { s.Reply.Events, s.Reply.Ended = nil, 13_001_000 }, "x/client@1 on a was not told in 13s that its peer is gone, wanted within 10s (heartbeats)", Fault{Class: EndNotTold}},
		{0, func(s *Step) { s.Reply.Begun = -20_000_000 }, "x/client@1 on a was told that its peer is gone (COMM_LOST) after 22.001s, wanted within 10s (heartbeats)", Fault{Class: EndNotTold}},
	}},
	{"news of an end since", Learns{Within: Bound{10 * time.Second, "heartbeats"}, Since: noon.Add(-10 * time.Second)}, client, server, []*Step{told(client, change("COMM_LOST"))}, []deceit{
		{0, func(s *Step) { s.Reply.Begun = -20_000_000 }, "(COMM_LOST) 32.001s after it was, wanted", Fault{Class: EndNotTold}},
		{0, events(), "x/client@1 on a was not told in 13s that", Fault{Class: EndNotTold}},
	}},
	{"nothing that is left", Gone{}, client, server, []*Step{did(client, wire.SocketOp{Do: wire.DoStatus}, &wire.SocketReply{Errno: "EINVAL"})}, []deceit{
		{0, func(s *Step) { s.Reply.Status = &wire.SocketStatus{State: "SHUTDOWN_SENT"} }, "x/client@1 on a still has the association after its end: it is SHUTDOWN_SENT", Fault{}},
	}},
	{"silence", Quiet{}, client, server, []*Step{told(client, change("COMM_UP"))}, []deceit{
		{0, events(change("COMM_LOST")), "x/client@1 on a was idle and was told COMM_LOST: its HEARTBEATs are not answered, or its peer is gone", Fault{Class: ChunkLost}},
		{0, events(wire.Event{Kind: wire.EventError, Errno: "EIO"}), "x/client@1 on a was idle and was told error EIO", Fault{}},
	}},
	{"heartbeats", Beats{Interval: time.Second}, client, server, []*Step{
		dialled(wire.SocketReply{}),
		showed(client, wire.SocketStatus{Stats: wire.Counters{"octrlchunks": 5, "ictrlchunks": 4}}),
		told(client),
		showed(client, wire.SocketStatus{Stats: wire.Counters{"octrlchunks": 7, "ictrlchunks": 6}, Peers: []wire.PeerAddr{{Addr: there, State: "ACTIVE"}}}),
	}, []deceit{
		{1, status(func(st *wire.SocketStatus) { st.Stats = wire.Counters{"octrlchunks": 6, "ictrlchunks": 4} }), "x/client@1 on a was idle for 3s: its peer's address 10.0.0.1 is ACTIVE, 1 HEARTBEATs went and 2 HEARTBEAT-ACKs came, wanted ACTIVE and at least 2 and 2, for one goes at least every 1.45s (interval 1s + 1.5 * rto_max 300ms)", Fault{}},
		{2, func(s *Step) { s.Reply.Ended = 8_001_000 }, "is ACTIVE, 2 HEARTBEATs went and 2 HEARTBEAT-ACKs came, wanted ACTIVE and at least 4 and 2, for", Fault{}},
		{3, status(func(st *wire.SocketStatus) { st.Peers[0].State = "PF" }), "is PF, 2 HEARTBEATs", Fault{}},
	}},
	{"heartbeats of a server", Beats{Interval: time.Second}, server, client, []*Step{
		dialled(wire.SocketReply{}),
		showed(server, wire.SocketStatus{Stats: wire.Counters{"octrlchunks": 5, "ictrlchunks": 4}}),
		told(server),
		showed(server, wire.SocketStatus{Stats: wire.Counters{"octrlchunks": 7, "ictrlchunks": 6}, Peers: []wire.PeerAddr{{Addr: here, State: "ACTIVE"}}}),
	}, []deceit{
		{3, status(func(st *wire.SocketStatus) { st.Stats = wire.Counters{"octrlchunks": 7, "ictrlchunks": 5} }), "2 HEARTBEATs went and 1 HEARTBEAT-ACKs came", Fault{}},
	}},
	{"one beginning", One{}, client, server, []*Step{did(client, wire.SocketOp{Do: wire.DoDial}, &wire.SocketReply{Events: []wire.Event{{State: "COMM_UP", Assoc: 3}}}), told(client, arrivals(three...)...)}, []deceit{
		{1, events(wire.Event{State: "COMM_UP", Assoc: 4}), "x/client@1 on a has 2 associations, wanted 1", Fault{}},
	}},
	{"a path's state", Paths{State: "ACTIVE", Addrs: []netip.Addr{there}, Within: Bound{time.Second, "heartbeats"}, Since: noon}, client, server, []*Step{showed(client, wire.SocketStatus{Peers: []wire.PeerAddr{{Addr: there, State: "ACTIVE"}}})}, []deceit{
		{0, status(func(st *wire.SocketStatus) { st.Peers[0].State = "INACTIVE" }), "of the paths of x/client@1 on a, 10.0.0.1 is INACTIVE, wanted ACTIVE within 1s", Fault{}},
		{0, status(func(st *wire.SocketStatus) { st.Peers[0].Addr = far }), "10.0.0.1 is not listed", Fault{}},
	}},
	{"addresses", Addresses{Own: []netip.Addr{here}, Peer: []netip.Addr{far, there}}, client, server, []*Step{showed(client, wire.SocketStatus{Local: []netip.Addr{here}, Peers: []wire.PeerAddr{{Addr: there}, {Addr: far}}})}, []deceit{
		{0, status(func(st *wire.SocketStatus) { st.Peers = st.Peers[:1] }), "x/client@1 on a has the addresses [10.0.0.2] and its peer [10.0.0.1], wanted [10.0.0.2] and [fd00::1 10.0.0.1]", Fault{}},
	}},
	{"messages of several", Gathers{Each: 1, Ends: []Pair{{End{Name: "x/server@1 on b", Number: 3, Hub: 2, Assoc: 7}, client}}}, server, End{}, []*Step{
		dialled(wire.SocketReply{Local: netip.MustParseAddrPort("10.0.0.2:4711")}), passed(client, three[0]), told(server, ofAssoc(7, arrivals(three[0])...)...),
	}, []deceit{
		{2, events(), "the one-to-many socket of x/server@1 on b got 0 of 1 messages in 3s; of port 4711: message 0 (10 bytes, stream 0) is missing", Fault{}},
		{2, events(ofAssoc(8, arrivals(three[0])...)...), "the one-to-many socket of x/server@1 on b received a message of 10 bytes on stream 0, PPID 60 of association 8, which is not one of its own", Fault{}},
	}},
	{"what is told elsewhere", Elsewhere{Ground: reach.GroundBroken, Text: "the pod could not be deleted"}, End{}, End{}, nil, nil},
}

func ofAssoc(assoc int32, events ...wire.Event) []wire.Event {
	for i := range events {
		events[i].Assoc = assoc
	}
	return events
}

// What is so is found so, from its file, too; every lie is found, to the same words whether a
// run is told it or the file; and no kind of expectation is left out.
func TestEveryKindOfExpectation(t *testing.T) {
	tried := map[reflect.Type]bool{}
	var texts strings.Builder
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			honest, f := play(t, s.steps, s.of, s.peer, s.what)
			if _, elsewhere := s.what.(Elsewhere); elsewhere {
				tried[reflect.TypeOf(s.what)] = f != nil && f.Elsewhere && verdict(t, filed(t, honest)) == verdict(t, honest)
				return
			}
			if f != nil || verdict(t, filed(t, honest)) != "" {
				t.Fatalf("what is so is %+v", f)
			}
			for _, d := range s.deceits {
				lies := slices.Clone(s.steps)
				step := *lies[d.step]
				if step.Reply != nil {
					reply := *step.Reply
					step.Reply = &reply
				}
				lies[d.step] = &step
				d.lie(&step)
				run, f := play(t, lies, s.of, s.peer, s.what)
				if f == nil || !strings.Contains(f.Text, d.want) || f.Class != d.as.Class || f.Ground != cmp.Or(d.as.Ground, reach.GroundFail) {
					t.Errorf("a lie is found to be %+v, want %q, %+v", f, d.want, d.as)
					continue
				}
				text := verdict(t, run)
				fmt.Fprintf(&texts, "# %s\n%s\n", s.name, text)
				if !strings.HasPrefix(text, "ASC-99: "+f.Text+"; seen on 1 of 2 paths: x/client@1 10.0.0.2 on a -> x/server@1:80 10.0.0.1:80 on b (ipv4)\n") {
					t.Errorf("the failure is\n%s", text)
				}
				if again := verdict(t, filed(t, run)); again != text {
					t.Errorf("judged again it is\n%s\nand was\n%s", again, text)
				}
				altered := filed(t, honest)
				d.lie(altered.Courses[0].steps[d.step])
				if again := verdict(t, altered); again != text {
					t.Errorf("of a file that was altered it is\n%s\nwant\n%s", again, text)
				}
			}
			tried[reflect.TypeOf(s.what)] = len(s.deceits) > 0
		})
	}
	for kind, x := range kinds {
		if !tried[reflect.TypeOf(x)] {
			t.Errorf("nothing is tried of what %q expects", kind)
		}
	}
	golden(t, "testdata/failures.txt", texts.String())
}

var update = flag.Bool("update", false, "write the golden file anew")

// golden compares a text with that of a file, for people to read, too.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != got {
		t.Errorf("%s: %v; it differs from what is said now, go test -update writes it anew:\n%s", file, err, got)
	}
}

// Whoever has not listened for as long as the news may take has not shown that it did not come.
func TestListeningIsLongEnough(t *testing.T) {
	c, s := &Course{}, told(client)
	c.Ask(s)
	c.Answer(s, s.Reply, nil)
	f, err := c.Expect(client, server, Learns{Within: Bound{10 * time.Second, "heartbeats"}})
	if f != nil || err == nil || !strings.Contains(err.Error(), "x/client@1 on a listened for 3s, which is too short to judge 10s (heartbeats)") {
		t.Errorf("%+v, %v", f, err)
	}
}
