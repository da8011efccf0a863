package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sctp.test/framework/assoc"
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
	h := &Hub{socket: &End{Path: p, member: p.backends[0], socket: p.name("hub")}}
	h.socket.listenAnywhere(ctx, o)
	for range clients {
		c, r := p.dial(ctx, o, h.socket.Local)
		if r.Errno != "" || r.Late {
			p.Fail("%s could not connect to the one-to-many socket %s: %s", p.pair.client, h.socket.Local, outcome(r))
		}
		up := h.socket.Await(ctx, wire.EventAssoc, "COMM_UP")
		s := &End{Path: p, member: h.socket.member, socket: h.socket.socket, assoc: up.Assoc, Local: h.socket.Local, Peer: c.Local}
		c.other, s.other = s, c
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
// associations, and gives each end its own.
func (h *Hub) receive(ctx context.Context, each int) {
	ends := slices.DeleteFunc(slices.Clone(h.Servers), func(e *End) bool { return !h.shared(e) })
	r := h.socket.Read(ctx, wire.Until{Messages: each * len(ends)}, patienceFor(each*len(ends)))
	for _, v := range r.Events {
		i := slices.IndexFunc(ends, func(e *End) bool { return e.assoc == v.Assoc })
		switch {
		case i >= 0:
			ends[i].Events = append(ends[i].Events, v)
		case v.Kind == wire.EventMessage:
			h.socket.Path.Fail("the one-to-many socket of %s received a %s of association %d, which is not one of its own", h.socket, describe(v), v.Assoc)
		}
	}
	if got := len(assoc.Messages(r.Events)); got < each*len(ends) {
		took := (time.Duration(r.Ended-r.Begun) * time.Microsecond).Round(time.Millisecond)
		text := fmt.Sprintf("the one-to-many socket of %s got %d of %d messages in %v", h.socket, got, each*len(ends), took)
		for _, e := range ends {
			for _, wrong := range e.wrong() {
				text += fmt.Sprintf("; of port %d: %s", e.Peer.Port(), wrong)
			}
		}
		h.socket.Path.Fail("%s", text)
	}
}

// PeelOff gives one of the server's ends a socket of its own.
func (h *Hub) PeelOff(ctx context.Context, i int) {
	s := h.Servers[i]
	name := s.Path.name("peeled off")
	r := s.Path.ask(ctx, s.member, wire.SocketOp{
		Do: wire.DoPeelOff, Socket: name, From: s.socket, Assoc: s.assoc, Patience: wire.Millis(stepPatience.Milliseconds()),
	})
	if r.Errno != "" || r.Late {
		s.Path.Fail("%s could not peel off an association: %s", s, outcome(r))
	}
	s.socket, s.assoc = name, 0
}
