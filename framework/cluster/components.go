package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// Component is a part of the cluster's network that runs on a node and can be started
// again there: a service proxy, an agent of the network plugin, a policy engine.
type Component struct {
	Name string // of the systemd unit or the DaemonSet
	Node string

	restart func(context.Context) error
}

// Restart starts the component again and returns when it runs.
func (x Component) Restart(ctx context.Context) error {
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, restartLimit, fmt.Errorf("%v have passed", restartLimit))
	defer cancel()
	if err := x.restart(ctx); err != nil {
		return fmt.Errorf("restarting %s on node %s, after %v: %w", x.Name, x.Node, time.Since(start).Round(time.Second), err)
	}
	return nil
}

// restartLimit is how long a component may take to run again, its image being there.
const restartLimit = 2 * time.Minute

// units are the systemd units that are known to be such parts. (A unit that is a whole
// distribution, as k3s, is not: the kubelet would go with it.)
var units = []string{"kube-proxy", "kube-network-policies", "kube-router", "calico-felix", "ovnkube-node"}

// serves says whether a DaemonSet is known to be such a part.
func serves(daemonSet string) bool {
	return agents[daemonSet] != "" || slices.Contains(units, daemonSet)
}

// Components finds what of the network can be started again on a node: systemd units where
// there is access to the node, and pods of DaemonSets.
func (c *Cluster) Components(ctx context.Context, access *Access, node string) ([]Component, error) {
	var out []Component
	if access != nil {
		found, err := unitsOn(ctx, access, node)
		if err != nil {
			return nil, err
		}
		out = found
	}
	pods, err := c.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("pods of node %s: %w", node, err)
	}
	for _, p := range pods.Items {
		if owner := metav1.GetControllerOf(&p); owner != nil && owner.Kind == "DaemonSet" && serves(owner.Name) {
			out = append(out, Component{owner.Name, node, func(ctx context.Context) error { return c.replacePod(ctx, p, owner) }})
		}
	}
	return out, nil
}

// unitsOn are the known units that are active. A node without systemd has none.
func unitsOn(ctx context.Context, access *Access, node string) ([]Component, error) {
	text, err := access.Run(ctx, node, "systemctl", "list-units", "--type=service", "--state=active", "--plain", "--no-legend", "--no-pager")
	if err != nil {
		if _, ran := ExitStatus(err); ran {
			return nil, nil
		}
		return nil, err
	}
	var out []Component
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if name := strings.TrimSuffix(words[0], ".service"); slices.Contains(units, name) {
			out = append(out, Component{name, node, func(ctx context.Context) error { return restartUnit(ctx, access, node, name) }})
		}
	}
	return out, nil
}

// restartUnit waits for systemd, which says when a unit is active.
func restartUnit(ctx context.Context, access *Access, node, name string) error {
	if _, err := access.Run(ctx, node, "systemctl", "restart", name); err != nil {
		return err
	}
	_, err := access.Run(ctx, node, "systemctl", "is-active", name)
	return err
}

// replacePod deletes a pod and waits until its DaemonSet has another one on the node.
func (c *Cluster) replacePod(ctx context.Context, old corev1.Pod, owner *metav1.OwnerReference) error {
	api := c.Client.CoreV1().Pods(old.Namespace)
	if err := api.Delete(ctx, old.Name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("deleting pod %s/%s: %w", old.Namespace, old.Name, err)
	}
	return poll(ctx, func(ctx context.Context) error {
		pods, err := api.List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", old.Spec.NodeName).String()})
		if err != nil {
			return err
		}
		for _, p := range pods.Items {
			now := metav1.GetControllerOf(&p)
			if now == nil || now.UID != owner.UID || p.UID == old.UID {
				continue
			}
			if ready, err := settled(&p); ready || err != nil {
				return err
			}
		}
		return errors.New("its DaemonSet has no other pod ready there")
	})
}

// poll asks twice a second until there is no error, and returns the last one when ctx ends.
func poll(ctx context.Context, ask func(context.Context) error) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
