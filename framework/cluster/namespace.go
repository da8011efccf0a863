package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	e2e "k8s.io/kubernetes/test/e2e/framework"
	e2edebug "k8s.io/kubernetes/test/e2e/framework/debug"
	psa "k8s.io/pod-security-admission/api"
)

// RunLabel is on every object that the suite creates; its value is the run's id.
const RunLabel = "sctp.test/run"

// SpecAnnotation is on what a spec creates, or puts labels on; its value is the spec's ID.
const SpecAnnotation = "sctp.test/spec"

// leaseName is the Lease in each namespace of a run that says the run is alive.
const leaseName = "sctp-run"

// leaseTerm is how long a run may be silent before its namespaces are anybody's to remove,
// unless its lease names another term.
const leaseTerm = 60 * time.Second

// CreateNamespace makes a namespace of a run and the Lease in it. level is what Pod
// Security admission enforces there; on OKD privileged pods need a RoleBinding, too. Where
// the namespace was made but the rest was not, it is returned beside the error, to be removed.
func (c *Cluster) CreateNamespace(ctx context.Context, run, name string, level psa.Level, labels map[string]string) (*corev1.Namespace, error) {
	if level == psa.LevelPrivileged {
		if err := c.mayAdmitPrivileged(ctx); err != nil {
			return nil, err
		}
	}
	all := map[string]string{RunLabel: run, psa.EnforceLevelLabel: string(level)}
	for k, v := range labels {
		all[k] = v
	}
	ns, err := e2e.CreateTestingNS(ctx, name, c.Client, all)
	if err != nil {
		return ns, fmt.Errorf("namespace %s: %w", name, err)
	}
	seconds, now := int32(leaseTerm.Seconds()), metav1.NowMicro()
	_, err = c.Client.CoordinationV1().Leases(ns.Name).Create(ctx, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: leaseName, Labels: map[string]string{RunLabel: run}},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &run, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}, metav1.CreateOptions{})
	if err != nil {
		return ns, fmt.Errorf("lease in namespace %s: %w", ns.Name, err)
	}
	if level == psa.LevelPrivileged {
		return ns, c.admitPrivileged(ctx, run, ns.Name)
	}
	return ns, nil
}

// KeepAlive renews the run's leases until ctx ends.
func (c *Cluster) KeepAlive(ctx context.Context, namespaces func() []string) {
	tick := time.NewTicker(leaseTerm / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, ns := range namespaces() {
			patch := fmt.Sprintf(`{"spec":{"renewTime":%q}}`, metav1.NowMicro().UTC().Format(metav1.RFC3339Micro))
			_, err := c.Client.CoordinationV1().Leases(ns).Patch(ctx, leaseName, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{})
			if err != nil && ctx.Err() == nil {
				e2e.Logf("lease of %s not renewed: %v", ns, err)
			}
		}
	}
}

// Abandoned lists the namespaces of runs whose lease has expired, by the clocks of those
// who renew and of this machine, or is missing; with force, those of all runs.
func (c *Cluster) Abandoned(ctx context.Context, force bool) ([]string, error) {
	list, err := c.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: RunLabel})
	if err != nil {
		return nil, fmt.Errorf("namespaces with label %s: %w", RunLabel, err)
	}
	var out []string
	for _, ns := range list.Items {
		if ns.DeletionTimestamp != nil && !force {
			continue // somebody is at it
		}
		if !force {
			alive, err := c.alive(ctx, ns)
			if err != nil {
				return nil, err
			}
			if alive {
				continue
			}
		}
		out = append(out, ns.Name)
	}
	return out, nil
}

func (c *Cluster) alive(ctx context.Context, ns corev1.Namespace) (bool, error) {
	lease, err := c.Client.CoordinationV1().Leases(ns.Name).Get(ctx, leaseName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return time.Since(ns.CreationTimestamp.Time) < leaseTerm, nil // being made just now
	}
	if err != nil {
		return false, fmt.Errorf("lease of namespace %s: %w", ns.Name, err)
	}
	return lives(lease), nil
}

// lives says whether the term of a lease has not ended.
func lives(lease *coordinationv1.Lease) bool {
	term := leaseTerm
	if s := lease.Spec.LeaseDurationSeconds; s != nil {
		term = time.Duration(*s) * time.Second
	}
	return lease.Spec.RenewTime != nil && time.Since(lease.Spec.RenewTime.Time) < term
}

// RunAlive watches for the term of a lease, a minute, whether a run renews that of one of its
// namespaces; one without a namespace is dead at once. No clock is asked, neither ours nor the
// run's, and a run whose API server comes back from a reboot has the time to notice.
func (c *Cluster) RunAlive(ctx context.Context, run string) (bool, error) {
	list, err := c.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: RunLabel + "=" + run})
	if err != nil {
		return false, fmt.Errorf("namespaces of run %s: %w", run, err)
	}
	var names []string
	for _, ns := range list.Items {
		if ns.DeletionTimestamp == nil {
			names = append(names, ns.Name)
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	silent, err := c.silent(ctx, names, leaseTerm)
	return err == nil && len(silent) < len(names), err
}

// SilentFor is how long Silent watches: twice as long as a living run takes to renew.
const SilentFor = leaseTerm / 2

// Silent watches the leases of some namespaces for SilentFor and lists those that were not
// renewed. Unlike Abandoned it finds a run that died just now, and trusts no clock: whoever
// renewed a lease may have another one than we.
func (c *Cluster) Silent(ctx context.Context, namespaces []string) ([]string, error) {
	return c.silent(ctx, namespaces, SilentFor)
}

func (c *Cluster) silent(ctx context.Context, namespaces []string, while time.Duration) ([]string, error) {
	before, err := c.renewals(ctx, namespaces)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	after, err := c.renewals(ctx, namespaces)
	if err != nil {
		return nil, err
	}
	var out []string
	for ns, then := range before {
		if now, ok := after[ns]; ok && now == then {
			out = append(out, ns)
		}
	}
	slices.Sort(out)
	return out, nil
}

// renewals are the versions of leases by namespace.
func (c *Cluster) renewals(ctx context.Context, namespaces []string) (map[string]string, error) {
	out := map[string]string{}
	for _, ns := range namespaces {
		lease, err := c.Client.CoordinationV1().Leases(ns).Get(ctx, leaseName, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("lease of namespace %s: %w", ns, err)
		}
		out[ns] = lease.ResourceVersion
	}
	return out, nil
}

// removeLimit is for namespaces to be gone: nodes out of breath take seconds for each pod.
const removeLimit = 5 * time.Minute

// Remove removes what runs have left and waits until it is gone, for at most five minutes. The
// error names what is still there.
func (c *Cluster) Remove(ctx context.Context, left Left) error {
	if err := c.deleteWide(ctx, left.Policies); err != nil {
		return err
	}
	return c.deleteNamespaces(ctx, left.Namespaces)
}

func (c *Cluster) deleteNamespaces(ctx context.Context, names []string) error {
	for _, n := range names {
		if err := c.Drop(ctx, n); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	start := time.Now()
	waiting, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	for _, n := range names {
		if err := c.awaitPodsGone(waiting, n); err == nil {
			c.nudge(waiting, n)
		}
	}
	for _, n := range names {
		if err := c.awaitGone(waiting, n); err != nil {
			return fmt.Errorf("namespace %s is not gone after %v: %s", n, time.Since(start).Round(time.Second), cmp.Or(c.leftIn(ctx, n), err.Error()))
		}
	}
	return nil
}

// leftIn says which pods a namespace that is being deleted still has and, where it has none, what
// else the namespace controller waits for.
func (c *Cluster) leftIn(ctx context.Context, namespace string) string {
	var left []string
	if pods, err := c.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{}); err == nil {
		for _, p := range pods.Items {
			left = append(left, fmt.Sprintf("pod %s on node %s", p.Name, p.Spec.NodeName))
		}
	}
	if len(left) > 0 {
		return "it still has " + strings.Join(left, ", ")
	}
	if ns, err := c.Client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{}); err == nil {
		for _, n := range ns.Status.Conditions {
			if n.Status == corev1.ConditionTrue {
				left = append(left, n.Message)
			}
		}
	}
	return strings.Join(left, "; ")
}

// nudge has the namespace controller look again at a namespace that is being deleted. It
// does so five seconds after any change, and else after a time that doubles with each look
// at which something was left (its queue is rate limited). Where a user may not change
// namespaces, their end just takes longer.
func (c *Cluster) nudge(ctx context.Context, name string) {
	emptied := fmt.Appendf(nil, `{"metadata":{"annotations":{"sctp.test/emptied":%q}}}`, time.Now().UTC().Format(time.RFC3339Nano))
	_, _ = c.Client.CoreV1().Namespaces().Patch(ctx, name, types.MergePatchType, emptied, metav1.PatchOptions{})
}

// Drop deletes a namespace and waits for nothing. Its pods are told at once: the namespace
// controller lets five seconds pass before it looks.
func (c *Cluster) Drop(ctx context.Context, name string) error {
	err := c.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting namespace %s: %w", name, err)
	}
	err = c.Client.CoreV1().Pods(name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting the pods of namespace %s: %w", name, err)
	}
	return nil
}

// DeleteRun removes everything that a run has, and waits until it is gone.
func (c *Cluster) DeleteRun(ctx context.Context, run string) error {
	namespaces, err := c.OfRun(ctx, run)
	if err != nil {
		return err
	}
	policies, err := c.WidePolicies(ctx)
	if err != nil {
		return err
	}
	mine := slices.DeleteFunc(policies, func(p WidePolicy) bool { return p.Run != run })
	return c.Remove(ctx, Left{Namespaces: namespaces, Policies: mine})
}

// OfRun lists the namespaces of a run.
func (c *Cluster) OfRun(ctx context.Context, run string) ([]string, error) {
	list, err := c.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: RunLabel + "=" + run})
	if err != nil {
		return nil, fmt.Errorf("namespaces of run %s: %w", run, err)
	}
	var names []string
	for _, ns := range list.Items {
		names = append(names, ns.Name)
	}
	return names, nil
}

// awaitGone waits for the deletion of a namespace. (The e2e framework's own wait is for
// specs only: it reports a step of the running spec.)
func (c *Cluster) awaitGone(ctx context.Context, name string) error {
	one := fields.OneTermEqualSelector(metav1.ObjectNameField, name)
	return awaitNone(ctx, cache.NewListWatchFromClient(c.Client.CoreV1().RESTClient(), "namespaces", metav1.NamespaceAll, one), &corev1.Namespace{})
}

// awaitPodsGone waits until a namespace has no pods.
func (c *Cluster) awaitPodsGone(ctx context.Context, namespace string) error {
	return awaitNone(ctx, cache.NewListWatchFromClient(c.Client.CoreV1().RESTClient(), "pods", namespace, fields.Everything()), &corev1.Pod{})
}

// awaitNone waits until a list of objects of a kind is empty.
func awaitNone(ctx context.Context, list cache.ListerWatcher, kind runtime.Object) error {
	left := map[types.UID]bool{}
	none := func(store cache.Store) (bool, error) { return len(store.List()) == 0, nil }
	_, err := watchtools.UntilWithSync(ctx, list, kind, none, func(e watch.Event) (bool, error) {
		o, err := meta.Accessor(e.Object)
		if err != nil {
			return false, err
		}
		if left[o.GetUID()] = true; e.Type == watch.Deleted {
			delete(left, o.GetUID())
		}
		return len(left) == 0, nil
	})
	return err
}

// Dump writes events and pods of a namespace to the log of the spec.
func (c *Cluster) Dump(ctx context.Context, namespace string) {
	e2edebug.DumpAllNamespaceInfo(ctx, c.Client, namespace)
}
