package lab

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// stripped is a lab that has taken everything off its agents again.
func stripped(t *testing.T, b *bench, words ...string) *Lab {
	t.Helper()
	l := b.lab(t, words...)
	if err := l.eachMember(func(m *member) error { return l.strip(t.Context(), m) }); err != nil {
		t.Fatal(err)
	}
	return l
}

func left(t *testing.T, l *Lab) string {
	t.Helper()
	return strings.Join(l.leftovers(t.Context()), "; ")
}

// A namespace that the spec has found is none of its own, and one that goes is as good as gone.
func TestNamespacesAreLeft(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		create := func(name string, ending bool) {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
			b.mark(&ns.ObjectMeta)
			if ending {
				ns.DeletionTimestamp, ns.Finalizers = &metav1.Time{Time: time.Now()}, []string{"kubernetes"}
			}
			if _, err := b.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		create("sctp-x", false) // of the fleet
		create("sctp-1a2b3-loader", false)
		l := b.lab(t, "x/server:80")
		create("sctp-1a2b3-second", false)
		create("sctp-1a2b3-third", true)
		if got := l.namespacesLeft(t.Context()); len(got) != 1 || got[0] != "Namespace sctp-1a2b3-second is left" {
			t.Errorf("left is %q", got)
		}
		b.client.PrependReactor("list", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, errors.New("the server is gone")
		})
		if got := l.namespacesLeft(t.Context()); len(got) != 1 || !strings.Contains(got[0], "nobody knows whether a namespace is left") {
			t.Errorf("without an answer it is %q", got)
		}
	})
}

func TestLeftovers(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := stripped(t, b, "x/server:80")
		if got := left(t, l); got != "" {
			t.Errorf("at first there is %s", got)
		}
		if err := l.apply(t.Context(), "x", "policy/deny-ingress.yaml"); err != nil {
			t.Fatal(err)
		}
		if got := left(t, l); got != "NetworkPolicy sctp-x/deny-ingress is left" {
			t.Errorf("left is %s", got)
		}
		later := newLab(b.Run, "POL-98")
		if got := left(t, later); got != "NetworkPolicy sctp-x/deny-ingress is left by POL-99" {
			t.Errorf("to a later spec left is %s", got)
		}
		policies, endpoints := b.client.NetworkingV1().NetworkPolicies("sctp-x"), b.client.DiscoveryV1().EndpointSlices("sctp-x")
		p, err := policies.Get(t.Context(), "deny-ingress", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p.DeletionTimestamp = &metav1.Time{Time: time.Now()} // it waits for somebody's finalizer
		if _, err := policies.Update(t.Context(), p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		mine := slice("web", reach.IPv4, 80, l.members)
		b.mark(&mine.ObjectMeta)
		theirs := slice("controlled", reach.IPv4, 80, l.members) // with its Service's labels
		b.mark(&theirs.ObjectMeta)
		theirs.Labels[discoveryv1.LabelManagedBy] = "endpointslice-controller.k8s.io"
		for _, s := range []*discoveryv1.EndpointSlice{mine, theirs} {
			if _, err := endpoints.Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := left(t, l); got != "EndpointSlice sctp-x/web-ipv4 is left" {
			t.Errorf("left is %s", got)
		}
		b.client.PrependReactor("list", "services", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, errors.New("the server is gone")
		})
		if got := left(t, l); !strings.Contains(got, "nobody knows whether a Service is left in sctp-x: the server is gone") {
			t.Errorf("without a list it says %s", got)
		}
	})
}

// What a Service, its slices and their twins, and pods made for a spec are left by is the spec
// that has made them.
func TestWhatIsMadeIsSigned(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := stripped(t, b, "x/server:80", "x/client")
		if err := l.apply(t.Context(), "x", "service/backends.yaml"); err != nil {
			t.Fatal(err)
		}
		if err := l.endpoints(t.Context(), "x", "backends", 80, []string{"x/server"}); err != nil {
			t.Fatal(err)
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "sctp-x", Name: "agent-99", Labels: map[string]string{cluster.RunLabel: "1a2b3", "pod": "late"}}}
		l.signed(pod)
		if _, err := b.client.CoreV1().Pods("sctp-x").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		found := newLab(b.Run, "SVC-98").leftovers(t.Context())
		for _, text := range found {
			if !strings.HasSuffix(text, " is left by POL-99") {
				t.Errorf("it says %s", text)
			}
		}
		if len(found) != 7 { // Service and twin; slices of two families and their twins; the pod
			t.Errorf("left are %q", found)
		}
	})
}

// Labels that stay on an agent of the fleet, or on a namespace, are left as well: what is
// applied later would select it.
func TestLabelsAreLeft(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "sctp-x", Labels: map[string]string{cluster.RunLabel: "1a2b3", nameLabel: "x", frameworkLabel: "d4d0", "injected": "yes"}}}
		if _, err := b.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		l := stripped(t, b, "x/server:80 role=db", "x/client")
		if got := left(t, l); got != "" {
			t.Errorf("of what no spec has put on a namespace it says %s", got)
		}
		l = b.lab(t, "x/server:80 role=db", "x/client")
		if err := l.labelNamespace(t.Context(), "x", []string{"tier=gold"}); err != nil {
			t.Fatal(err)
		}
		m := l.member("x/client")
		want := "labels pod=server, role=db of Pod sctp-x/" + l.member("x/server").pod + " are left; label pod=client of Pod sctp-x/" + m.pod + " is left; labels injected=yes, tier=gold of Namespace sctp-x are left"
		if got := left(t, l); got != want {
			t.Errorf("left is\n%s\nwant\n%s", got, want)
		}
		b.fleet.dismiss(m)
		if got := left(t, newLab(b.Run, "SVC-98")); !strings.Contains(got, "; Pod sctp-x/"+m.pod+" is left by POL-99; ") {
			t.Errorf("of a pod that is no agent of the fleet any more it says %s", got)
		}
		text := l.clear(t.Context())
		if got := left(t, l); got != "" || strings.Contains(text, "left") {
			t.Errorf("after it was cleared left is %s\n%s", got, text)
		}
	})
}

// An agent from which something could not be taken off goes, and its pod with it, and the
// failure says both.
func TestWhatIsNotCleanGoes(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80", "x/client")
		l.expected = true
		refused := 0
		b.client.PrependReactor("patch", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
			if name := a.(clienttesting.PatchAction).GetName(); name != "agent-1" {
				return false, nil, nil
			}
			refused++
			return true, nil, errors.New("the server is gone")
		})
		text := l.clear(t.Context())
		want := "POL-99: its paths are as claimed, but label pod=server of Pod sctp-x/agent-1 is left; it could not clean up: x/server on node a: labels of pod sctp-x/agent-1: the server is gone\n"
		if text != want+l.whereabouts() || refused != 1 {
			t.Errorf("it fails with\n%s\nwant\n%s", text, want)
		}
		if got := left(t, newLab(b.Run, "SVC-98")); got != "" {
			t.Errorf("to the next spec left is %s", got)
		}
	})
}

// Agents that a spec takes out of the fleet are asked before they go, like those that stay.
func TestLastWords(t *testing.T) {
	const word = "x/late@1"
	for name, tt := range map[string]struct {
		do   func(t *testing.T, l *Lab)
		want string
	}{
		"a variant": {func(_ *testing.T, l *Lab) { l.variants[l.member(word)] = true }, "2 SCTP packets with a bad checksum came to x/late@1 on node a"},
		"one that is killed": {func(t *testing.T, l *Lab) {
			if err := l.kill(t.Context(), word); err != nil {
				t.Fatal(err)
			}
		}, "2 SCTP packets with a bad checksum came to x/late@1 on node a"},
		"one whose node goes": {func(t *testing.T, l *Lab) { l.drop(t.Context(), l.run.fleet.on("a")...) }, "2 SCTP packets with a bad checksum came to x/late@1 on node a"},
		"one that says nothing": {func(_ *testing.T, l *Lab) {
			m := l.member(word)
			l.variants[m] = true
			m.agent.Close()
		}, "nobody knows what x/late@1 on node a had counted before it went: "},
		"one that was told to end": {func(_ *testing.T, l *Lab) {
			m := l.member(word)
			l.variants[m], l.ending[m] = true, true
			m.agent.Close()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, word+":80", "x/client")
				m := l.member(word)
				delete(l.before, m) // it has joined
				b.lie(func(a *agent, _ wire.Request, r *wire.Reply) {
					if r.State != nil && a.identity.UID == m.uid {
						r.State.Counters = wire.Counters{wire.ChecksumErrors: 2, wire.CurrEstab: 1}
					}
				})
				tt.do(t, l)
				l.endParted(t.Context())
				theirs, ours := l.brokenInvariants(t.Context())
				if got := strings.Join(append(sentences(theirs), ours...), "; "); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") || strings.Contains(got, "; ") {
					t.Errorf("broken are %q, want %q", got, tt.want)
				}
				if _, err := b.client.CoreV1().Pods(m.real).Get(t.Context(), m.pod, metav1.GetOptions{}); err == nil {
					t.Error("its pod is still there")
				}
			})
		})
	}
}
