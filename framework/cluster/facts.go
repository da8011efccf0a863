package cluster

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Unknown is a fact that the cluster does not tell, or not to this user.
const Unknown = "unknown"

// Facts are what a cluster tells of its network. They help people to compare runs, and
// name the list of known limitations, and what might harm a cluster of one kind is done only where
// the kind is known to be another; nothing else rests on them, so one that cannot be read is
// Unknown and no error.
type Facts struct {
	CNI         string // network plugin, by the name of its agents or of OpenShift's operator
	ProxyMode   string // of kube-proxy, or who stands in for it
	ImageDigest string // of the image that the agents run, "" if no node tells

	// MachineConfigs says whether nodes are configured by OKD's Machine Config Operator, which
	// they are not where the control plane is hosted elsewhere.
	MachineConfigs bool
	Release        string // of OKD or OpenShift, as ClusterVersion has it; "" elsewhere
}

// factsLimit is the time that facts are worth.
const factsLimit = 10 * time.Second

// Facts asks for the facts; the agents run in these namespaces.
func (c *Cluster) Facts(ctx context.Context, namespaces []string) Facts {
	ctx, cancel := context.WithTimeout(ctx, factsLimit)
	defer cancel()
	var sets []appsv1.DaemonSet
	if list, err := c.Client.AppsV1().DaemonSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{}); err == nil {
		sets = list.Items
	}
	network := ""
	if raw, err := c.Client.Discovery().RESTClient().Get().AbsPath("/apis/config.openshift.io/v1/networks/cluster").DoRaw(ctx); err == nil {
		network = networkType(raw)
	}
	f := Facts{CNI: plugin(sets, network), MachineConfigs: c.machineConfigs(ctx), Release: c.release(ctx)}
	f.ProxyMode = serviceProxy(f.CNI, c.proxyConfigs(ctx), c.proxyCommands(ctx, sets))
	for _, ns := range namespaces {
		if pods, err := c.Client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{}); err == nil && f.ImageDigest == "" {
			f.ImageDigest = imageDigest(pods.Items)
		}
	}
	return f
}

func (c *Cluster) machineConfigs(ctx context.Context) bool {
	get := c.Client.Discovery().RESTClient().Get
	pools, err := get().AbsPath("/apis/machineconfiguration.openshift.io/v1/machineconfigpools").DoRaw(ctx)
	if err != nil {
		return false
	}
	infra, err := get().AbsPath("/apis/config.openshift.io/v1/infrastructures/cluster").DoRaw(ctx)
	return err == nil && hasPools(pools) && !hosted(infra)
}

func (c *Cluster) release(ctx context.Context) string {
	raw, err := c.Client.Discovery().RESTClient().Get().AbsPath("/apis/config.openshift.io/v1/clusterversions/version").DoRaw(ctx)
	if err != nil {
		return ""
	}
	return desiredRelease(raw)
}

// desiredRelease reads OpenShift's ClusterVersion object.
func desiredRelease(raw []byte) string {
	var v struct {
		Status struct {
			Desired struct {
				Version string `json:"version"`
			} `json:"desired"`
		} `json:"status"`
	}
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	return v.Status.Desired.Version
}

func hasPools(raw []byte) bool {
	var list struct {
		Items []struct{} `json:"items"`
	}
	return json.Unmarshal(raw, &list) == nil && len(list.Items) > 0
}

// hosted reads OpenShift's Infrastructure object.
func hosted(raw []byte) bool {
	var i struct {
		Status struct {
			Topology string `json:"controlPlaneTopology"`
		} `json:"status"`
	}
	return json.Unmarshal(raw, &i) == nil && i.Status.Topology == "External"
}

// proxyConfigs are the settings from which the mode can be read, by the name of their
// ConfigMap.
func (c *Cluster) proxyConfigs(ctx context.Context) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, name := range []string{"kube-proxy", "kube-proxy-config", "cilium-config"} {
		if found, err := c.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{}); err == nil {
			out[name] = found.Data
		}
	}
	return out
}

// proxyCommands are the words with which kube-proxy was started, as a DaemonSet or as a
// static pod.
func (c *Cluster) proxyCommands(ctx context.Context, sets []appsv1.DaemonSet) []string {
	var out []string
	add := func(spec corev1.PodSpec) {
		for _, container := range spec.Containers {
			for _, text := range append(container.Command, container.Args...) {
				out = append(out, strings.Fields(text)...) // some run it in a shell
			}
		}
	}
	for _, s := range sets {
		if s.Name == "kube-proxy" {
			add(s.Spec.Template.Spec)
		}
	}
	pods, err := c.Client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "component=kube-proxy", Limit: 1})
	if err == nil {
		for _, p := range pods.Items {
			add(p.Spec)
		}
	}
	return out
}

// agents are the DaemonSets by which network plugins are known. (Multus and the like hand
// on to another one.)
var agents = map[string]string{
	"antrea-agent":        "antrea",
	"aws-node":            "aws-vpc-cni",
	"azure-cni":           "azure-cni",
	"azure-cns":           "azure-cni",
	"calico-node":         "calico",
	"canal":               "canal",
	"anetd":               "cilium",
	"cilium":              "cilium",
	"kindnet":             "kindnet",
	"kube-flannel":        "flannel",
	"kube-flannel-ds":     "flannel",
	"kube-ovn-cni":        "kube-ovn",
	"kube-router":         kubeRouter,
	"ovnkube-node":        ovnKubernetes,
	"ovnkube-single-node": ovnKubernetes,
	"rke2-canal":          "canal",
	"weave-net":           "weave",
}

const (
	ovnKubernetes = "ovn-kubernetes"
	kubeRouter    = "kube-router"
)

// plugin names the network plugins whose agents run, or else what OpenShift's operator
// says it has installed.
func plugin(sets []appsv1.DaemonSet, network string) string {
	var out []string
	for _, s := range sets {
		if name := agents[s.Name]; name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	switch {
	case len(out) > 0:
		return strings.Join(out, ", ")
	case network == "OVNKubernetes":
		return ovnKubernetes
	case network != "":
		return network
	}
	return Unknown
}

// networkType reads OpenShift's Network object.
func networkType(raw []byte) string {
	var n struct {
		Status struct {
			NetworkType string `json:"networkType"`
		} `json:"status"`
	}
	if json.Unmarshal(raw, &n) != nil {
		return ""
	}
	return n.Status.NetworkType
}

// serviceProxy says who serves Services. Settings of a kube-proxy that was replaced may
// still lie about, so what replaces it comes first.
func serviceProxy(cni string, configs map[string]map[string]string, command []string) string {
	replaced := configs["cilium-config"]["kube-proxy-replacement"]
	switch {
	case replaced == "true" || replaced == "strict":
		return "cilium"
	case cni == ovnKubernetes:
		return ovnKubernetes
	case strings.Contains(cni, kubeRouter) && len(command) == 0:
		return Unknown // it may serve Services, or a kube-proxy that nobody has found
	}
	if text, ok := configs["kube-proxy"]["config.conf"]; ok {
		return configuredMode(text)
	}
	if text, ok := configs["kube-proxy-config"]["config"]; ok { // EKS
		return configuredMode(text)
	}
	return flagMode(command)
}

// configuredMode reads a KubeProxyConfiguration. An empty mode is iptables on Linux.
func configuredMode(text string) string {
	var c struct {
		Kind string `json:"kind"`
		Mode string `json:"mode"`
	}
	switch err := yaml.Unmarshal([]byte(text), &c); {
	case err != nil || c.Kind != "KubeProxyConfiguration":
		return Unknown
	case c.Mode == "":
		return "iptables"
	}
	return c.Mode
}

// flagMode finds --proxy-mode among the words of a command.
func flagMode(words []string) string {
	for i, w := range words {
		name, mode, joined := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case name != "proxy-mode" || !strings.HasPrefix(w, "-"):
		case joined && mode != "":
			return mode
		case !joined && i+1 < len(words):
			return words[i+1]
		}
	}
	return Unknown
}

// imageDigest is what a node says it has pulled. An imageID without @ names the image's
// configuration, by which no registry finds it.
func imageDigest(pods []corev1.Pod) string {
	for _, p := range pods {
		for _, s := range p.Status.ContainerStatuses {
			if _, digest, ok := strings.Cut(s.ImageID, "@"); ok {
				return digest
			}
		}
		for _, container := range p.Spec.Containers {
			if _, digest, ok := strings.Cut(container.Image, "@"); ok {
				return digest
			}
		}
	}
	return ""
}
