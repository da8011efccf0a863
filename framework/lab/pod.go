package lab

import (
	"context"
	"net/netip"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Addrs are the addresses of the end's pod, that of the path first.
func (e *End) Addrs() []netip.Addr {
	return append([]netip.Addr{e.member.addrs[e.Path.family]}, e.Path.also(e.member, Sockets{Dual: true})...)
}

// InUDP is how many UDP datagrams of the path's family have come to the end's pod so far.
func (e *End) InUDP(ctx context.Context) int64 {
	if e.Path.family == reach.IPv6 {
		return e.counter(ctx, wire.UDP6In)
	}
	return e.counter(ctx, wire.UDPIn)
}

// discards are the packets that the end's network namespace has thrown away.
func (e *End) discards(ctx context.Context) int64 { return e.counter(ctx, wire.InPktDiscards) }

// counter is one of the end's network namespace; 0 where it cannot be read.
func (e *End) counter(ctx context.Context, name string) int64 {
	reply, err := e.member.ask(ctx, wire.Request{State: &wire.State{}})
	if err != nil || reply.State == nil {
		return 0
	}
	return reply.State.Counters[name]
}
