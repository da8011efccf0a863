package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

// policyNeeds are what every claim about policies needs.
var policyNeeds = spec.Needs{spec.NetworkPolicy}

// The documents in which the API says what policies do beyond the comments of its types.
const conceptPolicies = "Kubernetes, Network Policies"

var _ = chapter("Policies", func() {
	It("deny everything to pods that they isolate for ingress", spec.Case{
		ID: "POL-01", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A policy of type Ingress without rules MUST deny SCTP to the pods it selects, and to no other.",
		Source: conceptPolicies + ": default deny all ingress traffic; NetworkPolicySpec.podSelector",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/other@1:80", "x/client@2", "y/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/other@1:80
			x/client@2  denied         answered
			y/client@1  denied         answered
		`)
	})

	It("deny everything from pods that they isolate for egress", spec.Case{
		ID: "POL-02", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A policy of type Egress without rules MUST deny SCTP from the pods it selects, and from no other.",
		Source: conceptPolicies + ": default deny all egress traffic",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "y/server@1:80", "x/client@1", "x/stranger@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/deny-egress.yaml")
		lab.Expect(ctx, `
			              x/server@*:80  y/server@1:80
			x/client@1    denied         denied
			x/stranger@2  answered       answered
		`)
	})

	It("admit port 80 and deny other ports, as in the documents' example", spec.Case{
		ID: "POL-03", Level: spec.Core, Needs: policyNeeds,
		Claim:  "An ingress rule with protocol SCTP and port 80 and no peers MUST admit everybody to that port of the selected pods and nobody to another, and MUST NOT touch other pods.",
		Source: okdUsingSCTP + "; networking.k8s.io/v1 NetworkPolicyPort",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/web@*:80,81 role=web", "x/other:81", "x/client", "y/client")

		By("finding every path open while there is no policy")
		lab.ExpectOpen(ctx)

		By("applying the documents' policy")
		lab.Apply(ctx, "x", "okd/allow-sctp-on-http.yaml")
		lab.Expect(ctx, `
			          x/web@*:80  x/web@*:81  x/other:81
			x/client  answered    denied      answered
			y/client  answered    denied      answered
		`)
	})

	It("admit exactly the port they name", spec.Case{
		ID: "POL-04", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A rule with SCTP port 80 MUST admit port 80 and MUST NOT admit its neighbours.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.port: only traffic on the specified protocol AND port will be matched",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:79,80,81", "x/client@1", "y/client@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-port-80.yaml")
		lab.Expect(ctx, `
			            x/server@*:79  x/server@*:80  x/server@*:81
			x/client@1  denied         answered       denied
			y/client@2  denied         answered       denied
		`)
	})

	It("admit port 80 from the labelled pod and from nobody else", spec.Case{
		ID: "POL-05", Level: spec.Core, Needs: policyNeeds,
		Claim:  "An ingress rule with protocol SCTP, port 80 and a podSelector MUST admit the selected pods on that port and nothing else.",
		Source: "networking.k8s.io/v1 NetworkPolicyIngressRule",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81", "x/client", "x/stranger", "y/client")

		By("finding every path open while there is no policy")
		lab.ExpectOpen(ctx)

		By("applying a policy that names port and peer")
		lab.Apply(ctx, "x", "policy/allow-port-80-from-client.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81
			x/client    answered       denied
			x/stranger  denied         denied
			y/client    denied         denied
		`)
	})

	It("admit pods by their namespace's labels", spec.Case{
		ID: "POL-06", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A peer that is a namespaceSelector MUST admit every pod of the selected namespaces and no pod of others, not even of the policy's own.",
		Source: "networking.k8s.io/v1 NetworkPolicyPeer.namespaceSelector",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@1", "y/client@1", "y/stranger@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-from-namespace-y.yaml")
		lab.Expect(ctx, `
			              x/server@*:80
			x/client@1    denied
			y/client@1    answered
			y/stranger@2  answered
		`)
	})

	It("admit pods by labels of pod and namespace together", spec.Case{
		ID: "POL-07", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A peer with podSelector and namespaceSelector MUST admit the pods that both select, and none that only one selects.",
		Source: "networking.k8s.io/v1 NetworkPolicyPeer.podSelector; " + conceptPolicies + ": behavior of to and from selectors",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@1", "y/client@1", "y/stranger@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-from-client-in-y.yaml")
		lab.Expect(ctx, `
			              x/server@*:80
			x/client@1    denied
			y/client@1    answered
			y/stranger@2  denied
		`)
	})

	It("admit pods by expressions on their labels", spec.Case{
		ID: "POL-08", Level: spec.Core, Needs: policyNeeds,
		Claim:  "matchExpressions with In, NotIn and Exists MUST select the pods that they describe, as peers and as targets.",
		Source: "meta/v1 LabelSelector.matchExpressions",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80", "x/other@2:80", "x/client@2 tier=front", "x/stranger@1 tier=front", "y/client@1 tier=front")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-by-expressions.yaml")
		lab.Expect(ctx, `
			              x/server@1:80  x/other@2:80
			x/client@2    answered       answered
			x/stranger@1  denied         answered
			y/client@1    denied         answered
		`)

		By("taking the label off that an expression asks for")
		lab.Label(ctx, "x/client@2", "tier-")
		lab.Expect(ctx, `
			            x/server@1:80  x/other@2:80
			x/client@2  denied         answered
		`)
	})

	It("admit an address outside of the cluster", spec.Case{
		ID: "POL-09", Level: spec.Core, Needs: spec.Needs{spec.NetworkPolicy, spec.Outside},
		Claim:  "An ipBlock with the address of a host outside of the cluster MUST admit that host and nobody else.",
		Source: "networking.k8s.io/v1 NetworkPolicyPeer.ipBlock",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@1", "out/peer")
		lab.ExpectOpen(ctx)

		lab.Block("out/peer")
		lab.Apply(ctx, "x", "policy/allow-from-address.yaml")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@1  denied
			out/peer    answered
		`)
	})

	It("leave out an address outside of the cluster", spec.Case{
		ID: "POL-10", Level: spec.Core, Needs: spec.Needs{spec.NetworkPolicy, spec.Outside},
		Claim:  "An ipBlock of all addresses with an exception MUST NOT admit the host outside of the cluster that the exception names.",
		Source: "networking.k8s.io/v1 IPBlock.except",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@1", "out/peer")
		lab.ExpectOpen(ctx)

		lab.Block("out/peer")
		lab.Apply(ctx, "x", "policy/allow-except-address.yaml")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@1  answered
			out/peer    denied
		`)
	})

	It("admit a range of ports with both its ends", spec.Case{
		ID: "POL-11", Level: spec.Extended, Needs: policyNeeds,
		Claim:  "A rule with SCTP port 80 and endPort 82 MUST admit 80, 81 and 82 and MUST NOT admit 79 and 83.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.endPort; extended: plugins may not support it",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:79,80,81,82,83", "x/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-port-range.yaml")
		lab.Expect(ctx, `
			            x/server@*:79  x/server@*:80  x/server@*:81  x/server@*:82  x/server@*:83
			x/client@1  denied         answered       answered       answered       denied
		`)
	})

	It("admit a port by its name", spec.Case{
		ID: "POL-12", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A rule with protocol SCTP and a port's name MUST admit the port of that name and protocol, as each selected pod declares it, and no other.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.port: a numerical or named port on a pod",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81", "x/client@1", "y/client@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-named-port.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81
			x/client@1  answered       denied
			y/client@2  answered       denied
		`)
	})

	It("admit what leaves a pod by port, by pod and by namespace", spec.Case{
		ID: "POL-13", Level: spec.Core, Needs: policyNeeds,
		Claim:  "An egress rule with protocol SCTP MUST admit the port and the peers it names and MUST NOT admit anything else to leave.",
		Source: "networking.k8s.io/v1 NetworkPolicyEgressRule",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, append(here.outsider("out/peer:80"), "x/server@*:80,81", "x/other@1:80", "y/server@2:80,81", "x/client@2")...)
		lab.ExpectOpen(ctx)

		By("admitting port 80 of the servers in the same namespace")
		lab.Apply(ctx, "x", "policy/egress-to-server-port-80.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81  x/other@1:80  y/server@2:80  y/server@2:81
			x/client@2  answered       denied         denied        denied         denied
		`)

		By("admitting port 80 of another namespace instead")
		lab.Apply(ctx, "x", "policy/egress-to-namespace-y.yaml")
		lab.Delete(ctx, "x", "policy/egress-to-server-port-80.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81  x/other@1:80  y/server@2:80  y/server@2:81
			x/client@2  denied         denied         denied        answered       denied
		`)
		egressToAddress(ctx, lab)
	})

	It("must admit a path at both its ends", spec.Case{
		ID: "POL-14", Level: spec.Core, Needs: policyNeeds,
		Claim:  "Between two isolated pods SCTP MUST pass only if the egress rules of the one and the ingress rules of the other admit it.",
		Source: conceptPolicies + ": the two sorts of pod isolation",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81", "x/client@1", "x/stranger@2")
		lab.ExpectOpen(ctx)

		By("admitting 80 into the servers and 81 out of the client")
		lab.Apply(ctx, "x", "policy/allow-port-80.yaml")
		lab.Apply(ctx, "x", "policy/egress-port-81.yaml")
		lab.Expect(ctx, `
			              x/server@*:80  x/server@*:81
			x/client@1    denied         denied
			x/stranger@2  answered       denied
		`)

		By("admitting 81 into the servers too")
		lab.Apply(ctx, "x", "policy/allow-port-81.yaml")
		lab.Expect(ctx, `
			              x/server@*:80  x/server@*:81
			x/client@1    denied         answered
			x/stranger@2  answered       answered
		`)
	})

	It("keep SCTP, TCP and UDP apart on one port number", spec.Case{
		ID: "POL-15", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A rule for one of SCTP, TCP and UDP MUST admit that protocol on its port and neither of the others.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.protocol",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/sctp@1:80,80/tcp,80/udp", "x/tcp@2:80,80/tcp,80/udp", "x/udp@1:80,80/tcp,80/udp", "x/client@*")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-sctp-only.yaml")
		lab.Apply(ctx, "x", "policy/allow-tcp-only.yaml")
		lab.Apply(ctx, "x", "policy/allow-udp-only.yaml")
		lab.Expect(ctx, `
			            x/sctp@1:80  x/sctp@1:80/tcp  x/sctp@1:80/udp
			x/client@*  answered     denied           denied

			            x/tcp@2:80   x/tcp@2:80/tcp   x/tcp@2:80/udp
			x/client@*  denied       answered         denied

			            x/udp@1:80   x/udp@1:80/tcp   x/udp@1:80/udp
			x/client@*  denied       denied           answered
		`)
	})

	It("mean TCP where a rule names no protocol", spec.Case{
		ID: "POL-16", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A rule with a port and no protocol MUST admit TCP on that port and MUST NOT admit SCTP.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.protocol: if not specified, this field defaults to TCP",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,80/tcp", "x/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-port-80-of-no-protocol.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:80/tcp
			x/client@1  denied         answered
		`)
	})

	It("add up", spec.Case{
		ID: "POL-17", Level: spec.Core, Needs: policyNeeds,
		Claim:  "Where several policies select a pod, SCTP that one of them admits MUST pass, and what none admits MUST NOT.",
		Source: "networking.k8s.io/v1 NetworkPolicySpec.ingress: rules are additive across all of the NetworkPolicy objects",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81,82", "x/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-port-80.yaml")
		lab.Apply(ctx, "x", "policy/allow-port-81.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81  x/server@*:82
			x/client@1  answered       answered       denied
		`)
	})

	It("are overruled by one that admits everything", spec.Case{
		ID: "POL-18", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A policy with an empty ingress rule MUST admit all SCTP to the pods it selects, also where another policy denies everything to them.",
		Source: conceptPolicies + ": allow all ingress traffic",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "y/other@1:80", "x/client@1", "y/client@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  y/other@1:80
			x/client@1  denied         answered
			y/client@2  denied         answered
		`)

		By("admitting everything beside it")
		lab.Apply(ctx, "x", "policy/allow-everything.yaml")
		lab.Expect(ctx, AllAnswered)
	})

	It("take effect as they are changed", spec.Case{
		ID: "POL-19", Level: spec.Core, Needs: policyNeeds,
		Claim:  "When the rules of a policy change from SCTP port 80 to 81, port 81 MUST be admitted and port 80 MUST be denied.",
		Source: "networking.k8s.io/v1 NetworkPolicy.spec",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81", "x/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-port-80.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81
			x/client@1  answered       denied
		`)

		By("changing the port")
		lab.Replace(ctx, "x", "policy/allow-port-80.yaml", "policy/allow-port-81.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81
			x/client@1  denied         answered
		`)
	})

	It("stop denying when they are deleted", spec.Case{
		ID: "POL-20", Level: spec.Core, Needs: policyNeeds,
		Claim:  "Deleting the only policy that selects a pod MUST open its SCTP ports again.",
		Source: conceptPolicies + ": the two sorts of pod isolation",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100", "y/other@*:80", "x/client@*")
		lab.ExpectOpen(ctx)

		By("denying everything")
		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, `
			            x/server@*:30100  y/other@*:80
			x/client@*  denied            answered
		`)

		By("deleting the policy")
		lab.Delete(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, AllAnswered)
	})

	It("follow the labels of pods and namespaces", spec.Case{
		ID: "POL-21", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A pod that gets the label a rule selects MUST be admitted, one that loses it MUST be denied, and so MUST the pods of a namespace.",
		Source: "networking.k8s.io/v1 NetworkPolicyPeer",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@1", "x/other@2 role=friend", "y/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-role-friend.yaml")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@1  denied
			x/other@2   answered
			y/client@1  denied
		`)

		By("giving and taking labels")
		lab.Label(ctx, "x/client@1", "role=friend")
		lab.Label(ctx, "x/other@2", "role-")
		lab.LabelNamespace(ctx, "y", "team=friends")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@1  answered
			x/other@2   denied
			y/client@1  answered
		`)
	})

	It("cover a new pod from its start", spec.Case{
		ID: "POL-22", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A pod that a policy selects when it is created MUST NOT be reached from the moment it listens.",
		Source: conceptPolicies + ": pod lifecycle",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/old@1:80 role=late", "y/other@1:80", "x/client@1", "x/stranger@2")
		lab.ExpectOpen(ctx)

		By("waiting until the policy holds on the node to which the new pod comes")
		lab.Apply(ctx, "x", "policy/deny-role-late.yaml")
		lab.Expect(ctx, `
			              x/old@1:80  y/other@1:80
			x/client@1    denied      answered
			x/stranger@2  denied      answered
		`)

		By("creating the new pod")
		lab.Join(ctx, "x/new@1:80 role=late")
		lab.ExpectNow(ctx, `
			              x/new@1:80  y/other@1:80
			x/client@1    denied      answered
			x/stranger@2  denied      answered
		`)
	})

	It("go by the pods' port where a Service stands before them", spec.Case{
		ID: "POL-23", Level: spec.Core, Needs: policyNeeds,
		Claim:  "Through a ClusterIP whose port is not the pods', a rule with the pods' SCTP port MUST admit and a rule with the Service's port MUST NOT.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.port: the port on a pod",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "y/other@1:80", "x/client@*")
		lab.Apply(ctx, "x", "service/port-differs.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-differs:5000
			x/client@*  answered         answered
		`)

		By("admitting the Service's port only")
		lab.Apply(ctx, "x", "policy/allow-port-5000.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-differs:5000  y/other@1:80
			x/client@*  denied           denied                 answered
		`)

		By("admitting the pods' port")
		lab.Replace(ctx, "x", "policy/allow-port-5000.yaml", "policy/allow-port-6000.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-differs:5000
			x/client@*  answered         answered
		`)
	})

	It("go by the pods' port where a NodePort stands before them", spec.Case{
		ID: "POL-24", Level: spec.Extended, Needs: spec.Needs{spec.NetworkPolicy, spec.TwoNodes},
		Claim:  "Through a NodePort of any node but the pod's own, SCTP that is denied to everybody MUST NOT reach the pod; through its own node's it MAY; and a rule with the pod's port and no peers MUST admit it through every node's.",
		Source: conceptPolicies + ": ipBlock, on sources that are rewritten; and traffic to and from the node where a pod is running is always allowed",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "y/other@1:80", "x/client@*")
		lab.ApplyPerNode(ctx, "x", "service/per-node.yaml")
		lab.ExpectOnce(ctx, throughNodePorts(anyPort, "answered"))

		By("denying everything to the servers")
		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, throughNodePorts(otherPorts, "denied")+openBeside)
		lab.Measured("denied everything, through the NodePort of a server's own node: %s", lab.Look(ctx, throughNodePorts(ownPorts, "answered")))

		By("admitting the pods' port beside it")
		lab.Apply(ctx, "x", "policy/allow-port-80.yaml")
		lab.Expect(ctx, throughNodePorts(anyPort, "answered"))
	})

	It("leave the TCP half of a rule at work", spec.Case{
		ID: "POL-25", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A policy with a TCP and an SCTP port MUST admit both, each on its own port and protocol only.",
		Source: "networking.k8s.io/v1 NetworkPolicyIngressRule.ports: this field is combined using a logical OR",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81,80/tcp,81/tcp", "x/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-tcp-and-sctp.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81  x/server@*:80/tcp  x/server@*:81/tcp
			x/client@1  denied         answered       answered           denied
		`)
	})

	It("are enforced between every two nodes", spec.Case{
		ID: "POL-26", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A rule with a podSelector MUST admit and deny SCTP alike for each pair of client node and server node, within a node too, straight to the pod and through a ClusterIP.",
		Source: "networking.k8s.io/v1 NetworkPolicySpec",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@*", "x/stranger@*")
		lab.ApplyPerNode(ctx, "x", "service/per-node.yaml")
		lab.ExpectOnce(ctx, forEachNode(`
			              x/server@N:80  svc/per-node-N:80
			x/client@*    answered       answered
			x/stranger@*  answered       answered
		`))

		lab.Apply(ctx, "x", "policy/allow-from-client.yaml")
		lab.Expect(ctx, forEachNode(`
			              x/server@N:80  svc/per-node-N:80
			x/client@*    answered       answered
			x/stranger@*  denied         denied
		`))
	})

	It("may cut associations that were there before them", spec.Case{
		ID: "POL-27", Level: spec.Informational, Needs: policyNeeds,
		Claim:  "An association that is established when a policy comes to deny it, or when what admits it goes, MAY live on or be cut.",
		Source: conceptPolicies + ": what happens to existing connections is defined by the implementation",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,30100", "y/other@1:80", "x/client@*")
		lab.ExpectOpen(ctx)

		By("denying everything while associations stand")
		kept, before := lab.Keep(ctx, throughout, heartbeating), time.Now()
		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, "x/server@*:80\nx/client@* denied\n\n"+openBeside)
		lab.Measured("a deny arrived, and new associations were denied %v later: %s", lab.TookEffect(), kept.Fates(ctx, before))

		By("admitting the client, and taking that back while associations stand")
		lab.Apply(ctx, "x", "policy/allow-from-client.yaml")
		lab.Expect(ctx, "x/server@*:80\nx/client@* answered")
		kept, before = lab.Keep(ctx, throughout, heartbeating), time.Now()
		lab.Delete(ctx, "x", "policy/allow-from-client.yaml")
		lab.Expect(ctx, "x/server@*:80\nx/client@* denied\n\n"+openBeside)
		lab.Measured("an allow was removed, and new associations were denied %v later: %s", lab.TookEffect(), kept.Fates(ctx, before))
	})

	It("take their time to be enforced and to be lifted", spec.Case{
		ID: "POL-28", Level: spec.Informational, Needs: policyNeeds,
		Claim:  "A policy MAY take a while to be enforced for SCTP on every node, and to be lifted.",
		Source: conceptPolicies + ": pod lifecycle",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "y/other@*:80", "x/client@*")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  y/other@*:80
			x/client@*  denied         answered
		`)
		lab.Measured("denied between all nodes %v after the policy was created: %s", lab.TookEffect(), lab.EffectByNode())

		lab.Delete(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, AllAnswered)
		lab.Measured("open between all nodes %v after the policy was deleted: %s", lab.TookEffect(), lab.EffectByNode())
	})

	It("give way to those of administrators, and these to them", spec.Case{
		ID: "POL-29", Level: spec.Extended, Needs: spec.Needs{spec.NetworkPolicy, spec.ClusterPolicy}, Effect: spec.Cluster,
		Claim:  "For SCTP to and from pods, rules of the admin tier that accept or deny MUST prevail over NetworkPolicies and rules that pass MUST leave it to them; rules of the baseline tier MUST hold where no NetworkPolicy selects the pod, and there only.",
		Source: "policy.networking.k8s.io ClusterNetworkPolicy (v1beta1, v1alpha2), or AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1)",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81,82", "y/other@2:80,81,82", "y/client@1")
		lab.ExpectOnce(ctx, bothWays("answered", "answered", "answered"))
		adminTier(ctx, lab)
		baselineTier(ctx, lab)
	})

	It("hold on secondary networks", spec.Case{
		ID: "POL-30", Level: spec.Extended, Needs: policyNeeds,
		Claim:  "A MultiNetworkPolicy MUST admit and deny SCTP on the secondary network that it names.",
		Source: "k8s.cni.cncf.io/v1beta1 MultiNetworkPolicy",
	}, func(SpecContext) {
		if here.cluster.MultiNetworkPolicies { // agents have addresses on the pods' network only
			Skip("the cluster serves MultiNetworkPolicy (k8s.cni.cncf.io): policies of secondary networks are not judged by this suite")
		}
		Skip("the cluster serves no MultiNetworkPolicy (k8s.cni.cncf.io/v1beta1): it has no secondary networks with policies")
	})

	It("admit an address in its family only", spec.Case{
		ID: "POL-31", Level: spec.Core, Needs: spec.Needs{spec.NetworkPolicy, spec.Outside, spec.DualStack},
		Claim:  "An ipBlock with the IPv4 address of a host outside of the cluster MUST admit it over IPv4 and MUST NOT admit it over IPv6.",
		Source: "networking.k8s.io/v1 IPBlock.cidr",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "y/other@1:80", "out/peer")
		lab.ExpectOpen(ctx)

		lab.Block("out/peer")
		lab.Apply(ctx, "x", "policy/allow-from-ipv4-address.yaml")
		lab.Expect(ctx, `
			ipv4:
			          x/server@*:80  y/other@1:80
			out/peer  answered       answered

			ipv6:
			          x/server@*:80  y/other@1:80
			out/peer  denied         answered
		`)
	})

	It("change nothing for pods that they do not select", spec.Case{
		ID: "POL-32", Level: spec.Core, Needs: policyNeeds,
		Claim:  "Policies that select neither end of a path MUST NOT change it.",
		Source: "networking.k8s.io/v1 NetworkPolicySpec.podSelector",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/other@1:80", "x/client@2", "y/client@1")
		listWidePolicies(ctx, lab)
		lab.ExpectOpen(ctx)

		By("denying to the servers, so that policies are known to be at work, and to pods that do not exist")
		lab.Apply(ctx, "x", "policy/deny-nobody-here.yaml")
		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/other@1:80
			x/client@2  denied         answered
			y/client@1  denied         answered
		`)
	})

	It("admit SCTP by a rule with peers and no ports", spec.Case{
		ID: "POL-33", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A rule with peers and no ports MUST admit all SCTP ports from those peers and none from others.",
		Source: "networking.k8s.io/v1 NetworkPolicyIngressRule.ports: if this field is empty or missing, this rule matches all ports",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,30100", "x/client@1", "x/stranger@2", "y/client@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-from-client.yaml")
		lab.Expect(ctx, `
			              x/server@*:80  x/server@*:30100
			x/client@1    answered       answered
			x/stranger@2  denied         denied
			y/client@2    denied         denied
		`)
	})

	It("leave a pod's traffic to itself alone", spec.Case{
		ID: "POL-35", Level: spec.Informational, Needs: policyNeeds,
		Claim:  "A pod that is denied everything MAY still reach itself, and MAY be reached by the node it is on.",
		Source: conceptPolicies + ": a pod cannot block access to itself; traffic to and from the node where a pod is running is always allowed",
	}, func(ctx SpecContext) {
		alone := "x/server@1:80\nx/server@1 answered\n"
		lab := Deploy(ctx, append(here.onNodes("host/node@1"), "x/server@1:80", "y/other@1:80", "x/client@2")...)
		for range here.onNodes("host/node@1") {
			alone += "host/node@1 answered\n"
		}
		lab.ExpectOnce(ctx, alone+"x/client@2 answered\n")

		lab.Apply(ctx, "x", "policy/deny-both-ways.yaml")
		lab.Expect(ctx, "x/server@1:80\nx/client@2 denied\n\n"+openBeside)
		lab.Measured("denied everything, the pod by itself and its node found: %s", lab.Look(ctx, alone))
	})

	It("let a server answer that may begin nothing itself", spec.Case{
		ID: "POL-34", Level: spec.Core, Needs: policyNeeds,
		Claim:  "A server with an ingress rule for SCTP and no egress rule MUST be able to answer what was admitted, and MUST NOT begin associations.",
		Source: conceptPolicies + ": reply traffic for allowed connections is implicitly allowed",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@1:80", "y/client@2")
		lab.Expect(ctx, `
			             x/server@*:80  x/client@1:80
			x/server@*   -              answered
			x/client@1   answered       -
			y/client@2   answered       -
		`)

		lab.Apply(ctx, "x", "policy/only-answer.yaml")
		lab.Expect(ctx, `
			             x/server@*:80  x/client@1:80
			x/server@*   -              denied
			x/client@1   answered       -
			y/client@2   answered       -
		`)
	})
})
