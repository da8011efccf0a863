package e2e

import (
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
		lab := Deploy(ctx, "x/server@*:80", "y/server@1:80", "x/client@*", "x/stranger@2")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/deny-egress.yaml")
		lab.Expect(ctx, `
			              x/server@*:80  y/server@1:80
			x/client@*    denied         denied
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
})
