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
	"k8s.io/apimachinery/pkg/util/intstr"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
	"sctp.test/manifests"
)

// object is something a spec has applied.
type object struct {
	file      string
	namespace string // as the spec calls it
	kind      string // Service, NetworkPolicy, or what else there is
	name      string
	delete    func(context.Context, string, metav1.DeleteOptions) error
}

func isPolicy(o object) bool { return strings.HasSuffix(o.kind, "NetworkPolicy") }

// Apply creates what stands in a file below manifests/ in a namespace of the spec. Ports
// of a Service become servers that tables may name: svc/NAME:PORT for its cluster
// addresses and node@N:svc/NAME:PORT for its NodePort on each node.
func (l *Lab) Apply(ctx ginkgo.SpecContext, namespace, file string) {
	ginkgo.GinkgoHelper()
	err := l.apply(ctx, namespace, file)
	if err != nil {
		l.skipWithout(err)
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not apply manifests/%s in %s: %v", l.id, file, namespace, err))
	}
}

// changes notes what a spec does, of which it then has to say what to expect.
func (l *Lab) changes(what string) { l.expected, l.changed = false, what }

// Block says which agent of the spec the documentation addresses 192.0.2.10 and 2001:db8::10
// of a policy's ipBlocks stand for.
func (l *Lab) Block(word string) { l.block = word }

// The addresses that stand for somebody in manifests (RFC 5737, RFC 3849).
const (
	someone4 = "192.0.2.10/32"
	someone6 = "2001:db8::10/128"
)

// fill puts an agent's addresses in the place of those that stand for it, and its ports in rules
// for what goes to them.
func (l *Lab) fill(p *networkingv1.NetworkPolicy) error {
	for _, rule := range p.Spec.Egress {
		if m := l.member(l.block); m != nil && slices.ContainsFunc(rule.To, isSomeone) {
			l.fillPorts(m, rule.Ports)
		}
	}
	var blocks []*networkingv1.IPBlock
	for _, rule := range p.Spec.Ingress {
		for _, peer := range rule.From {
			blocks = append(blocks, peer.IPBlock)
		}
	}
	for _, rule := range p.Spec.Egress {
		for _, peer := range rule.To {
			blocks = append(blocks, peer.IPBlock)
		}
	}
	for _, b := range blocks {
		if b == nil {
			continue
		}
		texts := []*string{&b.CIDR}
		for i := range b.Except {
			texts = append(texts, &b.Except[i])
		}
		for _, text := range texts {
			family, stands := map[string]reach.Family{someone4: reach.IPv4, someone6: reach.IPv6}[*text]
			if !stands {
				continue
			}
			m := l.member(l.block)
			if m == nil {
				return fmt.Errorf("nobody is named for the address %s", *text)
			}
			if a := m.addrs[family]; a.IsValid() {
				*text = netip.PrefixFrom(a, a.BitLen()).String()
			}
		}
	}
	return nil
}

// isSomeone says whether an address stands for somebody.
func isSomeone(peer networkingv1.NetworkPolicyPeer) bool {
	return peer.IPBlock != nil && slices.Contains([]string{someone4, someone6}, peer.IPBlock.CIDR)
}

// fillPorts gives rules the ports that an agent has in truth.
func (l *Lab) fillPorts(m *member, ports []networkingv1.NetworkPolicyPort) {
	for _, p := range ports {
		if p.Port != nil && p.Port.Type == intstr.Int {
			*p.Port = intstr.FromInt32(int32(l.run.port(m.seat, uint16(p.Port.IntVal))))
		}
	}
}

// Replace gives a policy that was applied from one file the rules that stand in another, and
// a Service the ports. What the old ports of a Service were called is then gone.
func (l *Lab) Replace(ctx ginkgo.SpecContext, namespace, file, by string) {
	ginkgo.GinkgoHelper()
	if err := l.replace(ctx, namespace, file, by); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not replace manifests/%s by manifests/%s in %s: %v", l.id, file, by, namespace, err))
	}
}

// Delete removes what Apply created from the same file, and waits for nothing: how long
// the cluster takes to notice is for Expect to find out.
func (l *Lab) Delete(ctx ginkgo.SpecContext, namespace, file string) {
	ginkgo.GinkgoHelper()
	if err := l.delete(ctx, namespace, file); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not delete manifests/%s in %s: %v", l.id, file, namespace, err))
	}
}

func (l *Lab) delete(ctx context.Context, namespace, file string) error {
	l.changes("deleted manifests/" + file)
	chosen := func(o object) bool { return o.file == file && o.namespace == namespace }
	if !slices.ContainsFunc(l.applied, chosen) {
		return fmt.Errorf("the spec did not apply it")
	}
	l.forget(chosen)
	return l.withdraw(ctx, chosen)
}

func (l *Lab) apply(ctx context.Context, namespace, file string) error {
	l.changes("applied manifests/" + file)
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
		return in("Service", o.Name, l.applyService(ctx, namespace, real, file, o))
	case *networkingv1.NetworkPolicy:
		return l.applyPolicy(ctx, namespace, real, file, o)
	}
	return unknownKind(o)
}

// in says which document of a file an error is about.
func in(kind, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", kind, name, err)
}

func unknownKind(o runtime.Object) error {
	return fmt.Errorf("a spec cannot apply a %T", o)
}

func (l *Lab) applyPolicy(ctx context.Context, namespace, real, file string, p *networkingv1.NetworkPolicy) error {
	if err := l.own(p); err != nil {
		return in("NetworkPolicy", p.Name, err)
	}
	api := l.run.Cluster.Client.NetworkingV1().NetworkPolicies(real)
	if _, err := api.Create(ctx, p, metav1.CreateOptions{}); err != nil {
		return in("NetworkPolicy", p.Name, err)
	}
	l.applied = append(l.applied, object{file, namespace, "NetworkPolicy", p.Name, api.Delete})
	return nil
}

func (l *Lab) replace(ctx context.Context, namespace, file, by string) error {
	l.changes("replaced manifests/" + file)
	i := slices.IndexFunc(l.applied, func(o object) bool { return o.namespace == namespace && o.file == file })
	if i < 0 {
		return fmt.Errorf("the spec did not apply it")
	}
	real, err := l.run.namespace(ctx, namespace)
	if err != nil {
		return err
	}
	object, err := manifests.Object(by)
	if err != nil {
		return err
	}
	name := l.applied[i].name
	l.applied[i].file = by
	switch o := object.(type) {
	case *networkingv1.NetworkPolicy:
		o.Name = name
		if err := l.own(o); err != nil {
			return in("NetworkPolicy", name, err)
		}
		_, err = l.run.Cluster.Client.NetworkingV1().NetworkPolicies(real).Update(ctx, o, metav1.UpdateOptions{})
		return in("NetworkPolicy", name, err)
	case *corev1.Service:
		return in("Service", name, l.replacePorts(ctx, namespace, real, name, o))
	}
	return unknownKind(object)
}

// forget notes that what some Services were called leads to nobody any more.
func (l *Lab) forget(chosen func(object) bool) {
	for _, targets := range []map[string]target{l.targets, l.twins} {
		for word, t := range targets {
			if t.service != nil && slices.ContainsFunc(l.applied, func(o object) bool { return chosen(o) && o.kind == "Service" && o.name == t.service.Name }) {
				t.gone = true
				targets[word] = t
			}
		}
	}
}

// own makes a policy this spec's, and those it speaks of.
func (l *Lab) own(p *networkingv1.NetworkPolicy) error {
	l.run.adopt(p)
	l.sign(&p.ObjectMeta)
	return l.fill(p)
}

// adopt makes a policy this run's, and those it speaks of.
func (r *Run) adopt(p *networkingv1.NetworkPolicy) {
	r.mark(&p.ObjectMeta)
	for i := range p.Spec.Ingress {
		r.confine(p.Spec.Ingress[i].From)
	}
	for i := range p.Spec.Egress {
		r.confine(p.Spec.Egress[i].To)
	}
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
			continue
		}
		if isPolicy(o) {
			l.lifted = append(l.lifted, o)
		}
	}
	slices.Reverse(kept)
	l.applied = kept
	return failed
}
