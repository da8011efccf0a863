package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// How long a load balancer may take to give an address: one that gives no sign of itself is taken
// for none after balancerSign, and one that does, as those of clouds, has balancerLimit.
const (
	balancerSign  = 30 * time.Second
	balancerLimit = 5 * time.Minute
)

// awaitAddresses returns a Service when its load balancer has given it an address in each of
// its families.
func (l *Lab) awaitAddresses(ctx context.Context, real, name string) (*corev1.Service, error) {
	for start := time.Now(); ; {
		s, err := l.run.Cluster.Client.CoreV1().Services(real).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		if len(s.Status.LoadBalancer.Ingress) >= len(s.Spec.IPFamilies) {
			return s, nil
		}
		took := time.Since(start)
		if took > balancerLimit || took > balancerSign && !l.balanced(ctx, s) || ctx.Err() != nil {
			return nil, fmt.Errorf("addresses of load balancers for SCTP are %w, or not in %v", errLacks, took.Round(time.Second))
		}
		await(ctx, time.Now().Add(pace))
	}
}

// balanced says whether a load balancer has to do with a Service: it has an address in it, or a
// finalizer, or has told of an event that is no warning.
func (l *Lab) balanced(ctx context.Context, s *corev1.Service) bool {
	if len(s.Status.LoadBalancer.Ingress) > 0 || len(s.Finalizers) > 0 {
		return true
	}
	events, err := l.run.Cluster.Client.CoreV1().Events(s.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "type=Normal,involvedObject.kind=Service,involvedObject.uid=" + string(s.UID), Limit: 1,
	})
	return err == nil && len(events.Items) > 0
}

// enlistLoadBalancer makes the name lb/NAME:PORT under which tables know the addresses that
// a load balancer has given.
func (l *Lab) enlistLoadBalancer(s *corev1.Service, p corev1.ServicePort, word string, like target) {
	t := like
	t.kind, t.addrs = diag.LoadBalancer, map[reach.Family]netip.AddrPort{}
	for _, i := range s.Status.LoadBalancer.Ingress {
		if a, err := netip.ParseAddr(i.IP); err == nil {
			t.addrs[familyOf(a)] = netip.AddrPortFrom(a, uint16(p.Port))
		}
	}
	if len(t.addrs) > 0 {
		l.addServer(reach.Name{Word: "lb/" + word[len("svc/"):]}, t)
	}
}
