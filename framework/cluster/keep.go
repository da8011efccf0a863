package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Kept is a run that has ended and has left its namespaces for another to take over. Their
// leases have no holder (coordination.k8s.io/v1 LeaseSpec.holderIdentity) and a term of
// their own, after which they are abandoned like those of a dead run.
type Kept struct {
	Run        string
	Namespaces []corev1.Namespace
}

// Leave gives up the leases of namespaces and lets them stand for a term.
func (c *Cluster) Leave(ctx context.Context, namespaces []string, term time.Duration) error {
	for _, ns := range namespaces {
		patch := fmt.Sprintf(`{"spec":{"holderIdentity":null,"leaseDurationSeconds":%d,"renewTime":%q}}`,
			int(term.Seconds()), metav1.NowMicro().UTC().Format(metav1.RFC3339Micro))
		_, err := c.Client.CoordinationV1().Leases(ns).Patch(ctx, leaseName, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if err != nil {
			return fmt.Errorf("giving up the lease of namespace %s: %w", ns, err)
		}
	}
	return nil
}

// Take makes the caller the holder of what a run has left, and returns it; nil where no run
// has left anything, or others were quicker.
func (c *Cluster) Take(ctx context.Context) (*Kept, error) {
	all, err := c.kept(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		taken, err := c.take(ctx, k)
		if err != nil || taken {
			return &k, err
		}
	}
	return nil, nil
}

// take writes the run into the leases that had no holder. The first one decides among several
// who try: the API server lets one of them write.
func (c *Cluster) take(ctx context.Context, k Kept) (bool, error) {
	for i, ns := range k.Namespaces {
		lease, err := c.Client.CoordinationV1().Leases(ns.Name).Get(ctx, leaseName, metav1.GetOptions{})
		if err == nil && lease.Spec.HolderIdentity != nil && i == 0 {
			return false, nil
		}
		if err == nil {
			seconds, now := int32(leaseTerm.Seconds()), metav1.NowMicro()
			lease.Spec = coordinationv1.LeaseSpec{HolderIdentity: &k.Run, LeaseDurationSeconds: &seconds, RenewTime: &now}
			_, err = c.Client.CoordinationV1().Leases(ns.Name).Update(ctx, lease, metav1.UpdateOptions{})
		}
		switch {
		case err != nil && i == 0 && (apierrors.IsConflict(err) || apierrors.IsNotFound(err)):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("taking over the lease of namespace %s: %w", ns.Name, err)
		}
	}
	return true, nil
}

// Idle lists the namespaces that runs have left and nobody has taken over.
func (c *Cluster) Idle(ctx context.Context) ([]string, error) {
	all, err := c.kept(ctx)
	var out []string
	for _, k := range all {
		for _, ns := range k.Namespaces {
			out = append(out, ns.Name)
		}
	}
	return out, err
}

// kept are the runs of which every namespace that is not being deleted was left, and whose
// terms have not ended.
func (c *Cluster) kept(ctx context.Context) ([]Kept, error) {
	list, err := c.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: RunLabel})
	if err != nil {
		return nil, fmt.Errorf("namespaces with label %s: %w", RunLabel, err)
	}
	byRun, held := map[string][]corev1.Namespace{}, map[string]bool{}
	for _, ns := range list.Items {
		if ns.DeletionTimestamp != nil {
			continue
		}
		lease, err := c.Client.CoordinationV1().Leases(ns.Name).Get(ctx, leaseName, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("lease of namespace %s: %w", ns.Name, err)
		}
		run := ns.Labels[RunLabel]
		byRun[run] = append(byRun[run], ns)
		held[run] = held[run] || err != nil || lease.Spec.HolderIdentity != nil || !lives(lease)
	}
	var out []Kept
	for run, namespaces := range byRun {
		if !held[run] {
			slices.SortFunc(namespaces, func(a, b corev1.Namespace) int { return strings.Compare(a.Name, b.Name) })
			out = append(out, Kept{run, namespaces})
		}
	}
	slices.SortFunc(out, func(a, b Kept) int { return strings.Compare(a.Run, b.Run) })
	return out, nil
}
