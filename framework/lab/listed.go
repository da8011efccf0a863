package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/reach"
)

// addressTypes are the types of EndpointSlices by the families of their addresses.
var addressTypes = map[reach.Family]discoveryv1.AddressType{reach.IPv4: discoveryv1.AddressTypeIPv4, reach.IPv6: discoveryv1.AddressTypeIPv6}

// listing is what an EndpointSlice says of an address.
type listing struct {
	conditions discoveryv1.EndpointConditions
	ports      []discoveryv1.EndpointPort
}

// mislisted compares the EndpointSlices of a Service with its pods; service proxies know of nothing
// else. Unlisted is said where none of the pods that are wanted of it can be reached by what they
// list, overlisted where they list what a proxy must not lead to.
func (l *Lab) mislisted(ctx context.Context, f reach.Family, t target, wanted []*member) (unlisted, overlisted string, err error) {
	if t.service == nil || t.gone {
		return "", "", nil
	}
	all, err := l.run.Cluster.Client.DiscoveryV1().EndpointSlices(t.service.Namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + t.service.Name})
	if err != nil {
		return "", "", err
	}
	listed := map[string][]listing{} // by address: it may stand in several
	for _, s := range all.Items {
		for _, e := range s.Endpoints {
			for _, address := range e.Addresses {
				if s.AddressType == addressTypes[f] {
					listed[address] = append(listed[address], listing{e.Conditions, s.Ports})
				}
			}
		}
	}
	told := func(what string) string {
		if what == "" {
			return ""
		}
		return fmt.Sprintf("the EndpointSlices of %s in namespace %s %s", t.service.Name, t.service.Namespace, what)
	}
	return told(l.unlisted(listed, f, t, wanted)), told(l.overlisted(listed, f, t)), nil
}

// unlisted says why a proxy can lead to none of the pods that are wanted: nothing where one of them
// is listed, ready and with the port at which it listens.
func (l *Lab) unlisted(listed map[string][]listing, f reach.Family, t target, wanted []*member) string {
	var missing, unready, deaf []string
	for _, m := range wanted {
		ls := listed[m.addrs[f].String()]
		switch port := l.portUnlike(ls, m, t); {
		case len(ls) == 0:
			missing = append(missing, m.word)
		case !slices.ContainsFunc(ls, func(e listing) bool { return isReady(e.conditions) || l.ending[m] && isEnding(e.conditions) }):
			unready = append(unready, m.word)
		case port != "":
			deaf = append(deaf, port)
		default:
			return ""
		}
	}
	whole := len(wanted) == len(l.behind(t))
	switch {
	case len(wanted) == 0:
		return ""
	case len(missing) == len(wanted) && whole:
		return "list none of its pods"
	case len(missing) > 0:
		return "do not list " + strings.Join(missing, ", ")
	case len(unready) == len(wanted) && whole:
		return "list none of its pods as ready"
	case len(unready) > 0:
		return "do not list as ready: " + strings.Join(unready, ", ")
	}
	return "list " + eachOnce(deaf)
}

// overlisted says what a proxy leads to by mistake: addresses that are those of no pod behind the
// Service, or of one that is not ready, and ports at which a pod does not listen.
func (l *Lab) overlisted(listed map[string][]listing, f reach.Family, t target) string {
	behind := map[string]*member{}
	for _, m := range l.behind(t) {
		behind[m.addrs[f].String()] = m
	}
	var strange, deaf []string
	for _, address := range slices.Sorted(maps.Keys(listed)) {
		if m := behind[address]; m != nil {
			if port := l.portUnlike(listed[address], m, t); port != "" {
				deaf = append(deaf, port)
			}
		} else if slices.ContainsFunc(listed[address], func(e listing) bool { return isReady(e.conditions) }) {
			strange = append(strange, l.whose(f, address))
		}
	}
	switch {
	case len(strange) > 0:
		slices.Sort(strange)
		return "list as ready what must not be an endpoint: " + strings.Join(strange, ", ")
	case len(deaf) > 0:
		return "list " + eachOnce(deaf)
	}
	return ""
}

// eachOnce joins what is said of several pods, each thing once.
func eachOnce(parts []string) string {
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), "; ")
}

func isReady(c discoveryv1.EndpointConditions) bool { return c.Ready == nil || *c.Ready }

// portUnlike says in what the ports that are listed for a pod differ from the one at which it
// listens for the protocol of a target.
func (l *Lab) portUnlike(listed []listing, m *member, t target) string {
	number, proto := int32(l.ownPort(m, t)), corev1.Protocol(strings.ToUpper(string(t.proto)))
	if number == 0 {
		return ""
	}
	var others []string
	for _, e := range listed {
		for _, p := range e.ports {
			switch {
			case p.Protocol == nil || *p.Protocol != proto || p.Port == nil:
			case *p.Port == number:
				return ""
			default:
				others = append(others, fmt.Sprint(*p.Port))
			}
		}
	}
	if len(others) == 0 {
		return fmt.Sprintf("no port for %s", proto)
	}
	slices.Sort(others)
	return fmt.Sprintf("%s port %s, where pods listen at %d", proto, strings.Join(slices.Compact(others), ", "), number)
}

// whose is the word of the agent with an address, or the address itself.
func (l *Lab) whose(f reach.Family, address string) string {
	of := func(m *member) bool { return m.addrs[f].String() == address }
	if i := slices.IndexFunc(l.members, of); i >= 0 {
		return l.members[i].word
	}
	if i := slices.IndexFunc(l.former, of); i >= 0 {
		return "the deleted " + l.former[i].word
	}
	return address
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
