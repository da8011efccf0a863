package e2e

import (
	"context"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/lab"
	"sctp.test/framework/wire"
)

// oneToManyClient and peeledServer are for claims about reasons of aborts: Linux refuses to send
// one from a one-to-one socket.
var (
	oneToManyClient = lab.Sockets{Many: true}
	peeledServer    = lab.Sockets{Peeled: true}
)

// interval is between heartbeats, with which an idle end finds out about its peer.
const interval = 300 * time.Millisecond

// heartbeating finds out about a dead peer in seconds. INITs are a second apart, as in
// every attempt that may not fail.
var heartbeating = lab.Sockets{
	Timers: wire.Timers{RTOInitial: 1000, RTOMin: 300, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 5, AssocMaxRetran: 4},
	Client: []wire.Option{{Name: wire.Heartbeats, Value: int(interval.Milliseconds())}},
}

// beating is heartbeating at the server's end.
var beating = lab.Sockets{Timers: heartbeating.Timers, Server: heartbeating.Client}

var heartbeatBound = assoc.DeadPeer(heartbeating.Timers, interval)

// hasty is for attempts that are made again when they fail.
var hasty = lab.Sockets{
	Timers: wire.Timers{RTOInitial: 1000, RTOMin: 300, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 2, AssocMaxRetran: 6},
}

// allNew is how many associations in a row show that a Service leads no longer to one of its two
// pods: a proxy that picks at random and still has it passes by chance in one of 4096 tries, of
// which twenty of hasty's fit into a minute.
const allNew = 12

// impatient give up after 6 INITs in 1.65 s and 4 INITs in 2.8 s.
var impatient = []lab.Sockets{
	{Timers: wire.Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5, AssocMaxRetran: 6}},
	{Timers: wire.Timers{RTOInitial: 400, RTOMin: 100, RTOMax: 800, MaxInitTimeout: 800, MaxInits: 3, AssocMaxRetran: 6}},
}

// expectGone fails the path where the kernel still has the association.
func expectGone(ctx context.Context, e *lab.End) {
	e.Do(ctx, wire.SocketOp{Do: wire.DoStatus})
	e.Expect(assoc.Gone{})
}

// expectQuiet fails the path if an idle end is told of anything for a time but the
// beginning of its association.
func expectQuiet(ctx context.Context, e *lab.End, d time.Duration) {
	e.Read(ctx, wire.Until{}, d)
	e.Expect(assoc.Quiet{})
}

// expectHeartbeats fails the path unless an end that is idle for a time is told of nothing,
// its heartbeats go and are answered meanwhile, and its path stays active.
func expectHeartbeats(ctx context.Context, e *lab.End, idle, interval time.Duration) {
	e.Status(ctx)
	expectQuiet(ctx, e, idle)
	e.Status(ctx)
	e.Expect(assoc.Beats{Interval: interval})
}

// inOneFamily narrows a table to the first family that the cluster has.
func inOneFamily(table string) string { return string(here.run.Families()[0]) + ":\n" + table }
