package lab

import (
	"context"
	"net/netip"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Mute lets the listeners of the path drop every packet.
func (p *Path) Mute(ctx context.Context) {
	for _, m := range p.backends {
		at := p.endpoint(m).Addr
		if r := p.ask(ctx, m, wire.SocketOp{Do: wire.DoSilence, Socket: listener(at)}); r.Errno != "" {
			p.end(reach.GroundBroken, "%s on %s cannot mute its listener: %s", m.word, m.node, outcome(r))
		}
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
	client = &End{Path: p, member: p.client, socket: p.name("client")}
	server = &End{Path: p, member: p.backends[0], socket: p.name("server")}
	client.other, server.other = server, client
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
