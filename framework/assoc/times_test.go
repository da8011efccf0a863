package assoc

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// What has a bound is told with it where it was kept, too, once for all paths.
func TestTimes(t *testing.T) {
	first, _ := play(t, []*Step{told(client, change("COMM_LOST"))}, client, server, Learns{Within: Bound{10 * time.Second, "heartbeats"}})
	late, _ := play(t, []*Step{told(client, change("COMM_LOST"))}, client, server, Learns{Within: Bound{10 * time.Second, "heartbeats"}, Since: noon.Add(time.Hour)})
	second, _ := play(t, []*Step{dialled(wire.SocketReply{Errno: "ETIMEDOUT", Ended: 1_650_000})}, client, End{}, GivesUp{})
	third, _ := play(t, []*Step{showed(client, wire.SocketStatus{Peers: []wire.PeerAddr{{Addr: there, State: "INACTIVE"}}})}, client, server,
		Paths{State: "INACTIVE", Addrs: []netip.Addr{there}, Within: Bound{7 * time.Second, "missed heartbeats"}, Since: noon.Add(-3 * time.Second)})
	aborted := told(server, change("COMM_LOST"))
	aborted.Op.Patience = 20_000
	fourth, _ := play(t, []*Step{did(client, wire.SocketOp{Do: wire.DoAbort}, &wire.SocketReply{}), aborted}, server, client, Hears{Chunk: "ABORT", State: "COMM_LOST"})
	fifth, _ := play(t, []*Step{
		dialled(wire.SocketReply{}), showed(client, wire.SocketStatus{Stats: wire.Counters{"octrlchunks": 5}}), told(client), showed(client, wire.SocketStatus{Stats: wire.Counters{"octrlchunks": 8}}),
	}, client, server, Beats{time.Second})
	unheard, _ := play(t, []*Step{told(server)}, server, client, Hears{Chunk: "ABORT"})
	all := &Walk{Courses: slices.Concat(first.Courses, second.Courses, third.Courses, fourth.Courses, fifth.Courses, unheard.Courses)}
	want := []string{
		"ends that learned of the end of their peer: 1, in 2s, wanted within 10s (heartbeats)",
		"connects that ended, for nobody answered: 1, in 1.65s, wanted after 1.65s (6 INITs: [150ms 300ms 300ms 300ms 300ms 300ms])",
		"paths of multihomed associations that were found INACTIVE: 1, in 3s, wanted within 7s (missed heartbeats)",
		"ABORTs that were heard, calls and all: 1, in 3s, wanted before the receive ends after 20s (an ABORT is not sent again)",
		"idle ends, from one heartbeat to the next on average: 1, in 750ms, wanted within 1.45s (interval 1s + 1.5 * rto_max 300ms)",
	}
	if got := all.Times(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := late.Times(); !slices.Equal(got, []string{"ends that learned of the end of their peer: 1, 59m58s before it was over, wanted within 10s (heartbeats)"}) {
		t.Errorf("%q", got)
	}
}
