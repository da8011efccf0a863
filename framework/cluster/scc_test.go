package cluster

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	psa "k8s.io/pod-security-admission/api"
)

// allowing is a cluster with SecurityContextConstraints whose user may do what is named as verb
// and resource.
func allowing(rights ...string) (*Cluster, *fake.Clientset) {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		for _, r := range rights {
			review.Status.Allowed = review.Status.Allowed || r == review.Spec.ResourceAttributes.Verb+" "+review.Spec.ResourceAttributes.Resource
		}
		return true, review, nil
	})
	return &Cluster{Client: client, Config: &rest.Config{Host: "there"}, Constrained: true}, client
}

func TestPrivilegedPodsAreAdmitted(t *testing.T) {
	c, client := allowing("create rolebindings", "use securitycontextconstraints")
	ns, err := c.CreateNamespace(t.Context(), "1a2b3", "sctp-1a2b3-module", psa.LevelPrivileged, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.RbacV1().RoleBindings(ns.Name).List(t.Context(), metav1.ListOptions{LabelSelector: RunLabel + "=1a2b3"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("bindings are %v, %v", list, err)
	}
	b := list.Items[0]
	if b.RoleRef.Kind != "ClusterRole" || b.RoleRef.Name != "system:openshift:scc:privileged" || len(b.Subjects) != 1 ||
		b.Subjects[0].Kind != "ServiceAccount" || b.Subjects[0].Name != "default" || b.Subjects[0].Namespace != ns.Name {
		t.Errorf("the binding is %+v", b)
	}
}

// Ordinary pods need nothing, and elsewhere than on OKD nobody does.
func TestNobodyElseIsBound(t *testing.T) {
	ordinary, client := allowing()
	if _, err := ordinary.CreateNamespace(t.Context(), "1a2b3", "x", psa.LevelRestricted, nil); err != nil {
		t.Error(err)
	}
	elsewhere := &Cluster{Client: client, Config: ordinary.Config}
	if _, err := elsewhere.CreateNamespace(t.Context(), "1a2b3", "y", psa.LevelPrivileged, nil); err != nil {
		t.Error(err)
	}
	if list, err := client.RbacV1().RoleBindings("").List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) > 0 {
		t.Errorf("bindings are %v, %v", list, err)
	}
}

// A user who may not do it is told before anything is made.
func TestMayAdmitPrivileged(t *testing.T) {
	const use, bind, create = "use securitycontextconstraints", "bind clusterroles", "create rolebindings"
	for rights, ok := range map[string]bool{
		create + "," + use: true, create + "," + bind: true, create: false, use + "," + bind: false, "": false,
	} {
		c, client := allowing(strings.Split(rights, ",")...)
		ns, err := c.CreateNamespace(t.Context(), "1a2b3", "x", psa.LevelPrivileged, nil)
		if ok != (err == nil) {
			t.Errorf("with %q: %v", rights, err)
		}
		if ok {
			continue
		}
		if want := "this user may not let privileged pods into a namespace on there: that takes a RoleBinding to ClusterRole system:openshift:scc:privileged"; err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
		if list, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); ns != nil || err != nil || len(list.Items) > 0 {
			t.Errorf("with %q %v was made, %v", rights, list.Items, err)
		}
	}
}
