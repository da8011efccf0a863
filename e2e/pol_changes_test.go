package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

var _ = chapter("Policies", func() {
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

		By("taking the namespace's label away again")
		lab.LabelNamespace(ctx, "y", "team-")
		lab.Expect(ctx, `
			            x/server@*:80
			x/client@1  answered
			y/client@1  denied
		`)
	})

	It("cover a new pod from its start", spec.Case{
		ID: "POL-22", Level: spec.Core, Needs: policyNeeds, Pods: spec.Own,
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
		lab.JoinDenied(ctx, "x/new@1:80 role=late", `
			              x/new@1:80  y/other@1:80
			x/client@1    denied      answered
			x/stranger@2  denied      answered
		`)
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
})
