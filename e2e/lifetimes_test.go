package e2e

import (
	"context"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/lab"
	"sctp.test/framework/wire"
)

// oneToManyClient is for claims about reasons of aborts: Linux refuses to send one from a
// one-to-one socket.
var oneToManyClient = lab.Sockets{Many: true}

// interval is between heartbeats, with which an idle end finds out about its peer.
const interval = 300 * time.Millisecond

// heartbeating finds out about a dead peer in seconds. INITs are a second apart, as in
// every attempt that may not fail.
var heartbeating = lab.Sockets{
	Timers: wire.Timers{RTOInitial: 1000, RTOMin: 300, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 5, AssocMaxRetran: 4},
	Client: []wire.Option{{Name: wire.Heartbeats, Value: int(interval.Milliseconds())}},
}

var heartbeatBound = assoc.DeadPeer(heartbeating.Timers, interval)

// hasty is for attempts that are made again when they fail.
var hasty = lab.Sockets{
	Timers: wire.Timers{RTOInitial: 1000, RTOMin: 300, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 2, AssocMaxRetran: 6},
}

// impatient give up after 6 INITs in 1.65 s and 4 INITs in 2.8 s.
var impatient = []lab.Sockets{
	{Timers: wire.Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5, AssocMaxRetran: 6}},
	{Timers: wire.Timers{RTOInitial: 400, RTOMin: 100, RTOMax: 800, MaxInitTimeout: 800, MaxInits: 3, AssocMaxRetran: 6}},
}

func expectGivenUp(p *path, r *wire.SocketReply, t wire.Timers) {
	took, window := time.Duration(r.Ended-r.Begun)*time.Microsecond, t.InitWindow()
	if r.Errno != "ETIMEDOUT" || took < window*9/10 || took > window+assoc.Slack {
		p.Fail("a connect that nobody answers ended with %q after %v, wanted ETIMEDOUT after %v (%d INITs: %v)",
			r.Errno, took.Round(time.Millisecond), window, t.Inits(), t.InitWaits())
	}
}

// expectGone fails the path where the kernel still has the association.
func expectGone(ctx context.Context, e *lab.End) {
	if r := e.Do(ctx, wire.SocketOp{Do: wire.DoStatus}); r.Status != nil {
		e.Path.Fail("%s still has the association after its end: it is %s", e, r.Status.State)
	}
}

// expectQuiet fails the path if an idle end is told of anything for a time but the
// beginning of its association.
func expectQuiet(ctx context.Context, e *lab.End, d time.Duration) {
	r := e.Read(ctx, wire.Until{}, d)
	for _, v := range r.Events {
		if v.State == "ADDR_UNREACHABLE" || v.State == "COMM_LOST" {
			e.Path.Fail("no HEARTBEAT of %s is answered: while it was idle it was told %s %s", e, v.Kind, v.State)
		}
		if v.State != "COMM_UP" && v.State != "ADDR_CONFIRMED" {
			e.Path.Fail("%s was idle and was told: %s %s%s", e, v.Kind, v.State, v.Errno)
		}
	}
}

// expectHeartbeats fails the path unless heartbeats went and their answers came since a
// status was read, and the path is active.
func expectHeartbeats(ctx context.Context, e *lab.End, before wire.SocketStatus, interval time.Duration) {
	st := e.Status(ctx)
	out, in := st.Stats["octrlchunks"]-before.Stats["octrlchunks"], st.Stats["ictrlchunks"]-before.Stats["ictrlchunks"]
	if st.Peers[0].State != "ACTIVE" || out < 2 || in < 2 {
		e.Path.Fail("%s was idle: its path to %s is %s, %d HEARTBEATs went and %d HEARTBEAT-ACKs came, wanted ACTIVE and at least 2 of each (interval %v)",
			e, st.Peers[0].Addr, st.Peers[0].State, out, in, interval)
	}
}

// expectOne fails the path unless the end was told of the beginning of one association.
func expectOne(e *lab.End) {
	begun := map[int32]bool{}
	for _, v := range e.Events {
		if v.State == "COMM_UP" {
			begun[v.Assoc] = true
		}
	}
	if len(begun) != 1 {
		e.Path.Fail("%s has %d associations, wanted 1", e, len(begun))
	}
}

// inOneFamily narrows a table to the first family that the cluster has.
func inOneFamily(table string) string { return string(here.run.Families()[0]) + ":\n" + table }
