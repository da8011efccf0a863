package lab

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/cluster"
)

// Agents are what a run waits for longest at its beginning and at its end. A run may leave
// them to a later one: their namespaces stand, with nothing in them but agents that nobody
// has called anything, and nobody holds their leases.

// errSoiled says that a run cannot leave its agents to another.
var errSoiled = errors.New("a spec could not take off what it had put on")

// note keeps in mind that a spec could not be cleaned up after.
func (r *Run) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.soiled = r.soiled || err != nil
}

// Leave ends the streams and leaves the agents for a term to whoever takes them over, and
// nothing else. After an error the run is to be stopped.
func (r *Run) Leave(ctx context.Context, term time.Duration) (agents int, err error) {
	if r.soiled {
		return 0, errSoiled
	}
	all, err := r.Cluster.OfRun(ctx, r.ID)
	if err != nil {
		return 0, err
	}
	fleets := r.Namespaces()
	kept := fleets
	if r.Eyes != nil {
		kept = append(r.Eyes.Namespaces(), fleets...)
	}
	for _, ns := range all {
		if !slices.Contains(kept, ns) {
			if err := r.Cluster.Drop(ctx, ns); err != nil {
				return 0, err
			}
		}
	}
	stay := map[string]bool{}
	r.fleet.all(func(m *member) bool { stay[m.pod] = !m.outside(); return true })
	delete(stay, "") // the one outside is no pod
	for _, ns := range fleets {
		if err := r.dropPods(ctx, ns, func(p corev1.Pod) bool { return !stay[p.Name] }); err != nil {
			return 0, err
		}
	}
	r.fleet.close()
	r.stop() // nobody renews the leases any more
	return len(stay), r.Cluster.Leave(ctx, kept, term)
}

// dropPods deletes some pods of a namespace and waits for nothing.
func (r *Run) dropPods(ctx context.Context, namespace string, some func(corev1.Pod) bool) error {
	api := r.Cluster.Client.CoreV1().Pods(namespace)
	list, err := api.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("pods of namespace %s: %w", namespace, err)
	}
	for _, p := range list.Items {
		if !some(p) {
			continue
		}
		if err := api.Delete(ctx, p.Name, metav1.DeleteOptions{}); err != nil {
			return fmt.Errorf("deleting pod %s/%s: %w", namespace, p.Name, err)
		}
	}
	return nil
}

// takeOver makes members of the agents that an earlier run has left. What is not fit to be
// one is deleted.
func (r *Run) takeOver(ctx context.Context) error {
	if r.Kept == nil {
		return nil
	}
	var wg sync.WaitGroup
	errs := make([]error, len(r.Kept.Namespaces))
	for i, ns := range r.Kept.Namespaces {
		name, fleet := ns.Labels[nameLabel]
		if !fleet {
			continue // the observers'
		}
		if !strings.HasPrefix(ns.Name, r.realName(name)) {
			errs[i] = fmt.Errorf("run %s has left namespace %s, which this one would not have made", r.ID, ns.Name)
			continue
		}
		r.mu.Lock()
		r.namespaces[name] = ns.Name
		r.mu.Unlock()
		wg.Go(func() { errs[i] = r.fleet.adopt(ctx, name, ns.Name) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// adopt meets the agents in a namespace, side by side. One that does not answer is replaced.
func (f *fleet) adopt(ctx context.Context, name, real string) error {
	list, err := f.run.Cluster.Client.CoreV1().Pods(real).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("pods of namespace %s: %w", real, err)
	}
	met := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range list.Items {
		f.numbered(number(p.Name))
		if !f.fit(p) {
			continue
		}
		wg.Go(func() {
			err := f.meet(ctx, seat{name, p.Spec.NodeName}, &p)
			mu.Lock()
			defer mu.Unlock()
			met[p.Name] = err == nil
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return f.run.dropPods(ctx, real, func(p corev1.Pod) bool { return !met[p.Name] && p.DeletionTimestamp == nil })
}

// fit says whether a pod is an agent as this run would make it, on a node that it judges.
func (f *fleet) fit(p corev1.Pod) bool {
	return cluster.Ready(p) && p.DeletionTimestamp == nil && len(p.Spec.Containers) == 1 && p.Spec.Containers[0].Image == f.run.Image &&
		p.Labels[cluster.RunLabel] == f.run.ID && !worded(p.Labels) && f.run.place(p.Spec.NodeName) != nowhere
}

// worded says whether a pod has labels that specs give: theirs have no prefix, as those of
// controllers and of the API server have.
func worded(labels map[string]string) bool {
	for key := range labels {
		if !strings.Contains(key, "/") {
			return true
		}
	}
	return false
}

var trailing = regexp.MustCompile(`[0-9]+$`)

// number is that in a pod's name, so that no other gets it.
func number(pod string) int {
	n, _ := strconv.Atoi(trailing.FindString(pod)) // names without one collide with none
	return n
}

// numbered keeps pods that are made from now on from having a number that is taken.
func (f *fleet) numbered(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = max(f.made, n)
}

// missing are the seats that no member has.
func (f *fleet) missing(seats []seat) []seat {
	have := map[seat]int{}
	f.mu.Lock()
	for _, m := range f.members {
		have[m.seat]++
	}
	f.mu.Unlock()
	var out []seat
	for _, s := range seats {
		if have[s]--; have[s] < 0 {
			out = append(out, s)
		}
	}
	return out
}
