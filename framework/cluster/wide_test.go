package cluster

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// policies makes the API of every kind of cluster-wide policies.
func policies(objects ...runtime.Object) *fakedynamic.FakeDynamicClient {
	lists := map[schema.GroupVersionResource]string{}
	for _, k := range wideKinds {
		lists[k.Resource] = k.Kind + "List"
	}
	return fakedynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)
}

func policy(name, run string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(policyAPI + "/v1beta1")
	o.SetKind("ClusterNetworkPolicy")
	o.SetName(name)
	if run != "" {
		o.SetLabels(map[string]string{RunLabel: run})
	}
	return o
}

func namespace(name, run string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{RunLabel: run}}}
}

func TestWhichKindsAreServed(t *testing.T) {
	served := func(version string, resources ...string) *metav1.APIResourceList {
		list := &metav1.APIResourceList{GroupVersion: version}
		for _, r := range resources {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: r})
		}
		return list
	}
	tests := []struct {
		name  string
		lists []*metav1.APIResourceList
		want  []string
		multi bool
		scc   bool
	}{
		{"none", nil, nil, false, false},
		{"the later version", []*metav1.APIResourceList{served(policyAPI+"/v1alpha2", "clusternetworkpolicies", "clusternetworkpolicies/status")}, []string{"ClusterNetworkPolicy"}, false, false},
		{"two versions of a kind", []*metav1.APIResourceList{
			served(policyAPI+"/v1alpha2", "clusternetworkpolicies"), served(policyAPI+"/v1beta1", "clusternetworkpolicies"),
		}, []string{"ClusterNetworkPolicy"}, false, false},
		{"both", []*metav1.APIResourceList{
			served(policyAPI+"/v1alpha1", "adminnetworkpolicies", "baselineadminnetworkpolicies"), served(policyAPI+"/v1alpha2", "clusternetworkpolicies"),
		}, []string{"ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"}, false, false},
		{"secondary networks", []*metav1.APIResourceList{served("k8s.cni.cncf.io/v1beta1", "multi-networkpolicies")}, nil, true, false},
		{"secondary networks without policies", []*metav1.APIResourceList{served("k8s.cni.cncf.io/v1beta1", "other")}, nil, false, false},
		{"OKD", []*metav1.APIResourceList{served("security.openshift.io/v1", "rangeallocations")}, nil, false, true},
	}
	for _, tt := range tests {
		client := fake.NewClientset()
		client.Resources = tt.lists
		c := Cluster{Client: client}
		err := c.discoverKinds()
		var got []string
		for _, k := range c.WideKinds {
			got = append(got, k.Kind)
		}
		if err != nil || !slices.Equal(got, tt.want) || c.MultiNetworkPolicies != tt.multi || c.Constrained != tt.scc {
			t.Errorf("%s: %v, policies of secondary networks %v, SecurityContextConstraints %v, %v", tt.name, got, c.MultiNetworkPolicies, c.Constrained, err)
		}
	}
}

// Policies go with the last namespace of their run, and those of administrators stay.
func TestWhatRunsHaveLeft(t *testing.T) {
	c := Cluster{
		Client:    fake.NewClientset(namespace("dead-x", "dead"), namespace("dead-y", "dead"), namespace("live-x", "live")),
		Dynamic:   policies(policy("of-dead", "dead"), policy("of-live", "live"), policy("of-nobody", "nobody"), policy("own", "")),
		WideKinds: wideKinds[:1],
	}
	for _, tt := range []struct {
		namespaces []string
		want       string
	}{
		{[]string{"dead-x", "dead-y"}, "dead-x, dead-y, ClusterNetworkPolicy of-dead, ClusterNetworkPolicy of-nobody"},
		{[]string{"dead-x"}, "dead-x, ClusterNetworkPolicy of-nobody"},
		{nil, "ClusterNetworkPolicy of-nobody"},
	} {
		left, err := c.LeftBeside(t.Context(), tt.namespaces)
		if err != nil || left.String() != tt.want || left.Empty() {
			t.Errorf("beside %v: %s, %v; want %s", tt.namespaces, left, err, tt.want)
		}
	}
	if err := c.Remove(t.Context(), Left{Policies: []WidePolicy{{Kind: "ClusterNetworkPolicy", Name: "of-nobody", Run: "nobody"}, {Kind: "ClusterNetworkPolicy", Name: "gone", Run: "dead"}}}); err != nil {
		t.Fatal(err)
	}
	all, err := c.WidePolicies(t.Context())
	if err != nil || len(all) != 3 || slices.ContainsFunc(all, func(p WidePolicy) bool { return p.Name == "of-nobody" }) {
		t.Errorf("left are %v, %v", all, err)
	}
	if left, err := c.LeftBeside(t.Context(), nil); err != nil || !left.Empty() {
		t.Errorf("after all is removed: %s, %v", left, err)
	}
}

// A user who may not see policies of administrators can judge all the rest.
func TestPoliciesThatNobodyMaySee(t *testing.T) {
	api := policies()
	api.PrependReactor("list", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(a.GetResource().GroupResource(), "", nil)
	})
	c := Cluster{Dynamic: api, WideKinds: wideKinds}
	if all, err := c.WidePolicies(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestWideKnowsWhatIsServed(t *testing.T) {
	c := Cluster{Dynamic: policies(), WideKinds: wideKinds[:1]}
	if api, version := c.Wide("ClusterNetworkPolicy"); api == nil || version != policyAPI+"/v1beta1" {
		t.Errorf("the kind that is served is %v of %s", api, version)
	}
	if api, _ := c.Wide("AdminNetworkPolicy"); api != nil {
		t.Error("a kind is served that is not")
	}
}
