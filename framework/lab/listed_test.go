package lab

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/reach"
)

// What EndpointSlices do not list is told; one that lists a pod with its port is enough.
func TestUnlisted(t *testing.T) {
	tcp, other, not := corev1.ProtocolTCP, int32(30999), false
	for want, change := range map[string]func(*discoveryv1.EndpointSlice){
		"": func(*discoveryv1.EndpointSlice) {},
		"the EndpointSlices (ipv4) of backends in namespace sctp-x list none of its pods":                           func(s *discoveryv1.EndpointSlice) { s.Endpoints = nil },
		"the EndpointSlices (ipv4) of backends in namespace sctp-x list none of its pods as ready":                  func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Conditions.Ready = &not },
		"the EndpointSlices (ipv4) of backends in namespace sctp-x list no port for SCTP":                           func(s *discoveryv1.EndpointSlice) { s.Ports[0].Protocol = &tcp },
		"the EndpointSlices (ipv4) of backends in namespace sctp-x list SCTP port 30999, and the pods listen at 80": func(s *discoveryv1.EndpointSlice) { s.Ports[0].Port = &other },
	} {
		t.Run(want, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80 role=backend", "x/client@2")
				behindService(t, b, l)
				target := l.targets["svc/backends:80"]
				target.service.Namespace = "sctp-x"
				s := slice("backends", reach.IPv4, 80, []*member{l.member("x/server@1")})
				change(s)
				if _, err := b.client.DiscoveryV1().EndpointSlices("sctp-x").Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
				if got, err := l.unlisted(t.Context(), reach.IPv4, target, l.behind(target)); got != want || err != nil {
					t.Errorf("told is %q, %v", got, err)
				}
				if got, err := l.unlisted(t.Context(), reach.IPv6, target, l.behind(target)); got == "" || err != nil {
					t.Errorf("of the other family, which has no slice, told is %q, %v", got, err)
				}
			})
		})
	}
}
