package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// vary gives the pod of an agent what variants give it, as if it had been created so.
func vary(t *testing.T, b *bench, l *Lab, word string, variants ...Variant) error {
	t.Helper()
	m := l.member(word)
	api := b.client.CoreV1().Pods(m.real)
	pod, err := api.Get(t.Context(), m.pod, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Spec.Containers = []corev1.Container{{}}
	for _, v := range variants {
		v(pod)
	}
	if _, err := api.Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	return l.enlistVariant(t.Context(), m, 1)
}

func TestHostPortsHaveNames(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:6000", "x/client")
		if err := vary(t, b, l, "x/server@1", HostPort(25001, 6000)); err != nil {
			t.Fatal(err)
		}
		got, twin := l.targets["node@1:25001"], l.twins["node@1:25001"]
		if got.kind != diag.HostPort || got.addrs[reach.IPv4].String() != "192.0.2.1:25001" || got.addrs[reach.IPv6].String() != "[2001:db8::1]:25001" || got.port != 6000 {
			t.Errorf("target is %+v", got)
		}
		if twin.proto != wire.TCP || len(l.behind(twin)) != 1 {
			t.Errorf("twin is %+v", twin)
		}
		if _, err := l.twinFor(t.Context(), "node@1:25001", got, wire.UDP); err == nil {
			t.Error("a hostPort has a twin for UDP")
		}
	})
}

func TestGatedPodsAreBehindNothingUntilTheyAreAdmitted(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/late@1:80 role=backend", "x/client")
		if err := vary(t, b, l, "x/late@1", Gated); err != nil {
			t.Fatal(err)
		}
		service := func(early bool) target {
			return target{namespace: "x", service: &corev1.Service{Spec: corev1.ServiceSpec{Selector: map[string]string{"role": "backend"}, PublishNotReadyAddresses: early}}}
		}
		if len(l.behind(service(false))) != 0 || len(l.behind(service(true))) != 1 {
			t.Error("a pod that is not ready is behind a Service")
		}
		if err := l.admit(t.Context(), "x/late@1"); err != nil || len(l.behind(service(false))) != 1 {
			t.Errorf("a pod that is ready is not: %v", err)
		}
	})
}

func TestAnAPIThatDropsTheSleepIsNotJudged(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client")
		if err := vary(t, b, l, "x/server@1", Lingering(time.Minute)); err != nil {
			t.Error(err)
		}
		forgets := func(pod *corev1.Pod) { pod.Spec.Containers[0].Lifecycle.PreStop.Sleep = nil }
		if err := vary(t, b, l, "x/server@1", Lingering(time.Minute), forgets); err == nil || !strings.Contains(err.Error(), errLacks.Error()) {
			t.Errorf("error is %v", err)
		}
	})
}

// What is about to end is behind a Service where nothing else is.
func TestTerminate(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/first@1:80 role=backend", "x/second@2:80 role=backend", "x/client")
		m, yes := l.member("x/first@1"), true
		s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: m.real, Name: "s"}, Endpoints: []discoveryv1.Endpoint{{
			TargetRef: &corev1.ObjectReference{UID: types.UID(m.uid)}, Conditions: discoveryv1.EndpointConditions{Serving: &yes},
		}}}
		if _, err := b.client.DiscoveryV1().EndpointSlices(m.real).Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-time.After(time.Second)
			s.Endpoints[0].Conditions.Terminating = &yes
			_, _ = b.client.DiscoveryV1().EndpointSlices(m.real).Update(t.Context(), s, metav1.UpdateOptions{})
		}()
		start := time.Now()
		if err := l.terminate(t.Context(), "x/first@1"); err != nil || time.Since(start) < time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		to := target{namespace: "x", service: &corev1.Service{Spec: corev1.ServiceSpec{Selector: map[string]string{"role": "backend"}}}}
		if got := l.behind(to); len(got) != 1 || got[0].word != "x/second@2" {
			t.Errorf("behind are %v", got)
		}
		delete(l.orders[l.member("x/second@2")].labels, "role")
		if got := l.behind(to); len(got) != 1 || got[0].word != "x/first@1" {
			t.Errorf("without another one behind are %v", got)
		}
		l.variants[l.member("x/first@1")] = true
		l.endParted(t.Context())
		if l.member("x/first@1") != nil {
			t.Error("it is still in the spec")
		}
	})
}

func TestPodsThatDoNotTerminateAreOurTrouble(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/first@1:80", "x/client")
		err := l.terminate(t.Context(), "x/first@1")
		if err == nil || !strings.Contains(err.Error(), "in no EndpointSlice any more, 5s after it was deleted") {
			t.Errorf("error is %v", err)
		}
	})
}

// Beside paths something else is done, once all of them have begun.
func TestCrowdWithSomethingBeside(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client@*")
		matrices, err := l.matrices(bothNodes)
		if err != nil {
			t.Fatal(err)
		}
		paths := l.paths(matrices)
		all := &crowd{left: len(paths) + 1, over: make(chan struct{})}
		rounds := make([]int, len(paths))
		walked := make(chan error)
		go func() {
			_, err := walk(t.Context(), l.walkOf(paths), paths, all, func(ctx context.Context, p *Path) {
				p.Meet(ctx)
				for p.Goes(ctx) {
					rounds[p.number]++
					await(ctx, time.Now().Add(100*time.Millisecond))
				}
			})
			walked <- err
		}()
		<-all.arrive()
		all.leave()
		await(t.Context(), time.Now().Add(time.Second))
		close(all.over)
		if err := <-walked; err != nil || rounds[0] < 9 || rounds[1] < 9 {
			t.Errorf("%v, rounds %v", err, rounds)
		}
	})
}

func TestPortsOfTheNodesNetworkAreTheRuns(t *testing.T) {
	one, other := &Run{Options: Options{ID: "1a2b3"}}, &Run{Options: Options{ID: "1a2b4"}}
	host := seat{hostNetwork, "a"}
	p := one.port(host, 6000)
	if p < firstHostPort || p >= firstHostPort+portsOfAKind || one.port(host, 6001) == p || other.port(host, 6000) == p || one.port(seat{"x", "a"}, 6000) != 6000 {
		t.Errorf("ports are %d, %d, %d", p, one.port(host, 6001), other.port(host, 6000))
	}
	s := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 6000}}}}
	(&Lab{run: one}).fitPorts(hostNetwork, s)
	if got := s.Spec.Ports[0]; got.TargetPort.IntValue() != int(p) || got.Port != 6000 {
		t.Errorf("the Service leads to %+v", got)
	}
}

func TestPortNamed(t *testing.T) {
	pod, err := (&fleet{run: &Run{}}).pod(seat{"x", "a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	PortNamed("sctp-80", 81)(pod)
	var got []string
	for _, p := range pod.Spec.Containers[0].Ports {
		got = append(got, fmt.Sprint(p.Name, " ", p.ContainerPort))
	}
	if want := []string{"sctp-80 81", "tcp-80 81"}; !slices.Equal(got, want) {
		t.Errorf("ports are %q, want %q", got, want)
	}
}
