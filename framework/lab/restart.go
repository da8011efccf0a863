package lab

import (
	"context"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/wire"
)

// silentEnd is how long the ABORT of a client that goes silently may take to the server,
// which is to drop it. One that never comes is as good.
const silentEnd = 3 * time.Second

// Restart lets the client's end go without the server's hearing of it, begins again from the
// same port, and returns both ends of what must come of that: the server's association goes
// on, with a client that knows nothing of before (RFC 9260 section 5.2.2).
func (c *End) Restart(ctx context.Context, o Sockets) (client, server *End) {
	p, s := c.Path, c.other
	door := p.door() // what the server drops is counted for its whole pod
	door.Lock()
	defer door.Unlock()
	before := s.discards(ctx)
	s.Vanish(ctx)
	c.Abort(ctx, "")
	for deadline := time.Now().Add(silentEnd); s.discards(ctx) == before && time.Now().Before(deadline) && ctx.Err() == nil; {
		await(ctx, time.Now().Add(pace/10))
	}
	s.Hear(ctx)
	o.Port = c.Local.Port()
	client, _ = p.Dial(ctx, o)
	client.Expect(assoc.Restarts{})
	s.Await(ctx, wire.EventAssoc, "RESTART")
	server = p.newEnd(s.member, "server")
	server.socket, server.assoc, server.Local, server.Peer = s.socket, s.assoc, s.Local, s.Peer
	client.meets(server)
	return client, server
}
