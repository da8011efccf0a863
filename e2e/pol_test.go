package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

var _ = chapter("Policies", func() {
	It("admit port 80 and deny other ports, as in the documents' example", spec.Case{
		ID: "POL-03", Level: spec.Core, Needs: spec.Needs{spec.NetworkPolicy},
		Claim:  "An ingress rule with protocol SCTP and port 80 and no peers MUST admit everybody to that port of the selected pods and nobody to another, and MUST NOT touch other pods.",
		Source: okdUsingSCTP + "; networking.k8s.io/v1 NetworkPolicyPort",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/web@*:80,81 role=web", "x/other:81", "x/client", "y/client")

		By("finding every path open while there is no policy")
		lab.Expect(ctx, AllAnswered)

		By("applying the documents' policy")
		lab.Apply(ctx, "x", "okd/allow-sctp-on-http.yaml")
		lab.Expect(ctx, `
			          x/web@*:80  x/web@*:81  x/other:81
			x/client  answered    denied      answered
			y/client  answered    denied      answered
		`)
	})

	It("admit port 80 from the labelled pod and from nobody else", spec.Case{
		ID: "POL-05", Level: spec.Core, Needs: spec.Needs{spec.NetworkPolicy},
		Claim:  "An ingress rule with protocol SCTP, port 80 and a podSelector MUST admit the selected pods on that port and nothing else.",
		Source: "networking.k8s.io/v1 NetworkPolicyIngressRule",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80,81", "x/client", "x/stranger", "y/client")

		By("finding every path open while there is no policy")
		lab.Expect(ctx, AllAnswered)

		By("applying a policy that names port and peer")
		lab.Apply(ctx, "x", "policy/allow-port-80-from-client.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:81
			x/client    answered       denied
			x/stranger  denied         denied
			y/client    denied         denied
		`)
	})

	It("stop denying when they are deleted", spec.Case{
		ID: "POL-20", Level: spec.Core, Needs: spec.Needs{spec.NetworkPolicy},
		Claim:  "Deleting the only policy that selects a pod MUST open its SCTP ports again.",
		Source: "Kubernetes, Network Policies: the two sorts of pod isolation",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100", "x/client@*")
		lab.Expect(ctx, AllAnswered)

		By("denying everything")
		lab.Apply(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, `
			            x/server@*:30100
			x/client@*  denied
		`)

		By("deleting the policy")
		lab.Delete(ctx, "x", "policy/deny-ingress.yaml")
		lab.Expect(ctx, AllAnswered)
	})
})
