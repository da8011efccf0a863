package cluster

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// On OKD a pod must be admitted by SecurityContextConstraints, too, which its service account
// may use: by default those alone that admit ordinary pods. sccRole is the role by which
// one may use those for privileged pods; OKD has one for each of its own.
const (
	sccAPI  = "security.openshift.io"
	sccRole = "system:openshift:scc:privileged"
)

// mayAdmitPrivileged asks whether this user may let privileged pods into namespaces, before one is
// made. Who gives a role away must have its rights, or the right to bind it.
func (c *Cluster) mayAdmitPrivileged(ctx context.Context) error {
	if !c.Constrained {
		return nil
	}
	bindings, err := c.may(ctx, authorizationv1.ResourceAttributes{Verb: "create", Group: rbacv1.GroupName, Resource: "rolebindings"})
	if err != nil {
		return err
	}
	for _, a := range []authorizationv1.ResourceAttributes{
		{Verb: "use", Group: sccAPI, Resource: "securitycontextconstraints", Name: "privileged"},
		{Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles", Name: sccRole},
	} {
		allowed, err := c.may(ctx, a)
		if err != nil || allowed && bindings {
			return err
		}
	}
	return fmt.Errorf("this user may not let privileged pods into a namespace on %s: that takes a RoleBinding to ClusterRole %s", c.Config.Host, sccRole)
}

// admitPrivileged lets the pods of a namespace be privileged. The binding goes with the
// namespace.
func (c *Cluster) admitPrivileged(ctx context.Context, run, namespace string) error {
	if !c.Constrained {
		return nil
	}
	_, err := c.Client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "sctp-privileged", Labels: map[string]string{RunLabel: run}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: sccRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "default", Namespace: namespace}},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("letting privileged pods into namespace %s: %w", namespace, err)
	}
	return nil
}
