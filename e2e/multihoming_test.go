package e2e

import (
	"context"
	"net/netip"
	"time"

	"sctp.test/framework/assoc"
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
	want := assoc.Paths{State: state, Addrs: addrs, Within: pathPatience}
	for deadline := time.Now().Add(pathPatience); len(want.Other(e.Status(ctx))) > 0 && time.Now().Before(deadline) && ctx.Err() == nil; {
		e.Read(ctx, wire.Until{Event: wire.EventPeerAddr}, 250*time.Millisecond)
	}
	e.Expect(want)
}

// expectAddrs fails the path unless an end knows exactly these addresses of itself and of
// its peer.
func expectAddrs(ctx context.Context, e *lab.End, own, peer []netip.Addr) {
	e.Status(ctx)
	e.Expect(assoc.Addresses{Own: own, Peer: peer})
}
