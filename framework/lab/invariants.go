package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"sctp.test/framework/cluster"
	"sctp.test/framework/probe"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// closeLimit is how long associations of a spec may take to end after its last probe: a
// SHUTDOWN that is lost is sent again.
const closeLimit = 10 * time.Second

// brokenInvariants are sentences on what holds after every spec, whatever it claims, and
// does not hold after this one: no packet with a bad checksum, no association left, no agent
// restarted, no object left. The first two are the cluster's to keep, the others ours.
func (l *Lab) brokenInvariants(ctx context.Context) (reach.Ground, []string) {
	if l.before == nil || ctx.Err() != nil {
		return "", nil
	}
	out := l.leftovers(ctx)
	deadline := time.Now().Add(closeLimit)
	for {
		begun := time.Now()
		after, errs := l.run.fleet.counters(ctx)
		checksums, associations := l.compare(after, l.cut())
		if len(associations) > 0 && ctx.Err() == nil && begun.Before(deadline) {
			await(ctx, begun.Add(pace))
			continue
		}
		for m, err := range errs {
			switch _, asked := l.before[m]; {
			case !asked:
			case errors.Is(err, probe.ErrRestarted):
				out = append(out, err.Error())
			default:
				out = append(out, fmt.Sprintf("nobody knows what %s on node %s has counted: %v", m.name(), m.node, err))
			}
		}
		ground := reach.GroundBroken
		if len(checksums)+len(associations) > 0 {
			ground = reach.GroundFail
		}
		return ground, append(append(checksums, associations...), out...)
	}
}

// name is the agent's word or, where it is none of the spec's, its pod's.
func (m *member) name() string {
	if m.word != "" {
		return m.word
	}
	return m.namespace + "/" + m.pod
}

// cut is how many of the spec's associations came up and did not end in order: what a policy
// or a Service is to prevent from now on may cut those that stand, and then an end is left
// that has not been told. A client that gives up on its COOKIE-ECHO tells nobody, either: where
// only the COOKIE-ACKs were lost, its server has an association.
func (l *Lab) cut() int64 {
	var n int64
	for _, line := range l.evidence {
		if line.Asked == nil || line.Asked.Evidence.Seen == nil || line.Asked.Evidence.Probe.Proto != wire.SCTP {
			continue
		}
		seen := line.Asked.Evidence.Seen
		switch seen.Stage {
		case wire.StageSend, wire.StageEcho, wire.StageClose:
			if seen.Ender != "" {
				n++
			}
		case wire.StageConnect:
			if seen.Errno == "ETIMEDOUT" && !line.Asked.Want.Denies() && line.Asked.Moved[wire.T1CookieExpireds] > 0 {
				n++
			}
		}
	}
	return n
}

// compare tells which counters are not as the spec found them. Some associations may be left.
func (l *Lab) compare(after map[*member]wire.Counters, cut int64) (checksums, associations []string) {
	var left int64
	for m, now := range after {
		before, known := l.before[m]
		if !known && !m.onPodNetwork() {
			continue // hired by the spec for a later step; what its node counts is not its own
		}
		name := m.name()
		if n := now[wire.ChecksumErrors] - before[wire.ChecksumErrors]; n > 0 {
			checksums = append(checksums, fmt.Sprintf("%d SCTP packets with a bad checksum came to %s on node %s", n, name, m.node))
		}
		if n := now[wire.CurrEstab] - before[wire.CurrEstab]; n > 0 && known && m.onPodNetwork() { // elsewhere others have associations too
			left += n
			what := "1 association of %s on node %s is"
			if n > 1 {
				what = fmt.Sprint(n) + " associations of %s on node %s are"
			}
			associations = append(associations, fmt.Sprintf(what+" still established %v after the last probe", name, m.node, closeLimit))
		}
	}
	if left <= cut {
		associations = nil
	}
	slices.Sort(checksums)
	slices.Sort(associations)
	return checksums, associations
}

// leftovers are the objects of the run that still stand although the spec has taken off what
// it applied. What waits for somebody's finalizer is as good as gone.
func (l *Lab) leftovers(ctx context.Context) []string {
	var out []string
	client, mine := l.run.Cluster.Client, cluster.RunLabel+"="+l.run.ID
	for _, k := range []struct {
		kind, selector string
		list           func(namespace string, o metav1.ListOptions) (runtime.Object, error)
	}{
		{"Service", mine, func(ns string, o metav1.ListOptions) (runtime.Object, error) {
			return client.CoreV1().Services(ns).List(ctx, o)
		}},
		{"NetworkPolicy", mine, func(ns string, o metav1.ListOptions) (runtime.Object, error) {
			return client.NetworkingV1().NetworkPolicies(ns).List(ctx, o)
		}},
		// Those that controllers make have the labels of their Service, too.
		{"EndpointSlice", mine + ",!" + discoveryv1.LabelManagedBy, func(ns string, o metav1.ListOptions) (runtime.Object, error) {
			return client.DiscoveryV1().EndpointSlices(ns).List(ctx, o)
		}},
	} {
		for _, ns := range l.run.Namespaces() {
			list, err := k.list(ns, metav1.ListOptions{LabelSelector: k.selector})
			if err == nil {
				err = meta.EachListItem(list, func(o runtime.Object) error {
					named, err := meta.Accessor(o)
					if err == nil && named.GetDeletionTimestamp() == nil {
						out = append(out, fmt.Sprintf("%s %s/%s is left", k.kind, ns, named.GetName()))
					}
					return err
				})
			}
			if err != nil {
				out = append(out, fmt.Sprintf("nobody knows whether a %s is left in %s: %v", k.kind, ns, err))
			}
		}
	}
	wide, err := l.run.Cluster.WidePolicies(ctx)
	if err != nil {
		out = append(out, fmt.Sprintf("nobody knows whether a cluster-wide policy is left: %v", err))
	}
	for _, p := range wide {
		if p.Run == l.run.ID {
			out = append(out, fmt.Sprintf("%s is left", p))
		}
	}
	return out
}

// foreignPolicies are those in the run's namespaces that the run has not made: templates of
// projects and controllers put some into every namespace.
func (r *Run) foreignPolicies(ctx context.Context) ([]string, error) {
	var out []string
	for _, ns := range r.Namespaces() {
		list, err := r.Cluster.Client.NetworkingV1().NetworkPolicies(ns).List(ctx, metav1.ListOptions{LabelSelector: cluster.RunLabel + "!=" + r.ID})
		if err != nil {
			return nil, fmt.Errorf("policies of namespace %s: %w", ns, err)
		}
		for _, p := range list.Items {
			out = append(out, ns+"/"+p.Name)
		}
	}
	return out, nil
}

// counters asks every agent of the fleet for its counters, not only those of one spec: a
// spec may break what it does not look at.
func (f *fleet) counters(ctx context.Context) (map[*member]wire.Counters, map[*member]error) {
	f.mu.Lock()
	members := slices.Clone(f.members)
	f.mu.Unlock()
	out, errs := map[*member]wire.Counters{}, map[*member]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			reply, err := m.ask(ctx, wire.Request{State: &wire.State{}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs[m] = err
				return
			}
			out[m] = reply.State.Counters
		})
	}
	wg.Wait()
	return out, errs
}
