package e2e

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

var _ = chapter("Pods", func() {
	It("are reached from the nodes' own network", spec.Case{
		ID: "POD-09", Level: spec.Extended, Needs: spec.Needs{spec.HostNetwork},
		Claim:  "A client on a node's own network MUST reach the SCTP port of a pod on every node.",
		Source: "Kubernetes, The Kubernetes network model: agents on a node can communicate with all pods on that node; extended: that they reach those of other nodes no text says",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:30100", "host/client@*")
		lab.Expect(ctx, `
			               x/server@*:30100
			host/client@*  answered
		`)
	})

	It("reach servers on the nodes' own network", spec.Case{
		ID: "POD-10", Level: spec.Extended, Needs: spec.Needs{spec.HostNetwork},
		Claim:  "A pod MUST reach the SCTP port of a server on the own network of every node.",
		Source: "v1 PodSpec.hostNetwork; Kubernetes, The Kubernetes network model; extended: nodes may have packet filters of their own",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "host/server@*:6000", "x/client@*")
		lab.Expect(ctx, `
			            host/server@*:6000
			x/client@*  answered
		`)
	})

	It("are reached at ports of their node", spec.Case{
		ID: "POD-11", Level: spec.Extended, Needs: spec.Needs{spec.TwoNodes, spec.HostNetwork}, Pods: spec.Own,
		Claim:  "A hostPort for SCTP MUST lead to its pod, whether or not it has the number of the pod's port, from pods on every node and from another node.",
		Source: "v1 ContainerPort.hostPort; extended: it needs privileges, and a network plugin with portmap or the like",
	}, func(ctx SpecContext) {
		alike, other := AnyPort(), AnyPort()
		lab := Deploy(ctx, "x/client@*", "host/client@2")
		lab.Join(ctx, fmt.Sprintf("door/server@1:6000,%d", alike), HostPort(alike, alike), HostPort(other, 6000))
		lab.Expect(ctx, fmt.Sprintf(`
			               node@1:%d  node@1:%d
			x/client@*     answered   answered
			host/client@2  answered   answered
		`, alike, other))
	})

	It("are reached again after their container was restarted", spec.Case{
		ID: "POD-16", Level: spec.Core, Pods: spec.Own,
		Claim:  "When the container of an SCTP server ends and the kubelet starts it again, the server MUST be reached at the pod's same address and through its Service.",
		Source: "v1 PodSpec.restartPolicy; Kubernetes, Pod lifecycle: container restarts",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/client@*")
		lab.Join(ctx, "x/server@1:6000")
		lab.Apply(ctx, "x", "service/port-differs.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-differs:5000
			x/client@*  answered         answered
		`)

		By("ending its main process")
		lab.Restart(ctx, "x/server@1")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-differs:5000
			x/client@*  answered         answered
		`)
		lab.Measured("reached after it listened again: %s", lab.EffectByNode())
	})
})
