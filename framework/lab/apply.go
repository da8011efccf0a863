package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
	"sctp.test/manifests"
)

// object is something a spec has applied.
type object struct {
	file      string
	namespace string // as the spec calls it
	kind      string // Service or NetworkPolicy
	name      string
	delete    func(context.Context, string, metav1.DeleteOptions) error
}

func isPolicy(o object) bool { return o.kind == "NetworkPolicy" }

// Apply creates what stands in a file below manifests/ in a namespace of the spec. Ports
// of a Service become servers that tables may name: svc/NAME:PORT for its cluster
// addresses and node@N:svc/NAME:PORT for its NodePort on each node.
func (l *Lab) Apply(ctx ginkgo.SpecContext, namespace, file string) {
	ginkgo.GinkgoHelper()
	if err := l.apply(ctx, namespace, file); err != nil {
		l.conclude(reach.GroundBroken, fmt.Sprintf("%s: could not apply manifests/%s in %s: %v", l.id, file, namespace, err))
	}
}

// Delete removes what Apply created from the same file, and waits for nothing: how long
// the cluster takes to notice is for Expect to find out.
func (l *Lab) Delete(ctx ginkgo.SpecContext, namespace, file string) {
	ginkgo.GinkgoHelper()
	if err := l.delete(ctx, namespace, file); err != nil {
		l.conclude(reach.GroundBroken, fmt.Sprintf("%s: could not delete manifests/%s in %s: %v", l.id, file, namespace, err))
	}
}

func (l *Lab) delete(ctx context.Context, namespace, file string) error {
	chosen := func(o object) bool { return o.file == file && o.namespace == namespace }
	if !slices.ContainsFunc(l.applied, chosen) {
		return fmt.Errorf("the spec did not apply it")
	}
	return l.withdraw(ctx, chosen)
}

func (l *Lab) apply(ctx context.Context, namespace, file string) error {
	o, err := manifests.Object(file)
	if err != nil {
		return err
	}
	real, err := l.run.namespace(ctx, namespace)
	if err != nil {
		return err
	}
	switch o := o.(type) {
	case *corev1.Service:
		return l.applyService(ctx, namespace, real, file, o)
	case *networkingv1.NetworkPolicy:
		return l.applyPolicy(ctx, namespace, real, file, o)
	}
	return unknownKind(o)
}

func unknownKind(o runtime.Object) error {
	return fmt.Errorf("a spec cannot apply a %T", o)
}

func (l *Lab) applyPolicy(ctx context.Context, namespace, real, file string, p *networkingv1.NetworkPolicy) error {
	l.run.mark(&p.ObjectMeta)
	for i := range p.Spec.Ingress {
		l.run.confine(p.Spec.Ingress[i].From)
	}
	for i := range p.Spec.Egress {
		l.run.confine(p.Spec.Egress[i].To)
	}
	api := l.run.Cluster.Client.NetworkingV1().NetworkPolicies(real)
	if _, err := api.Create(ctx, p, metav1.CreateOptions{}); err != nil {
		return err
	}
	l.applied = append(l.applied, object{file, namespace, "NetworkPolicy", p.Name, api.Delete})
	return nil
}

// confine lets a selector of namespaces by label mean those of this run only: another run
// on the same cluster has namespaces with the same labels. Selectors that select all
// namespaces mean all.
func (r *Run) confine(peers []networkingv1.NetworkPolicyPeer) {
	for _, p := range peers {
		if s := p.NamespaceSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
			if s.MatchLabels == nil {
				s.MatchLabels = map[string]string{}
			}
			s.MatchLabels[cluster.RunLabel] = r.ID
		}
	}
}

func (l *Lab) applyService(ctx context.Context, namespace, real, file string, s *corev1.Service) error {
	l.run.mark(&s.ObjectMeta)
	if s.Spec.IPFamilyPolicy == nil && len(l.families) > 1 {
		both := corev1.IPFamilyPolicyPreferDualStack
		s.Spec.IPFamilyPolicy = &both
	}
	api := l.run.Cluster.Client.CoreV1().Services(real)
	made, err := api.Create(ctx, s, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	l.applied = append(l.applied, object{file, namespace, "Service", s.Name, api.Delete})
	behind := l.selected(namespace, made.Spec.Selector)
	for _, p := range made.Spec.Ports {
		if err := l.enlistService(made, p, behind); err != nil {
			return err
		}
	}
	return nil
}

// enlistService makes the names under which tables know a port of a Service.
func (l *Lab) enlistService(s *corev1.Service, p corev1.ServicePort, behind []*member) error {
	proto := wire.Proto(strings.ToLower(string(p.Protocol)))
	word := "svc/" + s.Name + ":" + port{uint16(p.Port), proto}.String()
	t := target{proto: proto, addrs: map[reach.Family]netip.AddrPort{}, intended: behind, port: uint16(p.TargetPort.IntValue()), where: "ClusterIP"}
	for _, ip := range s.Spec.ClusterIPs {
		a, err := netip.ParseAddr(ip)
		if err != nil {
			return fmt.Errorf("cluster address of Service %s: %w", s.Name, err)
		}
		t.addrs[familyOf(a)] = netip.AddrPortFrom(a, uint16(p.Port))
	}
	l.addServer(reach.Name{Word: word}, t)
	if p.NodePort == 0 {
		return nil
	}
	for i := range l.run.Cluster.Nodes {
		n := l.run.node(i + 1)
		t := target{proto: proto, addrs: map[reach.Family]netip.AddrPort{}, intended: behind, port: l.targets[word].port, where: "NodePort of " + n.Name}
		for f := range l.targets[word].addrs { // the families the Service has got
			if a, ok := n.Addr(l.targets[word].addrs[f].Addr()); ok {
				t.addrs[f] = netip.AddrPortFrom(a, uint16(p.NodePort))
			}
		}
		l.addServer(reach.Name{Word: fmt.Sprintf("node@%d:%s", i+1, word), Node: i + 1}, t)
	}
	return nil
}

// mark makes an object this run's.
func (r *Run) mark(m *metav1.ObjectMeta) {
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	m.Labels[cluster.RunLabel] = r.ID
}

// withdraw deletes what is applied and chosen.
func (l *Lab) withdraw(ctx context.Context, chosen func(object) bool) error {
	var kept []object
	var failed error
	for _, o := range slices.Backward(l.applied) {
		if !chosen(o) {
			kept = append(kept, o)
			continue
		}
		if err := o.delete(ctx, o.name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			kept, failed = append(kept, o), fmt.Errorf("deleting %s %s/%s: %w", o.kind, o.namespace, o.name, err)
		}
	}
	slices.Reverse(kept)
	l.applied = kept
	return failed
}
