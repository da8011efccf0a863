package lab

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"sctp.test/framework/cluster"
	"sctp.test/framework/probe"
)

// agentPod is a pod as the run 1a2b3 makes them.
func agentPod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "sctp-1a2b3-x-7", Name: name, Labels: map[string]string{cluster.RunLabel: "1a2b3", "topology.kubernetes.io/zone": "a"}},
		Spec:       corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Image: "agent"}}},
		Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{cluster.RunLabel: "1a2b3", "ns": "x"}}}
}

// A run leaves its agents and nothing else.
func TestLeave(t *testing.T) {
	holder := "1a2b3"
	client := fake.NewClientset(
		namespace("sctp-1a2b3-x-7"), namespace("sctp-1a2b3-node-8"), agentPod("agent-1"), agentPod("agent-2"),
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "sctp-1a2b3-x-7", Name: "sctp-run"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}},
	)
	r := &Run{Options: Options{ID: "1a2b3", Image: "agent"}, Cluster: &cluster.Cluster{Client: client}, namespaces: map[string]string{"x": "sctp-1a2b3-x-7"}}
	r.ctx, r.stop = context.WithCancel(t.Context())
	r.fleet.run = r
	r.fleet.enroll(&member{seat: seat{"x", "a"}, pod: "agent-1", agent: probe.New(r.ctx, "agent-1", nil)})

	agents, err := r.Leave(t.Context(), time.Hour)
	if err != nil || agents != 1 {
		t.Fatalf("left are %d agents, %v", agents, err)
	}
	pods, _ := client.CoreV1().Pods("sctp-1a2b3-x-7").List(t.Context(), metav1.ListOptions{})
	spaces, _ := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if len(pods.Items) != 1 || pods.Items[0].Name != "agent-1" || len(spaces.Items) != 1 {
		t.Errorf("left are pods %v and %d namespaces", pods.Items, len(spaces.Items))
	}
	if kept, err := r.Cluster.Take(t.Context()); err != nil || kept == nil || kept.Run != "1a2b3" {
		t.Errorf("to be taken is %+v, %v", kept, err)
	}
}

func TestWhoCannotCleanUpLeavesNothing(t *testing.T) {
	r := &Run{}
	r.note(nil)
	r.note(errors.New("a policy is stuck"))
	if _, err := r.Leave(t.Context(), time.Hour); !errors.Is(err, errSoiled) {
		t.Errorf("left with %v", err)
	}
}

// What is not as this run would make it is no agent of its fleet.
func TestFit(t *testing.T) {
	r := &Run{Options: Options{ID: "1a2b3", Image: "agent"}, Cluster: &cluster.Cluster{Nodes: []cluster.Node{{Name: "a"}}}}
	f := &fleet{run: r}
	if !f.fit(*agentPod("agent-1")) {
		t.Error("an agent is not fit")
	}
	for name, change := range map[string]func(*corev1.Pod){
		"another image":         func(p *corev1.Pod) { p.Spec.Containers[0].Image = "old" },
		"a label of a spec":     func(p *corev1.Pod) { p.Labels["pod"] = "server" },
		"a node not judged":     func(p *corev1.Pod) { p.Spec.NodeName = "b" },
		"one that is not ready": func(p *corev1.Pod) { p.Status.Conditions = nil },
		"one that goes":         func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} },
	} {
		p := agentPod("agent-1")
		change(p)
		if f.fit(*p) {
			t.Errorf("%s is fit", name)
		}
	}
}

func TestMissing(t *testing.T) {
	a, b := seat{"x", "a"}, seat{"x", "b"}
	f := &fleet{members: []*member{{seat: a}, {seat: a}, {seat: b}}}
	if got := f.missing([]seat{a, a, b, b, {"y", "a"}}); !slices.Equal(got, []seat{b, {"y", "a"}}) {
		t.Errorf("missing are %v", got)
	}
	if n := number("agent-12"); n != 12 || number("agent") != 0 {
		t.Errorf("the number is %d", n)
	}
}
