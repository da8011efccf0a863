package e2e

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/lab"
	"sctp.test/framework/wire"
)

// openedOverIPv4 are paths on which a multihomed association begins over IPv4. Opened over
// IPv6, to an address that is valid everywhere, a kernel leaves out IPv4 addresses that are
// private (RFC 9260 section 5.1.2, and what Linux makes of it).
const openedOverIPv4 = "ipv4:" + podPaths

// multihomed has both addresses of each pod at each end, and finds out about a path that is
// dead in about three seconds, long before it gives up the association.
var multihomed = lab.Sockets{
	Timers: wire.Timers{RTOInitial: 1000, RTOMin: 300, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 5, AssocMaxRetran: 10},
	Client: pathWatch, Server: pathWatch, Dual: true,
}

var pathWatch = []wire.Option{{Name: wire.Heartbeats, Value: int(interval.Milliseconds())}, {Name: wire.PathMaxRetrans, Value: 2}}

// pathPatience is for a path to be found dead, or alive: three heartbeats that are missed,
// each after the interval and up to 1.5 * rto_max, and as much again for slow machines.
const pathPatience = 2 * 3 * (interval + 1500*time.Millisecond)

// awaitPaths waits until an end has its paths to some addresses in a state.
func awaitPaths(ctx context.Context, e *lab.End, state string, addrs ...netip.Addr) {
	for deadline := time.Now().Add(pathPatience); ; {
		st := e.Status(ctx)
		var other []string
		for _, a := range addrs {
			if i := slices.IndexFunc(st.Peers, func(p wire.PeerAddr) bool { return p.Addr == a }); i < 0 {
				other = append(other, a.String()+" is not listed")
			} else if st.Peers[i].State != state {
				other = append(other, a.String()+" is "+st.Peers[i].State)
			}
		}
		switch {
		case len(other) == 0:
			return
		case time.Now().After(deadline) || ctx.Err() != nil:
			e.Path.Fail("the paths of %s: %s, wanted %s within %v", e, strings.Join(other, ", "), state, pathPatience)
		}
		e.Read(ctx, wire.Until{Event: wire.EventPeerAddr}, 250*time.Millisecond)
	}
}

// expectAddrs fails the path unless an end knows exactly these addresses of itself and of
// its peer.
func expectAddrs(ctx context.Context, e *lab.End, own, peer []netip.Addr) {
	st := e.Status(ctx)
	var theirs []netip.Addr
	for _, p := range st.Peers {
		theirs = append(theirs, p.Addr)
	}
	if !same(st.Local, own) || !same(theirs, peer) {
		e.Path.Fail("%s has the addresses %v and its peer %v, wanted %v and %v", e, st.Local, theirs, own, peer)
	}
}

// same compares addresses without their order.
func same(a, b []netip.Addr) bool {
	a, b = slices.SortedFunc(slices.Values(a), netip.Addr.Compare), slices.SortedFunc(slices.Values(b), netip.Addr.Compare)
	return slices.Equal(a, b)
}
