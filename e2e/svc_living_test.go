package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/lab"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// lingering is how pods end that specs tell to: later than any spec looks at them.
var lingering = lab.Lingering(2 * time.Minute)

// everywhere is a server at the wildcard, and a client that finds out about its addresses.
var everywhere = lab.Sockets{Timers: heartbeating.Timers, Client: heartbeating.Client, Everywhere: true}

var _ = chapter("Services", func() {
	It("may keep a client's port at a pod that is gone", spec.Case{
		ID: "SVC-18", Level: spec.Informational, Pace: spec.Slow, Pods: spec.Own,
		Claim:  "After the pod of an association was deleted, a client MAY have to wait before it reaches another pod of the Service from the same port.",
		Source: "https://github.com/kubernetes/kubernetes/pull/115299: kube-proxy leaves connection tracking of SCTP alone",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/second@2:80 role=backend", "x/client@1")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.OnEach(ctx, inOneFamily("svc/backends:80\nx/client@1 answered"), func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, heartbeating)
			again := hasty
			again.Port = c.Local.Port()
			gone := s.Kill(ctx)
			c.Close(ctx)
			p.Reassociate(ctx, hasty, 1)
			p.Measured("another pod reached from a fresh port %v after the first was gone", time.Since(gone).Round(10*time.Millisecond))
			p.Reassociate(ctx, again, 1)
			p.Measured("and from the same port after %v", time.Since(gone).Round(10*time.Millisecond))
		})
	})

	It("may let associations with a pod that is about to end go on", spec.Case{
		ID: "SVC-20", Level: spec.Informational, Pods: spec.Own,
		Claim:  "Associations with a pod that is terminating MAY go on until they end in order, while new ones go to others.",
		Source: "Kubernetes, Pod lifecycle: termination of pods; kube-proxy's ipvs mode gives SCTP no grace, IsRsGracefulTerminationNeeded in pkg/proxy/ipvs/util/ipvs.go",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/second@2:80", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.Join(ctx, "x/first@1:80 role=backend", lingering)
		lab.During(ctx, allClients("svc/backends:80"), tradeOn, func() {
			lab.Label(ctx, "x/second@2", "role=backend")
			lab.Terminate(ctx, "x/first@1")
			lab.ExpectAll(ctx, "svc/backends:80")
			lab.Measured("avoided after it was told to end: %s", lab.EffectByNode())
		})
	})

	It("leave associations alone when others change", spec.Case{
		ID: "SVC-33", Level: spec.Extended,
		Claim:  "An association through an SCTP Service MUST go on unharmed while the Service gets another pod and other Services come and go.",
		Source: "https://github.com/kubernetes/kubernetes/issues/108523: connection tracking of living associations is not to be touched; extended: no API text promises it",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80,81,6000 role=backend", "x/other@2:80,81", "x/client@*")
		lab.Apply(ctx, "x", "service/two-ports.yaml")
		lab.During(ctx, allClients("svc/two-ports:80"), tradeOn, func() {
			lab.Label(ctx, "x/other@2", "role=backend")
			lab.ExpectSpread(ctx, "svc/two-ports:81")
			lab.Apply(ctx, "x", "service/port-changes.yaml")
			lab.Expect(ctx, allClients("svc/port-changes:5000")) // else it is gone before a proxy knows of it
			lab.Delete(ctx, "x", "service/port-changes.yaml")
			lab.Label(ctx, "x/other@2", "role-")
			lab.ExpectAll(ctx, "svc/two-ports:81")
		})
	})

	It("may confuse clients of a server that listens on all its addresses", spec.Case{
		ID: "SVC-34", Level: spec.Informational, Needs: spec.Needs{spec.DualStack},
		Claim:  "A client behind whose Service a server listens at the wildcard MAY learn of the pod's own addresses, and send heartbeats past the Service.",
		Source: "RFC 9260 sections 5.1.2 and 8.3; network address translation rewrites no addresses inside of INIT chunks",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@1:80 role=backend", "x/client@*")
		lab.Apply(ctx, "x", "service/backends.yaml")
		lab.OnEach(ctx, inOneFamily(allClients("svc/backends:80")), func(ctx context.Context, p *path) {
			c, s := p.Associate(ctx, everywhere)
			trade(ctx, c, s, bytes(100, 1000)...)
			c.Read(ctx, wire.Until{}, 10*interval)
			p.Measured("after %v of heartbeats the client knows of %s", 10*interval, peersOf(c.Status(ctx)))
			exchange(ctx, c, s, bytes(100, 1000)...)
		})
	})
})

// allClients is a table in which every client reaches one server.
func allClients(server string) string { return server + "\nx/client@* answered" }

// pause is between two exchanges of tradeOn: it is to notice what happens to an association,
// not to keep the nodes busy.
const pause = 500 * time.Millisecond

// tradeOn trades messages on an association now and then, which it ends when something else
// goes on no longer.
func tradeOn(ctx context.Context, p *path) {
	c, s := p.Associate(ctx, bothDefault)
	p.Meet(ctx)
	begun, rounds := time.Now(), 0
	for ; p.Goes(ctx); rounds++ {
		trade(ctx, c, s, bytes(100, 1000, 100)...)
		expectQuiet(ctx, c, pause)
	}
	exchange(ctx, c, s, bytes(100)...)
	p.Measured("%d exchanges in %v", rounds, time.Since(begun).Round(time.Millisecond))
}

// peersOf lists what an end knows of its peer's addresses.
func peersOf(s wire.SocketStatus) string {
	var out []string
	for _, a := range s.Peers {
		out = append(out, fmt.Sprintf("%s %s", a.Addr, a.State))
	}
	return strings.Join(out, ", ")
}
