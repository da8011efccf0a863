package cluster

import (
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// held is a lease with a holder.
func held(namespace string) *coordinationv1.Lease {
	l, who := lease(namespace, 0), "1a2b3"
	l.Spec.HolderIdentity = &who
	return l
}

func TestWhatIsLeftCanBeTakenOnce(t *testing.T) {
	client := fake.NewClientset(left("x", time.Hour), held("x"), left("y", time.Hour), held("y"))
	c := Cluster{Client: client}
	if k, err := c.Take(t.Context()); k != nil || err != nil {
		t.Fatalf("taken from a living run is %+v, %v", k, err)
	}
	if err := c.Leave(t.Context(), []string{"x", "y"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if idle, err := c.Idle(t.Context()); err != nil || !slices.Equal(idle, []string{"x", "y"}) {
		t.Fatalf("idle are %v, %v", idle, err)
	}
	k, err := c.Take(t.Context())
	if err != nil || k == nil || k.Run != "1a2b3" || len(k.Namespaces) != 2 {
		t.Fatalf("taken is %+v, %v", k, err)
	}
	if k, err := c.Take(t.Context()); k != nil || err != nil {
		t.Errorf("taken twice is %+v, %v", k, err)
	}
	now, err := client.CoordinationV1().Leases("y").Get(t.Context(), leaseName, metav1.GetOptions{})
	if err != nil || now.Spec.HolderIdentity == nil || *now.Spec.LeaseDurationSeconds != int32(leaseTerm.Seconds()) {
		t.Errorf("the lease of the taker is %+v, %v", now, err)
	}
}

// What a run has left stands for the term that it has named, and no longer.
func TestWhatIsLeftHasItsOwnTerm(t *testing.T) {
	for age, want := range map[time.Duration]int{50 * time.Minute: 0, 70 * time.Minute: 1} {
		l, term := lease("x", age), int32(3600)
		l.Spec.LeaseDurationSeconds = &term
		c := Cluster{Client: fake.NewClientset(left("x", 2*time.Hour), l)}
		if got, err := c.Abandoned(t.Context(), false); err != nil || len(got) != want {
			t.Errorf("abandoned after %v of an hour are %v, %v", age, got, err)
		}
		if got, err := c.Idle(t.Context()); err != nil || len(got) != 1-want {
			t.Errorf("idle after %v of an hour are %v, %v", age, got, err)
		}
	}
}

// A run of which anything is held, or has no lease, is not there for the taking.
func TestHalfLeftIsNotLeft(t *testing.T) {
	for name, c := range map[string]Cluster{
		"one is held":     {Client: fake.NewClientset(left("x", time.Hour), lease("x", 0), left("y", time.Hour), held("y"))},
		"one has no term": {Client: fake.NewClientset(left("x", time.Hour), lease("x", 0), left("y", 0))},
	} {
		if k, err := c.Take(t.Context()); k != nil || err != nil {
			t.Errorf("%s: taken is %+v, %v", name, k, err)
		}
	}
}
