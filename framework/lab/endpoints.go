package lab

import (
	"context"
	"fmt"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/reach"
)

// Endpoints makes EndpointSlices for a Service without a selector: one for each family, with
// the addresses of some agents.
func (l *Lab) Endpoints(ctx ginkgo.SpecContext, namespace, service string, port int32, words ...string) {
	ginkgo.GinkgoHelper()
	l.changes("made endpoints of Service " + service)
	if err := l.endpoints(ctx, namespace, service, port, words); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not make endpoints of Service %s: %v", l.id, service, err))
	}
}

func (l *Lab) endpoints(ctx context.Context, namespace, service string, port int32, words []string) error {
	real, err := l.run.namespace(ctx, namespace)
	if err != nil {
		return err
	}
	var members []*member
	for _, w := range words {
		m := l.member(w)
		if m == nil {
			return fmt.Errorf("the spec has no agent %s", w)
		}
		members = append(members, m)
	}
	api := l.run.Cluster.Client.DiscoveryV1().EndpointSlices(real)
	for _, f := range l.families {
		s := slice(service, f, port, members)
		l.run.mark(&s.ObjectMeta)
		l.sign(&s.ObjectMeta)
		if _, err := api.Create(ctx, s, metav1.CreateOptions{}); err != nil {
			return in("EndpointSlice", s.Name, err)
		}
		l.applied = append(l.applied, object{"", namespace, "EndpointSlice", s.Name, api.Delete})
		twin := twinSlice(s, service)
		if _, err := api.Create(ctx, twin, metav1.CreateOptions{}); err != nil {
			return in("EndpointSlice", twin.Name, err)
		}
		l.applied = append(l.applied, object{"", namespace, "EndpointSlice", twin.Name, api.Delete})
	}
	l.handmade[service], l.handmade[twinName(service, corev1.ProtocolTCP)] = members, members
	for _, targets := range []map[string]target{l.targets, l.twins} {
		for word, t := range targets {
			if t.service != nil && (t.service.Name == service || t.service.Name == twinName(service, corev1.ProtocolTCP)) {
				t.port = uint16(port)
				targets[word] = t
			}
		}
	}
	return nil
}

// slice lists agents as endpoints of a Service in one family.
func slice(service string, f reach.Family, port int32, members []*member) *discoveryv1.EndpointSlice {
	protocol, name, ready := corev1.ProtocolSCTP, "sctp", true
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: service + "-" + string(f), Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: addressTypes[f],
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Protocol: &protocol, Port: &port}},
	}
	for _, m := range members {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{m.addrs[f].String()}, NodeName: &m.node, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		})
	}
	return s
}
