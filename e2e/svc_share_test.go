package e2e

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/spec"
)

// silences are longer than the five seconds after which sticky-briefly lets a client go. The
// long ones are for ipvs, which keeps a client while it still knows of an association that
// has ended (ip_vs_conn_expire, n_control).
var silences = []time.Duration{
	8 * time.Second, 8 * time.Second, 8 * time.Second, 8 * time.Second,
	80 * time.Second, 80 * time.Second, 80 * time.Second, 80 * time.Second, 80 * time.Second,
}

var _ = chapter("Services", func() {
	It("share out associations among all their pods", spec.Case{
		ID: "SVC-08", Level: spec.Core,
		Claim:  "Each ready pod of an SCTP Service MUST get some of the associations that clients on all nodes begin.",
		Source: "Kubernetes, Virtual IPs and Service proxies: traffic is spread over the backends",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Expect(ctx, `
			            svc/backends:80
			x/client@*  answered
		`)
		lab.ExpectSpread(ctx, "svc/backends:80")
	})

	It("keep a client at one pod where they are told to", spec.Case{
		ID: "SVC-09", Level: spec.Core,
		Claim:  "With sessionAffinity ClientIP, all SCTP associations of a client MUST be sent to the same pod.",
		Source: "v1 ServiceSpec.sessionAffinity",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/sticky.yaml")
		lab.Expect(ctx, `
			            svc/sticky:80
			x/client@*  answered
		`)
		lab.ExpectSticky(ctx, "svc/sticky:80")
	})

	It("let a client go that has been silent", spec.Case{
		ID: "SVC-10", Level: spec.Extended, Pace: spec.Slow,
		Claim:  "With sessionAffinity ClientIP, a client that begins no association for longer than timeoutSeconds MUST NOT be kept at its pod, and one that goes on beginning them MUST be.",
		Source: "v1 ClientIPConfig.timeoutSeconds; extended: ipvs counts from the end of the last association, which for it is a minute after the SHUTDOWN",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/sticky-briefly.yaml")
		lab.Expect(ctx, `
			            svc/sticky-briefly:80
			x/client@*  answered
		`)
		lab.ExpectSticky(ctx, "svc/sticky-briefly:80")

		By("beginning associations again after silences that are longer")
		lab.ExpectRelease(ctx, "svc/sticky-briefly:80", silences...)
	})

	It("stay on the client's node where they are told to", spec.Case{
		ID: "SVC-13", Level: spec.Core, Needs: spec.Needs{spec.TwoNodes},
		Claim:  "With internalTrafficPolicy Local, an SCTP Service MUST lead to pods of the client's node and, where there is none, to nobody.",
		Source: "v1 ServiceSpec.internalTrafficPolicy",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/client@1", "x/stranger@2")
		lab.Apply(ctx, "x", "service/local.yaml")
		lab.ControlBy("svc/local:80", "x/server@1:80")
		lab.Expect(ctx, `
			              x/server@1:80  svc/local:80
			x/client@1    answered       answered
			x/stranger@2  answered       denied
		`)
	})

	It("prefer pods on the client's node where they are told to", spec.Case{
		ID: "SVC-30", Level: spec.Extended, Needs: spec.Needs{spec.TwoNodes},
		Claim:  "With trafficDistribution PreferSameNode, an SCTP Service MUST lead to a pod of the client's node while there is one, and to another one else.",
		Source: "v1 ServiceSpec.trafficDistribution; extended: it is a preference, which proxies need not heed",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/server@2:80 role=backend", "x/client@1", "x/client@2")
		lab.Apply(ctx, "x", "service/near.yaml")
		lab.Expect(ctx, allClients("svc/near:80"))
		lab.ExpectNear(ctx, "svc/near:80")

		By("leaving the second node without one")
		lab.Label(ctx, "x/server@2", "role-")
		lab.ExpectAll(ctx, "svc/near:80")
		lab.Measured("served by the other node %s", lab.EffectByNode())
	})

	It("prefer pods in the client's zone where they are told to", spec.Case{
		ID: "SVC-37", Level: spec.Extended, Needs: spec.Needs{spec.TwoNodes},
		Claim:  "With trafficDistribution PreferClose, an SCTP Service MUST lead to a pod of the client's zone while there is one.",
		Source: "v1 ServiceSpec.trafficDistribution, discovery.k8s.io/v1 EndpointHints.forZones; extended: it is a preference, which proxies need not heed",
	}, func(ctx SpecContext) {
		if a, b := here.run.Node(1), here.run.Node(2); here.rehearsal == "" && (a.Zone == b.Zone || a.Zone == "" || b.Zone == "") {
			Skip(fmt.Sprintf("nodes %s and %s are not in different zones (label topology.kubernetes.io/zone)", a.Name, b.Name))
		}
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/server@2:80 role=backend", "x/client@1", "x/client@2")
		lab.Apply(ctx, "x", "service/near-by-zone.yaml")
		lab.Expect(ctx, allClients("svc/near-by-zone:80"))
		lab.ExpectNear(ctx, "svc/near-by-zone:80") // these nodes are their zones
	})
})
