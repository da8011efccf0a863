package cluster

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// onNodes is access to nodes where a command says something.
func onNodes(said map[string]string, ran *[]string) *Access {
	a := &Access{}
	a.Through(func(_ context.Context, node string, command []string, stdout, _ io.Writer) error {
		line := node + ": " + strings.Join(command, " ")
		*ran = append(*ran, line)
		text, known := said[command[1]]
		if !known {
			return errors.New("connection lost")
		}
		_, err := io.WriteString(stdout, text)
		return err
	})
	return a
}

func daemonPod(name, set string) *corev1.Pod {
	yes := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "kube-system", Name: name,
			OwnerReferences: []metav1.OwnerReference{{Kind: "DaemonSet", Name: set, UID: "set", Controller: &yes}},
		},
		Spec: corev1.PodSpec{NodeName: "a"},
		Status: corev1.PodStatus{
			PodIPs:     []corev1.PodIP{{IP: "192.0.2.1"}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
}

func TestComponents(t *testing.T) {
	var ran []string
	access := onNodes(map[string]string{
		"list-units": "kube-proxy.service loaded active running kube-proxy\nkubelet.service loaded active running kubelet\n\nkube-network-policies.service x\n",
		"restart":    "", "is-active": "active\n",
	}, &ran)
	c := &Cluster{Client: fake.NewClientset(daemonPod("calico-node-1", "calico-node"), daemonPod("logs-1", "logs"))}
	found, err := c.Components(t.Context(), access, "a")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name+" on "+f.Node)
	}
	if got := strings.Join(names, ", "); got != "kube-proxy on a, kube-network-policies on a, calico-node on a" {
		t.Errorf("found %s", got)
	}
	if err := found[0].Restart(t.Context()); err != nil {
		t.Error(err)
	}
	if got := strings.Join(ran[1:], "; "); got != "a: systemctl restart kube-proxy; a: systemctl is-active kube-proxy" {
		t.Errorf("ran %s", got)
	}
	if found, err := c.Components(t.Context(), nil, "a"); err != nil || len(found) != 1 {
		t.Errorf("without access: %v, %v", found, err)
	}
	if _, err := c.Components(t.Context(), onNodes(nil, &ran), "a"); err == nil {
		t.Error("a node that cannot be asked has no units")
	}
}

// The pod that was deleted is not the one that is waited for.
func TestReplacePod(t *testing.T) {
	old := daemonPod("kube-proxy-1", "kube-proxy")
	old.UID = "1"
	client := fake.NewClientset(old)
	c := &Cluster{Client: client}
	found, err := c.Components(t.Context(), nil, "a")
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if err := found[0].Restart(ctx); err == nil || !strings.HasPrefix(err.Error(), "restarting kube-proxy on node a, after 0s: enough: its DaemonSet has no other pod") {
		t.Errorf("error %v", err)
	}
	next := daemonPod("kube-proxy-2", "kube-proxy")
	next.UID = "2"
	if _, err := client.CoreV1().Pods("kube-system").Create(t.Context(), next, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Pods("kube-system").Create(t.Context(), old, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := found[0].Restart(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRebooted(t *testing.T) {
	node := func(boot string, ready corev1.ConditionStatus) *corev1.Node {
		n := &corev1.Node{}
		n.Status.NodeInfo.BootID = boot
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, Message: "no network"}}
		return n
	}
	before := node("1", corev1.ConditionTrue)
	for want, now := range map[string]*corev1.Node{
		"it still has boot ID 1": before, "it is not ready: no network": node("2", corev1.ConditionFalse), "": node("2", corev1.ConditionTrue),
	} {
		got := ""
		if err := rebooted(before, now); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
