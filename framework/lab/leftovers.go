package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"sctp.test/framework/cluster"
)

// kindLeft is a kind of objects that specs create or put labels on.
type kindLeft struct {
	name, selector string
	list           func(ctx context.Context, namespace string, o metav1.ListOptions) (runtime.Object, error)
	left           func(l *Lab, what string, o metav1.Object) string // a sentence on what is left of one, "" for nothing
}

// kindsLeft are those in the run's namespaces.
func (l *Lab) kindsLeft() []kindLeft {
	c, mine := l.run.Cluster.Client, cluster.RunLabel+"="+l.run.ID
	return []kindLeft{
		{"Service", mine, func(ctx context.Context, ns string, o metav1.ListOptions) (runtime.Object, error) {
			return c.CoreV1().Services(ns).List(ctx, o)
		}, (*Lab).wholeLeft},
		{"NetworkPolicy", mine, func(ctx context.Context, ns string, o metav1.ListOptions) (runtime.Object, error) {
			return c.NetworkingV1().NetworkPolicies(ns).List(ctx, o)
		}, (*Lab).wholeLeft},
		// Those that controllers make have the labels of their Service, too.
		{"EndpointSlice", mine + ",!" + discoveryv1.LabelManagedBy, func(ctx context.Context, ns string, o metav1.ListOptions) (runtime.Object, error) {
			return c.DiscoveryV1().EndpointSlices(ns).List(ctx, o)
		}, (*Lab).wholeLeft},
		{"Pod", mine, func(ctx context.Context, ns string, o metav1.ListOptions) (runtime.Object, error) {
			return c.CoreV1().Pods(ns).List(ctx, o)
		}, (*Lab).podLeft},
		{"Namespace", mine, func(ctx context.Context, ns string, _ metav1.ListOptions) (runtime.Object, error) {
			one, err := c.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return &corev1.NamespaceList{}, nil
			}
			if err != nil {
				return nil, err
			}
			return &corev1.NamespaceList{Items: []corev1.Namespace{*one}}, nil
		}, (*Lab).labelsLeft},
	}
}

func (l *Lab) wholeLeft(what string, o metav1.Object) string { return what + " is left" + l.by(o) }

// podLeft is of a pod that specs have given labels: an agent of the fleet has none now, and
// whatever else has some is selected by what later specs apply.
func (l *Lab) podLeft(what string, o metav1.Object) string {
	if !worded(o.GetLabels()) || !signed(o) {
		return ""
	}
	inFleet := func(m *member) bool { return m.real == o.GetNamespace() && m.pod == o.GetName() }
	if l.run.fleet.anyWho(inFleet) != nil {
		return l.labelsLeft(what, o)
	}
	return l.wholeLeft(what, o)
}

// labelsLeft is of labels as specs give them, which have no prefix. What no spec has signed has
// none of theirs: namespaces have some of the suite's and of the test framework's, and on
// somebody's cluster webhooks give others.
func (l *Lab) labelsLeft(what string, o metav1.Object) string {
	if !signed(o) {
		return ""
	}
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(o.GetLabels())) {
		if !strings.Contains(key, "/") && key != nameLabel && key != frameworkLabel {
			labels = append(labels, key+"="+o.GetLabels()[key])
		}
	}
	switch len(labels) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("label %s of %s is left%s", labels[0], what, l.by(o))
	}
	return fmt.Sprintf("labels %s of %s are left%s", strings.Join(labels, ", "), what, l.by(o))
}

// frameworkLabel is what k8s.io/kubernetes/test/e2e/framework puts on namespaces.
const frameworkLabel = "e2e-run"

// signed says whether a spec has made an object, or put labels on it, and not taken them off.
func signed(o metav1.Object) bool { return o.GetAnnotations()[cluster.SpecAnnotation] != "" }

// by names the spec that has left something, where that is another one.
func (l *Lab) by(o metav1.Object) string {
	if id := o.GetAnnotations()[cluster.SpecAnnotation]; id != "" && id != l.id {
		return " by " + id
	}
	return ""
}

// leftovers are sentences on what still stands although the spec has taken off what it put
// on, each with the spec that has left it where that is another one. What waits for somebody's
// finalizer is as good as gone.
func (l *Lab) leftovers(ctx context.Context) []string {
	looks := []func() []string{func() []string { return l.wideLeft(ctx) }, func() []string { return l.namespacesLeft(ctx) }}
	for _, k := range l.kindsLeft() {
		for _, ns := range l.run.Namespaces() {
			looks = append(looks, func() []string { return l.leftOf(ctx, k, ns) })
		}
	}
	found := make([][]string, len(looks))
	var wg sync.WaitGroup
	for i, look := range looks {
		wg.Go(func() { found[i] = look() })
	}
	wg.Wait()
	return slices.DeleteFunc(slices.Concat(found...), func(text string) bool { return text == "" })
}

// leftOf is leftovers of one kind in a namespace.
func (l *Lab) leftOf(ctx context.Context, k kindLeft, ns string) (out []string) {
	list, err := k.list(ctx, ns, metav1.ListOptions{LabelSelector: k.selector})
	if err == nil {
		err = meta.EachListItem(list, func(o runtime.Object) error {
			named, err := meta.Accessor(o)
			if err == nil && named.GetDeletionTimestamp() == nil {
				out = append(out, k.left(l, k.name+" "+path(named), named))
			}
			return err
		})
	}
	if err != nil {
		out = append(out, fmt.Sprintf("nobody knows whether a %s is left in %s: %v", k.name, ns, err))
	}
	return out
}

// namespacesLeft are those that the spec has made beside the fleet's and the observers'.
func (l *Lab) namespacesLeft(ctx context.Context) []string {
	now, err := l.run.Cluster.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: cluster.RunLabel + "=" + l.run.ID})
	if err != nil {
		return []string{fmt.Sprintf("nobody knows whether a namespace is left: %v", err)}
	}
	known := slices.Concat(l.standing, l.run.Namespaces())
	if l.run.Eyes != nil {
		known = append(known, l.run.Eyes.Namespaces()...)
	}
	var out []string
	for _, ns := range now.Items {
		if ns.DeletionTimestamp == nil && !slices.Contains(known, ns.Name) {
			out = append(out, "Namespace "+ns.Name+" is left")
		}
	}
	return out
}

func path(o metav1.Object) string {
	if o.GetNamespace() == "" {
		return o.GetName()
	}
	return o.GetNamespace() + "/" + o.GetName()
}

// wideLeft is leftovers of cluster-wide policies.
func (l *Lab) wideLeft(ctx context.Context) []string {
	wide, err := l.run.Cluster.WidePolicies(ctx)
	if err != nil {
		return []string{fmt.Sprintf("nobody knows whether a cluster-wide policy is left: %v", err)}
	}
	var out []string
	for _, p := range wide {
		if p.Run == l.run.ID {
			out = append(out, l.wholeLeft(p.String(), &metav1.ObjectMeta{Annotations: map[string]string{cluster.SpecAnnotation: p.Spec}}))
		}
	}
	return out
}

// sign says on an object that it is this spec's.
func (l *Lab) sign(m *metav1.ObjectMeta) {
	if m.Annotations == nil {
		m.Annotations = map[string]string{}
	}
	m.Annotations[cluster.SpecAnnotation] = l.id
}

// signed is a variant of pods that the spec makes.
func (l *Lab) signed(pod *corev1.Pod) { l.sign(&pod.ObjectMeta) }
