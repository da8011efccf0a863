package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Variant is what sets a pod of Join apart from other agents.
type Variant func(*corev1.Pod)

// gate is the condition that a gated pod waits for.
const gate corev1.PodConditionType = "sctp.test/admitted"

// Gated pods run and are not ready until Admit says so.
func Gated(pod *corev1.Pod) {
	pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: gate})
}

// Lingering pods go on serving for a time in whole seconds after they are told to end. The
// spec does not wait for it: what is left of it is cut short when the spec leaves.
func Lingering(d time.Duration) Variant {
	seconds := int64(d.Seconds())
	return func(pod *corev1.Pod) {
		grace := seconds + 1
		pod.Spec.TerminationGracePeriodSeconds = &grace
		pod.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: seconds}}}
	}
}

// HostPort leads a port of the node to a port of the pod, for SCTP and its TCP twin. Tables
// know it as node@1:NUMBER.
func HostPort(number, to uint16) Variant {
	return func(pod *corev1.Pod) {
		for _, proto := range []corev1.Protocol{corev1.ProtocolSCTP, corev1.ProtocolTCP} {
			pod.Spec.Containers[0].Ports = append(pod.Spec.Containers[0].Ports, corev1.ContainerPort{Protocol: proto, ContainerPort: int32(to), HostPort: int32(number)})
		}
	}
}

// PortNamed gives the port that the pod declares by a name, and that of the TCP twin, another
// number.
func PortNamed(name string, number uint16) Variant {
	return func(pod *corev1.Pod) {
		var ports []corev1.ContainerPort
		for _, p := range pod.Spec.Containers[0].Ports {
			switch {
			case p.Name == name, p.Name == strings.Replace(name, "sctp", "tcp", 1):
				p.ContainerPort = int32(number)
			case p.ContainerPort == int32(number):
				continue // it has another name
			}
			ports = append(ports, p)
		}
		pod.Spec.Containers[0].Ports = ports
	}
}

// enlistVariant notes what the API has made of the pod of an agent.
func (l *Lab) enlistVariant(ctx context.Context, m *member, place int) error {
	if m.outside() {
		return nil
	}
	pod, err := l.run.Cluster.Client.CoreV1().Pods(m.real).Get(ctx, m.pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	l.unready[m] = len(pod.Spec.ReadinessGates) > 0
	for _, c := range pod.Spec.Containers {
		if c.Lifecycle != nil && (c.Lifecycle.PreStop == nil || c.Lifecycle.PreStop.Sleep == nil) {
			return fmt.Errorf("lifecycle.preStop.sleep is %w", errLacks)
		}
		for _, p := range c.Ports {
			if p.HostPort != 0 && m.namespace != hostNetwork {
				l.enlistHostPort(m, p, place)
			}
		}
	}
	return nil
}

func (l *Lab) enlistHostPort(m *member, p corev1.ContainerPort, place int) {
	t := target{
		kind: diag.HostPort, proto: wire.SCTP, addrs: map[reach.Family]netip.AddrPort{}, pod: m,
		port: uint16(p.ContainerPort), node: m.node, namespace: m.namespace,
	}
	for _, f := range l.families {
		if a, ok := l.run.Node(place).Addr(m.addrs[f]); ok {
			t.addrs[f] = netip.AddrPortFrom(a, uint16(p.HostPort))
		}
	}
	word := fmt.Sprintf("node@%d:%d", place, p.HostPort)
	if p.Protocol == corev1.ProtocolTCP {
		t.proto = wire.TCP
		l.twins[word] = t
		return
	}
	l.addServer(reach.Name{Word: word, Node: place}, t)
}

// Admit lets a gated pod be ready.
func (l *Lab) Admit(ctx ginkgo.SpecContext, word string) {
	ginkgo.GinkgoHelper()
	l.changes("made " + word + " ready")
	if err := l.admit(ctx, word); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not make %s ready: %v", l.id, word, err))
	}
}

func (l *Lab) admit(ctx context.Context, word string) error {
	m := l.member(word)
	if m == nil {
		return fmt.Errorf("the spec has no agent %s", word)
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": gate, "status": corev1.ConditionTrue, "lastTransitionTime": metav1.Now()},
	}}})
	if err != nil {
		return err
	}
	_, err = l.run.Cluster.Client.CoreV1().Pods(m.real).Patch(ctx, m.pod, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	l.unready[m] = err != nil
	return err
}

// Terminate tells a lingering pod to end, and returns when the EndpointSlices of its
// Services say so. It serves on.
func (l *Lab) Terminate(ctx ginkgo.SpecContext, word string) {
	ginkgo.GinkgoHelper()
	l.changes("told " + word + " to end")
	if err := l.terminate(ctx, word); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not tell %s to end: %v", l.id, word, err))
	}
}

func (l *Lab) terminate(ctx context.Context, word string) error {
	if err := l.owns(); err != nil {
		return err
	}
	m := l.member(word)
	if m == nil {
		return fmt.Errorf("the spec has no agent %s", word)
	}
	l.ending[m] = true
	if err := l.run.Cluster.Client.CoreV1().Pods(m.real).Delete(ctx, m.pod, metav1.DeleteOptions{}); err != nil {
		return err
	}
	for start := time.Now(); !l.run.rehearsing(); {
		listed, ending, err := l.endpointsOf(ctx, m)
		switch {
		case err == nil && listed > 0 && ending == listed:
			return nil
		case err == nil && listed == 0:
			err = fmt.Errorf("it is in no EndpointSlice any more")
		case err == nil:
			err = fmt.Errorf("%d of its %d endpoints are said to be serving and terminating", ending, listed)
		}
		if took := time.Since(start); took > l.patience || ctx.Err() != nil {
			return fmt.Errorf("%w, %v after it was deleted", err, took.Round(time.Second))
		}
		await(ctx, time.Now().Add(pace))
	}
	return nil
}

// endpointsOf counts the endpoints that a pod is, and those of them that are terminating and
// still serve.
func (l *Lab) endpointsOf(ctx context.Context, m *member) (listed, ending int, err error) {
	slices, err := l.run.Cluster.Client.DiscoveryV1().EndpointSlices(m.real).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, 0, err
	}
	for _, s := range slices.Items {
		for _, e := range s.Endpoints {
			if e.TargetRef == nil || string(e.TargetRef.UID) != m.uid {
				continue
			}
			listed++
			if isEnding(e.Conditions) {
				ending++
			}
		}
	}
	return listed, ending, nil
}

func isEnding(c discoveryv1.EndpointConditions) bool {
	return c.Terminating != nil && *c.Terminating && c.Serving != nil && *c.Serving
}
