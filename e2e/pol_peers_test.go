package e2e

import (
	"context"
	"time"

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
		Claim:  "matchExpressions with In, NotIn, Exists and DoesNotExist MUST select the pods that they describe, as peers and as targets.",
		Source: "meta/v1 LabelSelector.matchExpressions",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80", "x/ward@2:80 role=ward", "x/kept@2:80 role=ward",
			"x/client@2 tier=front", "x/guest@1:80", "x/stranger@1:80 role=ward tier=front", "y/client@1 tier=front")
		lab.Expect(ctx, `
			              x/server@1:80
			x/client@2    answered
			x/guest@1     answered
			x/stranger@1  answered
			y/client@1    answered

			              x/ward@2:80  x/kept@2:80  x/stranger@1:80  x/guest@1:80
			x/client@2    answered     answered     answered         answered
			x/guest@1     -            answered     -                -
		`)

		lab.Apply(ctx, "x", "policy/allow-by-expressions.yaml")
		lab.Apply(ctx, "x", "policy/deny-by-expressions.yaml")
		lab.Expect(ctx, `
			              x/server@1:80
			x/client@2    answered
			x/guest@1     answered
			x/stranger@1  denied
			y/client@1    denied

			              x/ward@2:80  x/kept@2:80  x/stranger@1:80  x/guest@1:80
			x/client@2    denied       answered     answered         answered
		`)

		By("taking the label off that one expression asks for, and giving it to whom another forbids it")
		lab.Label(ctx, "x/client@2", "tier-")
		lab.Label(ctx, "x/guest@1", "tier=front")
		lab.Expect(ctx, `
			            x/server@1:80  x/kept@2:80
			x/client@2  denied         answered
			x/guest@1   denied         answered
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

	It("admit and leave out the address of a pod", spec.Case{
		ID: "POL-36", Level: spec.Extended, Needs: policyNeeds,
		Claim:  "An ipBlock with a pod's address MUST admit that pod and nobody else, and an ipBlock of all addresses that excepts it MUST NOT admit it.",
		Source: "networking.k8s.io/v1 NetworkPolicyPeer.ipBlock; extended: " + conceptPolicies + " advises against addresses of pods, and plugins may know pods by their identity only",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@1", "x/other@2")
		lab.ExpectOpen(ctx)

		lab.Block("x/client@1")
		lab.Apply(ctx, "x", "policy/allow-from-address.yaml")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@1  answered
			x/other@2   denied
		`)

		By("admitting all addresses but that instead")
		lab.Replace(ctx, "x", "policy/allow-from-address.yaml", "policy/allow-except-address.yaml")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@1  denied
			x/other@2   answered
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
		Claim:  "An ipBlock with the IPv4 address of a host outside of the cluster MUST admit it over IPv4 and MUST NOT admit it over IPv6, and one with its IPv6 address the other way round.",
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

		By("admitting its IPv6 address instead")
		lab.Replace(ctx, "x", "policy/allow-from-ipv4-address.yaml", "policy/allow-from-ipv6-address.yaml")
		lab.Expect(ctx, `
			ipv4:
			          x/server@*:80  y/other@1:80
			out/peer  denied         answered

			ipv6:
			          x/server@*:80  y/other@1:80
			out/peer  answered       answered
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
		Claim:  "A server with an ingress rule for SCTP and no egress rule MUST be able to answer what was admitted, to speak first, send heartbeats, abort and shut down, and MUST NOT begin associations.",
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

		By("leaving all but the beginning of associations to the servers")
		lab.OnEach(ctx, "x/server@*:80\nx/client@1 answered\ny/client@2 answered", func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, beating)
			s.Send(ctx, growing(3, 100, 10)...)
			c.Receive(ctx, 3)
			expectHeartbeats(ctx, s, 3*time.Second, interval)
			s.Finish(ctx)
			c, s = p.Associate(ctx, bothDefault)
			s.Abort(ctx, "")
			c.Aborted(ctx, "")
		})
	})
})
