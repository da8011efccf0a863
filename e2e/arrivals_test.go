package e2e

import (
	"context"

	"sctp.test/framework/assoc"
	"sctp.test/framework/lab"
	"sctp.test/framework/wire"
)

// bothDefault opens both ends with the sockets of a path that holds.
var bothDefault lab.Sockets

// unequalStreams asks for 7 and 9 streams and accepts 5 and 3.
var unequalStreams = lab.Sockets{
	Client: []wire.Option{{Name: wire.OutStreams, Value: 7}, {Name: wire.InStreams, Value: 5}},
	Server: []wire.Option{{Name: wire.OutStreams, Value: 9}, {Name: wire.InStreams, Value: 3}},
}

// socketsWith sets options at both ends.
func socketsWith(options ...wire.Option) lab.Sockets {
	return lab.Sockets{Client: options, Server: options}
}

func expectStreams(ctx context.Context, e *lab.End, out, in uint16) {
	if st := e.Status(ctx); st.OutStreams != out || st.InStreams != in {
		e.Path.FailAs(assoc.StreamsChanged, "%s has %d streams out and %d in, wanted %d and %d", e, st.OutStreams, st.InStreams, out, in)
	}
}

// expectNumbered fails the path unless the numbers of each stream go up one by one from 0.
func expectNumbered(e *lab.End) {
	next := map[uint16]uint16{}
	for _, m := range assoc.Messages(e.Events) {
		if m.SSN != next[m.Stream] {
			e.Path.Fail("%s received number %d of stream %d, wanted %d", e, m.SSN, m.Stream, next[m.Stream])
		}
		next[m.Stream]++
	}
}

// widen sends until the congestion window of one end holds so many bytes.
func widen(ctx context.Context, from, to *lab.End, window uint32) {
	for range 40 {
		if from.Status(ctx).Peers[0].CWnd >= window {
			return
		}
		from.Send(ctx, bytes(32<<10)...)
		to.Receive(ctx, 1)
	}
	from.Path.Fail("the congestion window of %s is %d bytes after 40 messages of 32 KiB, wanted %d", from, from.Status(ctx).Peers[0].CWnd, window)
}

// expectOnly fails the path unless messages were received, and all on one stream.
func expectOnly(e *lab.End, stream uint16, messages []wire.Event) {
	if len(messages) == 0 {
		e.Path.Fail("nothing on stream %d was delivered to %s while a message on stream 1 was missing", stream, e)
	}
	for _, m := range messages {
		if m.Stream != stream {
			e.Path.Fail("%s received %d bytes on stream %d, whose packets it dropped", e, m.Size, m.Stream)
		}
	}
}

// smallWindow lets a server that does not read soon take no more.
var smallWindow = lab.Sockets{Server: []wire.Option{{Name: wire.ReceiveBuffer, Value: 8 << 10}}}

// resettable lets both ends reset streams (bit 0 of SCTP_ENABLE_STREAM_RESET).
var resettable = socketsWith(wire.Option{Name: wire.ReconfSupported, Value: 1}, wire.Option{Name: wire.StreamResets, Value: 1})

// expectGivenUpOrDelivered fails the path unless every message was either delivered or
// reported as given up, only mortal ones were given up, and at least one was.
func expectGivenUpOrDelivered(from, to *lab.End) {
	failed, came := map[string]bool{}, map[string]bool{}
	for _, e := range from.Events {
		if e.Kind == wire.EventFailed {
			failed[e.Digest] = true
		}
	}
	for _, m := range assoc.Messages(to.Events) {
		came[m.Digest] = true
	}
	for i, m := range from.Sent.Messages {
		d := wire.Digest(wire.Payload(from.Sent.Nonce, i, m.Size))
		if came[d] == failed[d] || failed[d] && m.Policy == "" {
			from.Path.Fail("message %d (lifetime %d ms): delivered %v, reported as given up %v", i, m.Value, came[d], failed[d])
		}
	}
	if len(failed) == 0 {
		from.Path.Fail("none of the messages that were not to live was given up")
	}
}
