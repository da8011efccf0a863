package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/onsi/ginkgo/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
	"sctp.test/manifests"
)

// Everywhere stands for the namespace where Delete is to remove what ApplyWide has created.
const Everywhere = "the whole cluster"

// baselineKind is the one of which a cluster can have a single object, of this name.
const (
	baselineKind = "BaselineAdminNetworkPolicy"
	baselineName = "default"
)

// errTaken says that the cluster has an object already of which there can be one only.
var errTaken = errors.New("the cluster has a " + baselineKind + " of its own, which the suite does not touch")

// ApplyWide creates a cluster-wide policy: of files that say the same in versions of the
// API, the first one whose kind the cluster serves. Its name gets the run's, and it selects
// pods of the run's namespaces only. Delete knows it by the first file, Everywhere.
func (l *Lab) ApplyWide(ctx ginkgo.SpecContext, file string, older ...string) {
	ginkgo.GinkgoHelper()
	err := l.applyWide(ctx, append([]string{file}, older...))
	if errors.Is(err, errTaken) {
		l.expected = true
		ginkgo.Skip(err.Error())
	}
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not apply manifests/%s: %v", l.id, file, err))
	}
}

func (l *Lab) applyWide(ctx context.Context, files []string) error {
	l.changes("applied manifests/" + files[0])
	for _, file := range files {
		o, err := manifests.Untyped(file)
		if err != nil {
			return err
		}
		if api, version := l.run.Cluster.Wide(o.GetKind()); api != nil {
			o.SetAPIVersion(version)
			return l.createWide(ctx, api, files[0], o)
		}
	}
	return errors.New("the cluster serves no policy of its kind")
}

func (l *Lab) createWide(ctx context.Context, api dynamic.ResourceInterface, file string, o *unstructured.Unstructured) error {
	if err := l.run.adoptWide(o); err != nil {
		return err // it names the policy
	}
	o.SetAnnotations(map[string]string{cluster.SpecAnnotation: l.id})
	_, err := api.Create(ctx, o, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if apierrors.IsAlreadyExists(err) && o.GetKind() == baselineKind {
		return errTaken
	}
	if err != nil {
		return in(o.GetKind(), o.GetName(), err)
	}
	l.applied = append(l.applied, object{file, Everywhere, o.GetKind(), o.GetName(), func(ctx context.Context, name string, o metav1.DeleteOptions) error {
		return api.Delete(ctx, name, o)
	}})
	return nil
}

// adoptWide makes a cluster-wide policy this run's, and the pods it speaks of. One whose
// subject is not confined is refused: it would be everybody's.
func (r *Run) adoptWide(o *unstructured.Unstructured) error {
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[cluster.RunLabel] = r.ID
	o.SetLabels(labels)
	if o.GetKind() != baselineKind || o.GetName() != baselineName {
		o.SetName(fmt.Sprintf("sctp-%s-%s", r.ID, o.GetName()))
	}
	spec, _ := o.Object["spec"].(map[string]any)
	if confineAll(spec["subject"], r.ID) == 0 {
		return fmt.Errorf("%s %s selects its pods by no namespaces", o.GetKind(), o.GetName())
	}
	confineAll(spec["ingress"], r.ID)
	confineAll(spec["egress"], r.ID)
	return nil
}

// confineAll lets the selectors of namespaces in a part of a policy, by the names that both
// versions of the API have for them, mean those of a run only. It returns their number.
func confineAll(part any, run string) (selectors int) {
	switch part := part.(type) {
	case map[string]any:
		for field, inner := range part {
			selector, ok := inner.(map[string]any)
			if !ok || field != "namespaces" && field != "namespaceSelector" {
				selectors += confineAll(inner, run)
				continue
			}
			labels, _ := selector["matchLabels"].(map[string]any)
			if labels == nil {
				labels = map[string]any{}
				selector["matchLabels"] = labels
			}
			labels[cluster.RunLabel] = run
			selectors++
		}
	case []any:
		for _, inner := range part {
			selectors += confineAll(inner, run)
		}
	}
	return selectors
}
