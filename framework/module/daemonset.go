package module

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psa "k8s.io/pod-security-admission/api"

	"sctp.test/framework/cluster"
	"sctp.test/framework/wire"
	"sctp.test/manifests"
)

// loadLimit is how long a privileged pod may take to run and report on every node.
const loadLimit = 4 * time.Minute

// LoadByDaemonSet loads the module on every node of the cluster from a privileged
// DaemonSet in a namespace of its own, which it leaves being deleted. It returns what it found
// and did by the node's name; nodes that did not report are in the error, with the reason.
func LoadByDaemonSet(ctx context.Context, c *cluster.Cluster, run, image string) (found map[string]wire.HostModule, err error) {
	ns, err := c.CreateNamespace(ctx, run, "sctp-"+run+"-module", psa.LevelPrivileged, nil)
	if ns != nil {
		defer func() {
			err = errors.Join(err, c.Drop(context.WithoutCancel(ctx), ns.Name))
		}()
	}
	if err != nil {
		return nil, err
	}
	alive, stop := context.WithCancel(ctx)
	defer stop()
	go c.KeepAlive(alive, func() []string { return []string{ns.Name} })
	ds, err := manifests.Load[*appsv1.DaemonSet]("module/load-sctp.yaml")
	if err != nil {
		return nil, err
	}
	ds.Spec.Template.Spec.Containers[0].Image = image
	ds.Labels = map[string]string{cluster.RunLabel: run}
	if _, err = c.Client.AppsV1().DaemonSets(ns.Name).Create(ctx, ds, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("creating DaemonSet %s: %w", ds.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	return collect(ctx, c, ns.Name)
}

// collect waits for the report of each node.
func collect(ctx context.Context, c *cluster.Cluster, namespace string) (map[string]wire.HostModule, error) {
	found := map[string]wire.HostModule{}
	var errs []error
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, n := range c.Nodes {
		wg.Go(func() {
			report, err := fromNode(ctx, c, namespace, n.Name)
			mu.Lock()
			defer mu.Unlock()
			found[n.Name] = report
			if err != nil {
				delete(found, n.Name)
				errs = append(errs, fmt.Errorf("loading SCTP on node %s: %w", n.Name, err))
			}
		})
	}
	wg.Wait()
	return found, errors.Join(errs...)
}

// fromNode reads the loader's line on one node. A loader that could not load ends, and
// its line is in the container's termination message; one that could stays, and its line
// is in the log.
func fromNode(ctx context.Context, c *cluster.Cluster, namespace, node string) (wire.HostModule, error) {
	var h wire.HostModule
	pod, err := c.AwaitPodOn(ctx, namespace, node, begun)
	if err != nil {
		return h, err
	}
	if t := ended(pod); t != nil {
		if h, err = reported(strings.NewReader(t.Message)); err != nil {
			return h, fmt.Errorf("pod %s ended with status %d and said %q: %w", pod.Name, t.ExitCode, t.Message, err)
		}
		return h, nil
	}
	log, err := c.Client.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	if err != nil {
		return h, fmt.Errorf("log of pod %s: %w", pod.Name, err)
	}
	defer func() { _ = log.Close() }()
	if h, err = reported(log); err != nil {
		return h, fmt.Errorf("log of pod %s: %w", pod.Name, err)
	}
	return h, nil
}

// reported reads the loader's line. A complaint may stand before it: a runtime reads standard
// output and standard error on two pipes, and keeps no order between them.
func reported(log io.Reader) (h wire.HostModule, err error) {
	var others []string
	s := bufio.NewScanner(log)
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "{") {
			return h, json.Unmarshal(s.Bytes(), &h)
		}
		others = append(others, s.Text())
	}
	return h, cmp.Or(s.Err(), fmt.Errorf("no report in it, but %q", others))
}

func begun(pod *corev1.Pod) bool {
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Running != nil {
			return true
		}
	}
	return ended(pod) != nil
}

// ended is how the loader's container ended, nil while it has not.
func ended(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Terminated != nil {
			return s.State.Terminated
		}
		if s.LastTerminationState.Terminated != nil {
			return s.LastTerminationState.Terminated
		}
	}
	return nil
}
