package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// WideKind is a kind of policy that stands in no namespace and selects pods of many.
type WideKind struct {
	Kind     string
	Resource schema.GroupVersionResource
}

// policyAPI is the group of the Network Policy API.
const policyAPI = "policy.networking.k8s.io"

// wideKinds are all that there are, the newest version first. (That of a ClusterNetworkPolicy
// of v1beta1 and v1alpha2 is one and the same schema.)
var wideKinds = []WideKind{
	{"ClusterNetworkPolicy", schema.GroupVersionResource{Group: policyAPI, Version: "v1beta1", Resource: "clusternetworkpolicies"}},
	{"ClusterNetworkPolicy", schema.GroupVersionResource{Group: policyAPI, Version: "v1alpha2", Resource: "clusternetworkpolicies"}},
	{"AdminNetworkPolicy", schema.GroupVersionResource{Group: policyAPI, Version: "v1alpha1", Resource: "adminnetworkpolicies"}},
	{"BaselineAdminNetworkPolicy", schema.GroupVersionResource{Group: policyAPI, Version: "v1alpha1", Resource: "baselineadminnetworkpolicies"}},
}

// multiNetwork are the policies of secondary networks.
var multiNetwork = schema.GroupVersionResource{Group: "k8s.cni.cncf.io", Version: "v1beta1", Resource: "multi-networkpolicies"}

// discoverKinds finds out which of the kinds that not every cluster has are served, and in
// which version.
func (c *Cluster) discoverKinds() error {
	for _, k := range wideKinds {
		if slices.ContainsFunc(c.WideKinds, func(o WideKind) bool { return o.Kind == k.Kind }) {
			continue
		}
		served, err := resourceServed(c.Client.Discovery(), k.Resource)
		if err != nil {
			return err
		}
		if served {
			c.WideKinds = append(c.WideKinds, k)
		}
	}
	var err error
	if c.MultiNetworkPolicies, err = resourceServed(c.Client.Discovery(), multiNetwork); err != nil {
		return err
	}
	c.Constrained, err = groupServed(c.Client.Discovery(), sccAPI)
	return err
}

// resourceServed asks the API server whether it serves a resource.
func resourceServed(api discovery.DiscoveryInterface, r schema.GroupVersionResource) (bool, error) {
	list, err := api.ServerResourcesForGroupVersion(r.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("whether %s is served: %w", r.GroupVersion(), err)
	}
	return slices.ContainsFunc(list.APIResources, func(a metav1.APIResource) bool { return a.Name == r.Resource }), nil
}

// groupServed asks the API server whether it knows a group, be it that who serves it is away.
func groupServed(api discovery.DiscoveryInterface, group string) (bool, error) {
	list, err := api.ServerGroups()
	if err != nil {
		return false, fmt.Errorf("whether %s is served: %w", group, err)
	}
	return slices.ContainsFunc(list.Groups, func(g metav1.APIGroup) bool { return g.Name == group }), nil
}

// Wide is the API of a kind and its version; api is nil where the cluster does not serve it.
func (c *Cluster) Wide(kind string) (api dynamic.ResourceInterface, version string) {
	i := slices.IndexFunc(c.WideKinds, func(k WideKind) bool { return k.Kind == kind })
	if i < 0 {
		return nil, ""
	}
	r := c.WideKinds[i].Resource
	return c.Dynamic.Resource(r), r.GroupVersion().String()
}

// WidePolicy is a policy that stands in no namespace.
type WidePolicy struct {
	Kind, Name string
	Run        string // whose it is, "" if it is none of the suite's
	Spec       string // of the run, that has made it
}

// String is the policy as people name it.
func (p WidePolicy) String() string { return p.Kind + " " + p.Name }

// WidePolicies lists those of every kind that is served, whoever has made them.
func (c *Cluster) WidePolicies(ctx context.Context) ([]WidePolicy, error) {
	var out []WidePolicy
	for _, k := range c.WideKinds {
		list, err := c.Dynamic.Resource(k.Resource).List(ctx, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			continue // who may not list them has made none
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.Resource.GroupResource(), err)
		}
		for _, o := range list.Items {
			out = append(out, WidePolicy{k.Kind, o.GetName(), o.GetLabels()[RunLabel], o.GetAnnotations()[SpecAnnotation]})
		}
	}
	return out, nil
}

// Left is what runs have left on a cluster.
type Left struct {
	Namespaces []string
	Policies   []WidePolicy
}

// Empty says whether there is nothing.
func (l Left) Empty() bool { return len(l.Namespaces)+len(l.Policies) == 0 }

// String names everything, for people.
func (l Left) String() string {
	words := slices.Clone(l.Namespaces)
	for _, p := range l.Policies {
		words = append(words, p.String())
	}
	return strings.Join(words, ", ")
}

// LeftBeside completes what runs have left: the policies of those runs that have no
// namespace but these. (A run makes namespaces before policies, and removes them after.)
func (c *Cluster) LeftBeside(ctx context.Context, namespaces []string) (Left, error) {
	out := Left{Namespaces: namespaces}
	policies, err := c.WidePolicies(ctx) // before the namespaces: what is seen now has its own
	if err != nil {
		return out, err
	}
	list, err := c.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: RunLabel})
	if err != nil {
		return out, fmt.Errorf("namespaces with label %s: %w", RunLabel, err)
	}
	for _, p := range policies {
		lives := slices.ContainsFunc(list.Items, func(ns corev1.Namespace) bool {
			return ns.Labels[RunLabel] == p.Run && !slices.Contains(namespaces, ns.Name)
		})
		if p.Run != "" && !lives {
			out.Policies = append(out.Policies, p)
		}
	}
	return out, nil
}

// deleteWide removes policies, which are gone when it returns.
func (c *Cluster) deleteWide(ctx context.Context, policies []WidePolicy) error {
	for _, p := range policies {
		api, _ := c.Wide(p.Kind)
		if api == nil {
			continue
		}
		if err := api.Delete(ctx, p.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting %s: %w", p, err)
		}
	}
	return nil
}
