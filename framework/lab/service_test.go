package lab

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
)

// A port that gets another number gets another nodePort, and another one yet where somebody was
// quicker; one that keeps its number is left alone, and nothing is left of what gave the numbers.
func TestPortsGetOtherNumbers(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client@2")
		services := b.client.CoreV1().Services("sctp-x")
		ports := func(changed, kept int32) []corev1.ServicePort {
			return []corev1.ServicePort{{Name: "changed", Protocol: corev1.ProtocolSCTP, Port: changed}, {Name: "kept", Protocol: corev1.ProtocolSCTP, Port: kept}}
		}
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ClusterIPs: []string{"10.96.0.1"}, Ports: ports(80, 90)}}
		s.Spec.Ports[0].NodePort, s.Spec.Ports[1].NodePort = 30000, 31000
		if _, err := services.Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		given, refused := int32(30000), 0
		b.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
			s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
			given++
			s.Name, s.Spec.Ports[0].NodePort = fmt.Sprint(s.GenerateName, given), given
			return false, s, nil
		})
		b.client.PrependReactor("update", "services", func(clienttesting.Action) (bool, runtime.Object, error) {
			if refused++; refused > 1 {
				return false, nil, nil
			}
			return true, nil, apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, "web", nil)
		})
		if err := l.updatePorts(t.Context(), "x", "sctp-x", "web", ports(81, 90)); err != nil {
			t.Fatal(err)
		}
		all, err := services.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want := ports(81, 90)
		want[0].NodePort = 30002
		if len(all.Items) != 1 || !slices.Equal(all.Items[0].Spec.Ports, want) {
			t.Errorf("the Services are %v", all.Items)
		}
	})
}
