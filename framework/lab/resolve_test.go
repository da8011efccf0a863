package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// zone answers names for the bench.
type zone map[string]wire.ResolveReply // by kind and name

func (b *bench) zone(z zone) {
	b.lies = func(_ *agent, q wire.Request, r *wire.Reply) {
		if q.Resolve == nil {
			return
		}
		answer, known := z[string(q.Resolve.Kind)+" "+q.Resolve.Name]
		if !known {
			answer = wire.ResolveReply{Missing: true, Failure: "no such host"}
		}
		r.Resolve = &answer
	}
}

func addrs(texts ...string) wire.ResolveReply {
	var r wire.ResolveReply
	for _, s := range texts {
		r.Addrs = append(r.Addrs, netip.MustParseAddr(s))
	}
	return r
}

// headlessService makes a Service without an address.
func headlessService(t *testing.T, l *Lab) {
	t.Helper()
	s := &corev1.Service{Spec: corev1.ServiceSpec{
		ClusterIP: corev1.ClusterIPNone, ClusterIPs: []string{corev1.ClusterIPNone}, Selector: map[string]string{"role": "backend"},
		Ports: []corev1.ServicePort{{Name: "ngap", Protocol: corev1.ProtocolSCTP, Port: 80, TargetPort: intstr.FromInt32(80)}},
	}}
	s.Name, s.Namespace = "headless", "sctp-x"
	if err := l.enlistPorts("x", s, portNumbers(s)); err != nil {
		t.Fatal(err)
	}
}

// An agent that cannot be asked says nothing of DNS.
func TestNobodyToAskForRecords(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@*:80 role=backend", "x/client@1")
		headlessService(t, l)
		l.patience = time.Second
		b.lie(func(_ *agent, _ wire.Request, r *wire.Reply) { r.Resolve = nil })
		if !failing(func() { l.ExpectRecords(running{t.Context()}, "svc/headless:80", "ngap") }) {
			t.Fatal("it does not fail")
		}
		const want = "x/client@1 on a could not ask for headless.sctp-x.svc: the agent answered something else"
		if text, err := os.ReadFile(filepath.Join(l.folder(), "verdict.txt")); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("it says %q, %v; want %q", text, err, want)
		}
	})
}

func TestRecords(t *testing.T) {
	const name, srv = "headless.sctp-x.svc", "SRV _ngap._sctp.headless.sctp-x.svc"
	good := func() zone {
		return zone{
			"A " + name: addrs("10.0.0.1", "10.0.0.4"), "AAAA " + name: addrs("fd00::1", "fd00::4"),
			srv:      {Services: []wire.ServiceRecord{{Target: "one.", Port: 80}, {Target: "two.", Port: 80}}},
			"A one.": addrs("10.0.0.1"), "AAAA one.": addrs("fd00::1"), "A two.": addrs("10.0.0.4"), "AAAA two.": addrs("fd00::4"),
		}
	}
	for _, tt := range []struct {
		name   string
		change func(zone)
		want   string
	}{
		{"as it must be", func(zone) {}, ""},
		{"no SRV record", func(z zone) { delete(z, srv) }, "x/client@1 on a: _ngap._sctp.headless.sctp-x.svc has no SRV record: no such host"},
		{"one too few", func(z zone) { z[srv] = wire.ResolveReply{Services: []wire.ServiceRecord{{Target: "one.", Port: 80}}} }, "the targets of _ngap._sctp.headless.sctp-x.svc have the A (ipv4) records [10.0.0.1], and the pods' addresses are [10.0.0.1 10.0.0.4]"},
		{"another port", func(z zone) {
			z[srv] = wire.ResolveReply{Services: []wire.ServiceRecord{{Target: "one.", Port: 81}, {Target: "two.", Port: 80}}}
		}, "says port 81, and the pods' is 80"},
		{"a family is missing", func(z zone) { delete(z, "AAAA "+name) }, "headless.sctp-x.svc has no AAAA (ipv6) record"},
		{"somebody else's address", func(z zone) { z["A "+name] = addrs("10.0.0.1", "10.0.0.9") }, "has the A (ipv4) records [10.0.0.1 10.0.0.9], and the pods' addresses are [10.0.0.1 10.0.0.4]"},
		{"a record that leads elsewhere", func(z zone) { z["A two."] = addrs("10.0.0.9") }, "have the A (ipv4) records [10.0.0.1 10.0.0.9], and the pods' addresses are [10.0.0.1 10.0.0.4]"},
		{"a record that leads nowhere", func(z zone) { delete(z, "A two."); delete(z, "AAAA two.") }, "two., of an SRV record of _ngap._sctp.headless.sctp-x.svc, has no address"},
		{"a record for each address", func(z zone) {
			z[srv] = wire.ResolveReply{Services: []wire.ServiceRecord{{Target: "one4.", Port: 80}, {Target: "one6.", Port: 80}, {Target: "two.", Port: 80}}}
			z["A one4."], z["AAAA one6."] = addrs("10.0.0.1"), addrs("fd00::1")
		}, ""},
	} {
		on(t, func(t *testing.T, b *bench) {
			l := b.lab(t, "x/server@*:80 role=backend", "x/client@1")
			headlessService(t, l)
			if slices.ContainsFunc(l.names.Servers, func(n reach.Name) bool { return n.Word == "svc/headless:80" }) {
				t.Error("tables may name a Service without an address")
			}
			z := good()
			for _, f := range l.families { // whatever addresses the bench gives
				z[string(kindOf[f])+" "+name] = wire.ResolveReply{Addrs: addressesOf(l.behind(l.targets["svc/headless:80"]), f)}
				for i, target := range []string{"one.", "two."} {
					z[string(kindOf[f])+" "+target] = wire.ResolveReply{Addrs: z[string(kindOf[f])+" "+name].Addrs[i : i+1]}
				}
			}
			tt.change(z)
			b.zone(z)
			wrong := l.wrongRecords(t.Context(), l.targets["svc/headless:80"], wire.SCTP, "ngap")
			if tt.want == "" && len(wrong) > 0 || tt.want != "" && (len(wrong) == 0 || !strings.Contains(fmt.Sprint(wrong), tt.want)) {
				t.Errorf("%s: %q, want %q", tt.name, wrong, tt.want)
			}
			if len(l.answers) == 0 {
				t.Errorf("%s: no answer was kept", tt.name)
			}
		})
	}
}
