package machineconfig

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"sctp.test/framework/cluster"
)

// fieldManager is who the API server is told writes the suite's MachineConfigs.
const fieldManager = "sctp-conformance"

// Paths of the operator's API.
const (
	apiPath     = "/apis/machineconfiguration.openshift.io/v1/"
	poolsPath   = apiPath + "machineconfigpools"
	configsPath = apiPath + "machineconfigs"
	layersPath  = apiPath + "machineosconfigs"
	policyPath  = "/apis/operator.openshift.io/v1/machineconfigurations/cluster"
	versionPath = "/apis/config.openshift.io/v1/clusterversions/version"
	infraPath   = "/apis/config.openshift.io/v1/infrastructures/cluster"
)

// SingleNode is the topology of a control plane of one node, and hosted that of one which is
// elsewhere (config.openshift.io/v1 TopologyMode).
const (
	SingleNode = "SingleReplica"
	hosted     = "External"
)

// API is what a roll-out asks of a cluster. Tests put a small operator in its place.
type API interface {
	// Topology is Infrastructure's status.controlPlaneTopology, "" where there is none.
	Topology(ctx context.Context) (string, error)
	// Pools are all MachineConfigPools; Absent where the API server does not know them.
	Pools(ctx context.Context) ([]Pool, error)
	// Nodes are those that the operator may have to do with: Windows nodes are workers by their
	// label, too, and another operator's.
	Nodes(ctx context.Context) ([]Node, error)
	// Config is a MachineConfig; nil where there is none of that name.
	Config(ctx context.Context, name string) (*Config, error)
	// Ours are the MachineConfigs that carry the label of a run.
	Ours(ctx context.Context) ([]Config, error)
	Create(ctx context.Context, config []byte) error
	// Own puts another run's id on a MachineConfig, or takes it off where run is "".
	Own(ctx context.Context, name, run string) error
	// Delete succeeds also where there is none of that name.
	Delete(ctx context.Context, name string) error
	Policies(ctx context.Context) (Policies, error)
	// Progressing is ClusterVersion's message while it is Progressing.
	Progressing(ctx context.Context) (string, error)
	// Layered are MachineOSConfigs by the pool that they are for.
	Layered(ctx context.Context) (map[string]string, error)
	// Stuck are sentences about pods on nodes that a drain may not evict.
	Stuck(ctx context.Context, nodes []string) ([]string, error)
	// Alive says whether a run renews its leases while somebody watches.
	Alive(ctx context.Context, run string) (bool, error)
}

// Live is a cluster's API.
func Live(c *cluster.Cluster) API { return live{c} }

type live struct{ *cluster.Cluster }

// get reads an object or a list; found is false where the API server has none.
func (l live) get(ctx context.Context, path string, into any) (found bool, err error) {
	raw, err := l.Client.Discovery().RESTClient().Get().AbsPath(path).DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", path, err)
	}
	return true, decode(raw, into)
}

func (l live) Topology(ctx context.Context) (string, error) {
	var infra struct {
		Status struct {
			Topology string `json:"controlPlaneTopology"`
		} `json:"status"`
	}
	_, err := l.get(ctx, infraPath, &infra)
	return infra.Status.Topology, err
}

func (l live) Pools(ctx context.Context) ([]Pool, error) {
	var list struct {
		Items []Pool `json:"items"`
	}
	found, err := l.get(ctx, poolsPath, &list)
	if err == nil && !found {
		return nil, Absent{"this cluster has no MachineConfigPools (machineconfiguration.openshift.io/v1): only OKD and OpenShift do"}
	}
	return list.Items, err
}

func (l live) Nodes(ctx context.Context) ([]Node, error) {
	list, err := l.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	var out []Node
	for _, n := range list.Items {
		if n.Labels[corev1.LabelOSStable] == "windows" {
			continue
		}
		ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		out = append(out, Node{
			Name: n.Name, Labels: n.Labels, BootID: n.Status.NodeInfo.BootID,
			Ready: ready, Cordoned: n.Spec.Unschedulable, Annotations: n.Annotations,
		})
	}
	return out, nil
}

func (l live) Config(ctx context.Context, name string) (*Config, error) {
	var c Config
	found, err := l.get(ctx, configsPath+"/"+name, &c)
	if err != nil || !found {
		return nil, err
	}
	return &c, nil
}

func (l live) Ours(ctx context.Context) ([]Config, error) {
	raw, err := l.Client.Discovery().RESTClient().Get().AbsPath(configsPath).Param("labelSelector", cluster.RunLabel).DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("MachineConfigs with label %s: %w", cluster.RunLabel, err)
	}
	var list struct {
		Items []Config `json:"items"`
	}
	return list.Items, decode(raw, &list)
}

func (l live) Create(ctx context.Context, config []byte) error {
	err := l.Client.Discovery().RESTClient().Post().AbsPath(configsPath).Param("fieldManager", fieldManager).
		SetHeader("Content-Type", "application/json").Body(config).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("creating a MachineConfig: %w", err)
	}
	return nil
}

func (l live) Own(ctx context.Context, name, run string) error {
	label := "null"
	if run != "" {
		label = strconv.Quote(run)
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, cluster.RunLabel, label)
	err := l.Client.Discovery().RESTClient().Verb(http.MethodPatch).AbsPath(configsPath+"/"+name).Param("fieldManager", fieldManager).
		SetHeader("Content-Type", "application/merge-patch+json").Body([]byte(patch)).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("taking over MachineConfig %s: %w", name, err)
	}
	return nil
}

func (l live) Delete(ctx context.Context, name string) error {
	err := l.Client.Discovery().RESTClient().Delete().AbsPath(configsPath + "/" + name).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting MachineConfig %s: %w", name, err)
	}
	return nil
}

func (l live) Policies(ctx context.Context) (Policies, error) {
	var p Policies
	_, err := l.get(ctx, policyPath, &p)
	return p, err
}

func (l live) Progressing(ctx context.Context) (string, error) {
	var v struct {
		Status struct {
			Conditions []Condition `json:"conditions"`
		} `json:"status"`
	}
	if _, err := l.get(ctx, versionPath, &v); err != nil {
		return "", err
	}
	for _, c := range v.Status.Conditions {
		if c.Type == "Progressing" && c.Status == "True" {
			return strings.TrimSpace(c.Reason + " " + oneLine(c.Message)), nil
		}
	}
	return "", nil
}

func (l live) Layered(ctx context.Context) (map[string]string, error) {
	var list struct {
		Items []struct {
			Metadata metav1.ObjectMeta `json:"metadata"`
			Spec     struct {
				Pool struct {
					Name string `json:"name"`
				} `json:"machineConfigPool"`
			} `json:"spec"`
		} `json:"items"`
	}
	if _, err := l.get(ctx, layersPath, &list); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, i := range list.Items {
		out[i.Spec.Pool.Name] = i.Metadata.Name
	}
	return out, nil
}

func (l live) Stuck(ctx context.Context, nodes []string) ([]string, error) {
	budgets, err := l.Client.PolicyV1().PodDisruptionBudgets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("PodDisruptionBudgets: %w", err)
	}
	var out []string
	for _, node := range nodes {
		pods, err := l.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
			FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(),
		})
		if err != nil {
			return nil, fmt.Errorf("pods of node %s: %w", node, err)
		}
		out = append(out, blocked(node, pods.Items, budgets.Items)...)
	}
	return out, nil
}

// blocked are the pods of a node that the drain would evict and a budget does not let go.
func blocked(node string, pods []corev1.Pod, budgets []policyv1.PodDisruptionBudget) []string {
	var out []string
	for _, pod := range pods {
		if !evicted(pod) {
			continue
		}
		for _, b := range budgets {
			selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
			if err == nil && b.Namespace == pod.Namespace && b.Status.DisruptionsAllowed == 0 && selector.Matches(labels.Set(pod.Labels)) {
				out = append(out, fmt.Sprintf("PodDisruptionBudget %s/%s lets no pod go, and pod %s is on node %s", b.Namespace, b.Name, pod.Name, node))
			}
		}
	}
	return out
}

// evicted says whether a drain evicts a pod: those of DaemonSets and of the node's own files
// stay, and budgets do not count for pods that are over.
func evicted(pod corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed || pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return false
	}
	return !slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool {
		return o.Kind == "DaemonSet" && o.Controller != nil && *o.Controller
	})
}

func (l live) Alive(ctx context.Context, run string) (bool, error) { return l.RunAlive(ctx, run) }
