package cluster

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestPodsInEveryState(t *testing.T) {
	status := func(s corev1.ContainerState) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "agent", Image: "reg/agent:1", State: s}}}
	}
	waits := func(reason, message string) corev1.PodStatus {
		return status(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
	}
	died := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "exec format error\n"}}
	crashing := waits("CrashLoopBackOff", "back-off 10s restarting failed container=agent pod=agent-1_sctp")
	crashing.ContainerStatuses[0].LastTerminationState = died
	with := func(c corev1.PodConditionType, s corev1.ConditionStatus, message string, ips ...corev1.PodIP) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodPending, PodIPs: ips, Conditions: []corev1.PodCondition{{Type: c, Status: s, Message: message}}}
	}
	tests := []struct {
		name   string
		status corev1.PodStatus
		ready  bool
		err    string
		says   string
	}{
		{
			"new",
			corev1.PodStatus{Phase: corev1.PodPending},
			false, "",
			"phase Pending",
		},
		{
			"ready", with(corev1.PodReady, corev1.ConditionTrue, "", corev1.PodIP{IP: "10.0.0.1"}), true, "",
			"phase Pending",
		},
		{
			"ready, but its addresses are not told yet", with(corev1.PodReady, corev1.ConditionTrue, ""), false, "",
			"phase Pending",
		},
		{
			"unschedulable", with(corev1.PodScheduled, corev1.ConditionFalse, "0/2 nodes are available: Insufficient memory."), false, "",
			"PodScheduled: 0/2 nodes are available: Insufficient memory.",
		},
		{
			"being made", waits("ContainerCreating", ""), false, "",
			"on node b, container agent waits: ContainerCreating",
		},
		{
			"its image is tried again", waits("ErrImagePull", "not found"), false, "",
			"on node b, container agent waits: ErrImagePull not found",
		},
		{
			"its image is given up", waits("ImagePullBackOff", "Back-off pulling image"), false, "the image cannot be pulled",
			"on node b, container agent waits: ImagePullBackOff Back-off pulling image",
		},
		{
			"its image is misspelt", waits("InvalidImageName", "bad"), false, "the image cannot be pulled",
			"on node b, container agent waits: InvalidImageName bad",
		},
		{
			"its image may not be pulled", waits("ErrImageNeverPull", ""), false, "the image cannot be pulled",
			"on node b, container agent waits: ErrImageNeverPull",
		},
		{
			"it cannot be made", waits("CreateContainerConfigError", "image will run as root"), false, "waiting longer does not help",
			"on node b, container agent waits: CreateContainerConfigError image will run as root",
		},
		{
			"it ends again and again", crashing, false, "waiting longer does not help",
			"on node b, container agent ended with status 1 (Error exec format error) and waits: CrashLoopBackOff",
		},
		{
			"it ended", status(died), false, "",
			"on node b, container agent ended with status 1 (Error exec format error)",
		},
		{
			"it ended without a word", status(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137}}), false, "",
			"on node b, container agent ended with status 137",
		},
		{
			"evicted",
			corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "low on memory"},
			false, "it failed: Evicted low on memory",
			"phase Failed",
		},
		{
			"failed without a word",
			corev1.PodStatus{Phase: corev1.PodFailed},
			false, "it failed:",
			"phase Failed",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "b"}, Status: tt.status}
			ready, err := settled(pod)
			if ready != tt.ready || tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("ready %v, error %v; want %v, %q", ready, err, tt.ready, tt.err)
			}
			if image := tt.err == "the image cannot be pulled"; errors.Is(err, ErrImage) != image {
				t.Errorf("the image is to blame: %v", !image)
			}
			if got := condition(pod); got != tt.says {
				t.Errorf("it says %q, want %q", got, tt.says)
			}
		})
	}
}

func TestOnNode(t *testing.T) {
	terms := OnNode("b").NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != 1 || len(terms[0].MatchFields) != 1 {
		t.Fatalf("terms are %+v", terms)
	}
	if f := terms[0].MatchFields[0]; f.Key != "metadata.name" || f.Operator != corev1.NodeSelectorOpIn || len(f.Values) != 1 || f.Values[0] != "b" {
		t.Errorf("the term is %+v", f)
	}
}
