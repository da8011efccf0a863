package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/reach"
)

// addressTypes are the types of EndpointSlices by the families of their addresses.
var addressTypes = map[reach.Family]discoveryv1.AddressType{reach.IPv4: discoveryv1.AddressTypeIPv4, reach.IPv6: discoveryv1.AddressTypeIPv6}

// unlisted says what is wrong with the EndpointSlices of a Service: nothing where they list a
// pod behind it, ready and with the port at which it listens. Service proxies know of no other
// pods.
func (l *Lab) unlisted(ctx context.Context, f reach.Family, t target, behind []*member) (string, error) {
	if t.service == nil || len(behind) == 0 || l.ownPort(behind[0], t) == 0 {
		return "", nil
	}
	listed, err := l.run.Cluster.Client.DiscoveryV1().EndpointSlices(t.service.Namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + t.service.Name})
	if err != nil {
		return "", err
	}
	proto := corev1.Protocol(strings.ToUpper(string(t.proto)))
	pod, ready, others := false, false, []string{}
	for _, s := range listed.Items {
		if s.AddressType != addressTypes[f] {
			continue
		}
		for _, m := range behind {
			i := slices.IndexFunc(s.Endpoints, func(e discoveryv1.Endpoint) bool { return slices.Contains(e.Addresses, m.addrs[f].String()) })
			if i < 0 {
				continue
			}
			pod = true
			if c := s.Endpoints[i].Conditions; c.Ready != nil && !*c.Ready && (c.Serving == nil || !*c.Serving) {
				continue
			}
			ready = true
			for _, p := range s.Ports {
				if p.Protocol != nil && *p.Protocol == proto && p.Port != nil {
					if *p.Port == int32(l.ownPort(m, t)) {
						return "", nil
					}
					others = append(others, fmt.Sprint(*p.Port))
				}
			}
		}
	}
	text := fmt.Sprintf("the EndpointSlices (%s) of %s in namespace %s ", f, t.service.Name, t.service.Namespace)
	switch {
	case !pod:
		return text + "list none of its pods", nil
	case !ready:
		return text + "list none of its pods as ready", nil
	case len(others) > 0:
		slices.Sort(others)
		return fmt.Sprintf("%slist %s port %s, and the pods listen at %d", text, proto, strings.Join(slices.Compact(others), ", "), l.ownPort(behind[0], t)), nil
	}
	return fmt.Sprintf("%slist no port for %s", text, proto), nil
}

// ownPort is the port of a pod that a Service leads to: where the Service has a name for it,
// the one at which the pod listens for that protocol, 0 where it listens at several.
func (l *Lab) ownPort(m *member, t target) (number uint16) {
	if t.port != 0 {
		return t.port
	}
	for _, p := range l.orders[m].ports {
		if p.proto != t.proto || p.closed {
			continue
		}
		if number != 0 {
			return 0
		}
		number = p.number
	}
	return number
}
