package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// errLacks says that the cluster does not have what a Service asks for, so that there is
// nothing to judge.
var errLacks = errors.New("not to be had on this cluster")

// skipWithout ends a spec that the cluster cannot be judged by.
func (l *Lab) skipWithout(err error) {
	if errors.Is(err, errLacks) {
		l.expected = true
		ginkgo.Skip(err.Error())
	}
}

// applyService creates a Service and its TCP twin.
func (l *Lab) applyService(ctx context.Context, namespace, real, file string, s *corev1.Service) error {
	called := portNumbers(s)
	l.fitPorts(namespace, s)
	l.fillExternal(s)
	like := s.DeepCopy()
	if err := l.createService(ctx, namespace, real, file, s, called); err != nil {
		return err
	}
	l.applyTwin(ctx, namespace, real, file, like, called)
	return nil
}

// portNumbers are what the ports of a Service are called in words, be they others in truth.
func portNumbers(s *corev1.Service) []int32 {
	var out []int32
	for _, p := range s.Spec.Ports {
		out = append(out, p.Port)
	}
	return out
}

// fitPorts leads a Service of agents on their nodes' network to the ports that these have
// in truth.
func (l *Lab) fitPorts(namespace string, s *corev1.Service) {
	if namespace != hostNetwork {
		return
	}
	for i, p := range s.Spec.Ports {
		number := uint16(p.TargetPort.IntValue())
		if number == 0 {
			number = uint16(p.Port)
		}
		s.Spec.Ports[i].TargetPort = intstr.FromInt32(int32(l.run.hostPort(number)))
	}
}

// createService creates a Service and makes the names under which tables know its ports.
func (l *Lab) createService(ctx context.Context, namespace, real, file string, s *corev1.Service, called []int32) error {
	l.run.mark(&s.ObjectMeta)
	l.sign(&s.ObjectMeta)
	if s.Spec.IPFamilyPolicy == nil && len(l.families) > 1 {
		both := corev1.IPFamilyPolicyPreferDualStack
		s.Spec.IPFamilyPolicy = &both
	}
	api := l.run.Cluster.Client.CoreV1().Services(real)
	made, err := api.Create(ctx, s, metav1.CreateOptions{})
	if err != nil {
		return lacking(s, err)
	}
	l.applied = append(l.applied, object{file, namespace, "Service", s.Name, api.Delete})
	if made.Spec.Type == corev1.ServiceTypeLoadBalancer {
		if made, err = l.awaitAddresses(ctx, real, made.Name); err != nil {
			return err
		}
	}
	return l.enlistPorts(namespace, made, called)
}

// enlistPorts makes the names of all ports of a Service, which words may call otherwise.
func (l *Lab) enlistPorts(namespace string, s *corev1.Service, called []int32) error {
	for i, p := range s.Spec.Ports {
		if err := l.enlistService(namespace, s, p, called, uint16(called[i])); err != nil {
			return err
		}
	}
	return nil
}

// lacking tells an API that refuses a kind of Service from one that could not be asked.
func lacking(s *corev1.Service, err error) error {
	switch {
	case len(s.Spec.ExternalIPs) > 0 && apierrors.IsForbidden(err):
		return fmt.Errorf("externalIPs are %w: %w", errLacks, err)
	case s.Spec.TrafficDistribution != nil && apierrors.IsInvalid(err):
		return fmt.Errorf("trafficDistribution %s is %w: %w", *s.Spec.TrafficDistribution, errLacks, err)
	}
	return err
}

// enlistService makes the names under which tables know a port of a Service.
func (l *Lab) enlistService(namespace string, s *corev1.Service, p corev1.ServicePort, all []int32, called uint16) error {
	proto := wire.Proto(strings.ToLower(string(p.Protocol)))
	word := "svc/" + s.Name + ":" + port{number: called, proto: proto}.String()
	t := target{
		kind: diag.ClusterIP, proto: proto, addrs: map[reach.Family]netip.AddrPort{},
		port: uint16(p.TargetPort.IntValue()), namespace: namespace, service: s, called: all,
	}
	if s.Spec.ClusterIP == corev1.ClusterIPNone { // it has a name and no address
		l.targets[word] = t
		return nil
	}
	for _, ip := range s.Spec.ClusterIPs {
		a, err := netip.ParseAddr(ip)
		if err != nil {
			return fmt.Errorf("cluster address of Service %s: %w", s.Name, err)
		}
		t.addrs[familyOf(a)] = netip.AddrPortFrom(a, uint16(p.Port))
	}
	l.addServer(reach.Name{Word: word}, t)
	l.enlistLoadBalancer(s, p, word, t)
	l.enlistExternal(s, p, word, t)
	if p.NodePort != 0 {
		l.enlistNodePorts(p, word, t)
	}
	return nil
}

// enlistNodePorts makes the names node@1:svc/NAME:PORT of a Service's NodePort.
func (l *Lab) enlistNodePorts(p corev1.ServicePort, word string, t target) {
	for i := range l.run.Cluster.Nodes {
		n := l.run.Node(i + 1)
		there := t
		there.kind, there.node, there.addrs = diag.NodePort, n.Name, map[reach.Family]netip.AddrPort{}
		for f := range t.addrs { // the families the Service has got
			if a, ok := n.Addr(t.addrs[f].Addr()); ok {
				there.addrs[f] = netip.AddrPortFrom(a, uint16(p.NodePort))
			}
		}
		l.addServer(reach.Name{Word: fmt.Sprintf("node@%d:%s", i+1, word), Node: i + 1}, there)
	}
}

// replacePorts gives a Service and its twin the ports of another one.
func (l *Lab) replacePorts(ctx context.Context, namespace, real, name string, by *corev1.Service) error {
	l.fitPorts(namespace, by)
	if err := l.updatePorts(ctx, namespace, real, name, by.Spec.Ports); err != nil {
		return err
	}
	return l.replaceTwin(ctx, namespace, real, name, by)
}

// updatePorts gives a Service other ports. One of the same name whose number changes gets
// another nodePort, too, which the API would keep for the name.
func (l *Lab) updatePorts(ctx context.Context, namespace, real, name string, ports []corev1.ServicePort) error {
	var now *corev1.Service
	// Somebody may take the number before the Service has it, or write to the Service.
	again := func(err error) bool { return apierrors.IsInvalid(err) || apierrors.IsConflict(err) }
	err := retry.OnError(retry.DefaultBackoff, again, func() (err error) {
		now, err = l.renumber(ctx, real, name, slices.Clone(ports))
		return err
	})
	if err != nil {
		return err
	}
	l.forget(func(o object) bool { return o.kind == "Service" && o.name == name && o.namespace == namespace })
	return l.enlistPorts(namespace, now, portNumbers(now))
}

// renumber is one attempt at updatePorts.
func (l *Lab) renumber(ctx context.Context, real, name string, ports []corev1.ServicePort) (*corev1.Service, error) {
	api := l.run.Cluster.Client.CoreV1().Services(real)
	now, err := api.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for i, p := range ports {
		changed := func(old corev1.ServicePort) bool {
			return old.Name == p.Name && old.Port != p.Port && old.NodePort != 0
		}
		if slices.ContainsFunc(now.Spec.Ports, changed) {
			if ports[i].NodePort, err = l.freeNodePort(ctx, real); err != nil {
				return nil, err
			}
		}
	}
	now.Spec.Ports = ports
	return api.Update(ctx, now, metav1.UpdateOptions{})
}

// freeNodePort is a number that the API gave to a Service which is gone again: nobody else may
// say which are free.
func (l *Lab) freeNodePort(ctx context.Context, real string) (int32, error) {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "number-"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Protocol: corev1.ProtocolSCTP, Port: 1}}},
	}
	l.run.mark(&s.ObjectMeta)
	l.sign(&s.ObjectMeta)
	api := l.run.Cluster.Client.CoreV1().Services(real)
	made, err := api.Create(ctx, s, metav1.CreateOptions{})
	if err != nil {
		return 0, err
	}
	return made.Spec.Ports[0].NodePort, api.Delete(ctx, made.Name, metav1.DeleteOptions{})
}
