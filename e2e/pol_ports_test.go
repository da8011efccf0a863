package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

var _ = chapter("Policies", func() {
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
		ID: "POL-12", Level: spec.Core, Needs: policyNeeds, Pods: spec.Own,
		Claim:  "A rule with protocol SCTP and a port's name MUST admit the port of that name and protocol, as each selected pod declares it, and no other.",
		Source: "networking.k8s.io/v1 NetworkPolicyPort.port: a numerical or named port on a pod",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80,81", "x/client@1", "y/client@2")
		lab.Join(ctx, "x/second@2:80,81 pod=server", PortNamed("sctp-80", 81))
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-named-port.yaml")
		lab.Expect(ctx, `
			            x/server@1:80  x/server@1:81  x/second@2:80  x/second@2:81
			x/client@1  answered       denied         denied         answered
			y/client@2  answered       denied         denied         answered
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
		lab := Deploy(ctx, "x/server@*:80,80/tcp", "x/other@2:80", "x/client@1")
		lab.ExpectOpen(ctx)

		lab.Apply(ctx, "x", "policy/allow-port-80-of-no-protocol.yaml")
		lab.Expect(ctx, `
			            x/server@*:80  x/server@*:80/tcp  x/other@2:80
			x/client@1  denied         answered           answered
		`)
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
})
