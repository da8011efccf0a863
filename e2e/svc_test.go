package e2e

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
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

	It("go by the name of the pods' port", spec.Case{
		ID: "SVC-03", Level: spec.Core, Pods: spec.Own,
		Claim:  "An SCTP Service whose targetPort is a name MUST lead to the SCTP port that each pod declares by that name, whatever its number there.",
		Source: "v1 ServicePort.targetPort: looked up as a named port in the target Pod's container ports",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80", "x/client@*")
		lab.Join(ctx, "x/second@2:81 pod=server", PortNamed("sctp-80", 81))
		lab.Apply(ctx, "x", "service/named-port.yaml")
		lab.Expect(ctx, `
			            svc/named-port:5000
			x/client@*  answered
		`)
		lab.ExpectSpread(ctx, "svc/named-port:5000")
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

	It("are reached at their NodePort from the nodes themselves", spec.Case{
		ID: "SVC-05", Level: spec.Core, Needs: spec.Needs{spec.HostNetwork},
		Claim:  "The NodePort of an SCTP Service MUST lead to its pods for clients on the nodes' own network too, at their own node's InternalIP and at every other one's.",
		Source: "v1 ServicePort.nodePort: the port on each node on which this service is exposed",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30102 app=sctpserver", "host/client@*")
		lab.Apply(ctx, "x", "okd/sctpservice.yaml")
		lab.Expect(ctx, `
			               node@*:svc/sctpservice:30102
			host/client@*  answered
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

	It("are found by name where they have no address", spec.Case{
		ID: "SVC-14", Level: spec.Core,
		Claim:  "The name of a headless SCTP Service MUST have the addresses of its pods in each family, and _PORT._sctp before it an SRV record for each of them with the pods' port, which MUST serve.",
		Source: "Kubernetes, DNS for Services and Pods; Kubernetes DNS-Based Service Discovery, records for a headless Service; RFC 2782",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/headless.yaml")
		lab.ExpectRecords(ctx, "svc/headless:80", "ngap")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@*  answered
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
		Claim:  "When targetPort, port and nodePort of a port of an SCTP Service change, and its name does not, new associations MUST find the new ones and MUST NOT find the old ones.",
		Source: "v1 ServiceSpec.ports",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000,6001", "x/client@*")
		lab.Apply(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered               answered
		`)

		By("changing the targetPort") // which tables see by the port at which servers were asked
		lab.Replace(ctx, "x", "service/port-changes.yaml", "service/target-changed.yaml")
		lab.Expect(ctx, `
			            svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered               answered
		`)

		By("changing the port and the nodePort")
		lab.Replace(ctx, "x", "service/target-changed.yaml", "service/port-changed.yaml")
		lab.Expect(ctx, `
			            svc/port-changes:5000  node@*:svc/port-changes:5000  svc/port-changes:5001  node@*:svc/port-changes:5001
			x/client@*  denied                 denied                       answered               answered
		`)
	})

	It("may be reached at other addresses of a node", spec.Case{
		ID: "SVC-36", Level: spec.Informational, Needs: spec.Needs{spec.NodeAccess},
		Claim:  "A NodePort MAY be reached at addresses of a node that are no InternalIP of it.",
		Source: "Kubernetes, Service, custom IP address configuration for NodePort: which addresses a service proxy serves is configuration (nodePortAddresses), and differs between its modes without one",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            node@*:svc/port-changes:5000
			x/client@*  answered
		`)
		others, err := lab.EnlistOthers(ctx, "svc/port-changes:5000")
		switch {
		case here.rehearsal != "":
		case err != nil:
			Skip(err.Error())
		case len(others) == 0:
			Skip("no node has an address of its own that is no InternalIP")
		default:
			lab.Measured("at %s pods found: %s", strings.Join(others, ", "), lab.Look(ctx, lab.Others("x/client@*")))
		}
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

		By("asking again, now that every proxy has had to do with the SCTP Service")
		lab.Expect(ctx, `
			            svc/only-tcp:80/tcp
			x/client@*  answered
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

	It("lead to servers on the nodes' own network", spec.Case{
		ID: "SVC-32", Level: spec.Extended, Needs: spec.Needs{spec.HostNetwork},
		Claim:  "An SCTP Service MUST lead to a pod with hostNetwork as to any other, from every node.",
		Source: "v1 PodSpec.hostNetwork; discovery.k8s.io/v1 EndpointSlice; extended: such pods need privileges",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "host/server@1:6000", "x/client@*")
		lab.Apply(ctx, "host", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered               answered
		`)
	})
})
