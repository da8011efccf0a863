package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	clienttesting "k8s.io/client-go/testing"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// services gives each Service of the bench an address of each family that leads to a pod's
// port.
func (b *bench) services(to map[reach.Family]netip.AddrPort) {
	made := 0
	b.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
		s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
		made++
		s.Spec.ClusterIPs = []string{fmt.Sprintf("10.96.0.%d", made), fmt.Sprintf("fd96::%d", made)}
		for _, ip := range s.Spec.ClusterIPs {
			a := netip.MustParseAddr(ip)
			b.virtual[netip.AddrPortFrom(a, uint16(s.Spec.Ports[0].Port))] = to[familyOf(a)]
		}
		return false, s, nil
	})
}

// twinned is a spec with a Service in front of a server, and a client on each node.
func twinned(t *testing.T, b *bench) *Lab {
	t.Helper()
	l := b.lab(t, "x/server@1:6000", "x/client@*")
	to := map[reach.Family]netip.AddrPort{}
	for f, a := range l.member("x/server@1").addrs {
		to[f] = netip.AddrPortFrom(a, 6000)
	}
	b.services(to)
	if err := l.apply(t.Context(), "x", "service/port-differs.yaml"); err != nil {
		t.Fatal(err)
	}
	return l
}

const throughService = "svc/port-differs:5000\nx/client@* answered\n"

// only is a network in which one protocol comes to an end.
func only(proto wire.Proto) func(*bench, *agent, wire.Probe) string {
	return func(b *bench, from *agent, p wire.Probe) string {
		if p.Proto == proto {
			return "ECONNREFUSED"
		}
		return b.open(from, p)
	}
}

func TestTwinsAreAskedInTheSameBreath(t *testing.T) {
	for _, tt := range []struct {
		name         string
		behaves      func(*bench, *agent, wire.Probe) string
		wrong, twins int
		first        string
	}{
		{"both work", (*bench).open, 0, 0, ""},
		{"TCP does not", only(wire.TCP), 0, 4, ""},
		{"SCTP does not", only(wire.SCTP), 4, 0, "POL-99: 4 of 4 paths are not as claimed"},
		{"neither does", func(*bench, *agent, wire.Probe) string { return "ECONNREFUSED" }, 4, 4, "POL-99: TCP fares no better: not SCTP's fault; 4 of 4 paths"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := twinned(t, b)
				b.change(tt.behaves)
				r := claim(t, l, throughService)
				if len(r.Wrong()) != tt.wrong || len(r.WrongTwins()) != tt.twins || len(r.Twins) != 2 {
					t.Errorf("%d wrong, %d wrong twins of %d families", len(r.Wrong()), len(r.WrongTwins()), len(r.Twins))
				}
				if tt.wrong > 0 && !strings.HasPrefix(r.Text(), tt.first) {
					t.Errorf("the failure is\n%s", r.Text())
				}
				if got := l.names.Servers; len(got) != 2 {
					t.Errorf("tables may name %v", got)
				}
			})
		})
	}
}

// A twin whose rules come later is asked until they are there, and the series with it can be
// judged again.
func TestTwinsMayBeLate(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := twinned(t, b)
		b.change(only(wire.TCP))
		matrices, err := l.matrices(throughService)
		if err != nil {
			t.Fatal(err)
		}
		s := l.settle(t.Context(), reach.Claim{Hold: 1, Matrices: matrices}, greetingOnly)
		go func() {
			<-time.After(time.Second)
			b.change((*bench).open)
		}()
		l.awaitTwins(t.Context(), s)
		if len(s.Report.WrongTwins()) > 0 || s.Report.State != reach.Held || l.effects.twins < time.Second {
			t.Errorf("%s, TCP right after %v, wrong twins %v", s.Report.State, l.effects.twins, s.Report.WrongTwins())
		}
		if text := l.EffectByNode(); !strings.HasPrefix(text, "a to svc/port-differs:5000 0s, b to svc/port-differs:5000 0s, for TCP ") {
			t.Errorf("%q", text)
		}
	})
}

func TestTwinsStandAndFallWithTheirServices(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := twinned(t, b)
		if got := l.behind(l.twins["svc/port-differs:5000"]); len(got) != 1 || got[0].word != "x/server@1" {
			t.Errorf("behind the twin are %v", got)
		}
		if err := l.delete(t.Context(), "x", "service/port-differs.yaml"); err != nil {
			t.Fatal(err)
		}
		if !l.twins["svc/port-differs:5000"].gone || len(l.applied) > 0 {
			t.Errorf("applied are %v", l.applied)
		}
	})
}

func TestUnderAPolicyTwinsProveNothing(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := twinned(t, b)
		if err := l.apply(t.Context(), "x", "policy/allow-port-6000.yaml"); err != nil {
			t.Fatal(err)
		}
		if r := claim(t, l, throughService); len(r.Twins) > 0 {
			t.Errorf("asked were %v", r.Twins)
		}
	})
}

func TestTwinOf(t *testing.T) {
	sctp := corev1.ServicePort{Name: "a", Protocol: corev1.ProtocolSCTP, Port: 5000, NodePort: 30102, TargetPort: intstr.FromString("sctp-80")}
	s := &corev1.Service{Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeNodePort, ClusterIP: "10.96.0.1", ClusterIPs: []string{"10.96.0.1"}, Ports: []corev1.ServicePort{sctp},
		ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal, HealthCheckNodePort: 31000,
	}}
	s.Name = "web"
	twin := twinOf(s, corev1.ProtocolTCP)
	want := corev1.ServicePort{Name: "a", Protocol: corev1.ProtocolTCP, Port: 5000, TargetPort: intstr.FromString("tcp-80")}
	if twin.Name != "web-tcp" || !slices.Equal(twin.Spec.Ports, []corev1.ServicePort{want}) || twin.Spec.ClusterIP != "" || twin.Spec.ClusterIPs != nil ||
		twin.Spec.HealthCheckNodePort != 0 || twin.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		t.Errorf("twin is %+v", twin.Spec)
	}
	s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Protocol: corev1.ProtocolUDP, Port: 5000})
	if twin := twinOf(s, corev1.ProtocolTCP); twin != nil {
		t.Errorf("a Service of several protocols has the twin %+v", twin.Spec)
	}
}
