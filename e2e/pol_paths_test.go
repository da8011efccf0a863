package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/spec"
)

var _ = chapter("Policies", func() {
	It("admit what leaves a pod by port, by pod and by namespace", spec.Case{
		ID: "POL-13", Level: spec.Core, Needs: policyNeeds,
		Claim:  "An egress rule with protocol SCTP MUST admit the port and the peers it names and MUST NOT admit anything else to leave.",
		Source: "networking.k8s.io/v1 NetworkPolicyEgressRule",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81", "x/other@1:80", "y/server@2:80,81", "x/client@*")
		lab.ExpectOpen(ctx)

		By("admitting port 80 of the servers in the same namespace")
		lab.Apply(ctx, "x", "policy/egress-to-server-port-80.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81  x/other@1:80  y/server@2:80  y/server@2:81
			x/client@*  answered       denied         denied        denied         denied
		`)

		By("admitting port 80 of another namespace instead")
		lab.Apply(ctx, "x", "policy/egress-to-namespace-y.yaml")
		lab.Delete(ctx, "x", "policy/egress-to-server-port-80.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81  x/other@1:80  y/server@2:80  y/server@2:81
			x/client@*  denied         denied         denied        answered       denied
		`)
	})

	It("must be let out to an address", spec.Case{
		ID: "POL-38", Level: spec.Core, Needs: append(spec.Needs{spec.Outside}, policyNeeds...),
		Claim:  "An egress rule with an ipBlock MUST admit SCTP to the addresses that it holds, outside of the cluster, too, and to no other.",
		Source: "networking.k8s.io/v1 IPBlock",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "out/peer:80", "x/server@*:80", "x/client@*")
		lab.ExpectOpen(ctx)

		lab.Block("out/peer")
		lab.Apply(ctx, "x", "policy/egress-to-address.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  out/peer:80
			x/client@*  denied         answered
		`)
	})

	It("must admit a path at both its ends", spec.Case{
		ID: "POL-14", Level: spec.Core, Needs: policyNeeds,
		Claim:  "Between two isolated pods SCTP MUST pass only if the egress rules of the one and the ingress rules of the other admit it.",
		Source: conceptPolicies + ": the two sorts of pod isolation",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81", "x/client@*", "x/stranger@2")
		lab.ExpectOpen(ctx)

		By("admitting 80 into the servers and 81 out of the client")
		lab.Apply(ctx, "x", "policy/allow-port-80.yaml")
		lab.Apply(ctx, "x", "policy/egress-port-81.yaml")
		lab.Expect(ctx, `
			              x/server@*:80  x/server@*:81
			x/client@*    denied         denied
			x/stranger@2  answered       denied
		`)

		By("admitting 81 into the servers too")
		lab.Apply(ctx, "x", "policy/allow-port-81.yaml")
		lab.Expect(ctx, `
			              x/server@*:80  x/server@*:81
			x/client@*    denied         answered
			x/stranger@2  answered       answered
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

	It("go by the pods' port for what leaves through a Service", spec.Case{
		ID: "POL-37", Level: spec.Extended, Needs: policyNeeds,
		Claim:  "Through a ClusterIP whose port is not the pods', an egress rule with the pods' SCTP port MUST admit and one with the Service's port MUST NOT, from every node.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.port: the port on a pod; extended: the API leaves open whether addresses are translated before egress is judged",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*", "x/stranger@2")
		lab.Apply(ctx, "x", "service/port-differs.yaml")
		lab.Expect(ctx, `
			              x/server@1:6000  svc/port-differs:5000
			x/client@*    answered         answered
			x/stranger@2  answered         answered
		`)

		By("letting out to the Service's port only")
		lab.Apply(ctx, "x", "policy/egress-port-5000.yaml")
		lab.Expect(ctx, `
			              x/server@1:6000  svc/port-differs:5000
			x/client@*    denied           denied
			x/stranger@2  answered         answered
		`)

		By("letting out to the pods' port")
		lab.Replace(ctx, "x", "policy/egress-port-5000.yaml", "policy/egress-port-6000.yaml")
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
})
