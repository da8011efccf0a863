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

// mislisted says what is wrong with the EndpointSlices of a Service: nothing where they list the
// pods that are to be behind it and no others, as ready and with the ports at which they listen.
// Service proxies know of nothing else.
func (l *Lab) mislisted(ctx context.Context, f reach.Family, t target) (string, error) {
	if t.service == nil || t.gone {
		return "", nil
	}
	all, err := l.run.Cluster.Client.DiscoveryV1().EndpointSlices(t.service.Namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + t.service.Name})
	if err != nil {
		return "", err
	}
	listed := map[string]listing{}
	for _, s := range all.Items {
		for _, e := range s.Endpoints {
			for _, address := range e.Addresses {
				if s.AddressType == addressTypes[f] {
					listed[address] = listing{e.Conditions, s.Ports}
				}
			}
		}
	}
	what := l.unlike(listed, f, t)
	if what == "" {
		return "", nil
	}
	return fmt.Sprintf("the EndpointSlices of %s in namespace %s %s", t.service.Name, t.service.Namespace, what), nil
}

// listing is what an EndpointSlice says of an address.
type listing struct {
	conditions discoveryv1.EndpointConditions
	ports      []discoveryv1.EndpointPort
}

// unlike says in what a listing, by addresses, differs from the pods that are to be behind a
// target.
func (l *Lab) unlike(listed map[string]listing, f reach.Family, t target) string {
	behind, proto := l.behind(t), corev1.Protocol(strings.ToUpper(string(t.proto)))
	var missing, idle, deaf []string
	for _, m := range behind {
		address := m.addrs[f].String()
		e, found := listed[address]
		delete(listed, address)
		switch number := l.ownPort(m, t); {
		case !found:
			missing = append(missing, m.word)
		case !ready(e.conditions) && (!l.ending[m] || !serving(e.conditions)):
			idle = append(idle, m.word)
		case number != 0:
			if text := e.portsUnlike(proto, int32(number)); text != "" {
				deaf = append(deaf, text)
			}
		}
	}
	var strange []string
	for address, e := range listed {
		if ready(e.conditions) {
			strange = append(strange, l.whose(f, address))
		}
	}
	slices.Sort(strange)
	switch {
	case len(missing) > 0 && len(missing) == len(behind):
		return "list none of its pods"
	case len(missing) > 0:
		return "do not list " + strings.Join(missing, ", ")
	case len(idle) > 0 && len(idle) == len(behind):
		return "list none of its pods as ready"
	case len(idle) > 0:
		return "do not list as ready: " + strings.Join(idle, ", ")
	case len(strange) > 0:
		return "list as ready what is to be no endpoint: " + strings.Join(strange, ", ")
	case len(deaf) > 0:
		return deaf[0]
	}
	return ""
}

func ready(c discoveryv1.EndpointConditions) bool { return c.Ready == nil || *c.Ready }

func serving(c discoveryv1.EndpointConditions) bool { return c.Serving != nil && *c.Serving }

// portsUnlike says in what the ports for a protocol differ from the one at which a pod listens.
func (e listing) portsUnlike(proto corev1.Protocol, number int32) string {
	var others []string
	for _, p := range e.ports {
		switch {
		case p.Protocol == nil || *p.Protocol != proto || p.Port == nil:
		case *p.Port == number:
			return ""
		default:
			others = append(others, fmt.Sprint(*p.Port))
		}
	}
	if len(others) == 0 {
		return fmt.Sprintf("list no port for %s", proto)
	}
	return fmt.Sprintf("list %s port %s, and the pods listen at %d", proto, strings.Join(others, ", "), number)
}

// whose is the word of the agent with an address, or the address itself.
func (l *Lab) whose(f reach.Family, address string) string {
	i := slices.IndexFunc(l.members, func(m *member) bool { return m.addrs[f].String() == address })
	if i < 0 {
		return address
	}
	return l.members[i].word
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
