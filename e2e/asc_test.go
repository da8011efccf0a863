package e2e

import (
	"cmp"
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
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

	It("may begin again from the same ports through a Service", spec.Case{
		ID: "ASC-17", Level: spec.Informational,
		Claim:  "After SHUTDOWN COMPLETE an association through a Service from the same ports MAY come about at once, or be held up by what connection tracking remembers.",
		Source: "RFC 9260 section 9.2; linux net/netfilter/nf_conntrack_proto_sctp.c: entries of ended associations stay for seconds",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		var found tally
		lab.OnEach(ctx, throughService, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			exchange(ctx, c, s, growing(3, 100, 10)...)
			c.Close(ctx)
			s.Close(ctx)
			again := bothDefault
			again.Port = c.Local.Port()
			if r := p.DialBriefly(ctx, again); r.Errno != "" || r.Late {
				found.note(p, "from the same port at once: %s", cmp.Or(r.Errno, "no answer"))
			} else {
				found.note(p, "from the same port at once: came about")
			}
		})
		found.report(lab)
	})

	It("come about once their Service has a pod", spec.Case{
		ID: "ASC-19", Level: spec.Extended,
		Claim:  "A connect to an SCTP Service without pods whose INITs go on MUST succeed once the Service has one.",
		Source: "RFC 9260 sections 4.2 and 8.3; v1 ServiceSpec.selector; extended: connection tracking may remember where the first INIT was led",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.ExpectPatient(ctx, allClients("svc/backends:80"), "their Service had a pod", func() { lab.Label(ctx, "x/server@1", "role=backend") })
	})

	It("come about two hundred at once", spec.Case{
		ID: "ASC-18", Level: spec.Extended,
		Claim:  "Of 200 associations through a Service that begin at the same time every one MUST come about, carry data and end.",
		Source: "RFC 9260 sections 5 and 9; listen(2): backlog; extended: how much a node bears at once is its own",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		const all = 200
		ways := len(here.cluster.Nodes) * len(here.run.Families())
		lab.Churn(ctx, "svc/sctpservice:30102\nx/client@* answered", (all+ways-1)/ways, all)
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
			s.Aborted(ctx, reason)
			c, s = p.Associate(ctx, peeledServer)
			s.Abort(ctx, reason)
			c.Aborted(ctx, reason)
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
			expectHeartbeats(ctx, c, 5*time.Second, interval)
			exchange(ctx, c, s, growing(10, 100, 10)...)
		})
	})

	It("outlive what connection tracking remembers of them", spec.Case{
		ID: "ASC-04", Level: spec.Core, Pace: spec.Slow,
		Claim:  "Through a Service an association whose ends are idle for longer than connection tracking remembers an idle one MUST be kept alive by its heartbeats, and data MUST flow afterwards.",
		Source: "RFC 9260 section 8.3; v1 ServiceSpec.clusterIPs",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		idle := outlasting(ctx, lab)
		var found tally
		lab.OnEach(ctx, throughService, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, keptAlive)
			quietC, quietS := p.Associate(ctx, withoutHeartbeats)
			p.Together(
				func() { expectHeartbeats(ctx, c, idle, keptAliveInterval) },
				func() {
					quietC.Read(ctx, wire.Until{}, idle)
					found.note(p, "%s", carriesOn(ctx, quietC, quietS, idle))
				},
			)
			exchange(ctx, c, s, growing(10, 100, 10)...)
		})
		found.report(lab)
	})

	It("tell the client when the server's process or pod is gone", spec.Case{
		ID: "ASC-05", Level: spec.Core, Pods: spec.Own,
		Claim:  "When the process at the other end is killed or its pod is deleted, an idle end MUST learn it within the time that its heartbeats take to find out.",
		Source: "RFC 9260 sections 8.1, 8.3 and 9",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30102", "x/mortal@1:30102", "x/client@*")
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			p.Meet(ctx)
			c.LearnsOf(ctx, heartbeatBound, s.Kill)
		})

		By("ending the process of another server")
		lab.OnEach(ctx, strings.ReplaceAll(podPaths, "server", "mortal"), func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			p.Meet(ctx)
			c.LearnsOf(ctx, heartbeatBound, s.Crash)
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
			sockets := bothDefault
			for range 3 {
				c, s := p.Associate(ctx, sockets)
				sockets.Port = c.Local.Port()
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
			early, _ := p.Dial(ctx, bothDefault)
			early.Expect(assoc.Unheard{})
			p.Meet(ctx)
			c, s := p.Reassociate(ctx, bothDefault, 1)
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
				c, _ := p.Dial(ctx, sockets)
				c.Expect(assoc.GivesUp{})
			}
		})
	})

	It("begin again from the same ports after the client was lost", spec.Case{
		ID: "ASC-10", Level: spec.Extended,
		Claim:  "A client that lost its association without a word and begins again from the same port MUST restart it: the server MUST be told, and data MUST flow both ways.",
		Source: "RFC 9260 section 5.2.2; RFC 6458 section 6.1.1: SCTP_RESTART; extended: connection tracking on the way may take the INIT for a stray",
	}, func(ctx SpecContext) {
		lab := behindService(ctx)
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			trade(ctx, c, s, growing(5, 100, 10)...)
			c, s = c.Restart(ctx, bothDefault)
			exchange(ctx, c, s, growing(10, 100, 10)...)
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
		ID: "ASC-12", Level: spec.Core, Pods: spec.Own,
		Claim:  "When the pod behind a Service that an association ended at is deleted, a new one MUST reach another pod of the Service.",
		Source: "v1 ServiceSpec.selector; Kubernetes, Service: cluster networking",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30102 app=sctpserver", "x/second@2:30102 app=sctpserver", "x/client@2")
		lab.Apply(ctx, "x", "okd/sctpservice.yaml")
		lab.OnEach(ctx, inOneFamily("svc/sctpservice:30102\nx/client@2 answered"), func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			c.LearnsOf(ctx, heartbeatBound, s.Kill)
			c, s = p.Reassociate(ctx, hasty, allNew)
			exchange(ctx, c, s, growing(3, 100, 10)...)
		})
	})

	It("live on while the network's own programs are started again", spec.Case{
		ID: "ASC-13", Level: spec.Extended, Effect: spec.Node,
		Claim:  "While service proxy, network plugin and policy engine are started again on every node, associations MUST live on and lose no message, and new ones MUST come about.",
		Source: "Kubernetes, Virtual IPs and Service proxies; extended: the API says nothing of restarts",
	}, func(ctx SpecContext) {
		again := restarts(ctx)
		lab := behindService(ctx)
		lab.Apply(ctx, "x", "policy/allow-everything.yaml")
		lab.OnEach(ctx, onePathOfAKind, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			trade(ctx, c, s, growing(10, 100, 10)...)
			p.Meet(ctx)
			p.Together(
				func() { again.all(ctx, p) },
				func() { trade(ctx, c, s, growing(30, 100, 40)...) },
			)
			exchange(ctx, c, s, growing(10, 100, 10)...)
			c, s = p.Reassociate(ctx, hasty, 1)
			exchange(ctx, c, s, growing(3, 100, 10)...)
		})
		again.report(lab)
	})

	It("end when their node reboots, and come about again when it is back", spec.Case{
		ID: "ASC-14", Level: spec.Extended, Effect: spec.Cluster, Pace: spec.Slow, Needs: spec.Needs{spec.TwoNodes, spec.NodeAccess}, Pods: spec.Own,
		Claim:  "When a node is rebooted, an end on another node MUST learn that its association is over, and pods on the node MUST be reached again when it is back with the module.",
		Source: "RFC 9260 sections 8.1 and 8.3; OKD, Using SCTP; extended: a reboot ends everything else on the node, too",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30102", "x/client@2")
		lab.OnEach(ctx, inOneFamily("x/server@1:30102\nx/client@2 answered"), func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			c.LearnsOf(ctx, heartbeatBound, s.Reboot)
		})
		bringBack(ctx)
		lab.Join(ctx, "x/again@1:30103")
		lab.Expect(ctx, `
			            x/again@1:30103
			x/client@2  answered
		`)
	})

	It("move to another path when theirs fails", spec.Case{
		ID: "ASC-15", Level: spec.Extended, Needs: spec.Needs{spec.DualStack},
		Claim:  "When a path of a multihomed association fails, its traffic MUST move to another one without loss, and the path MUST be used again when it is back.",
		Source: "RFC 9260 sections 6.4, 8.2 and 8.3; extended: pods have several paths only where they have several addresses",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, openedOverIPv4, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, multihomed)
			awaitPaths(ctx, c, "ACTIVE", s.Addrs()...)
			trade(ctx, c, s, growing(20, 100, 10)...)
			s.Drop(ctx, wire.Drop{From: c.Addrs()[0]})
			trade(ctx, c, s, growing(60, 100, 20)...)
			awaitPaths(ctx, c, "INACTIVE", s.Addrs()[0])
			trade(ctx, c, s, growing(20, 100, 10)...)
			s.Hear(ctx)
			awaitPaths(ctx, c, "ACTIVE", s.Addrs()...)
			exchange(ctx, c, s, growing(20, 100, 10)...)
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
			c.Expect(assoc.One{})
			s.Expect(assoc.One{})
		})
	})
})
