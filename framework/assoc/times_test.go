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
	all := &Walk{Courses: slices.Concat(first.Courses, second.Courses, third.Courses)}
	want := []string{
		"ends that learned of the end of their peer: 1, in 2s, wanted within 10s (heartbeats)",
		"connects that ended, for nobody answered: 1, in 1.65s, wanted after 1.65s (6 INITs: [150ms 300ms 300ms 300ms 300ms 300ms])",
		"paths of multihomed associations that were found INACTIVE: 1, in 3s, wanted within 7s (missed heartbeats)",
	}
	if got := all.Times(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := late.Times(); !slices.Equal(got, []string{"ends that learned of the end of their peer: 1, 59m58s before it was over, wanted within 10s (heartbeats)"}) {
		t.Errorf("%q", got)
	}
}
