package machineconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"sctp.test/framework/cluster"
)

const nodePoolsPath = "/apis/hypershift.openshift.io/v1beta1/namespaces/%s/nodepools/%s"

// mostConfigs is how many ConfigMaps a NodePool may name (hypershift.openshift.io/v1beta1
// NodePool, spec.config).
const mostConfigs = 10

// NodePool is what the suite reads of a NodePool, which configures the nodes of a cluster
// whose control plane is hosted.
type NodePool struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Config     []Reference `json:"config"`
		Management struct {
			UpgradeType string `json:"upgradeType"` // Replace or InPlace
		} `json:"management"`
	} `json:"spec"`
	Status struct {
		Conditions []Condition `json:"conditions"`
	} `json:"status"`
}

// Reference is a ConfigMap in the NodePool's namespace that has a MachineConfig in its key
// config.
type Reference struct {
	Name string `json:"name"`
}

// unfit says why a NodePool would not take another ConfigMap, "" if it would.
func (n NodePool) unfit(name string) string {
	for _, c := range n.Status.Conditions {
		switch {
		case c.Type == "ValidMachineConfig" && c.Status == "False":
			return "its configuration is not valid: " + oneLine(c.Message)
		case c.Type == "UpdatingConfig" && c.Status == "True":
			return "it is being updated: " + oneLine(c.Message)
		}
	}
	if slices.Contains(n.Spec.Config, Reference{name}) {
		return "it has ConfigMap " + name + " already"
	}
	if len(n.Spec.Config) >= mostConfigs {
		return fmt.Sprintf("it names %d ConfigMaps, and may not name more", len(n.Spec.Config))
	}
	return ""
}

// configMap has the documents' MachineConfig for the nodes of a NodePool.
func configMap(namespace, name, run string) ([]byte, error) {
	raw, err := compose(documentName, "worker", run, "", Record{})
	if err != nil {
		return nil, err
	}
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		return nil, fmt.Errorf("MachineConfig of a ConfigMap: %w", err)
	}
	return json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": namespace, "labels": map[string]string{cluster.RunLabel: run}},
		"data":     map[string]string{"config": string(text)},
	})
}

// DryRunNodePool asks the management cluster whether it would take the module's
// configuration for a NodePool, named as namespace/name, and changes nothing. What it returns
// says what would happen to the nodes. A Refusal says why it would not.
func DryRunNodePool(ctx context.Context, management rest.Interface, pool, run string) (string, error) {
	namespace, name, ok := strings.Cut(pool, "/")
	if !ok || namespace == "" || name == "" {
		return "", refuse("NodePool %q: want namespace/name", pool)
	}
	path := fmt.Sprintf(nodePoolsPath, namespace, name)
	raw, err := management.Get().AbsPath(path).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("NodePool %s: %w", pool, err)
	}
	var n NodePool
	if err := decode(raw, &n); err != nil {
		return "", err
	}
	if why := n.unfit(documentName); why != "" {
		return "", refuse("NodePool %s: %s", pool, why)
	}
	if err := dryRun(ctx, management, n, namespace, run); err != nil {
		return "", err
	}
	what := "its nodes would be drained and rebooted one after the other"
	if n.Spec.Management.UpgradeType != "InPlace" {
		what = "its nodes would be replaced by new ones of other names"
	}
	return fmt.Sprintf("NodePool %s would take ConfigMap %s, and %s", pool, documentName, what), nil
}

// dryRun sends what would be sent, to be checked and forgotten.
func dryRun(ctx context.Context, management rest.Interface, n NodePool, namespace, run string) error {
	body, err := configMap(namespace, documentName, run)
	if err != nil {
		return err
	}
	err = management.Post().AbsPath("/api/v1/namespaces/"+namespace+"/configmaps").Param("dryRun", metav1.DryRunAll).
		Param("fieldManager", fieldManager).SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("ConfigMap %s/%s (dry run): %w", namespace, documentName, err)
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"config": append(slices.Clone(n.Spec.Config), Reference{documentName})}})
	if err != nil {
		return fmt.Errorf("patch of a NodePool: %w", err)
	}
	err = management.Verb(http.MethodPatch).AbsPath(fmt.Sprintf(nodePoolsPath, namespace, n.Metadata.Name)).Param("dryRun", metav1.DryRunAll).
		Param("fieldManager", fieldManager).SetHeader("Content-Type", "application/merge-patch+json").Body(patch).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("NodePool %s/%s (dry run): %w", namespace, n.Metadata.Name, err)
	}
	return nil
}
