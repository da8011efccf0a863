package lab

import (
	"errors"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
)

func TestConfine(t *testing.T) {
	in := metav1.LabelSelectorOpIn
	tests := []struct {
		name string
		peer networkingv1.NetworkPolicyPeer
		want map[string]string
	}{
		{
			"namespaces by label",
			networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"ns": "y"}}},
			map[string]string{"ns": "y", cluster.RunLabel: "1a2b3"},
		},
		{
			"namespaces by expression",
			networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "ns", Operator: in, Values: []string{"y"}}}}},
			map[string]string{cluster.RunLabel: "1a2b3"},
		},
		{"all namespaces", networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}, nil},
		{"pods only", networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"pod": "client"}}}, nil},
		{"addresses", networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}, nil},
	}
	r := &Run{Options: Options{ID: "1a2b3"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pods := tt.peer.PodSelector.DeepCopy()
			r.confine([]networkingv1.NetworkPolicyPeer{tt.peer})
			if s := tt.peer.NamespaceSelector; s != nil && !maps.Equal(s.MatchLabels, tt.want) {
				t.Errorf("namespaces are selected by %v, want %v", s.MatchLabels, tt.want)
			}
			if !reflect.DeepEqual(tt.peer.PodSelector, pods) {
				t.Errorf("the selector of pods became %v", tt.peer.PodSelector)
			}
		})
	}
}

func TestPoliciesComeAndGo(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80", "x/client")
		const file = "policy/deny-ingress.yaml"
		if err := l.apply(t.Context(), "x", file); err != nil {
			t.Fatal(err)
		}
		api := b.client.NetworkingV1().NetworkPolicies("sctp-x")
		p, err := api.Get(t.Context(), "deny-ingress", metav1.GetOptions{})
		if err != nil || p.Labels[cluster.RunLabel] != "1a2b3" {
			t.Fatalf("applied %+v, %v", p, err)
		}
		if err := l.apply(t.Context(), "x", file); err == nil {
			t.Error("applied twice without an error")
		}
		for _, wrong := range [][2]string{{"y", file}, {"x", "okd/allow-sctp-on-http.yaml"}} {
			if err := l.delete(t.Context(), wrong[0], wrong[1]); err == nil || err.Error() != "the spec did not apply it" {
				t.Errorf("deleting %v: %v", wrong, err)
			}
		}
		if err := l.delete(t.Context(), "x", file); err != nil || len(l.applied) > 0 {
			t.Errorf("deleting: %v, left are %v", err, l.applied)
		}
		if list, err := api.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) > 0 {
			t.Errorf("left on the cluster: %v, %v", list.Items, err)
		}
	})
}

func TestWithdrawKeepsWhatItCannotDelete(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/web:80 role=web")
		for _, file := range []string{"policy/deny-ingress.yaml", "service/port-differs.yaml", "okd/allow-sctp-on-http.yaml"} {
			if err := l.apply(t.Context(), "x", file); err != nil {
				t.Fatal(err)
			}
		}
		b.client.PrependReactor("delete", "networkpolicies", func(a clienttesting.Action) (bool, runtime.Object, error) {
			return a.(clienttesting.DeleteAction).GetName() == "deny-ingress", nil, errors.New("the server is gone")
		})
		err := l.withdraw(t.Context(), isPolicy)
		if err == nil || err.Error() != "deleting NetworkPolicy x/deny-ingress: the server is gone" {
			t.Errorf("error is %v", err)
		}
		var left []string
		for _, o := range l.applied {
			left = append(left, o.name)
		}
		if !slices.Equal(left, []string{"deny-ingress", "port-differs", "port-differs-tcp"}) {
			t.Errorf("left are %v", left)
		}
	})
}

func TestApplyRefuses(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80")
		for file, want := range map[string]string{
			"agent/agent.yaml":               "a spec cannot apply a *v1.Pod",
			"policy/allow-from-address.yaml": "NetworkPolicy allow-from-address: nobody is named for the address 192.0.2.10/32",
			"policy/none.yaml":               "manifest: open policy/none.yaml: file does not exist",
		} {
			if err := l.apply(t.Context(), "x", file); err == nil || err.Error() != want {
				t.Errorf("%s: error is %v, want %s", file, err, want)
			}
		}
	})
}

func TestServiceNames(t *testing.T) {
	service := func(nodePort int32, ips ...string) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec:       corev1.ServiceSpec{ClusterIPs: ips, Ports: []corev1.ServicePort{{Protocol: corev1.ProtocolSCTP, Port: 5000, NodePort: nodePort}}},
		}
	}
	tests := []struct {
		name    string
		service *corev1.Service
		seed    int64
		want    map[string]string // addresses by word, IPv4 before IPv6
	}{
		{"ClusterIP", service(0, "10.96.0.1", "fd96::1"), 0, map[string]string{"svc/web:5000": "10.96.0.1:5000 [fd96::1]:5000"}},
		{"one family", service(0, "fd96::1"), 0, map[string]string{"svc/web:5000": "invalid AddrPort [fd96::1]:5000"}},
		{"NodePort", service(30102, "10.96.0.1", "fd96::1"), 0, map[string]string{
			"svc/web:5000":        "10.96.0.1:5000 [fd96::1]:5000",
			"node@1:svc/web:5000": "192.0.2.1:30102 [2001:db8::1]:30102",
			"node@2:svc/web:5000": "192.0.2.2:30102 [2001:db8::2]:30102",
		}},
		{"NodePort with nodes that have moved on", service(30102, "10.96.0.1"), 1, map[string]string{
			"svc/web:5000":        "10.96.0.1:5000 invalid AddrPort",
			"node@1:svc/web:5000": "192.0.2.2:30102 invalid AddrPort",
			"node@2:svc/web:5000": "192.0.2.1:30102 invalid AddrPort",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				b.Seed = tt.seed
				l := newLab(b.Run, "POL-99")
				if err := l.enlistPorts("x", tt.service, portNumbers(tt.service)); err != nil {
					t.Fatal(err)
				}
				got := map[string]string{}
				for word, target := range l.targets {
					got[word] = target.addrs[reach.IPv4].String() + " " + target.addrs[reach.IPv6].String()
				}
				if !maps.Equal(got, tt.want) {
					t.Errorf("targets are %v\nwant        %v", got, tt.want)
				}
				if len(l.names.Servers) != len(tt.want) {
					t.Errorf("names are %v", l.names.Servers)
				}
			})
		})
	}
	if err := (&Lab{}).enlistPorts("x", service(0, "None"), []int32{5000}); err == nil {
		t.Error("a headless Service has no cluster address, and there is no error")
	}
}

// A Service of one family is not asked in the other.
func TestFamiliesThatAServiceLacks(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/client")
		l.addServer(reach.Name{Word: "svc/web:80"}, target{addrs: map[reach.Family]netip.AddrPort{reach.IPv4: netip.MustParseAddrPort("10.96.0.1:80")}})
		const row = "svc/web:80\nx/client answered\n"
		if _, err := l.matrices("ipv4:\n" + row); err != nil {
			t.Errorf("in the family it has: %v", err)
		}
		if _, err := l.matrices(row); err == nil || err.Error() != "table line 2: ipv6: svc/web:80 has no address there" {
			t.Errorf("in both: %v", err)
		}
	})
}

// Requests to a Service end at the spec's agents that its selector selects.
func TestWhoIsBehindAService(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:6000", "x/other@2:6000", "y/server@1:6000")
		b.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
			s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
			s.Spec.ClusterIPs = []string{"10.96.0.1", "fd96::1"}
			return true, s, nil
		})
		if err := l.apply(t.Context(), "x", "service/port-differs.yaml"); err != nil {
			t.Fatal(err)
		}
		behind := l.behind(l.targets["svc/port-differs:5000"])
		if len(behind) != 1 || behind[0].word != "x/server@1" {
			t.Errorf("behind the Service are %+v", behind)
		}
		for f, vip := range l.targets["svc/port-differs:5000"].addrs {
			b.virtual[vip] = netip.AddrPortFrom(behind[0].addrs[f], 6000)
		}
		if r := claim(t, l, "svc/port-differs:5000\nx/other@2 answered\n"); len(r.Wrong()) > 0 {
			t.Error(r.Text())
		}
		b.virtual[l.targets["svc/port-differs:5000"].addrs[reach.IPv4]] = netip.AddrPortFrom(l.member("x/other@2").addrs[reach.IPv4], 6000)
		if r := claim(t, l, "svc/port-differs:5000\ny/server@1 answered\n"); len(r.Wrong()) != 1 {
			t.Errorf("a Service that leads to another pod is taken for good:\n%s", r.Text())
		}
	})
}
