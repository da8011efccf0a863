package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"sctp.test/framework/cluster"
	"sctp.test/framework/module/machineconfig"
	"sctp.test/framework/module/marks"
	"sctp.test/framework/reach"
)

// Pools of the specs' own, and what keeps a node of one from being drained.

const poolsAPI = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools"

// createPool makes a custom pool. It must select the workers' MachineConfigs, too, or the
// operator's admission policy refuses it.
func createPool(ctx context.Context, name string) error {
	pool := map[string]any{
		"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "MachineConfigPool",
		"metadata": map[string]any{"name": name, "labels": map[string]string{cluster.RunLabel: here.run.ID}},
		"spec": map[string]any{
			"machineConfigSelector": map[string]any{"matchExpressions": []any{
				map[string]any{"key": machineconfig.RoleLabel, "operator": "In", "values": []string{"worker", name}},
			}},
			"nodeSelector": map[string]any{"matchLabels": map[string]string{marks.RoleLabel(name): ""}},
		},
	}
	raw, err := json.Marshal(pool)
	if err == nil {
		_, err = request(ctx, http.MethodPost, poolsAPI, string(raw))
	}
	if err != nil {
		return err
	}
	return await(ctx, 2*time.Minute, "pool "+name+" to be rendered", func(ctx context.Context) (bool, error) {
		p, err := readPool(ctx, name)
		return err == nil && p.Target() != "" && p.Status.Observed == p.Metadata.Generation, err
	})
}

func readPool(ctx context.Context, name string) (machineconfig.Pool, error) {
	var p machineconfig.Pool
	raw, err := request(ctx, http.MethodGet, poolsAPI+"/"+name, "")
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	return p, err
}

// poolOf is the name of a node's pool.
func poolOf(ctx context.Context, node string) (string, error) {
	api := machineconfig.Live(here.cluster)
	pools, err := api.Pools(ctx)
	if err != nil {
		return "", err
	}
	nodes, err := api.Nodes(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range nodes {
		if home, ok := machineconfig.Primary(pools, n.Labels); n.Name == node && ok {
			return home, nil
		}
	}
	return "", fmt.Errorf("node %s is in no pool", node)
}

// aWorker is a node whose pool is the workers', from which a custom pool can take it; others are
// the control plane's for good, or somebody has given them a pool already.
func aWorker(ctx context.Context) string {
	GinkgoHelper()
	api := machineconfig.Live(here.cluster)
	pools, err1 := api.Pools(ctx)
	nodes, err2 := api.Nodes(ctx)
	if err := joined(err1, err2); err != nil {
		conclude(reach.GroundBroken, "pools and nodes: "+err.Error())
	}
	tested := func(n machineconfig.Node) bool {
		return slices.ContainsFunc(here.cluster.Nodes, func(t cluster.Node) bool { return t.Name == n.Name })
	}
	for _, n := range slices.Backward(nodes) {
		if home, ok := machineconfig.Primary(pools, n.Labels); ok && home == "worker" && tested(n) {
			return n.Name
		}
	}
	Skip("it takes a node from pool worker, which has none of the nodes that are tested")
	return ""
}

func degraded(ctx context.Context, node string) (bool, error) {
	name, err := poolOf(ctx, node)
	if err != nil {
		return false, err
	}
	p, err := readPool(ctx, name)
	return p.Degraded() != "", err
}

// atHome says whether a node has what its pool is to have. The pool alone does not tell: it is
// at rest until it notices that a node has come.
func atHome(ctx context.Context, node, pool string) (bool, error) {
	p, err := readPool(ctx, pool)
	if err != nil {
		return false, err
	}
	nodes, err := machineconfig.Live(here.cluster).Nodes(ctx)
	if err != nil {
		return false, err
	}
	has := slices.ContainsFunc(nodes, func(n machineconfig.Node) bool {
		return n.Name == node && n.State() == "Done" && n.Desired() == p.Target() && n.Current() == p.Target()
	})
	return has && p.Rested(p.Target()) == "", nil
}

// customPool moves a node into a pool of its own until the spec ends.
func customPool(ctx SpecContext, node string) string {
	GinkgoHelper()
	name := marks.PoolName(here.run.ID)
	role := mark(marks.Role, node)
	DeferCleanup(func(ctx SpecContext) {
		err := undo(ctx, role)
		if err == nil { // a pool's rendered configuration goes with it, and no node may still have that
			err = undo(ctx, mark(marks.Pool, name))
		}
		if err != nil {
			conclude(reach.GroundBroken, "node "+node+" is not back in its pool: "+err.Error())
		}
	}, rollOuts(1))
	err := createPool(ctx, name)
	if err == nil {
		err = book().Set(ctx, role, "")
	}
	if err == nil {
		err = await(ctx, here.rollout, "node "+node+" to be at home in pool "+name, func(ctx context.Context) (bool, error) { return atHome(ctx, node, name) })
	}
	if err != nil {
		conclude(reach.GroundBroken, "a pool for node "+node+": "+err.Error())
	}
	return name
}

// budgetName is that of PodDisruptionBudgets that let none of the run's agents go.
const budgetName = "sctp-holds"

func hold(ctx context.Context) error {
	none := intstr.FromInt32(0)
	for _, ns := range here.run.Namespaces() {
		_, err := here.cluster.Client.PolicyV1().PodDisruptionBudgets(ns).Create(ctx, &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: budgetName, Labels: map[string]string{cluster.RunLabel: here.run.ID}},
			Spec: policyv1.PodDisruptionBudgetSpec{
				MaxUnavailable: &none, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{cluster.RunLabel: here.run.ID}},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
	}
	return nil
}

func release(ctx context.Context) error {
	for _, ns := range here.run.Namespaces() {
		err := here.cluster.Client.PolicyV1().PodDisruptionBudgets(ns).Delete(ctx, budgetName, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
