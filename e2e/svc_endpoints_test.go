package e2e

import (
	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

var _ = chapter("Services", func() {
	It("lead nowhere without pods", spec.Case{
		ID: "SVC-15", Level: spec.Core,
		Claim:  "An SCTP Service without endpoints MUST NOT let an association come up, neither with its former pods nor with somebody else's.",
		Source: "Kubernetes, Virtual IPs and Service proxies: connections to a Service without endpoints are rejected",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.ControlBy("svc/backends:80", "x/server@1:80")
		lab.Expect(ctx, `
			            x/server@1:80  svc/backends:80
			x/client@*  answered       denied
		`)

		By("giving it a pod")
		lab.Label(ctx, "x/server@1", "role=backend")
		lab.Expect(ctx, `
			            x/server@1:80  svc/backends:80
			x/client@*  answered       answered
		`)
	})

	It("are gone when they are deleted", spec.Case{
		ID: "SVC-16", Level: spec.Core,
		Claim:  "When an SCTP Service is deleted, its cluster addresses and its NodePort MUST stop leading to its pods on every node.",
		Source: "v1 Service",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered         answered               answered
		`)

		By("deleting it")
		lab.Delete(ctx, "x", "service/port-changes.yaml")
		lab.Expect(ctx, `
			            x/server@1:6000  svc/port-changes:5000  node@*:svc/port-changes:5000
			x/client@*  answered         denied                 denied
		`)
		lab.Measured("gone after it was deleted: %s", lab.EffectByNode())
	})

	It("leave out a pod that is gone", spec.Case{
		ID: "SVC-17", Level: spec.Core, Pods: spec.Own,
		Claim:  "When one of the pods of an SCTP Service is deleted, new associations MUST be sent to the others, from every node.",
		Source: "discovery.k8s.io/v1 EndpointSlice; Kubernetes, Virtual IPs and Service proxies",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Join(ctx, "x/short@2:80 role=backend")
		lab.Expect(ctx, `
			            svc/backends:80  x/short@2:80
			x/client@*  answered         answered
		`)
		lab.ExpectSpread(ctx, "svc/backends:80")

		By("deleting one of the two pods")
		lab.Kill(ctx, "x/short@2")
		lab.ExpectAll(ctx, "svc/backends:80")
		lab.Measured("avoided after the pod was deleted: %s", lab.EffectByNode())
	})

	It("leave out pods that are not ready, unless they are told not to", spec.Case{
		ID: "SVC-19", Level: spec.Core, Pods: spec.Own,
		Claim:  "A pod that runs and is not ready MUST NOT get associations of an SCTP Service, MUST get those of one with publishNotReadyAddresses, and MUST get both when it is ready.",
		Source: "v1 ServiceSpec.publishNotReadyAddresses; v1 PodReadinessGate; discovery.k8s.io/v1 EndpointConditions.ready",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Apply(ctx, "x", "service/not-ready-too.yaml")
		lab.Join(ctx, "x/late@1:80 role=backend", Gated)
		lab.ControlBy("svc/backends:80", "x/late@1:80")
		lab.Expect(ctx, `
			            x/late@1:80  svc/backends:80  svc/not-ready-too:80
			x/client@*  answered     denied           answered
		`)

		By("letting it be ready")
		lab.Admit(ctx, "x/late@1")
		lab.Expect(ctx, `
			            x/late@1:80  svc/backends:80  svc/not-ready-too:80
			x/client@*  answered     answered         answered
		`)
		lab.Measured("reached after it was ready: %s", lab.EffectByNode())
	})

	It("come back when their pods do", spec.Case{
		ID: "SVC-21", Level: spec.Core,
		Claim:  "An SCTP Service that loses all its pods and gets others MUST lead to nobody and then to the new ones.",
		Source: "discovery.k8s.io/v1 EndpointSlice",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/other@2:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Expect(ctx, `
			            svc/backends:80
			x/client@*  answered
		`)

		By("taking the only pod away")
		lab.Label(ctx, "x/server@1", "role-")
		lab.Expect(ctx, `
			            x/server@1:80  svc/backends:80
			x/client@*  answered       denied
		`)

		By("giving another one")
		lab.Label(ctx, "x/other@2", "role=backend")
		lab.Expect(ctx, `
			            svc/backends:80
			x/client@*  answered
		`)
		lab.Measured("reached after the pod was added: %s", lab.EffectByNode())
	})

	It("lead to endpoints that are made by hand", spec.Case{
		ID: "SVC-22", Level: spec.Core,
		Claim:  "An SCTP Service without a selector MUST lead to the addresses and the port of its EndpointSlices.",
		Source: "Kubernetes, Services without selectors; discovery.k8s.io/v1 EndpointSlice",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:6000", "x/client@*")
		lab.Apply(ctx, "x", "service/no-selector.yaml")
		lab.Endpoints(ctx, "x", "no-selector", 6000, "x/server@1")
		lab.Expect(ctx, `
			            svc/no-selector:80
			x/client@*  answered
		`)
	})

	It("may take a while to follow their pods", spec.Case{
		ID: "SVC-29", Level: spec.Informational,
		Claim:  "A change of the pods of an SCTP Service MAY take a while to be seen on every node.",
		Source: "Kubernetes, Virtual IPs and Service proxies: kube-proxy watches EndpointSlices",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		came := lab.Appears(ctx, "svc/backends:80", func() { lab.Label(ctx, "x/server@1", "role=backend") })
		lab.Measured("led to a pod after it was added: %v", came)
		lab.Expect(ctx, allClients("svc/backends:80"))

		left := lab.Ceases(ctx, "svc/backends:80", func() { lab.Label(ctx, "x/server@1", "role-") })
		lab.Measured("led nowhere after it was taken away: %v", left)
	})

	It("lead to pods that are about to end where there are no others", spec.Case{
		ID: "SVC-31", Level: spec.Extended, Pods: spec.Own,
		Claim:  "While all pods of an SCTP Service are terminating and still serve, new associations MUST be sent to them, from every node.",
		Source: "Kubernetes, Virtual IPs and Service proxies: traffic to terminating endpoints; discovery.k8s.io/v1 EndpointConditions.serving; extended: proxies other than kube-proxy may not",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/other@2:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Apply(ctx, "x", "service/others.yaml")
		lab.Join(ctx, "x/last@1:80 role=backend", lingering)
		lab.Expect(ctx, allClients("svc/backends:80"))

		By("telling it to end, and changing another Service later, which shows how far each node's proxy is")
		lab.Terminate(ctx, "x/last@1")
		lab.Label(ctx, "x/other@2", "role=other")
		lab.Expect(ctx, `
			            svc/others:80  svc/backends:80
			x/client@*  answered       answered
		`)
		lab.Measured("served by a terminating pod when its proxy knew of it: %s", lab.EffectByNode())
	})
})
