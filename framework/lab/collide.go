package lab

import (
	"context"
	"net/netip"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Mute lets the listeners of the path drop every packet.
func (p *Path) Mute(ctx context.Context) {
	for _, m := range p.backends {
		p.ask(ctx, m, assoc.Step{Must: reach.GroundBroken, Op: wire.SocketOp{Do: wire.DoSilence, Socket: listener(p.endpoint(m).Addr)}})
	}
}

// listenAnywhere opens a one-to-many socket that listens at a port of the kernel's choice.
func (e *End) listenAnywhere(ctx context.Context, o Sockets) {
	e.Local = e.must(ctx, wire.SocketOp{
		Do: wire.DoListen, Many: true, Local: netip.AddrPortFrom(e.member.addrs[e.Path.family], 0), Timers: o.timers(), Options: o.Server,
	}).Local
}

// Collide lets both ends begin an association with each other at the same time, from ports
// at which both listen, and returns the ends of the one that must result.
func (p *Path) Collide(ctx context.Context, o Sockets) (client, server *End) {
	client, server = p.newEnd(p.client, "client"), p.newEnd(p.backends[0], "server")
	client.meets(server)
	for _, e := range []*End{client, server} {
		e.listenAnywhere(ctx, o)
	}
	dial := func(e *End) func() {
		return func() {
			r := e.must(ctx, wire.SocketOp{
				Do: wire.DoDial, Many: true, From: e.socket, Local: e.Local, Target: e.other.Local, Timers: o.timers(),
				Patience: wire.Millis((2*o.timers().InitWindow() + stepPatience).Milliseconds()),
			})
			e.take(r)
		}
	}
	p.Together(dial(client), dial(server))
	return client, server
}
