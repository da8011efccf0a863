package lab

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	psa "k8s.io/pod-security-admission/api"

	"sctp.test/framework/diag"
	"sctp.test/framework/probe"
	"sctp.test/framework/reach"
)

// The places of agents that are not pods on the pods' network. In words they stand where
// the namespace stands: out/peer, host/server@1:6000.
const (
	outside     = diag.Outside // outside of the cluster: no pod, no labels, on no node of it
	hostNetwork = "host"       // pods on their nodes' own network, in a namespace of their own
	hostPorts   = "door"       // pods that may have ports of their nodes, likewise
)

// nameLabel is on a namespace of a run; its value is what specs call it.
const nameLabel = "ns"

// unsafe are the namespaces of pods whose network does what no network does unless it is told to,
// by a sysctl that is not among those which every cluster lets its pods have: it carries SCTP in
// UDP, too, on the port that IANA has assigned (RFC 6951 section 5.1), or lets sockets ask for
// interleaved messages (RFC 8260).
var unsafe = map[string]corev1.Sysctl{
	"udp":   {Name: "net.sctp.udp_port", Value: "9899"},
	"idata": {Name: "net.sctp.intl_enable", Value: "1"},
}

// nowhere is the number of the node that an agent outside of the cluster is on.
const nowhere = 0

func (s seat) outside() bool { return s.namespace == outside }

// onPodNetwork says whether the agent has a network namespace, and addresses, of its own.
func (s seat) onPodNetwork() bool { return s.namespace != outside && s.namespace != hostNetwork }

// seat is where an order wants an agent.
func (r *Run) seat(o order, place int) seat {
	if o.namespace == outside {
		return seat{outside, outside}
	}
	return seat{o.namespace, r.Node(place).Name}
}

// level is what Pod Security admits in a namespace: below privileged no pod gets anything of
// its node's network, nor a sysctl that is not safe.
func level(namespace string) psa.Level {
	if _, is := unsafe[namespace]; is || namespace == hostNetwork || namespace == hostPorts {
		return psa.LevelPrivileged
	}
	return psa.LevelRestricted
}

// onHostNetwork gives a pod its node's network. Sysctls of a network belong to the node
// then, and the kubelet refuses pods that name them: ports under 1024 are not to be had.
// Ports that a container declares are taken on the node then, from every other pod of any run.
func onHostNetwork(spec *corev1.PodSpec) {
	spec.HostNetwork = true
	spec.SecurityContext.Sysctls = nil
	for i := range spec.Containers {
		spec.Containers[i].Ports = nil
	}
}

// port is the port that an agent has where words say number.
func (r *Run) port(s seat, number uint16) uint16 {
	if s.namespace == hostNetwork || s.outside() {
		return r.hostPort(number)
	}
	return number
}

// hostPort is the port that an agent on its node's network, or outside of the cluster, has where
// words say number: others there, and other runs, may have that one.
func (r *Run) hostPort(number uint16) uint16 {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, r.ID) // never fails
	return firstHostPort + uint16((h.Sum32()+uint32(number))%portsOfAKind)
}

// admit meets the agent outside of the cluster. There is one; a spec that wants two gets an
// error, for they would share ports and records.
func (f *fleet) admit(ctx context.Context) (*member, error) {
	if f.run.External == nil {
		return nil, errors.New("there is no agent outside of the cluster, see --external-agent")
	}
	f.admitting.Lock()
	defer f.admitting.Unlock()
	if f.anyWho(func(m *member) bool { return m.outside() }) != nil {
		return nil, errors.New("there is one agent outside of the cluster, and the spec has it already")
	}
	m := &member{seat: seat{outside, outside}, addrs: map[reach.Family]netip.Addr{}}
	m.agent = probe.New(f.run.ctx, "outside of the cluster", f.run.External) //nolint:contextcheck // streams live as long as the run
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	hello, err := m.agent.Hello(ctx)
	if err != nil {
		return nil, fmt.Errorf("the agent outside of the cluster: %w", err)
	}
	m.uid, m.mtu = hello.Server.UID, hello.MTU
	for _, a := range hello.Addrs {
		if f := familyOf(a); !m.addrs[f].IsValid() {
			m.addrs[f] = a
		}
	}
	f.enroll(m)
	return m, nil
}

// confineTo takes out the families in which an agent of the spec has no address: the one
// outside, and nodes, may have fewer than pods.
func (l *Lab) confineTo(m *member) {
	l.families = slices.DeleteFunc(l.families, func(f reach.Family) bool { return !m.addrs[f].IsValid() })
}
