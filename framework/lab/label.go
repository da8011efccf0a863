package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
)

// Label sets labels (key=value) on an agent of the spec, or takes them off (key-).
func (l *Lab) Label(ctx ginkgo.SpecContext, word string, changes ...string) {
	ginkgo.GinkgoHelper()
	l.changes("labelled " + word)
	if err := l.label(ctx, word, changes); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not label %s: %v", l.id, word, err))
	}
}

func (l *Lab) label(ctx context.Context, word string, changes []string) error {
	m := l.member(word)
	if m == nil {
		return fmt.Errorf("the spec has no agent %s", word)
	}
	labels, err := parseLabels(changes)
	if err != nil {
		return err
	}
	for key, value := range labels {
		delete(l.orders[m].labels, key)
		if value != nil {
			l.orders[m].labels[key] = *value
		}
	}
	return l.run.fleet.label(ctx, m, labels, l.id)
}

// LabelNamespace sets labels (key=value) on a namespace until the end of the spec, or takes
// them off again (key-).
func (l *Lab) LabelNamespace(ctx ginkgo.SpecContext, namespace string, changes ...string) {
	ginkgo.GinkgoHelper()
	l.changes("labelled namespace " + namespace)
	if err := l.labelNamespace(ctx, namespace, changes); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not label namespace %s: %v", l.id, namespace, err))
	}
}

func (l *Lab) labelNamespace(ctx context.Context, namespace string, changes []string) error {
	labels, err := parseLabels(changes)
	if err != nil {
		return err
	}
	real, err := l.run.namespace(ctx, namespace)
	if err != nil {
		return err
	}
	for key := range labels {
		if !slices.Contains(l.strange[real], key) {
			l.strange[real] = append(l.strange[real], key)
		}
	}
	return l.run.patchNamespace(ctx, real, labels, l.id)
}

// unlabelNamespaces takes off what the spec has put on namespaces.
func (l *Lab) unlabelNamespaces(ctx context.Context) error {
	for real, keys := range l.strange {
		labels := map[string]*string{}
		for _, key := range keys {
			labels[key] = nil
		}
		if err := l.run.patchNamespace(ctx, real, labels, ""); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) patchNamespace(ctx context.Context, real string, labels map[string]*string, spec string) error {
	patch, err := labelPatch(labels, spec)
	if err != nil {
		return err
	}
	if _, err := r.Cluster.Client.CoreV1().Namespaces().Patch(ctx, real, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("labels of namespace %s: %w", real, err)
	}
	return nil
}

// labelPatch sets labels, or takes off those without a value, and says whose they are: "" is
// nobody's.
func labelPatch(labels map[string]*string, spec string) ([]byte, error) {
	whose := map[string]any{cluster.SpecAnnotation: nil}
	if spec != "" {
		whose[cluster.SpecAnnotation] = spec
	}
	return json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels, "annotations": whose}})
}

// parseLabels reads key=value and key-; the value of what is to be taken off is nil.
func parseLabels(changes []string) (map[string]*string, error) {
	out := map[string]*string{}
	for _, c := range changes {
		if key, ok := strings.CutSuffix(c, "-"); ok && !strings.Contains(key, "=") {
			out[key] = nil
			continue
		}
		if !labelForm.MatchString(c) {
			return nil, fmt.Errorf("%q is neither key=value nor key-", c)
		}
		key, value, _ := strings.Cut(c, "=")
		out[key] = &value
	}
	return out, nil
}

// Join adds an agent to the spec whose pod is created now and has the labels of its word,
// and what variants give it, from the start. What denies it while it has not been seen open must let it be reached at
// the end of the spec.
func (l *Lab) Join(ctx ginkgo.SpecContext, word string, variants ...Variant) {
	ginkgo.GinkgoHelper()
	l.changes("added " + word)
	if err := l.join(ctx, word, variants); err != nil {
		l.skipWithout(err)
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not add %s: %v", l.id, word, err))
	}
}

func (l *Lab) join(ctx context.Context, word string, variants []Variant) error {
	o, place, err := l.newcomer(word)
	if err != nil {
		return err
	}
	m, err := l.run.fleet.add(ctx, l.run.seat(o, place), o.labels, append(slices.Clone(variants), l.signed)...)
	if err != nil {
		return err
	}
	l.receive(m, o, place)
	if len(variants) > 0 {
		l.variants[m] = true
	}
	if err := l.enlistVariant(ctx, m, place); err != nil {
		return err
	}
	return l.equip(ctx, m)
}

// newcomer reads the word of an agent that is to join the spec, and finds its place.
func (l *Lab) newcomer(word string) (o order, place int, err error) {
	if err := l.owns(); err != nil {
		return order{}, 0, err
	}
	o, err = parseOrder(word)
	if err != nil {
		return order{}, 0, err
	}
	if o.everyNode || o.place == 0 {
		return order{}, 0, fmt.Errorf("%q names no node, as in x/late@1", word)
	}
	return o, l.places(o, 0)[0], nil
}

// receive makes an agent one of the spec's, and tables know it.
func (l *Lab) receive(m *member, o order, place int) {
	m.word = o.word(place)
	l.members, l.orders[m], l.late[m.word] = append(l.members, m), o, true
	l.enlist(m, o, place)
}

// Kill deletes the pod of an agent of the spec, which then is no more.
func (l *Lab) Kill(ctx ginkgo.SpecContext, word string) {
	ginkgo.GinkgoHelper()
	l.changes("deleted the pod of " + word)
	if err := l.kill(ctx, word); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not delete the pod of %s: %v", l.id, word, err))
	}
}

func (l *Lab) kill(ctx context.Context, word string) error {
	if err := l.owns(); err != nil {
		return err
	}
	m := l.member(word)
	if m == nil {
		return fmt.Errorf("the spec has no agent %s", word)
	}
	for server, t := range l.targets {
		if t.pod == m {
			t.gone = true
			l.targets[server] = t
		}
	}
	l.drop(ctx, m)
	return l.run.Cluster.Client.CoreV1().Pods(m.real).Delete(ctx, m.pod, metav1.DeleteOptions{})
}
