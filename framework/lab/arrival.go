package lab

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"sctp.test/framework/assoc"
	"sctp.test/framework/wire"
)

// doorLock lets one path at a time through a listener.
type doorLock struct{ sync.Mutex }

// Receive waits for so many messages and returns them.
func (e *End) Receive(ctx context.Context, messages int) []wire.Event {
	r := e.Read(ctx, wire.Until{Messages: messages}, patienceFor(messages))
	e.expectOf(ctx, r, assoc.Arrives{Messages: messages})
	return assoc.Messages(r.Events)
}

// Await waits for an event and returns it.
func (e *End) Await(ctx context.Context, kind wire.EventKind, state string) wire.Event {
	x := assoc.Arrives{Event: kind, State: state}
	r := e.Read(ctx, wire.Until{Event: kind, State: state}, stepPatience)
	e.expectOf(ctx, r, x)
	return r.Events[slices.IndexFunc(r.Events, x.Is)]
}

// expectOf expects something of a receive. Where the clock ended it the sender's kernel is
// asked what it has outstanding, so that the judge knows whose fault it is.
func (e *End) expectOf(ctx context.Context, r *wire.SocketReply, x interface {
	assoc.Expectation
	Short(*wire.SocketReply) bool
},
) {
	if x.Short(r) && r.Late && e.other != nil {
		e.other.Do(ctx, wire.SocketOp{Do: wire.DoStatus})
	}
	e.Expect(x)
}

// ReceivedAll fails the path unless this end has received what its peer has sent: all of
// it, once, whole, in order, and as it was labelled.
func (e *End) ReceivedAll() { e.Expect(assoc.Intact{}) }

// Finish shuts the association down from this end and fails the path unless both ends see
// the orderly end and this end's peer has received everything.
func (e *End) Finish(ctx context.Context) {
	e.Shutdown(ctx)
	r := e.other.Read(ctx, wire.Until{Event: wire.EventEOF}, stepPatience)
	e.other.expectOf(ctx, r, assoc.Closes{})
	e.other.ReceivedAll()
	e.hears(ctx, assoc.Hears{Chunk: "SHUTDOWN-ACK", State: "SHUTDOWN_COMP"})
}

// Aborted waits until this end is told that its peer has aborted the association, and for
// this reason; "" is for any.
func (e *End) Aborted(ctx context.Context, reason string) {
	e.hears(ctx, assoc.Hears{Chunk: "ABORT", State: "COMM_LOST", Reason: reason})
}

// StreamsReset waits until this end is told that its peer has reset streams (RFC 6525).
func (e *End) StreamsReset(ctx context.Context) {
	e.hears(ctx, assoc.Hears{Chunk: "RE-CONFIG", Event: wire.EventReset})
}

func (e *End) hears(ctx context.Context, x assoc.Hears) {
	e.Read(ctx, wire.Until{Event: cmp.Or(x.Event, wire.EventAssoc), State: x.State}, stepPatience)
	e.Expect(x)
}
