package lab

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakedynamic "k8s.io/client-go/dynamic/fake"

	"sctp.test/framework/cluster"
	"sctp.test/manifests"
)

// servesWide lets the bench's cluster serve kinds of policies.
func (b *bench) servesWide(kinds ...cluster.WideKind) {
	lists := map[schema.GroupVersionResource]string{}
	for _, k := range kinds {
		lists[k.Resource] = k.Kind + "List"
	}
	b.Cluster.WideKinds = kinds
	b.Cluster.Dynamic = fakedynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists)
}

var (
	clusterKind = cluster.WideKind{Kind: "ClusterNetworkPolicy", Resource: schema.GroupVersionResource{Group: "policy.networking.k8s.io", Version: "v1beta1", Resource: "clusternetworkpolicies"}}
	baseline    = cluster.WideKind{Kind: baselineKind, Resource: schema.GroupVersionResource{Group: "policy.networking.k8s.io", Version: "v1alpha1", Resource: "baselineadminnetworkpolicies"}}
)

// Whatever a policy of the suite selects is in the run's own namespaces.
func TestEveryWidePolicyIsConfined(t *testing.T) {
	for _, file := range []string{"policy/admin-tier.yaml", "policy/baseline-tier.yaml", "policy/admin.yaml", "policy/baseline-admin.yaml"} {
		o, err := manifests.Untyped(file)
		if err != nil {
			t.Fatal(err)
		}
		r := &Run{Options: Options{ID: "1a2b3"}}
		if err := r.adoptWide(o); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		raw, err := json.Marshal(o.Object["spec"])
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		selectors := strings.Count(text, `"namespaces":`) + strings.Count(text, `"namespaceSelector":`)
		if mine := strings.Count(text, `"`+cluster.RunLabel+`":"1a2b3"`); mine != selectors || selectors < 5 {
			t.Errorf("%s: %d of %d selectors of namespaces are confined: %s", file, mine, selectors, text)
		}
		if !strings.Contains(text, `"ns":"x"`) {
			t.Errorf("%s: what it selected by is lost: %s", file, text)
		}
		if o.GetLabels()[cluster.RunLabel] != "1a2b3" || o.GetName() != "default" && !strings.HasPrefix(o.GetName(), "sctp-1a2b3-") {
			t.Errorf("%s: it is called %s and labelled %v", file, o.GetName(), o.GetLabels())
		}
	}
}

func TestAPolicyOfEverybodyIsRefused(t *testing.T) {
	o := &unstructured.Unstructured{Object: map[string]any{"kind": "ClusterNetworkPolicy", "metadata": map[string]any{"name": "a"}, "spec": map[string]any{"subject": map[string]any{"future": map[string]any{}}}}}
	err := (&Run{Options: Options{ID: "1a2b3"}}).adoptWide(o)
	if err == nil || err.Error() != "ClusterNetworkPolicy sctp-1a2b3-a selects its pods by no namespaces" {
		t.Errorf("error is %v", err)
	}
}

func TestWidePoliciesComeAndGo(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := stripped(t, b, "x/server:80")
		const file = "policy/admin-tier.yaml"
		if err := l.applyWide(t.Context(), []string{file}); err == nil || err.Error() != "the cluster serves no policy of its kind" {
			t.Errorf("where nothing is served: %v", err)
		}
		b.servesWide(clusterKind)
		if err := l.applyWide(t.Context(), []string{file, "policy/admin.yaml"}); err != nil {
			t.Fatal(err)
		}
		if left := l.leftovers(t.Context()); len(left) != 1 || left[0] != "ClusterNetworkPolicy sctp-1a2b3-admin-tier is left" {
			t.Errorf("left are %q", left)
		}
		if left := newLab(b.Run, "POL-98").leftovers(t.Context()); len(left) != 1 || !strings.HasSuffix(left[0], "-admin-tier is left by POL-99") {
			t.Errorf("to a later spec left are %q", left)
		}
		if said := policies(l.applied); len(said) != 1 || said[0] != "manifests/policy/admin-tier.yaml in the whole cluster" {
			t.Errorf("policies are %q", said)
		}
		if err := l.delete(t.Context(), Everywhere, file); err != nil || len(l.leftovers(t.Context())) > 0 {
			t.Errorf("after it is deleted: %v, %q", err, l.leftovers(t.Context()))
		}
	})
}

// A version of the API that is served is taken although its file stands second.
func TestTheVersionThatIsServed(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80")
		b.servesWide(baseline)
		files := []string{"policy/baseline-tier.yaml", "policy/baseline-admin.yaml"}
		if err := l.applyWide(t.Context(), files); err != nil {
			t.Fatal(err)
		}
		if err := l.applyWide(t.Context(), files); !errors.Is(err, errTaken) {
			t.Errorf("where there is one already: %v", err)
		}
		if err := l.withdraw(t.Context(), isPolicy); err != nil {
			t.Fatal(err)
		}
		list, err := b.Cluster.Dynamic.Resource(baseline.Resource).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(list.Items) > 0 {
			t.Errorf("left are %v, %v", list, err)
		}
	})
}
