package lab

import (
	"slices"
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
	stranger := func(s *discoveryv1.EndpointSlice) {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"10.9.9.9"}})
	}
	serving := func(s *discoveryv1.EndpointSlice, which int) {
		s.Endpoints[which].Conditions.Serving, s.Endpoints[which].Conditions.Terminating = &yes, &yes
	}
	for name, tt := range map[string]struct {
		change   func(*discoveryv1.EndpointSlice)
		pods     func(*Lab) // what became of them
		wanted   []string   // nil are those behind the Service
		too      string     // what is listed and must not be
		unlisted string
	}{
		"as they are":                     {change: asIs},
		"nobody":                          {change: func(s *discoveryv1.EndpointSlice) { s.Endpoints = nil }, unlisted: "list none of its pods"},
		"one of two":                      {change: func(s *discoveryv1.EndpointSlice) { s.Endpoints = s.Endpoints[:1] }},
		"one that is wanted":              {change: func(s *discoveryv1.EndpointSlice) { s.Endpoints = s.Endpoints[:1] }, wanted: twoServers[1:], unlisted: "do not list x/server@2"},
		"one that is not":                 {change: func(s *discoveryv1.EndpointSlice) { s.Endpoints = s.Endpoints[:1] }, wanted: twoServers[:1]},
		"none is ready":                   {change: unready(0, 1), unlisted: "list none of its pods as ready"},
		"one is ready":                    {change: unready(0)},
		"one that is wanted is not ready": {change: unready(0), wanted: twoServers[:1], unlisted: "do not list as ready: x/server@1"},
		"another port": {
			change:   func(s *discoveryv1.EndpointSlice) { s.Ports[0].Port = &other },
			unlisted: "list SCTP port 30999, where pods listen at 80", too: "list SCTP port 30999, where pods listen at 80",
		},
		"no port": {
			change:   func(s *discoveryv1.EndpointSlice) { s.Ports[0].Protocol = &tcp },
			unlisted: "list no port for SCTP", too: "list no port for SCTP",
		},
		"a stranger":           {change: stranger, too: "list as ready what must not be an endpoint: 10.9.9.9"},
		"one unready":          {change: unready(1), pods: notReady("x/server@2")},
		"one is called ready":  {change: asIs, pods: notReady("x/server@2"), too: "list as ready what must not be an endpoint: x/server@2"},
		"all are called ready": {change: asIs, pods: notReady(twoServers...), too: "list as ready what must not be an endpoint: x/server@1, x/server@2"},
		"one was deleted": {change: asIs, too: "list as ready what must not be an endpoint: the deleted x/server@2", pods: func(l *Lab) {
			l.former, l.members = append(l.former, l.member("x/server@2")), slices.DeleteFunc(l.members, func(m *member) bool { return m.word == "x/server@2" })
		}},
		"they end": {change: func(s *discoveryv1.EndpointSlice) {
			unready(0, 1)(s)
			serving(s, 0)
			serving(s, 1)
		}, pods: ending(twoServers...)},
		"they end and do not serve": {change: unready(0, 1), pods: ending(twoServers...), unlisted: "list none of its pods as ready"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@*:80 role=backend", "x/client@2")
				behindService(t, b, l)
				target := l.targets["svc/backends:80"]
				target.service.Namespace = "sctp-x"
				list(t, b, l, target.service, tt.change, twoServers...)
				if tt.pods != nil {
					tt.pods(l)
				}
				wanted := l.behind(target)
				if tt.wanted != nil {
					wanted = []*member{l.member(tt.wanted[0])}
				}
				told := func(what string) string {
					if what == "" {
						return ""
					}
					return "the EndpointSlices of backends in namespace sctp-x " + what
				}
				unlisted, overlisted, err := l.mislisted(t.Context(), reach.IPv4, target, wanted)
				if unlisted != told(tt.unlisted) || overlisted != told(tt.too) || err != nil {
					t.Errorf("told is %q and %q, %v; want %q and %q", unlisted, overlisted, err, tt.unlisted, tt.too)
				}
				target.gone = true
				if unlisted, overlisted, err := l.mislisted(t.Context(), reach.IPv4, target, wanted); unlisted+overlisted != "" || err != nil {
					t.Errorf("of a Service that is gone told is %q and %q, %v", unlisted, overlisted, err)
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
