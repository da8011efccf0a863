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
})
