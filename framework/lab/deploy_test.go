package lab

import (
	"maps"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
)

func words(names []reach.Name) []string {
	var out []string
	for _, n := range names {
		out = append(out, n.Word)
	}
	return out
}

func TestSeat(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@*:80,53/udp role=web", "y/client")
		if got, want := words(l.names.Clients), []string{"x/server@1", "x/server@2", "y/client"}; !slices.Equal(got, want) {
			t.Errorf("clients are %v, want %v", got, want)
		}
		if got, want := words(l.names.Servers), []string{"x/server@1:80", "x/server@1:53/udp", "x/server@2:80", "x/server@2:53/udp"}; !slices.Equal(got, want) {
			t.Errorf("servers are %v, want %v", got, want)
		}
		if got := words(l.plainClients()); !slices.Equal(got, []string{"y/client"}) {
			t.Errorf("plain clients are %v", got)
		}
		m := l.member("x/server@2")
		if m.node != "b" || l.member("y/client").node != "b" || l.member("x/server") != nil {
			t.Errorf("x/server@2 is on %s, y/client on %s", m.node, l.member("y/client").node)
		}
		if got := len(b.agents[3].listens); got != 4 { // two ports, two families
			t.Errorf("the agent has %d listeners", got)
		}
		labels := func() map[string]string {
			pod, err := b.client.CoreV1().Pods(m.real).Get(t.Context(), m.pod, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			delete(pod.Labels, cluster.RunLabel)
			if whose := pod.Annotations[cluster.SpecAnnotation]; (whose == l.id) != (len(pod.Labels) > 0) {
				t.Errorf("the pod with labels %v is said to be of %q", pod.Labels, whose)
			}
			return pod.Labels
		}
		if got := labels(); !maps.Equal(got, map[string]string{"pod": "server", "role": "web"}) {
			t.Errorf("labels are %v", got)
		}
		if err := l.eachMember(func(m *member) error { return l.strip(t.Context(), m) }); err != nil {
			t.Fatal(err)
		}
		if got := labels(); len(got) > 0 || len(b.agents[3].listens) > 0 {
			t.Errorf("left behind: labels %v, listeners %v", got, b.agents[3].listens)
		}
	})
}

func TestSeatRefuses(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		for want, words := range map[string][]string{
			`word 1: "server" is not of the form namespace/name@node:port,port`: {"server"},
			`word 2, "x/client": x/client is asked for twice`:                   {"x/client", "x/client"},
			`word 2, "x/client@*": x/client@1 is asked for twice`:               {"x/client@1", "x/client@*"},
		} {
			l := newLab(b.Run, "POL-99")
			if err := l.seat(t.Context(), words); err == nil || err.Error() != want {
				t.Errorf("%q: error is %v, want %s", words, err, want)
			}
			for _, m := range l.members {
				m.word = ""
			}
		}
	})
}

func TestPlaces(t *testing.T) {
	r := &Run{Cluster: &cluster.Cluster{Nodes: []cluster.Node{{Name: "a"}, {Name: "b"}, {Name: "c"}}}}
	l := &Lab{run: r}
	for _, tt := range []struct {
		word  string
		index int
		want  []int
	}{
		{"x/a", 0, []int{1}},
		{"x/a", 1, []int{2}},
		{"x/a", 3, []int{1}},
		{"x/a@2", 0, []int{2}},
		{"x/a@4", 0, []int{1}},
		{"x/a@*", 5, []int{1, 2, 3}},
	} {
		o, err := parseOrder(tt.word)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.places(o, tt.index); !slices.Equal(got, tt.want) {
			t.Errorf("%s as word %d sits on %v, want %v", tt.word, tt.index, got, tt.want)
		}
	}
	for seed, want := range map[int64]string{0: "abc", 1: "bca", 2: "cab", 1<<40 + 2: "abc"} {
		r.Seed = seed
		got := r.Node(1).Name + r.Node(2).Name + r.Node(3).Name
		if got != want || r.place(r.Node(2).Name) != 2 || r.place("d") != 0 {
			t.Errorf("with seed %d the nodes are %s, want %s", seed, got, want)
		}
	}
}

func TestContains(t *testing.T) {
	labels := map[string]string{"pod": "server", "role": "web"}
	for _, tt := range []struct {
		selector map[string]string
		want     bool
	}{
		{map[string]string{"pod": "server"}, true},
		{map[string]string{}, true},
		{map[string]string{"pod": "client"}, false},
		{map[string]string{"app": ""}, false},
	} {
		if contains(labels, tt.selector) != tt.want {
			t.Errorf("%v selects: %v", tt.selector, !tt.want)
		}
	}
}

func TestLabelPatch(t *testing.T) {
	web := "web"
	for spec, whose := range map[string]string{"POL-05": `"POL-05"`, "": "null"} {
		got, err := labelPatch(map[string]*string{"role": &web, "pod": nil}, spec)
		if want := `{"metadata":{"annotations":{"sctp.test/spec":` + whose + `},"labels":{"pod":null,"role":"web"}}}`; err != nil || string(got) != want {
			t.Errorf("the patch is %s, %v; want %s", got, err, want)
		}
	}
}

// The pod that the fleet makes, not only the file, must be admitted where it is put.
func TestAgentsAreAdmitted(t *testing.T) {
	f := fleet{run: &Run{Options: Options{ID: "1a2b3", Image: "registry/agent@sha256:1"}}}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	for _, name := range []string{"agent-1", "agent-2"} {
		pod, err := f.pod(seat{"x", "b"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if pod.Name != name || pod.Labels[cluster.RunLabel] != "1a2b3" || pod.Spec.Containers[0].Image != "registry/agent@sha256:1" || pod.Spec.Affinity == nil {
			t.Errorf("the pod is %+v", pod)
		}
		if r := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec)); !r.Allowed {
			t.Errorf("not admitted: %s", r.ForbiddenDetail())
		}
	}
}
