package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
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
