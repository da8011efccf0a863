package lab

import (
	"fmt"
	"slices"
	"time"

	"sctp.test/framework/wire"
)

// fakeSocket is a socket of an agent of the bench: what it has received and who is at its
// other end.
type fakeSocket struct {
	inbox []wire.Event
	peer  *fakeSocket
	queue []*fakeSocket // of a listener
}

// fakeSockets are those of all agents, by agent and name.
type fakeSockets map[*agent]map[string]*fakeSocket

// socket takes a step as an honest agent does, on a network that harms messages as a test
// says. It waits on the bubble's clock.
func (b *bench) socket(a *agent, op wire.SocketOp) wire.SocketReply {
	start := time.Now()
	for {
		b.mu.Lock()
		r, done := b.step(a, op)
		b.mu.Unlock()
		took := time.Since(start)
		r.Ended = wire.Micros(took.Microseconds())
		if done {
			return r
		}
		if took >= op.Patience.Duration() {
			r.Late, r.Unread = true, b.dozes && op.Do == wire.DoReceive
			return r
		}
		<-time.After(time.Millisecond)
	}
}

func (b *bench) step(a *agent, op wire.SocketOp) (r wire.SocketReply, done bool) {
	mine := b.sockets[a]
	if mine == nil {
		mine = map[string]*fakeSocket{}
		b.sockets[a] = mine
	}
	s := mine[op.Socket]
	switch op.Do {
	case wire.DoListen:
		if errno := b.forbids[a.identity.Node]; errno != "" && len(op.Options) > 0 {
			r.Call, r.Errno = fmt.Sprintf("set %s to %d: the kernel's words", op.Options[0].Name, op.Options[0].Value), errno
			return r, true
		}
		s = &fakeSocket{}
		mine[op.Socket], b.doors[op.Local] = s, s
	case wire.DoDial:
		return b.dial(mine, op)
	case wire.DoAccept:
		l := mine[op.From]
		if len(l.queue) == 0 {
			return r, false
		}
		mine[op.Socket], l.queue = l.queue[0], l.queue[1:]
	case wire.DoSend:
		b.deliver(s.peer, op)
		r.Sent = len(op.Messages)
	case wire.DoReceive:
		if s == nil { // it was closed meanwhile
			r.Call, r.Errno = "recvmsg: bad file descriptor", "EBADF"
			return r, true
		}
		return s.receive(op.Until)
	case wire.DoShutdown:
		if b.deaf {
			return r, true
		}
		down := wire.Event{Kind: wire.EventAssoc, State: "SHUTDOWN_COMP"}
		s.inbox = append(s.inbox, down)
		s.peer.inbox = append(s.peer.inbox, wire.Event{Kind: wire.EventShutdown}, down, wire.Event{Kind: wire.EventEOF})
	case wire.DoStatus:
		r.Status = &wire.SocketStatus{State: "ESTABLISHED", Unacked: b.unacked}
	case wire.DoReset:
		b.sockets[a] = nil
	}
	return r, true
}

func (b *bench) dial(mine map[string]*fakeSocket, op wire.SocketOp) (r wire.SocketReply, done bool) {
	at := op.Target
	if real, ok := b.virtual[at]; ok {
		at = real
	}
	l := b.doors[at]
	if l == nil {
		r.Call, r.Errno = "connect: connection refused", "ECONNREFUSED"
		return r, true
	}
	c, s := &fakeSocket{}, &fakeSocket{}
	c.peer, s.peer = s, c
	if !b.swallows {
		l.queue = append(l.queue, s)
	}
	mine[op.Socket] = c
	return r, true
}

// deliver brings messages to the other end.
func (b *bench) deliver(to *fakeSocket, op wire.SocketOp) {
	var events []wire.Event
	for i, m := range op.Messages {
		events = append(events, wire.Event{
			Kind: wire.EventMessage, Size: m.Size, Digest: wire.Digest(wire.Payload(op.Nonce, op.First+i, m.Size)),
			Stream: m.Stream, PPID: m.PPID, Unordered: m.Unordered,
		})
	}
	if b.harms != nil {
		events = b.harms(events)
	}
	to.inbox = append(to.inbox, events...)
}

// receive takes what is there if it is enough.
func (s *fakeSocket) receive(u wire.Until) (r wire.SocketReply, done bool) {
	messages := 0
	for i, e := range s.inbox {
		if e.Kind == wire.EventMessage {
			messages++
		}
		end := slices.Contains([]wire.EventKind{wire.EventEOF, wire.EventError}, e.Kind) || e.State == "SHUTDOWN_COMP" && u.Event != wire.EventEOF
		if end || u.Messages > 0 && messages == u.Messages || u.Event == e.Kind && (u.State == "" || u.State == e.State) {
			r.Events, s.inbox = s.inbox[:i+1], s.inbox[i+1:]
			return r, true
		}
	}
	return r, false
}
