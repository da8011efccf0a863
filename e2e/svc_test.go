package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/spec"
)

var _ = chapter("Services", func() {
	It("are reached at their cluster addresses from every node", spec.Case{
		ID: "SVC-01", Level: spec.Core,
		Claim:  "A client on any node MUST reach an SCTP Service at each of its cluster addresses.",
		Source: okdUsingSCTP + "; v1 ServiceSpec.clusterIPs",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30100 app=sctpserver", "x/client@*")
		lab.Apply(ctx, "x", "okd/sctpserver.yaml")
		lab.Expect(ctx, `
			            svc/sctpserver:30100
			x/client@*  answered
		`)
	})

	It("translate their port to the pods' port", spec.Case{
		ID: "SVC-02", Level: spec.Core,
		Claim:  "An SCTP Service whose port is not its targetPort MUST lead to the targetPort.",
		Source: "v1 ServicePort.targetPort",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/port-differs.yaml")
		lab.Expect(ctx, `
			            svc/port-differs:5000
			x/client@*  answered
		`)
	})

	It("are reached at their NodePort on every node", spec.Case{
		ID: "SVC-04", Level: spec.Core,
		Claim:  "The NodePort of an SCTP Service MUST lead to its pods at the InternalIP of every node in each family, whether or not one of them runs there.",
		Source: okdUsingSCTP + "; v1 ServicePort.nodePort",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30102 app=sctpserver", "x/client@*")
		lab.Apply(ctx, "x", "okd/sctpservice.yaml")
		lab.Expect(ctx, `
			            node@*:svc/sctpservice:30102
			x/client@*  answered
		`)
	})

	It("go by the name of the pods' port", spec.Case{
		ID: "SVC-03", Level: spec.Core,
		Claim:  "An SCTP Service whose targetPort is a name MUST lead to the SCTP port that the pod declares by that name.",
		Source: "v1 ServicePort.targetPort: looked up as a named port in the target Pod's container ports",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@*")
		lab.Apply(ctx, "x", "service/named-port.yaml")
		lab.Expect(ctx, `
			            svc/named-port:5000
			x/client@*  answered
		`)
	})

	It("keep SCTP, TCP and UDP on one port number apart", spec.Case{
		ID: "SVC-06", Level: spec.Core,
		Claim:  "A Service with one port number for SCTP, TCP and UDP MUST lead each protocol to the pods' port of that protocol.",
		Source: "v1 ServiceSpec.ports: the key is port and protocol",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80,80/tcp,80/udp", "x/client@*")
		lab.Apply(ctx, "x", "service/three-protocols.yaml")
		lab.Expect(ctx, `
			            svc/three-protocols:80  svc/three-protocols:80/tcp  svc/three-protocols:80/udp
			x/client@*  answered                answered                    answered
		`)
	})

	It("do not mix with Services of other protocols", spec.Case{
		ID: "SVC-07", Level: spec.Core,
		Claim:  "An SCTP and a TCP Service with the same port number MUST each lead to their own pods.",
		Source: "v1 ServicePort.protocol",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/sctp@1:80,80/tcp", "x/tcp@2:80,80/tcp", "x/client@*")
		lab.Apply(ctx, "x", "service/only-sctp.yaml")
		lab.Apply(ctx, "x", "service/only-tcp.yaml")
		lab.Expect(ctx, `
			            svc/only-sctp:80  svc/only-tcp:80/tcp
			x/client@*  answered          answered
		`)
	})

	It("share out associations among all their pods", spec.Case{
		ID: "SVC-08", Level: spec.Core,
		Claim:  "Each ready pod of an SCTP Service MUST get some of the associations that clients on all nodes begin.",
		Source: "Kubernetes, Virtual IPs and Service proxies: traffic is spread over the backends",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Expect(ctx, `
			            svc/backends:80
			x/client@*  answered
		`)
		lab.ExpectSpread(ctx, "svc/backends:80")
	})

	It("keep a client at one pod where they are told to", spec.Case{
		ID: "SVC-09", Level: spec.Core,
		Claim:  "With sessionAffinity ClientIP, all SCTP associations of a client MUST be sent to the same pod.",
		Source: "v1 ServiceSpec.sessionAffinity",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/sticky.yaml")
		lab.Expect(ctx, `
			            svc/sticky:80
			x/client@*  answered
		`)
		lab.ExpectSticky(ctx, "svc/sticky:80")
	})

	It("lead a pod to itself", spec.Case{
		ID: "SVC-11", Level: spec.Core,
		Claim:  "The only pod behind an SCTP Service MUST reach itself at the Service's cluster addresses.",
		Source: "Kubernetes, Debug Services: a Pod fails to reach itself via the Service IP",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@2")
		lab.Apply(ctx, "x", "service/port-differs.yaml")
		lab.Expect(ctx, `
			            svc/port-differs:5000
			x/server@1  answered
			x/client@2  answered
		`)
	})

	It("keep a client's address where they stay on the asked node", spec.Case{
		ID: "SVC-12", Level: spec.Core, Needs: spec.Needs{spec.TwoNodes, spec.Outside},
		Claim:  "With externalTrafficPolicy Local, the NodePort of a node with a pod MUST lead there and keep the client's address, and that of a node without one MUST lead nowhere.",
		Source: "v1 ServiceSpec.externalTrafficPolicy",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "out/peer")
		lab.Apply(ctx, "x", "service/external-local.yaml")
		lab.ControlBy("node@2:svc/external-local:80", "node@1:svc/external-local:80")
		lab.ExpectSource(ctx, `
			          node@1:svc/external-local:80  node@2:svc/external-local:80
			out/peer  answered                      denied
		`)
	})

	It("stay on the client's node where they are told to", spec.Case{
		ID: "SVC-13", Level: spec.Core, Needs: spec.Needs{spec.TwoNodes},
		Claim:  "With internalTrafficPolicy Local, an SCTP Service MUST lead to pods of the client's node and, where there is none, to nobody.",
		Source: "v1 ServiceSpec.internalTrafficPolicy",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/client@1", "x/stranger@2")
		lab.Apply(ctx, "x", "service/local.yaml")
		lab.ControlBy("svc/local:80", "x/server@1:80")
		lab.Expect(ctx, `
			              x/server@1:80  svc/local:80
			x/client@1    answered       answered
			x/stranger@2  answered       denied
		`)
	})

	It("lead nowhere without pods", spec.Case{
		ID: "SVC-15", Level: spec.Core,
		Claim:  "An SCTP Service without endpoints MUST NOT let an association come up, neither with its former pods nor with somebody else's.",
		Source: "Kubernetes, Virtual IPs and Service proxies: connections to a Service without endpoints are rejected",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.ControlBy("svc/backends:80", "x/server@1:80")
		lab.Expect(ctx, `
			            x/server@1:80  svc/backends:80
			x/client@*  answered       denied
		`)

		By("giving it a pod")
		lab.Label(ctx, "x/server@1", "role=backend")
		lab.Expect(ctx, `
			            x/server@1:80  svc/backends:80
			x/client@*  answered       answered
		`)
	})

	It("are gone when they are deleted", spec.Case{
		ID: "SVC-16", Level: spec.Core,
		Claim:  "When an SCTP Service is deleted, its cluster addresses and its NodePort MUST stop leading to its pods on every node.",
		Source: "v1 Service",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered         answered               answered
		`)

		By("deleting it")
		lab.Delete(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered         denied                 denied
		`)
		lab.Measured("gone on every node %v after it was deleted", lab.TookEffect())
	})

	It("leave out a pod that is gone", spec.Case{
		ID: "SVC-17", Level: spec.Core,
		Claim:  "When one of the pods of an SCTP Service is deleted, new associations MUST be sent to the others, from every node.",
		Source: "discovery.k8s.io/v1 EndpointSlice; Kubernetes, Virtual IPs and Service proxies",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Join(ctx, "x/short@2:80 role=backend")
		lab.Expect(ctx, `
			            svc/backends:80  x/short@2:80
			x/client@*  answered         answered
		`)
		lab.ExpectSpread(ctx, "svc/backends:80")

		By("deleting one of the two pods")
		lab.Kill(ctx, "x/short@2")
		lab.ExpectAll(ctx, "svc/backends:80")
		lab.Measured("avoided from every node %v after the pod was deleted", lab.TookEffect())
	})

	It("come back when their pods do", spec.Case{
		ID: "SVC-21", Level: spec.Core,
		Claim:  "An SCTP Service that loses all its pods and gets others MUST lead to nobody and then to the new ones.",
		Source: "discovery.k8s.io/v1 EndpointSlice",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/other@2:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Expect(ctx, `
			            svc/backends:80
			x/client@*  answered
		`)

		By("taking the only pod away")
		lab.Label(ctx, "x/server@1", "role-")
		lab.Expect(ctx, `
			            x/server@1:80  svc/backends:80
			x/client@*  answered       denied
		`)

		By("giving another one")
		lab.Label(ctx, "x/other@2", "role=backend")
		lab.Expect(ctx, `
			            svc/backends:80
			x/client@*  answered
		`)
		lab.Measured("reached from every node %v after the pod was added", lab.TookEffect())
	})

	It("lead to endpoints that are made by hand", spec.Case{
		ID: "SVC-22", Level: spec.Core,
		Claim:  "An SCTP Service without a selector MUST lead to the addresses and the port of its EndpointSlices.",
		Source: "Kubernetes, Services without selectors; discovery.k8s.io/v1 EndpointSlice",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/no-selector.yaml")
		lab.Endpoints(ctx, "x", "no-selector", 6000, "x/server@1")
		lab.Expect(ctx, `
			            svc/no-selector:80
			x/client@*  answered
		`)
	})

	It("are reached at their load balancer's address", spec.Case{
		ID: "SVC-24", Level: spec.Extended, Needs: spec.Needs{spec.Outside},
		Claim:  "A client outside of the cluster MUST reach an SCTP Service at the address that its load balancer has given it.",
		Source: "v1 ServiceStatus.loadBalancer; extended: clusters need not have a load balancer, nor one for SCTP",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80 role=backend", "out/peer")
		lab.Apply(ctx, "x", "service/load-balancer.yaml")
		lab.Expect(ctx, `
			          lb/load-balancer:80
			out/peer  answered
		`)
	})

	It("are reached in their secondary family", spec.Case{
		ID: "SVC-25", Level: spec.Core, Needs: spec.Needs{spec.DualStack},
		Claim:  "A dual-stack SCTP Service MUST be reached at its cluster address and its NodePort in both families.",
		Source: "v1 ServiceSpec.ipFamilyPolicy, clusterIPs",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			ipv4:
			            svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered               answered

			ipv6:
			            svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered               answered
		`)
	})

	It("follow a change of their ports", spec.Case{
		ID: "SVC-26", Level: spec.Core,
		Claim:  "When port and targetPort of an SCTP Service change, new associations MUST find the new port, at the NodePort too, and MUST NOT find the old one.",
		Source: "v1 ServiceSpec.ports",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000,6001", "x/client@*")
		lab.Apply(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered               answered
		`)

		By("changing both")
		lab.Replace(ctx, "x", "service/port-changes.yaml", "service/port-changed.yaml")
		lab.Expect(ctx, `
			            svc/port-changes:5000  svc/port-changes:5001  node@*:svc/port-changes:5001
			x/client@*  denied                 answered               answered
		`)
	})

	It("leave TCP Services at work that were there before", spec.Case{
		ID: "SVC-27", Level: spec.Core,
		Claim:  "A TCP Service MUST go on working on every node when an SCTP Service appears beside it.",
		Source: "v1 Service; a proxy that stumbles over SCTP may lose all rules of its node, kubernetes/kubernetes#142068 shows how",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/tcp@1:80/tcp", "x/sctp@2:80", "x/client@*")
		lab.Apply(ctx, "x", "service/only-tcp.yaml")
		lab.Expect(ctx, `
			            svc/only-tcp:80/tcp
			x/client@*  answered
		`)

		By("creating the SCTP Service")
		lab.Apply(ctx, "x", "service/only-sctp.yaml")
		lab.Expect(ctx, `
			            svc/only-tcp:80/tcp  svc/only-sctp:80
			x/client@*  answered             answered
		`)
	})

	It("keep the client's address inside the cluster", spec.Case{
		ID: "SVC-28", Level: spec.Extended,
		Claim:  "A server behind a ClusterIP MUST see the address of the client's pod.",
		Source: "Kubernetes, Using Source IP: packets sent to ClusterIP from within the cluster are never source NAT'd if kube-proxy runs in iptables mode; extended: other proxies may",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/port-differs.yaml")
		lab.ExpectSource(ctx, `
			            svc/port-differs:5000
			x/client@*  answered
		`)
	})
})
