package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/spec"
)

var _ = chapter("Policies", func() {
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
