package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// ExpectProtocols claims that the API returns SCTP for every port that says so: in the pods
// of the spec, in a Service and a policy that were applied from files, and in the Service's
// EndpointSlices.
func (l *Lab) ExpectProtocols(ctx ginkgo.SpecContext, namespace, service, policy string) {
	ginkgo.GinkgoHelper()
	l.expected = true
	if l.run.rehearsing() {
		return
	}
	lost, err := l.protocols(ctx, namespace, l.nameOf(namespace, service), l.nameOf(namespace, policy))
	for start := time.Now(); err != nil && time.Since(start) < l.patience && ctx.Err() == nil; {
		await(ctx, time.Now().Add(pace))
		lost, err = l.protocols(ctx, namespace, l.nameOf(namespace, service), l.nameOf(namespace, policy))
	}
	switch {
	case err != nil:
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: the objects could not be read back: %v", l.id, err))
	case len(lost) > 0:
		var symptoms []diag.Symptom
		for _, what := range lost {
			symptoms = append(symptoms, diag.Symptom{Said: what})
		}
		causes := l.causes(found(diag.APIChangesProtocol, symptoms))
		l.conclude(ctx, reach.GroundFail, fmt.Sprintf("%s: the API does not keep protocol SCTP: %s\n%s%s", l.id, lost[0], reach.Told(causes), l.whereabouts()))
	}
}

// nameOf is the name of an object that was applied from a file.
func (l *Lab) nameOf(namespace, file string) string {
	for _, o := range l.applied {
		if o.namespace == namespace && o.file == file {
			return o.name
		}
	}
	return ""
}

// protocols says where ports have another protocol than SCTP. It is an error
// that an object cannot be read, or that a Service has no EndpointSlice with a port yet.
func (l *Lab) protocols(ctx context.Context, namespace, service, policy string) ([]string, error) {
	real, err := l.run.namespace(ctx, namespace)
	if err != nil {
		return nil, err
	}
	found := map[string]corev1.Protocol{}
	if err := l.podProtocols(ctx, found); err != nil {
		return nil, err
	}
	c := l.run.Cluster.Client
	s, err := c.CoreV1().Services(real).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for _, p := range s.Spec.Ports {
		found["Service "+s.Name+" port "+p.Name] = p.Protocol
	}
	p, err := c.NetworkingV1().NetworkPolicies(real).Get(ctx, policy, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	policyProtocols(p, found)
	listed, err := c.DiscoveryV1().EndpointSlices(real).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		return nil, err
	}
	if err := sliceProtocols(listed.Items, found); err != nil {
		return nil, fmt.Errorf("slices of Service %s: %w", service, err)
	}
	var lost []string
	for _, where := range slices.Sorted(maps.Keys(found)) {
		if found[where] != corev1.ProtocolSCTP {
			lost = append(lost, fmt.Sprintf("%s has %q", where, found[where]))
		}
	}
	return lost, nil
}

func (l *Lab) podProtocols(ctx context.Context, found map[string]corev1.Protocol) error {
	for _, m := range l.members {
		pod, err := l.run.Cluster.Client.CoreV1().Pods(m.real).Get(ctx, m.pod, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, p := range pod.Spec.Containers[0].Ports {
			if !strings.HasPrefix(p.Name, "sctp") {
				continue // of another protocol on purpose
			}
			found["Pod "+m.word+" port "+p.Name] = p.Protocol
		}
	}
	return nil
}

func policyProtocols(p *networkingv1.NetworkPolicy, found map[string]corev1.Protocol) {
	for _, rule := range p.Spec.Ingress {
		for _, port := range rule.Ports {
			if port.Protocol != nil {
				found["NetworkPolicy "+p.Name] = *port.Protocol
			}
		}
	}
}

func sliceProtocols(list []discoveryv1.EndpointSlice, found map[string]corev1.Protocol) error {
	ports := 0
	for _, s := range list {
		for _, p := range s.Ports {
			if p.Protocol != nil {
				found["EndpointSlice "+s.Name] = *p.Protocol
				ports++
			}
		}
	}
	if ports == 0 {
		return fmt.Errorf("none of its %d EndpointSlices has a port", len(list))
	}
	return nil
}
