package lab

import (
	"context"
	"fmt"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Hub is a one-to-many socket at the server's end of a path (RFC 6458 section 3) with
// associations that clients have begun with it.
type Hub struct {
	Clients []*End // each with a socket of its own
	Servers []*End // their peers, in the same order; they share a socket until they are peeled off

	socket *End // the shared one
}

// Gather lets so many clients begin associations with a one-to-many socket of the server's
// pod, at a port of its own.
func (p *Path) Gather(ctx context.Context, o Sockets, clients int) *Hub {
	h := &Hub{socket: p.newEnd(p.backends[0], "hub")}
	h.socket.listenAnywhere(ctx, o)
	for range clients {
		c, _ := p.dial(ctx, o, h.socket.Local)
		c.Expect(assoc.Connects{To: fmt.Sprintf("the one-to-many socket %s", h.socket.Local)})
		up := h.socket.Await(ctx, wire.EventAssoc, "COMM_UP")
		s := p.newEnd(h.socket.member, "server")
		s.socket, s.assoc, s.Local, s.Peer = h.socket.socket, up.Assoc, h.socket.Local, c.Local
		s.hub, s.shared = h.socket.number, up.Assoc
		c.meets(s)
		h.Clients, h.Servers = append(h.Clients, c), append(h.Servers, s)
	}
	return h
}

// Trade sends messages from every end to its peer, at the same time, and fails the path
// unless each got what was sent to it, and nobody else.
func (h *Hub) Trade(ctx context.Context, messages ...wire.SendMessage) {
	var parts []func()
	for i := range h.Clients {
		c, s := h.Clients[i], h.Servers[i]
		parts = append(parts,
			func() { c.Send(ctx, messages...) },
			func() { s.Send(ctx, messages...) },
			func() { c.Receive(ctx, len(messages)) })
		if !h.shared(s) {
			parts = append(parts, func() { s.Receive(ctx, len(messages)) })
		}
	}
	h.socket.Path.Together(append(parts, func() { h.receive(ctx, len(messages)) })...)
	for i := range h.Clients {
		h.Clients[i].ReceivedAll()
		h.Servers[i].ReceivedAll()
	}
}

func (h *Hub) shared(e *End) bool { return e.socket == h.socket.socket }

// receive waits until the shared socket has got so many messages of each of its
// associations, and of no other.
func (h *Hub) receive(ctx context.Context, each int) {
	x := assoc.Gathers{Each: each}
	for _, s := range h.Servers {
		if h.shared(s) {
			x.Ends = append(x.Ends, assoc.Pair{Of: s.known(), Peer: s.other.known()})
		}
	}
	h.socket.Read(ctx, wire.Until{Messages: each * len(x.Ends)}, patienceFor(each*len(x.Ends)))
	h.socket.Expect(x)
}

// PeelOff gives one of the server's ends a socket of its own.
func (h *Hub) PeelOff(ctx context.Context, i int) {
	s := h.Servers[i]
	name := "peeled off from " + s.socket
	s.Path.ask(ctx, s.member, assoc.Step{End: s.number, Must: reach.GroundFail, Op: wire.SocketOp{
		Do: wire.DoPeelOff, Socket: name, From: s.socket, Assoc: s.assoc, Patience: wire.Millis(stepPatience.Milliseconds()),
	}})
	s.socket, s.assoc = name, 0
}
