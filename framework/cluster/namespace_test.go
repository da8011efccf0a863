package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	fcache "k8s.io/client-go/tools/cache/testing"
)

// left is a namespace of a run of this age.
func left(name string, age time.Duration) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{RunLabel: "1a2b3"}, CreationTimestamp: metav1.NewTime(time.Now().Add(-age)),
	}}
}

// lease is the lease in a namespace, renewed so long ago.
func lease(namespace string, renewed time.Duration) *coordinationv1.Lease {
	at := metav1.NewMicroTime(time.Now().Add(-renewed))
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: leaseName},
		Spec:       coordinationv1.LeaseSpec{RenewTime: &at},
	}
}

func TestAbandoned(t *testing.T) {
	const old, edge = time.Hour, 2 * time.Second
	going := left("going", old)
	going.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	going.Finalizers = []string{"kubernetes"}
	foreign := left("foreign", old)
	foreign.Labels = nil
	never := lease("never", 0)
	never.Spec.RenewTime = nil
	client := fake.NewClientset(
		left("alive", old), lease("alive", 0),
		left("nearly", old), lease("nearly", leaseTerm-edge),
		left("dead", old), lease("dead", leaseTerm+edge),
		left("new", 0), left("unfinished", leaseTerm+edge),
		left("never", old), never, going, foreign,
	)
	c := Cluster{Client: client}
	for force, want := range map[bool][]string{
		false: {"dead", "never", "unfinished"}, // "going" is seen to by whoever deleted it
		true:  {"alive", "dead", "going", "nearly", "never", "new", "unfinished"},
	} {
		got, err := c.Abandoned(t.Context(), force)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("force %v: %v, %v; want %v", force, got, err, want)
		}
	}
}

// A lease that cannot be read is nobody's death.
func TestAbandonedAsksForCertain(t *testing.T) {
	client := fake.NewClientset(left("x", time.Hour))
	client.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	c := Cluster{Client: client}
	if got, err := c.Abandoned(t.Context(), false); len(got) > 0 || err == nil || !strings.Contains(err.Error(), "lease of namespace x: connection refused") {
		t.Errorf("abandoned are %v, %v", got, err)
	}
}

// A run that died just now has a lease that has not expired; that nobody renews it tells. One
// whose clock is an hour late lives.
func TestSilentFindsWhoDiedJustNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(left("died", 0), lease("died", 0), left("lives", 0), lease("lives", time.Hour), left("other", 0))
		c := Cluster{Client: client}
		go func() {
			<-time.After(SilentFor / 2)
			l := lease("lives", time.Hour)
			l.ResourceVersion = "2"
			if _, err := client.CoordinationV1().Leases("lives").Update(t.Context(), l, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
		}()
		got, err := c.Silent(t.Context(), []string{"died", "lives"})
		if err != nil || !slices.Equal(got, []string{"died"}) {
			t.Errorf("silent are %v, %v", got, err)
		}
	})
}

func TestAwaitNone(t *testing.T) {
	pod := func(name string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: name, UID: types.UID(name)}}
	}
	source := fcache.NewFakeControllerSource()
	if err := awaitNone(t.Context(), source, &corev1.Pod{}); err != nil {
		t.Fatalf("nothing was there: %v", err)
	}
	source.Add(pod("a"))
	source.Add(pod("b"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- awaitNone(ctx, source, &corev1.Pod{}) }()
	source.Delete(pod("a"))
	select {
	case err := <-done:
		t.Fatalf("with a pod left it ended with %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	source.Modify(pod("b"))
	source.Delete(pod("b"))
	if err := <-done; err != nil {
		t.Errorf("all are gone, and it ended with %v", err)
	}

	source.Add(pod("c"))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := awaitNone(stopped, source, &corev1.Pod{}); err == nil {
		t.Error("it did not wait for a pod")
	}
}

// A run with several namespaces lives as long as one of its leases is renewed, whatever time
// stands in it: a laptop's clock may be an hour wrong, ours or the run's.
func TestRunAlive(t *testing.T) {
	const early, late = -time.Hour, time.Hour
	for _, tt := range []struct {
		name    string
		renewed time.Duration // before now, as the clocks have it
		renews  bool
	}{
		{"alive, with a clock that is late", late, true},
		{"alive, with a clock that is early", early, true},
		{"alive", 0, true},
		{"killed just now", 0, false},
		{"killed, and its clock was early", early, false},
		{"killed long ago", late, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			going := left("going", late)
			going.DeletionTimestamp = &metav1.Time{Time: time.Now()}
			going.Finalizers = []string{"kubernetes"}
			client := fake.NewClientset(left("silent", late), lease("silent", 0), going, left("x", late), lease("x", tt.renewed))
			c := Cluster{Client: client}
			go func() {
				<-time.After(leaseTerm - time.Second)
				for i, ns := range map[bool][]string{true: {"going", "x"}, false: {"going"}}[tt.renews] {
					l := lease(ns, tt.renewed)
					l.ResourceVersion = fmt.Sprint(i + 2)
					_, _ = client.CoordinationV1().Leases(ns).Update(t.Context(), l, metav1.UpdateOptions{})
				}
			}()
			if got, err := c.RunAlive(t.Context(), "1a2b3"); err != nil || got != tt.renews {
				t.Errorf("%s: alive %v, %v", tt.name, got, err)
			}
			began := time.Now()
			if got, err := c.RunAlive(t.Context(), "other"); err != nil || got || time.Since(began) > 0 {
				t.Errorf("a run without namespaces is alive: %v, %v", got, err)
			}
		})
	}
	c := Cluster{Client: fake.NewClientset(left("x", time.Hour), lease("x", 0))}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if got, err := c.RunAlive(ctx, "1a2b3"); err == nil || got {
		t.Errorf("nobody watched, and it is alive: %v, %v", got, err)
	}
}

// Who waits in vain for a namespace to be gone is told what is still there: pods, and else what
// the API server says of it.
func TestLeftIn(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "agent-1"}, Spec: corev1.PodSpec{NodeName: "a"}}
	ns := func(name string, conditions ...corev1.NamespaceCondition) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NamespaceStatus{Conditions: conditions}}
	}
	c := &Cluster{Client: fake.NewClientset(pod, ns("x"), ns("empty"), ns("held",
		corev1.NamespaceCondition{Type: corev1.NamespaceDeletionContentFailure, Status: corev1.ConditionFalse, Message: "all is well"},
		corev1.NamespaceCondition{Type: corev1.NamespaceFinalizersRemaining, Status: corev1.ConditionTrue, Message: "example.com/hold in 1 resource instances"},
	))}
	for namespace, want := range map[string]string{
		"x": "it still has pod agent-1 on node a", "held": "example.com/hold in 1 resource instances", "empty": "", "gone": "",
	} {
		if got := c.leftIn(t.Context(), namespace); got != want {
			t.Errorf("%s: %q, want %q", namespace, got, want)
		}
	}
}
