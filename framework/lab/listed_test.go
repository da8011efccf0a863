package lab

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/reach"
)

// list makes an EndpointSlice of a Service with some agents.
func list(t *testing.T, b *bench, l *Lab, service *corev1.Service, change func(*discoveryv1.EndpointSlice), words ...string) {
	t.Helper()
	var members []*member
	for _, word := range words {
		members = append(members, l.member(word))
	}
	s := slice(service.Name, reach.IPv4, 80, members)
	change(s)
	if _, err := b.client.DiscoveryV1().EndpointSlices(service.Namespace).Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// asIs leaves a slice as it was made.
func asIs(*discoveryv1.EndpointSlice) {}

// What EndpointSlices list is compared with the pods that are to be behind their Service.
func TestMislisted(t *testing.T) {
	tcp, other, no, yes := corev1.ProtocolTCP, int32(30999), false, true
	unready := func(which ...int) func(*discoveryv1.EndpointSlice) {
		return func(s *discoveryv1.EndpointSlice) {
			for _, i := range which {
				s.Endpoints[i].Conditions.Ready = &no
			}
		}
	}
	for name, tt := range map[string]struct {
		change func(*discoveryv1.EndpointSlice)
		pods   func(*Lab) // what became of them
		want   string
	}{
		"as they are":   {change: asIs},
		"nobody":        {func(s *discoveryv1.EndpointSlice) { s.Endpoints = nil }, nil, "list none of its pods"},
		"one of two":    {func(s *discoveryv1.EndpointSlice) { s.Endpoints = s.Endpoints[:1] }, nil, "do not list x/server@2"},
		"none is ready": {unready(0, 1), nil, "list none of its pods as ready"},
		"one is ready":  {unready(0), nil, "do not list as ready: x/server@1"},
		"another port":  {func(s *discoveryv1.EndpointSlice) { s.Ports[0].Port = &other }, nil, "list SCTP port 30999, and the pods listen at 80"},
		"no port":       {func(s *discoveryv1.EndpointSlice) { s.Ports[0].Protocol = &tcp }, nil, "list no port for SCTP"},
		"a stranger": {func(s *discoveryv1.EndpointSlice) {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"10.9.9.9"}})
		}, nil, "list as ready what is to be no endpoint: 10.9.9.9"},
		"one unready":          {unready(1), notReady("x/server@2"), ""},
		"one is called ready":  {asIs, notReady("x/server@2"), "list as ready what is to be no endpoint: x/server@2"},
		"all are called ready": {asIs, notReady("x/server@1", "x/server@2"), "list as ready what is to be no endpoint: x/server@1, x/server@2"},
		"they end": {func(s *discoveryv1.EndpointSlice) {
			unready(0, 1)(s)
			s.Endpoints[0].Conditions.Serving, s.Endpoints[1].Conditions.Serving = &yes, &yes
		}, ending("x/server@1", "x/server@2"), ""},
		"one that ends does not serve": {func(s *discoveryv1.EndpointSlice) {
			unready(0, 1)(s)
			s.Endpoints[0].Conditions.Serving = &yes
		}, ending("x/server@1", "x/server@2"), "do not list as ready: x/server@2"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@*:80 role=backend", "x/client@2")
				behindService(t, b, l)
				target := l.targets["svc/backends:80"]
				target.service.Namespace = "sctp-x"
				list(t, b, l, target.service, tt.change, "x/server@1", "x/server@2")
				if tt.pods != nil {
					tt.pods(l)
				}
				want := tt.want
				if want != "" {
					want = "the EndpointSlices of backends in namespace sctp-x " + want
				}
				if got, err := l.mislisted(t.Context(), reach.IPv4, target); got != want || err != nil {
					t.Errorf("told is %q, %v; want %q", got, err, want)
				}
				target.gone = true
				if got, err := l.mislisted(t.Context(), reach.IPv4, target); got != "" || err != nil {
					t.Errorf("of a Service that is gone told is %q, %v", got, err)
				}
			})
		})
	}
}

func notReady(words ...string) func(*Lab) {
	return func(l *Lab) {
		for _, w := range words {
			l.unready[l.member(w)] = true
		}
	}
}

func ending(words ...string) func(*Lab) {
	return func(l *Lab) {
		for _, w := range words {
			l.ending[l.member(w)] = true
		}
	}
}
