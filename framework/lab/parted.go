package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// owns is an error unless the spec's Case says that it makes or ends pods: whoever chooses specs
// goes by it.
func (l *Lab) owns() error {
	if c, known := spec.Of([]string{"Spec: " + l.id}); known && c.Pods != spec.Own {
		return fmt.Errorf("the Case of %s does not say that it makes or ends pods (Pods: spec.Own)", l.id)
	}
	return nil
}

// drop takes agents out of the spec and out of the fleet, for their pods are about to go. Each
// is asked what it has counted while it can be.
func (l *Lab) drop(ctx context.Context, members ...*member) {
	var wg sync.WaitGroup
	for _, m := range members {
		if l.part(m) {
			wg.Go(func() { l.lastWords(ctx, m) })
		}
	}
	wg.Wait()
}

// part takes an agent out of the spec, and says whether it was not out already.
func (l *Lab) part(m *member) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.former, m) {
		return false
	}
	l.members = slices.DeleteFunc(l.members, func(o *member) bool { return o == m })
	l.former = append(l.former, m)
	return true
}

// lastWords asks an agent what it has counted and dismisses it. One that was told to end may
// have ended.
func (l *Lab) lastWords(ctx context.Context, m *member) {
	reply, err := m.ask(ctx, wire.Request{State: &wire.State{}})
	l.run.fleet.dismiss(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && reply.State != nil:
		l.parted[m] = reply.State.Counters
	case !l.ending[m]:
		l.untold = append(l.untold, fmt.Sprintf("nobody knows what %s on node %s had counted before it went: %v", m.name(), m.node, err))
	}
}

// endParted ends the pods of agents that the spec has taken out of the fleet, or made unlike
// other agents, at once: nobody talks to them any more, and what later specs apply would
// select them.
func (l *Lab) endParted(ctx context.Context) {
	for m := range l.variants {
		l.drop(ctx, m)
	}
	now := int64(0)
	for _, m := range l.former {
		if m.outside() {
			continue
		}
		err := l.run.Cluster.Client.CoreV1().Pods(m.real).Delete(ctx, m.pod, metav1.DeleteOptions{GracePeriodSeconds: &now})
		if err != nil && !apierrors.IsNotFound(err) {
			l.untold = append(l.untold, fmt.Sprintf("the pod of %s on node %s could not be deleted: %v", m.name(), m.node, err))
		}
	}
}
