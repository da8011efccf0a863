package e2e

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

var _ = chapter("Services", func() {
	It("keep a client's address where they stay on the asked node", spec.Case{
		ID: "SVC-12", Level: spec.Core, Needs: spec.Needs{spec.TwoNodes, spec.NoPod},
		Claim:  "With externalTrafficPolicy Local, the NodePort of a node with a pod MUST lead there and keep the client's address, and that of a node without one MUST lead nowhere.",
		Source: "v1 ServiceSpec.externalTrafficPolicy",
	}, func(ctx SpecContext) {
		if here.lacks(spec.Outside) != "" {
			keepAddressesOfNodes(ctx)
			return
		}
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/client@*", "out/peer")
		applyExternalLocal(ctx, lab, "x/client@*")
		lab.ControlBy("node@2:svc/external-local:80", "node@1:svc/external-local:80")
		lab.ExpectSource(ctx, `
			          node@1:svc/external-local:80  node@2:svc/external-local:80
			out/peer  answered                      denied
		`)
		lab.Measured("pods, to whom a service proxy may be nearer than the node they ask, found: %s", lab.Look(ctx, `
			            node@1:svc/external-local:80  node@2:svc/external-local:80
			x/client@*  answered                      answered
		`))
	})

	It("are reached at their NodePort from outside", spec.Case{
		ID: "SVC-35", Level: spec.Core, Needs: spec.Needs{spec.Outside},
		Claim:  "The NodePort of an SCTP Service MUST lead a host outside of the cluster to its pods at the InternalIP of every node, whether or not one of them runs there.",
		Source: okdUsingSCTP + "; v1 ServicePort.nodePort",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:30102 app=sctpserver", "out/peer")
		lab.Apply(ctx, "x", "okd/sctpservice.yaml")
		lab.Expect(ctx, `
			          node@*:svc/sctpservice:30102
			out/peer  answered
		`)
	})

	It("are reached at external addresses", spec.Case{
		ID: "SVC-23", Level: spec.Extended, Needs: spec.Needs{spec.Outside},
		Claim:  "A client outside of the cluster MUST reach an SCTP Service at each of its externalIPs that leads to a node.",
		Source: "v1 ServiceSpec.externalIPs; extended: it is deprecated, and many clusters forbid it",
	}, func(ctx SpecContext) {
		if mode := here.facts.ProxyMode; here.rehearsal == "" && !slices.Contains(takesNoAddress, mode) {
			Skip(fmt.Sprintf("the service proxy is %s: one that works by ipvs gives every node the address of the node that is asked here, and cuts it off from the others (kubernetes/kubernetes#127410)", mode))
		}
		lab := Deploy(ctx, "x/server@*:80 role=backend", "x/client@*", "out/peer")
		lab.Apply(ctx, "x", "service/external-ips.yaml")
		lab.Expect(ctx, `
			            ext/external-ips:80
			x/client@*  answered
			out/peer    answered
		`)
	})

	It("are reached at their load balancer's address", spec.Case{
		ID: "SVC-24", Level: spec.Extended, Needs: spec.Needs{spec.Outside},
		Claim:  "A client outside of the cluster MUST reach an SCTP Service at the address that its load balancer has given it, and with externalTrafficPolicy Local the pods MUST see its own address.",
		Source: "v1 ServiceStatus.loadBalancer; v1 ServiceSpec.externalTrafficPolicy; extended: clusters need not have a load balancer, nor one for SCTP",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "out/peer")
		lab.Apply(ctx, "x", "service/load-balancer.yaml")
		lab.Apply(ctx, "x", "service/load-balancer-local.yaml")
		lab.Expect(ctx, `
			          lb/load-balancer:80  lb/load-balancer-local:80
			out/peer  answered             answered
		`)
		lab.ExpectSource(ctx, `
			          lb/load-balancer-local:80
			out/peer  answered
		`)
	})
})

// takesNoAddress are the modes of service proxies that are known not to give nodes the external
// addresses of Services.
var takesNoAddress = []string{"iptables", "nftables", "ovn-kubernetes", "cilium"}

// keepAddressesOfNodes is SVC-12 where nobody is outside of the cluster: to a node, what another
// node sends comes from outside. What it sends to itself does not.
func keepAddressesOfNodes(ctx SpecContext) {
	GinkgoHelper()
	lab := Deploy(ctx, "x/server@1:80 role=backend", "host/client@1", "host/client@2")
	applyExternalLocal(ctx, lab, "host/client@*")
	lab.ControlBy("node@2:svc/external-local:80", "node@1:svc/external-local:80")
	lab.ExpectSource(ctx, "node@1:svc/external-local:80\nhost/client@2 answered")
	lab.Expect(ctx, `
		               node@1:svc/external-local:80  node@2:svc/external-local:80
		host/client@1  answered                      denied
	`)
}

// applyExternalLocal makes the Service and waits until the proxies of the clients' nodes have
// done with it. Proxies change a node in rounds: one that leads to a Service made after this one
// could be reached has ended the round in which it learned of this one. Before, kube-proxy's ipvs
// mode lets anybody through a NodePort that is to lead nowhere: it fills the sets by which clients
// are masqueraded before it makes the rule that excepts the NodePort (syncProxyRules in
// pkg/proxy/ipvs/proxier.go: syncIPSetEntries, then RestoreAll).
func applyExternalLocal(ctx SpecContext, l *lab.Lab, clients string) {
	GinkgoHelper()
	l.Apply(ctx, "x", "service/external-local.yaml")
	l.Expect(ctx, "svc/external-local:80\n"+clients+" answered")
	l.Apply(ctx, "x", "service/backends.yaml")
	l.Expect(ctx, "svc/backends:80\n"+clients+" answered")
}
