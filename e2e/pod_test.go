package e2e

import (
	. "github.com/onsi/ginkgo/v2"

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
})
