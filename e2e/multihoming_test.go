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

var pathWatch = []wire.Option{{Name: wire.Heartbeats, Value: int(interval.Milliseconds())}, {Name: wire.PathMaxRetrans, Value: pathMaxRetrans}}

const pathMaxRetrans = 2

var pathBound = assoc.PathState(multihomed.Timers, interval, pathMaxRetrans)

// awaitPaths waits until an end has its paths to some addresses in a state.
func awaitPaths(ctx context.Context, e *lab.End, state string, addrs ...netip.Addr) {
	want := assoc.Paths{State: state, Addrs: addrs, Within: pathBound, Since: time.Now().Round(0)}
	for deadline := time.Now().Add(pathBound.Limit + assoc.Slack); len(want.Other(e.Status(ctx))) > 0 && time.Now().Before(deadline) && ctx.Err() == nil; {
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
