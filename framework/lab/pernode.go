package lab

import (
	"context"
	"fmt"
	"maps"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"

	"sctp.test/framework/reach"
	"sctp.test/manifests"
)

// placeLabel is what tells apart the agents of the nodes, for ApplyPerNode.
const placeLabel = "place"

// ApplyPerNode creates a Service once for each node, in front of those agents only which
// are there: NAME-1 leads to the pods on @1. Through them each pair of nodes has a path by
// way of a Service.
func (l *Lab) ApplyPerNode(ctx ginkgo.SpecContext, namespace, file string) {
	ginkgo.GinkgoHelper()
	if err := l.applyPerNode(ctx, namespace, file); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not apply manifests/%s for each node in %s: %v", l.id, file, namespace, err))
	}
}

func (l *Lab) applyPerNode(ctx context.Context, namespace, file string) error {
	l.changes("applied manifests/" + file)
	real, err := l.run.namespace(ctx, namespace)
	if err != nil {
		return err
	}
	service, err := manifests.Load[*corev1.Service](file)
	if err != nil {
		return err
	}
	for _, m := range l.selected(namespace, service.Spec.Selector) {
		if err := l.label(ctx, m.word, []string{fmt.Sprintf("%s=%d", placeLabel, l.run.place(m.node))}); err != nil {
			return err
		}
	}
	for place := range l.run.Cluster.Nodes {
		s := service.DeepCopy()
		s.Name = fmt.Sprintf("%s-%d", service.Name, place+1)
		s.Spec.Selector = maps.Clone(service.Spec.Selector)
		s.Spec.Selector[placeLabel] = fmt.Sprint(place + 1)
		if err := l.applyService(ctx, namespace, real, file, s); err != nil {
			return in("Service", s.Name, err)
		}
	}
	return nil
}
