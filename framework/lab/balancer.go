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

// balancerLimit is how long a load balancer may take to give an address.
const balancerLimit = 30 * time.Second

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
		if time.Since(start) > balancerLimit || ctx.Err() != nil {
			return nil, fmt.Errorf("addresses of load balancers for SCTP are %w, or not in %v", errLacks, time.Since(start).Round(time.Second))
		}
		await(ctx, time.Now().Add(pace))
	}
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
