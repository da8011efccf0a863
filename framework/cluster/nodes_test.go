package cluster

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNumber(t *testing.T) {
	nodes := []Node{{Name: "c"}, {Name: "a"}, {Name: "b"}}
	number(nodes)
	for i, want := range []string{"a", "b", "c"} {
		if nodes[i].Name != want || nodes[i].Number != i+1 {
			t.Errorf("place %d has %+v, want %s", i, nodes[i], want)
		}
	}
}

func TestDescribe(t *testing.T) {
	n := describe(corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"topology.kubernetes.io/zone": "east"}},
		Status: corev1.NodeStatus{
			NodeInfo: corev1.NodeSystemInfo{KernelVersion: "6.12", OSImage: "Debian", ContainerRuntimeVersion: "containerd://2", BootID: "x"},
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeHostName, Address: "a"},
				{Type: corev1.NodeExternalIP, Address: "192.0.2.1"},
				{Type: corev1.NodeInternalIP, Address: "10.0.0.1"},
				{Type: corev1.NodeInternalIP, Address: "10.0.0.2"},
				{Type: corev1.NodeInternalIP, Address: "no address"},
				{Type: corev1.NodeInternalIP, Address: "fd00::1"},
			},
		},
	})
	if n.Name != "a" || n.Kernel != "6.12" || n.OS != "Debian" || n.Runtime != "containerd://2" || n.BootID != "x" || n.Zone != "east" {
		t.Errorf("described as %+v", n)
	}
	for like, want := range map[string]string{"127.0.0.1": "10.0.0.1", "::1": "fd00::1"} {
		if a, ok := n.Addr(netip.MustParseAddr(like)); !ok || a.String() != want {
			t.Errorf("the address like %s is %v, %v; want %s", like, a, ok, want)
		}
	}
	if a, ok := (Node{Internal: n.Internal[:2]}).Addr(netip.MustParseAddr("::1")); ok {
		t.Errorf("a node with IPv4 only has %v", a)
	}
}

func TestGitVersion(t *testing.T) {
	for raw, want := range map[string]string{
		`{"major":"1","gitVersion":"v1.37.2"}`: "v1.37.2",
		`{}`:                                   "unknown",
		`<html>`:                               "unknown",
		``:                                     "unknown",
		`{"gitVersion":1}`:                     "unknown",
	} {
		if got := gitVersion([]byte(raw)); got != want {
			t.Errorf("%s is version %s, want %s", raw, got, want)
		}
	}
}
