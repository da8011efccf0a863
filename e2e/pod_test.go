package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

var _ = chapter("Pods", func() {
	It("reach each other on the same node", spec.Case{
		ID: "POD-01", Level: spec.Core,
		Claim:  "A pod MUST reach the SCTP port of another pod on its node.",
		Source: "Kubernetes, Cluster Networking: the network model",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100", "x/client@*")
		lab.Expect(ctx, `
			            x/server@same:30100
			x/client@*  answered
		`)
	})

	It("reach each other between every two nodes, both ways", spec.Case{
		ID: "POD-02", Level: spec.Core, Needs: spec.Needs{spec.TwoNodes},
		Claim:  "A pod MUST reach the SCTP port of a pod on every other node.",
		Source: "Kubernetes, Cluster Networking: the network model",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100", "x/client@*")
		lab.Expect(ctx, `
			            x/server@other:30100
			x/client@*  answered
		`)
	})

	It("may speak first when they are asked", spec.Case{
		ID: "POD-03", Level: spec.Core,
		Claim:  "A server MUST be able to send the first messages of an association, before its client has sent any.",
		Source: "RFC 9260 section 5.1: both ends may send data once it is established",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			s.Send(ctx, growing(10, 100, 300)...)
			c.Receive(ctx, 10)
			c.ReceivedAll()
			exchange(ctx, c, s, growing(3, 100, 10)...)
		})
	})

	It("are seen by their own address", spec.Case{
		ID: "POD-04", Level: spec.Core,
		Claim:  "A server pod MUST see the address of the client's pod as the peer of the association, whatever nodes they are on.",
		Source: "Kubernetes, The Kubernetes network model: pods reach all other pods without network address translation",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100", "x/client@*")
		lab.ExpectSource(ctx, `
			            x/server@*:30100
			x/client@*  answered
		`)
	})

	It("do not answer where nobody listens", spec.Case{
		ID: "POD-05", Level: spec.Core,
		Claim:  "An association to a port on which no process of the pod listens MUST NOT come up.",
		Source: "RFC 9260 section 8.4: out of the blue packets",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100,!30101", "x/client@*")
		lab.Expect(ctx, `
			            x/server@*:30100  x/server@*:30101
			x/client@*  answered          denied
		`)
	})

	It("have ports of their own for SCTP, TCP and UDP", spec.Case{
		ID: "POD-06", Level: spec.Core,
		Claim:  "The same port number MUST be three different ports in SCTP, TCP and UDP, open or closed each for itself.",
		Source: "RFC 9260 section 3.1; v1 ContainerPort.protocol",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80,80/tcp,80/udp", "x/sctp@2:80,!80/tcp,!80/udp", "x/tcp@1:!80,80/tcp,!80/udp", "x/client@2")
		lab.Expect(ctx, `
			            x/server@1:80  x/server@1:80/tcp  x/server@1:80/udp
			x/client@2  answered       answered           answered

			            x/sctp@2:80    x/sctp@2:80/tcp    x/sctp@2:80/udp
			x/client@2  answered       denied             denied

			            x/tcp@1:80     x/tcp@1:80/tcp     x/tcp@1:80/udp
			x/client@2  denied         answered           denied
		`)
	})

	It("serve several ports at the same time", spec.Case{
		ID: "POD-07", Level: spec.Core,
		Claim:  "A pod MUST serve SCTP on several ports at the same time, each to clients on every node.",
		Source: "v1 Container.ports",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,2905,3868,36412,38412,65535", "x/client@*")
		lab.Expect(ctx, AllAnswered)
	})

	It("have one address where they bind to one", spec.Case{
		ID: "POD-08", Level: spec.SelfCheck,
		Claim:  "A socket that is bound to one address MUST tell its peer of no other one.",
		Source: "RFC 9260 section 5.1.2; RFC 6458 section 4.1.2",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, bothDefault)
			expectAddrs(ctx, c, c.Addrs()[:1], s.Addrs()[:1])
			expectAddrs(ctx, s, s.Addrs()[:1], c.Addrs()[:1])
			exchange(ctx, c, s, growing(3, 100, 10)...)
		})
	})

	It("serve many associations with one socket", spec.Case{
		ID: "POD-12", Level: spec.Extended,
		Claim:  "A one-to-many socket MUST serve several associations and keep their messages apart, and one that is peeled off MUST go on with a socket of its own, and the others with theirs.",
		Source: "RFC 6458 sections 3 and 9.2; extended: it is the kernels' to do",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, podPaths, func(ctx context.Context, p *path) {
			hub := p.Gather(ctx, bothDefault, 4)
			hub.Trade(ctx, onStreams(12, 3)...)
			hub.PeelOff(ctx, 1)
			hub.Trade(ctx, onStreams(12, 3)...)
		})
	})

	It("keep an association in both families when one of them fails", spec.Case{
		ID: "POD-13", Level: spec.Extended, Needs: spec.Needs{spec.DualStack},
		Claim:  "An association of two dual-stack pods that is opened over IPv4 MUST have the addresses of both families at both ends, and MUST live on over IPv6 when IPv4 fails.",
		Source: "RFC 9260 sections 5.1.2 and 8.2; extended: connection tracking on the way must let the second path pass",
	}, func(ctx SpecContext) {
		lab := onlyPods(ctx)
		lab.OnEach(ctx, openedOverIPv4, func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, multihomed)
			expectAddrs(ctx, c, c.Addrs(), s.Addrs())
			expectAddrs(ctx, s, s.Addrs(), c.Addrs())
			awaitPaths(ctx, c, "ACTIVE", s.Addrs()...)
			s.Drop(ctx, wire.Drop{From: c.Addrs()[0]})
			awaitPaths(ctx, c, "INACTIVE", s.Addrs()[0])
			awaitPaths(ctx, c, "ACTIVE", s.Addrs()[1])
			exchange(ctx, c, s, growing(20, 100, 10)...)
		})
	})

	It("carry SCTP in UDP where their network is told to", spec.Case{
		ID: "POD-14", Level: spec.Extended,
		Claim:  "Pods with the sysctl net.sctp.udp_port MUST be able to carry an association in UDP, all of its packets, and in both families.",
		Source: "RFC 6951 sections 5 and 6.1; Kubernetes, Using sysctls: unsafe sysctls; extended: kubelets allow this one only where they are told to",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "udp/server@1:30102", "udp/client@*")
		lab.OnEach(ctx, "udp/server@same:30102 udp/server@other:30102\nudp/client@* answered answered", func(ctx context.Context, p *path) {
			before := map[*End]int64{}
			c, s := p.Associate(ctx, encapsulated)
			for _, e := range []*End{c, s} {
				before[e] = e.InUDP(ctx) - e.Status(ctx).Stats["ipackets"]
			}
			trade(ctx, c, s, onStreams(20, 3)...)
			expectInUDP(ctx, c, before[c])
			expectInUDP(ctx, s, before[s])
			c.Finish(ctx)
		})
	})

	It("find protocol SCTP kept by the API", spec.Case{
		ID: "POD-15", Level: spec.Core,
		Claim:  "The API MUST keep protocol SCTP in Pods, Services, EndpointSlices and NetworkPolicies as it was given.",
		Source: "v1 ContainerPort.protocol, ServicePort.protocol; discovery.k8s.io/v1 EndpointPort.protocol; networking.k8s.io/v1 NetworkPolicyPort.protocol",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@1")
		lab.Apply(ctx, "x", "service/port-differs.yaml")
		lab.Apply(ctx, "x", "policy/allow-port-6000.yaml")
		lab.ExpectProtocols(ctx, "x", "service/port-differs.yaml", "policy/allow-port-6000.yaml")
	})
})

// encapsulated lets the client send to the UDP port that pods of the namespace udp have. The
// server answers the way it is asked.
var encapsulated = Sockets{Client: []wire.Option{{Name: wire.EncapsPort, Value: 9899}}}

// expectInUDP fails the path unless as many UDP datagrams have come to an end's pod as
// packets of its association, not counting those that came before.
func expectInUDP(ctx context.Context, e *End, before int64) {
	packets := e.Status(ctx).Stats["ipackets"]
	if in := e.InUDP(ctx) - before; in < packets {
		e.Path.Fail("%d packets of the association came to %s and %d UDP datagrams: it is not carried in UDP", packets, e, in)
	}
}
