package lab

import (
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	psa "k8s.io/pod-security-admission/api"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// external gives the bench an agent outside of the cluster.
func (b *bench) external(t *testing.T, addrs ...string) {
	a := &agent{
		identity: wire.Identity{UID: "uid-out", Namespace: "elsewhere", Pod: "sctp-agent", Node: "laptop"},
		listens:  map[wire.Endpoint]bool{}, records: map[string]wire.Record{},
	}
	b.agents = append(b.agents, a)
	b.ctx = t.Context()
	b.External = func(ctx context.Context, in io.Reader, out io.Writer) error {
		hello := wire.Hello{Version: wire.Version, Boot: "out", Server: a.identity}
		for _, ip := range addrs {
			hello.Addrs = append(hello.Addrs, netip.MustParseAddr(ip))
		}
		if err := json.NewEncoder(out).Encode(hello); err != nil {
			return err
		}
		return b.serve(ctx, a, in, &headless{out: out})
	}
}

// headless drops the first line, which is the hello that bench agents say.
type headless struct {
	out  io.Writer
	past bool
}

func (h *headless) Write(p []byte) (int, error) {
	if !h.past {
		h.past = true
		return len(p), nil
	}
	return h.out.Write(p)
}

func TestTheAgentOutsideIsARowAndAColumn(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		b.external(t, "198.51.100.7", "2001:db8::7")
		l := b.lab(t, "x/server@1:80", "x/client", "out/peer:7000")
		matrices, err := l.matrices(`
			          x/server@1:80  out/peer:7000
			out/peer  answered       -
			x/client  answered       answered
		`)
		if err != nil {
			t.Fatal(err)
		}
		series := l.settle(t.Context(), reach.Claim{Hold: 1, Matrices: matrices}, greetingOnly)
		if wrong := series.Report.Wrong(); len(wrong) > 0 {
			t.Errorf("wrong: %+v", wrong)
		}
		if got := l.path(&question{pair: pair{reach.IPv4, "out/peer", "x/server@1:80"}, asker: l.member("out/peer")}); !strings.Contains(got, "out/peer invalid IP on out -> x/server@1:80") {
			t.Errorf("the path is %q", got)
		}
		m := l.member("out/peer")
		if err := l.strip(t.Context(), m); err != nil {
			t.Errorf("an agent that is no pod cannot be left: %v", err)
		}
	})
}

// The agent outside is shared by all runs on the bed: each has ports of its own there, of which
// a policy for what goes to it speaks.
func TestPortsOutsideAreTheRunsOwn(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		b.external(t, "198.51.100.7", "2001:db8::7")
		l := b.lab(t, "x/server@1:80", "x/client", "out/peer:80")
		l.Block("out/peer")
		if err := l.apply(t.Context(), "x", "policy/egress-to-address.yaml"); err != nil {
			t.Fatal(err)
		}
		p, err := b.client.NetworkingV1().NetworkPolicies("sctp-x").Get(t.Context(), "egress-to-address", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		at := l.targets["out/peer:80"].addrs[reach.IPv4]
		rule := p.Spec.Egress[0]
		if at.Port() == 80 || rule.Ports[0].Port.IntVal != int32(at.Port()) || rule.To[0].IPBlock.CIDR != at.Addr().String()+"/32" {
			t.Errorf("it listens at %v, and the rule is %+v", at, rule)
		}
		other := Run{Options: Options{ID: "another"}}
		if other.port(seat{outside, outside}, 80) == at.Port() {
			t.Error("two runs have the same port there")
		}
	})
}

// Rules that take the place of others speak of the same agent's addresses.
func TestReplacedRulesHaveTheirAddresses(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client@2")
		l.Block("x/client@2")
		if err := l.apply(t.Context(), "x", "policy/allow-from-address.yaml"); err != nil {
			t.Fatal(err)
		}
		if err := l.replace(t.Context(), "x", "policy/allow-from-address.yaml", "policy/allow-except-address.yaml"); err != nil {
			t.Fatal(err)
		}
		p, err := b.client.NetworkingV1().NetworkPolicies("sctp-x").Get(t.Context(), "allow-from-address", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{l.member("x/client@2").addrs[reach.IPv4].String() + "/32"}
		if got := p.Spec.Ingress[0].From[0].IPBlock.Except; !slices.Equal(got, want) {
			t.Errorf("excepted are %v, want %v", got, want)
		}
	})
}

func TestFamiliesAreThoseOfTheAgentOutsideToo(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		b.external(t, "198.51.100.7")
		if l := b.lab(t, "x/client", "out/peer"); !slices.Equal(l.families, []reach.Family{reach.IPv4}) {
			t.Errorf("families are %v", l.families)
		}
		if got := b.Families(); len(got) != 2 {
			t.Errorf("the cluster's families are %v", got)
		}
	})
}

func TestPlacesThatAreNotToBeHad(t *testing.T) {
	for name, tt := range map[string]struct {
		external bool
		words    []string
		want     string
	}{
		"no agent outside":   {false, []string{"out/peer"}, "--external-agent"},
		"two agents":         {true, []string{"out/peer", "out/other"}, "there is one agent outside of the cluster"},
		"no access to nodes": {false, []string{"host/client@1"}, cluster.ErrNoAccess.Error()},
	} {
		on(t, func(t *testing.T, b *bench) {
			if tt.external {
				b.external(t, "198.51.100.7")
			}
			l := newLab(b.Run, "SVC-99")
			if err := l.seat(t.Context(), tt.words); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", name, err, tt.want)
			}
		})
	}
}

func TestPodsOnTheHostNetworkAreAdmittedInTheirNamespaceOnly(t *testing.T) {
	for name, want := range map[string]psa.Level{"host": psa.LevelPrivileged, "x": psa.LevelRestricted} {
		if got := level(name); got != want {
			t.Errorf("namespace %s admits %s, want %s", name, got, want)
		}
	}
	f := &fleet{run: &Run{}}
	for name, host := range map[string]bool{"host": true, "x": false} {
		pod, err := f.pod(seat{name, "a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if pod.Spec.HostNetwork != host || (len(pod.Spec.SecurityContext.Sysctls) == 0) != host {
			t.Errorf("a pod of namespace %s: host network %v, sysctls %v", name, pod.Spec.HostNetwork, pod.Spec.SecurityContext.Sysctls)
		}
	}
}
