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
	e.Status(ctx)
	e.Expect(assoc.Streams{Out: out, In: in})
}

// widen sends until the congestion window of one end holds so many bytes.
func widen(ctx context.Context, from, to *lab.End, window uint32) {
	for n := 0; from.Status(ctx).Peers[0].CWnd < window && n < 40; n++ {
		from.Send(ctx, bytes(32<<10)...)
		to.Receive(ctx, 1)
	}
	from.Expect(assoc.Widens{Window: window})
}

// smallWindow lets a server that does not read soon take no more.
var smallWindow = lab.Sockets{Server: []wire.Option{{Name: wire.ReceiveBuffer, Value: 8 << 10}}}

// narrowWindow is how many bytes both ends of narrow have room for: Linux doubles SO_RCVBUF, and
// half of that is the window. They deliver parts of a quarter of it already, so that it need not
// be full for that; a read of the agent has room for more than all of it.
const narrowWindow = 32 << 10

var narrow = socketsWith(
	wire.Option{Name: wire.ReceiveBuffer, Value: narrowWindow},
	wire.Option{Name: wire.PartialDelivery, Value: narrowWindow / 4},
)

// resettable lets both ends reset streams (bit 0 of SCTP_ENABLE_STREAM_RESET).
var resettable = socketsWith(wire.Option{Name: wire.ReconfSupported, Value: 1}, wire.Option{Name: wire.StreamResets, Value: 1})
