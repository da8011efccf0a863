package lab

import (
	"math/rand/v2"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// The numbers that a run gives to ports of nodes. They lie under those of NodePorts and of
// clients, and two runs have different ones.
const (
	firstHostPort = 20000 // of agents on their nodes' network, in truth
	firstAnyPort  = 25000 // see AnyPort
	portsOfAKind  = 5000
)

// AnyPort is a number, drawn at random, for a port of nodes that has to be chosen by whoever
// asks for it, as a hostPort. Only its object keeps it from others.
func AnyPort() uint16 { return firstAnyPort + uint16(rand.IntN(portsOfAKind)) }

// fillExternal puts the addresses of node 1 in the place of the external ones of a Service,
// and other ports in the place of its own: on addresses that are not the Service's alone
// another run may have the same.
func (l *Lab) fillExternal(s *corev1.Service) {
	if len(s.Spec.ExternalIPs) == 0 {
		return
	}
	s.Spec.ExternalIPs = nil
	for _, a := range l.run.Node(1).Internal {
		s.Spec.ExternalIPs = append(s.Spec.ExternalIPs, a.String())
	}
	for i, p := range s.Spec.Ports {
		if p.TargetPort.IntValue() == 0 {
			s.Spec.Ports[i].TargetPort.IntVal = p.Port
		}
		s.Spec.Ports[i].Port = int32(AnyPort())
	}
}

// enlistExternal makes the name ext/NAME:PORT under which tables know the external addresses
// of a Service.
func (l *Lab) enlistExternal(s *corev1.Service, p corev1.ServicePort, word string, like target) {
	t := like
	t.kind, t.node, t.addrs = diag.ExternalIP, l.run.Node(1).Name, map[reach.Family]netip.AddrPort{}
	for _, ip := range s.Spec.ExternalIPs {
		a, err := netip.ParseAddr(ip)
		if _, has := t.addrs[familyOf(a)]; err == nil && !has {
			t.addrs[familyOf(a)] = netip.AddrPortFrom(a, uint16(p.Port))
		}
	}
	if len(t.addrs) > 0 {
		l.addServer(reach.Name{Word: "ext/" + strings.TrimPrefix(word, "svc/")}, t)
	}
}
