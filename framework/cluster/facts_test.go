package cluster

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPlugin(t *testing.T) {
	tests := []struct{ name, sets, network, want string }{
		{"nothing can be read", "", "", "unknown"},
		{"only others", "kube-proxy node-exporter kube-multus-ds", "", "unknown"},
		{"one", "kube-proxy kindnet", "", "kindnet"},
		{"two that work together", "calico-node aws-node", "", "aws-vpc-cni, calico"},
		{"one in two sets", "azure-cni azure-cns", "", "azure-cni"},
		{"OKD", "ovnkube-node multus", "OVNKubernetes", "ovn-kubernetes"},
		{"OKD, whose agents this user may not list", "", "OVNKubernetes", "ovn-kubernetes"},
		{"OKD with another", "", "Calico", "Calico"},
	}
	for _, tt := range tests {
		var sets []appsv1.DaemonSet
		for _, name := range strings.Fields(tt.sets) {
			sets = append(sets, appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		if got := plugin(sets, tt.network); got != tt.want {
			t.Errorf("%s: the plugin is %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNetworkType(t *testing.T) {
	for raw, want := range map[string]string{
		`{"kind":"Network","spec":{"networkType":"old"},"status":{"networkType":"OVNKubernetes"}}`: "OVNKubernetes",
		`{"kind":"Network"}`: "",
		`no json`:            "",
	} {
		if got := networkType([]byte(raw)); got != want {
			t.Errorf("%s is of type %q, want %q", raw, got, want)
		}
	}
}

func TestServiceProxy(t *testing.T) {
	const kind = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
	type configs = map[string]map[string]string
	kubeadm := func(text string) configs { return configs{"kube-proxy": {"config.conf": text}} }
	tests := []struct {
		name    string
		cni     string
		configs configs
		command string
		want    string
	}{
		{"nothing can be read", Unknown, nil, "", "unknown"},
		{"kubeadm", "calico", kubeadm(kind + "mode: nftables\n"), "", "nftables"},
		{"kubeadm says nothing", "calico", kubeadm(kind + "mode: \"\"\n"), "", "iptables"},
		{"another file", "calico", kubeadm("mode: [\n"), "", "unknown"},
		{"another kind", "calico", kubeadm("mode: ipvs\n"), "", "unknown"},
		{"EKS", "aws-vpc-cni", configs{"kube-proxy-config": {"config": kind + "mode: ipvs\n"}}, "", "ipvs"},
		{"a flag", "calico", nil, "kube-proxy --v=2 --proxy-mode=ipvs", "ipvs"},
		{"a flag and a word", "calico", nil, "kube-proxy --proxy-mode nftables --v=2", "nftables"},
		{"a flag without a word", "calico", nil, "kube-proxy --proxy-mode", "unknown"},
		{"no flag", "calico", nil, "kube-proxy --config=/etc/proxy", "unknown"},
		{"a file wins over a flag", "calico", kubeadm(kind + "mode: nftables\n"), "kube-proxy --proxy-mode=ipvs", "nftables"},
		{"Cilium instead", "cilium", configs{"cilium-config": {"kube-proxy-replacement": "true"}, "kube-proxy": {"config.conf": kind}}, "", "cilium"},
		{"Cilium beside it", "cilium", configs{"cilium-config": {"kube-proxy-replacement": "false"}, "kube-proxy": {"config.conf": kind}}, "", "iptables"},
		{"kube-router, maybe instead", "kube-router", kubeadm(kind + "mode: iptables\n"), "", "unknown"},
		{"kube-router beside it", "flannel, kube-router", kubeadm(kind + "mode: iptables\n"), "kube-proxy --config=/etc/proxy", "iptables"},
		{"OVN instead", "ovn-kubernetes", kubeadm(kind), "", "ovn-kubernetes"},
	}
	for _, tt := range tests {
		if got := serviceProxy(tt.cni, tt.configs, strings.Fields(tt.command)); got != tt.want {
			t.Errorf("%s: the proxy is %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestImageDigest(t *testing.T) {
	pod := func(image, id string) corev1.Pod {
		return corev1.Pod{
			Spec:   corev1.PodSpec{Containers: []corev1.Container{{Image: image}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{ImageID: id}}},
		}
	}
	tests := []struct {
		name string
		pods []corev1.Pod
		want string
	}{
		{"no pods", nil, ""},
		{"from the node", []corev1.Pod{pod("agent:latest", "registry/agent@sha256:12")}, "sha256:12"},
		{"from the reference", []corev1.Pod{pod("registry/agent@sha256:34", "")}, "sha256:34"},
		{"not from the configuration", []corev1.Pod{pod("agent:latest", "sha256:56")}, ""},
		{"from the first that tells", []corev1.Pod{pod("agent", ""), pod("agent", "docker-pullable://registry/agent@sha256:78")}, "sha256:78"},
	}
	for _, tt := range tests {
		if got := imageDigest(tt.pods); got != tt.want {
			t.Errorf("%s: the digest is %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWhoConfiguresNodes(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"items":[{"metadata":{"name":"worker"}}]}`: true,
		`{"items":[]}`: false,
		`<html>`:       false,
	} {
		if got := hasPools([]byte(raw)); got != want {
			t.Errorf("%s has pools: %v", raw, got)
		}
	}
	for raw, want := range map[string]bool{
		`{"status":{"controlPlaneTopology":"External"}}`:        true,
		`{"status":{"controlPlaneTopology":"HighlyAvailable"}}`: false,
		`{}`: false,
	} {
		if got := hosted([]byte(raw)); got != want {
			t.Errorf("%s is hosted: %v", raw, got)
		}
	}
}

func TestRelease(t *testing.T) {
	for raw, want := range map[string]string{
		`{"spec":{"channel":"stable"},"status":{"desired":{"version":"4.20.0","image":"x"}}}`: "4.20.0",
		`{"status":{}}`: "",
		"no object":     "",
	} {
		if got := desiredRelease([]byte(raw)); got != want {
			t.Errorf("%s: %q", raw, got)
		}
	}
}
