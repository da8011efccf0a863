package lab

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
)

func TestAServiceForEachNode(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@*:80", "x/other@1:80", "y/server@2:80")
		made := 0
		b.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
			s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
			made++
			s.Spec.ClusterIPs = []string{fmt.Sprintf("10.96.0.%d", made), fmt.Sprintf("fd96::%d", made)}
			s.Spec.Ports[0].NodePort = 30000 + int32(made)
			return true, s, nil
		})
		if err := l.applyPerNode(t.Context(), "x", "service/per-node.yaml"); err != nil {
			t.Fatal(err)
		}
		for place := 1; place <= 2; place++ {
			behind := l.behind(l.targets[fmt.Sprintf("svc/per-node-%d:80", place)])
			if want := fmt.Sprintf("x/server@%d", place); len(behind) != 1 || behind[0].word != want {
				t.Errorf("behind the Service of node %d are %+v, want %s", place, behind, want)
			}
			if _, known := l.targets[fmt.Sprintf("node@1:svc/per-node-%d:80", place)]; !known {
				t.Errorf("the Service of node %d has no NodePort on node 1", place)
			}
		}
		if made != 4 { // each with its TCP twin
			t.Errorf("%d Services", made)
		}
	})
}
