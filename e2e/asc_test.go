package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
	"sctp.test/framework/lab"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

var _ = chapter("Associations", func() {
	It("end in order after everything queued is delivered", spec.Case{
		ID: "ASC-01", Level: spec.Core,
		Claim:  "A SHUTDOWN MUST end an association on both sides, and only after everything that was sent before has been delivered.",
		Source: "RFC 9260 section 9.2; RFC 6458 section 4.1.7",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			c.Send(ctx, growing(100, 100, 15)...)
			c.Finish(ctx)
			expectGone(ctx, c)
			expectGone(ctx, s)
		})
	})

	It("are aborted with the reason given", spec.Case{
		ID: "ASC-02", Level: spec.Core,
		Claim:  "An ABORT MUST reach the peer at once, from either end, through Services too, and MUST carry the upper layer's reason.",
		Source: "RFC 9260 sections 9.1 and 3.3.10.12",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, everyPath, func(ctx context.Context, p *path) {
			const reason = "the suite aborts"
			c, s := p.Associate(ctx, oneToManyClient)
			c.Abort(ctx, reason)
			if lost := s.Await(ctx, wire.EventAssoc, "COMM_LOST"); lost.Cause != reason {
				p.Fail("%s was aborted with the reason %q (cause code %d), wanted %q", s, lost.Cause, lost.Error, reason)
			}
			c, s = p.Associate(ctx, bothDefault)
			s.Abort(ctx, "")
			c.Await(ctx, wire.EventAssoc, "COMM_LOST")
		})
	})

	It("stay alive while they are idle", spec.Case{
		ID: "ASC-03", Level: spec.Core,
		Claim:  "While an association is idle its heartbeats MUST keep the path active, and data MUST flow afterwards.",
		Source: "RFC 9260 section 8.3",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			c.Await(ctx, wire.EventAssoc, "COMM_UP")
			before := c.Status(ctx)
			expectQuiet(ctx, c, 5*time.Second)
			expectHeartbeats(ctx, c, before)
			exchange(ctx, c, s, growing(10, 100, 10)...)
		})
	})

	It("tell the client when the server's pod is deleted", spec.Case{
		ID: "ASC-05", Level: spec.Core,
		Claim:  "When the pod at the other end is deleted, an idle end MUST learn it within the time that its heartbeats take to find out.",
		Source: "RFC 9260 sections 8.1, 8.3 and 9",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			p.Meet(ctx)
			c.LearnsOf(ctx, heartbeatBound, s.Kill)
		})
	})

	It("are given up when the peer vanishes", spec.Case{
		ID: "ASC-06", Level: spec.Core,
		Claim:  "An idle end whose peer vanishes without a word MUST give the association up within the time that its heartbeats take to find out.",
		Source: "RFC 9260 sections 8.1 and 8.3",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			c.Send(ctx, growing(1, 100, 1)...)
			s.Receive(ctx, 1)
			s.Vanish(ctx)
			c.LearnsWithin(ctx, heartbeatBound)
		})
	})

	It("begin again from the same ports after an orderly end", spec.Case{
		ID: "ASC-07", Level: spec.Core,
		Claim:  "After SHUTDOWN COMPLETE an association from the same ports MUST come about at once, between pods.",
		Source: "RFC 9260 section 9.2",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			for range 3 {
				c, s := p.Associate(ctx, fromOnePort)
				exchange(ctx, c, s, growing(3, 100, 10)...)
				c.Close(ctx)
				s.Close(ctx)
			}
		})
	})

	It("come about once a late server listens", spec.Case{
		ID: "ASC-08", Level: spec.Core,
		Claim:  "A connect to a port at which nobody listens yet MUST fail, and repeated connects MUST succeed once somebody does.",
		Source: "RFC 9260 sections 5.1 and 8.4",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			if _, r := p.Dial(ctx, bothDefault); r.Errno == "" {
				p.Fail("a connect succeeded although nobody listens")
			}
			p.Meet(ctx)
			c, s := p.Reassociate(ctx, bothDefault)
			exchange(ctx, c, s, growing(3, 100, 10)...)
		})
	})

	It("are asked for as often and as long as the socket says", spec.Case{
		ID: "ASC-09", Level: spec.SelfCheck,
		Claim:  "A connect that nobody answers MUST end with ETIMEDOUT when the socket's number of INITs is used up, and not before.",
		Source: "RFC 9260 section 5.1; RFC 6458 section 8.1.3",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			p.Listen(ctx, bothDefault)
			p.Mute(ctx)
			for _, sockets := range impatient {
				_, r := p.Dial(ctx, sockets)
				expectGivenUp(p, r, sockets.Timers)
			}
		})
	})

	It("come and go a thousand times through a Service", spec.Case{
		ID: "ASC-11", Level: spec.Core, Pace: spec.Slow,
		Claim:  "Of 1000 associations through a Service, one after another, every one MUST come about, carry data and end, and none MUST be left.",
		Source: "RFC 9260 sections 5 and 9; v1 ServiceSpec.clusterIPs",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		ways := len(here.cluster.Nodes) * len(here.run.Families())
		lab.Churn(ctx, "svc/sctpservice:30102\nx/client@* answered", (1000+ways-1)/ways, 1)
	})

	It("reach another endpoint after theirs was killed", spec.Case{
		ID: "ASC-12", Level: spec.Core,
		Claim:  "When the pod behind a Service that an association ended at is deleted, a new one MUST reach another pod of the Service.",
		Source: "v1 ServiceSpec.selector; Kubernetes, Service: cluster networking",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30102 app=sctpserver", "x/second@2:30102 app=sctpserver", "x/client@1")
		lab.Apply(ctx, "x", "okd/sctpservice.yaml")
		lab.OnEach(ctx, inOneFamily("svc/sctpservice:30102\nx/client@1 answered"), func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			c.LearnsOf(ctx, heartbeatBound, s.Kill)
			c, s = p.Reassociate(ctx, hasty)
			exchange(ctx, c, s, growing(3, 100, 10)...)
		})
	})

	It("are one when both ends begin", spec.Case{
		ID: "ASC-16", Level: spec.Extended,
		Claim:  "When two pods connect to each other at the same time from the ports they listen at, exactly one association MUST result, and it MUST carry data both ways.",
		Source: "RFC 9260 section 5.2.1",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			c, s := p.Collide(ctx, bothDefault)
			trade(ctx, c, s, growing(10, 100, 10)...)
			expectOne(c)
			expectOne(s)
		})
	})
})

// oneToManyClient is for claims about reasons of aborts: Linux refuses to send one from a
// one-to-one socket.
var oneToManyClient = lab.Sockets{Many: true}

// fromOnePort leaves the kernel no choice.
var fromOnePort = lab.Sockets{Port: 47000}

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

// expectQuiet fails the path if an end is told of anything for a time.
func expectQuiet(ctx context.Context, e *lab.End, d time.Duration) {
	if r := e.Read(ctx, wire.Until{}, d); len(r.Events) > 0 {
		e.Path.Fail("%s was idle and was told: %s %s%s", e, r.Events[0].Kind, r.Events[0].State, r.Events[0].Errno)
	}
}

// expectHeartbeats fails the path unless heartbeats went and their answers came since a
// status was read, and the path is active.
func expectHeartbeats(ctx context.Context, e *lab.End, before wire.SocketStatus) {
	st := e.Status(ctx)
	out, in := st.Stats["octrlchunks"]-before.Stats["octrlchunks"], st.Stats["ictrlchunks"]-before.Stats["ictrlchunks"]
	if st.Peers[0].State != "ACTIVE" || out < 2 || in < 2 {
		e.Path.Fail("%s was idle: its path to %s is %s, %d heartbeats went and %d answers came, wanted ACTIVE and at least 2 of each (interval %v)",
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
