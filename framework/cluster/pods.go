package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// ErrImage says that a node could not get the image of a pod: no fault of the network
// that is to be judged.
var ErrImage = errors.New("the image cannot be pulled")

// ErrSysctl says that a node, or the cluster, lets no pod have a sysctl that one asked for.
var ErrSysctl = errors.New("pods may not have this sysctl")

// hopeless are the reasons for which a container waits that waiting does not cure.
var hopeless = []string{
	"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
	"CreateContainerConfigError", "CreateContainerError", "CrashLoopBackOff",
}

// OnNode binds a pod to a node but leaves it to the scheduler to say whether it fits.
func OnNode(name string) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchFields: []corev1.NodeSelectorRequirement{{
				Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{name},
			}},
		}}},
	}}
}

// RunPod creates a pod and waits until it is ready; meanwhile sees is called with each state
// that the pod comes to. When it does not become ready, the error
// says what it waited for and what was seen last; it wraps ErrImage or ErrSysctl where that is why.
func (c *Cluster) RunPod(ctx context.Context, namespace string, pod *corev1.Pod, limit time.Duration, sees ...func(*corev1.Pod)) (*corev1.Pod, error) {
	start := time.Now()
	made, err := c.Client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "sysctl") {
		return nil, fmt.Errorf("%w: %w", ErrSysctl, err)
	}
	if err != nil {
		return nil, fmt.Errorf("creating pod %s/%s: %w", namespace, pod.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	last := made
	err = c.watchPods(ctx, namespace, fields.OneTermEqualSelector(metav1.ObjectNameField, made.Name), func(seen *corev1.Pod) (bool, error) {
		last = seen
		for _, see := range sees {
			see(seen)
		}
		return settled(seen)
	})
	if errors.Is(err, ErrImage) {
		return nil, fmt.Errorf("%w: %s: %s", ErrImage, made.Spec.Containers[0].Image, pullMessage(last))
	}
	if errors.Is(err, ErrSysctl) {
		return nil, fmt.Errorf("the kubelet of node %s: %w: %s", last.Spec.NodeName, ErrSysctl, last.Status.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("pod %s/%s is not ready after %v: %s: %w",
			namespace, made.Name, time.Since(start).Round(time.Second), condition(last), err)
	}
	return last, nil
}

// ReadyPod is the name of a pod in a namespace that is ready on a node with an image, "" where
// there is none.
func (c *Cluster) ReadyPod(ctx context.Context, namespace, node, image string) (string, error) {
	list, err := c.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return "", fmt.Errorf("pods of namespace %s on node %s: %w", namespace, node, err)
	}
	for _, p := range list.Items {
		if p.Spec.NodeName == node && p.DeletionTimestamp == nil && p.Spec.Containers[0].Image == image && Ready(p) {
			return p.Name, nil
		}
	}
	return "", nil
}

// Ready says whether a pod says that it is.
func Ready(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// PodGone says whether a pod is deleted, or about to be.
func (c *Cluster) PodGone(ctx context.Context, namespace, name string) bool {
	pod, err := c.Client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	return apierrors.IsNotFound(err) || err == nil && pod.DeletionTimestamp != nil
}

// AwaitPodOn waits until a namespace has a pod on a node that is as it should be. The
// error says what was seen last.
func (c *Cluster) AwaitPodOn(ctx context.Context, namespace, node string, is func(*corev1.Pod) bool) (*corev1.Pod, error) {
	start := time.Now()
	var last *corev1.Pod
	err := c.watchPods(ctx, namespace, fields.OneTermEqualSelector("spec.nodeName", node), func(seen *corev1.Pod) (bool, error) {
		last = seen
		if is(seen) {
			return true, nil
		}
		_, err := settled(seen)
		return false, err
	})
	switch {
	case err != nil && last == nil:
		return nil, fmt.Errorf("no pod of namespace %s came to node %s in %v: %w", namespace, node, time.Since(start).Round(time.Second), err)
	case err != nil:
		return nil, fmt.Errorf("pod %s/%s after %v: %s: %w", namespace, last.Name, time.Since(start).Round(time.Second), condition(last), err)
	}
	return last, nil
}

// watchPods follows pods until one is as it should be, or cannot become so.
func (c *Cluster) watchPods(ctx context.Context, namespace string, which fields.Selector, done func(*corev1.Pod) (bool, error)) error {
	list := cache.NewListWatchFromClient(c.Client.CoreV1().RESTClient(), "pods", namespace, which)
	_, err := watchtools.UntilWithSync(ctx, list, &corev1.Pod{}, nil, func(e watch.Event) (bool, error) {
		seen, ok := e.Object.(*corev1.Pod)
		if !ok || e.Type == watch.Deleted {
			return false, errors.New("it was deleted by somebody")
		}
		return done(seen)
	})
	return err
}

// pullMessage is what the runtime said about an image, without what the kubelet and it
// said before.
func pullMessage(pod *corev1.Pod) string {
	for _, s := range containers(pod) {
		if w := s.State.Waiting; w != nil {
			parts := strings.Split(w.Message, ": ")
			return w.Reason + ", " + parts[len(parts)-1]
		}
	}
	return "no reason given"
}

// containers are how the containers of a pod are, those that come before it first.
func containers(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// settled says whether a pod is ready, or why it will not be.
func settled(pod *corev1.Pod) (bool, error) {
	for _, s := range containers(pod) {
		if w := s.State.Waiting; w != nil && slices.Contains(hopeless, w.Reason) {
			if w.Reason == "ImagePullBackOff" || w.Reason == "InvalidImageName" || w.Reason == "ErrImageNeverPull" {
				return false, ErrImage
			}
			return false, errors.New("waiting longer does not help")
		}
	}
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason == "SysctlForbidden" {
		return false, ErrSysctl
	}
	if pod.Status.Phase == corev1.PodFailed {
		return false, errors.New(strings.TrimSpace("it failed: " + pod.Status.Reason + " " + pod.Status.Message))
	}
	ready := corev1.PodReady
	if len(pod.Spec.ReadinessGates) > 0 { // whoever made it opens them later
		ready = corev1.ContainersReady
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == ready && c.Status == corev1.ConditionTrue {
			return len(pod.Status.PodIPs) > 0, nil
		}
	}
	return false, nil
}

// condition is what a pod says of itself, for people.
func condition(pod *corev1.Pod) string {
	for _, s := range containers(pod) {
		if t := s.State.Terminated; t != nil && t.ExitCode == 0 {
			continue // an init container that has done its work
		}
		on := fmt.Sprintf("on node %s, container %s ", pod.Spec.NodeName, s.Name)
		if t := s.State.Terminated; t != nil {
			return on + end(t)
		}
		if w := s.State.Waiting; w != nil {
			if t := s.LastTerminationState.Terminated; t != nil {
				return on + end(t) + " and waits: " + w.Reason
			}
			return on + strings.TrimSpace("waits: "+w.Reason+" "+w.Message)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			return fmt.Sprintf("%s: %s", c.Type, c.Message)
		}
	}
	return "phase " + string(pod.Status.Phase)
}

// end is how a container ended.
func end(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("ended with status %d", t.ExitCode)
	if said := strings.TrimSpace(t.Reason + " " + t.Message); said != "" {
		text += " (" + said + ")"
	}
	return text
}
