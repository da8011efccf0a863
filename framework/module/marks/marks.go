// Package marks lets specs change what is not theirs on a cluster so that it can be undone:
// by the spec itself, or by whoever comes after a run that was killed.
//
// What a field was, and whose run has changed it, stands in an annotation of the object itself,
// which is written together with the change. The package knows which fields of which objects
// there are to be changed, and an annotation says only what one was: nothing else is ever
// touched. Whether a run is alive, and what the cluster makes of a change, is not its business.
package marks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"

	"sctp.test/framework/cluster"
)

// Kind is something that specs change. The list is closed.
type Kind string

// The kinds.
const (
	File   Kind = "file"   // of a node: no field of the API, so the mark only tells how it was
	Pause  Kind = "pause"  // of a MachineConfigPool
	Role   Kind = "role"   // of a node, by which it is in the run's pool
	Pool   Kind = "pool"   // a MachineConfigPool of the run's own
	Policy Kind = "policy" // what a change of files does to nodes
)

// place is where a kind is on the cluster.
type place struct {
	Kind
	what     string // for people, with the object's name
	resource schema.GroupVersionResource
	field    func(run string) []string // nil where the API has none
	own      bool                      // the object is the run's, which its label tells
}

// places are in the order in which they are undone: first what keeps a roll-out from ending,
// and a pool when no node is in it any more.
var places = []place{
	{Kind: File, what: "a file of node %s", resource: nodes},
	{Kind: Pause, what: "the pause of pool %s", resource: pools, field: fixed("spec", "paused")},
	{Kind: Role, what: "the role of node %s", resource: nodes, field: func(run string) []string {
		return []string{"metadata", "labels", RoleLabel(PoolName(run))}
	}},
	{Kind: Pool, what: "pool %s", resource: pools, own: true},
	{Kind: Policy, what: "the node disruption policy of MachineConfiguration %s", resource: configurations, field: fixed("spec", "nodeDisruptionPolicy", "files")},
}

var (
	nodes          = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	pools          = schema.GroupVersionResource{Group: "machineconfiguration.openshift.io", Version: "v1", Resource: "machineconfigpools"}
	configurations = schema.GroupVersionResource{Group: "operator.openshift.io", Version: "v1", Resource: "machineconfigurations"}
)

func fixed(path ...string) func(string) []string { return func(string) []string { return path } }

// PoolName is the name of a run's own MachineConfigPool.
func PoolName(run string) string { return "sctp-" + run }

// RoleLabel is the label of a node by which it is in a MachineConfigPool of that name.
func RoleLabel(pool string) string { return "node-role.kubernetes.io/" + pool }

// Mark says what a run has changed.
type Mark struct {
	Kind   Kind
	Object string
	Run    string
	Was    any // the value of before; nil where there was none
}

// String names what was changed, for people.
func (m Mark) String() string { return fmt.Sprintf(m.place().what, m.Object) }

// Holds says whether a roll-out cannot end before the mark is undone.
func (m Mark) Holds() bool { return m.Kind == File || m.Kind == Pause }

func (m Mark) place() place {
	for _, p := range places {
		if p.Kind == m.Kind {
			return p
		}
	}
	return place{what: string(m.Kind) + " of %s"}
}

// Book reads and writes the marks of a cluster.
type Book struct{ api dynamic.Interface }

// Of is the book of a cluster.
func Of(api dynamic.Interface) Book { return Book{api} }

// entry is a mark as its annotation has it. Now is what the run has made of the field: when it is
// something else by then, somebody has changed it since.
type entry struct {
	Run string `json:"run"`
	Was any    `json:"was"`
	Now any    `json:"now"`
}

// Set changes a field to value, nil for none, and marks it; a file is only marked, with what
// it was as its value. What a run changes twice keeps the mark of the first time.
func (b Book) Set(ctx context.Context, m Mark, value any) error {
	value, err := plain(value)
	if err != nil {
		return fmt.Errorf("changing %s: %w", m, err)
	}
	at := m.place()
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		o, err := b.api.Resource(at.resource).Get(ctx, m.Object, metav1.GetOptions{})
		if err != nil {
			return err
		}
		e, err := at.read(o)
		switch {
		case err != nil:
			return err
		case e != nil && e.Run != m.Run:
			return fmt.Errorf("run %s has changed it and has not put it back: if it is dead, `make clean-cluster KUBECONFIG=PATH` does", e.Run)
		case e == nil:
			e = &entry{Run: m.Run, Was: value}
			if at.field != nil {
				e.Was = at.get(o, m.Run)
			}
		}
		e.Now = value
		if err := at.put(o, m.Run, value); err != nil {
			return err
		}
		if err := at.write(o, e); err != nil {
			return err
		}
		_, err = b.api.Resource(at.resource).Update(ctx, o, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("changing %s: %w", m, err)
	}
	return nil
}

// Undo makes what a run has changed what it was, and takes the mark off; a pool of the run's own
// is deleted. It succeeds where there is no mark of that run. What somebody else has changed
// since stays as it is, which is an error, once.
func (b Book) Undo(ctx context.Context, m Mark) error {
	at := m.place()
	var since error
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		since = nil
		o, err := b.api.Resource(at.resource).Get(ctx, m.Object, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if at.own {
			return b.remove(ctx, at, o, m.Run)
		}
		e, err := at.read(o)
		if err != nil || e == nil || e.Run != m.Run {
			return err
		}
		if at.field != nil && !same(at.get(o, m.Run), e.Now) {
			since = errors.New("somebody else has changed it since, so it is left as it is")
		} else if err := at.put(o, m.Run, e.Was); err != nil {
			return err
		}
		if err := at.write(o, nil); err != nil {
			return err
		}
		_, err = b.api.Resource(at.resource).Update(ctx, o, metav1.UpdateOptions{})
		return err
	})
	if err = errors.Join(err, since); err != nil {
		return fmt.Errorf("putting back %s, which run %s has changed: %w", m, m.Run, err)
	}
	return nil
}

// remove deletes an object of a run's own.
func (b Book) remove(ctx context.Context, at place, o *unstructured.Unstructured, run string) error {
	if o.GetLabels()[cluster.RunLabel] != run {
		return nil
	}
	uid := o.GetUID()
	err := b.api.Resource(at.resource).Delete(ctx, o.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Find lists all marks on the cluster, in the order in which they are to be undone.
func (b Book) Find(ctx context.Context) ([]Mark, error) {
	var out []Mark
	for _, at := range places {
		o := metav1.ListOptions{}
		if at.own {
			o.LabelSelector = cluster.RunLabel
		}
		list, err := b.api.Resource(at.resource).List(ctx, o)
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			continue // who may not see them has changed none
		}
		if err != nil {
			return nil, fmt.Errorf("looking for marks of runs: %s: %w", at.resource.GroupResource(), err)
		}
		for _, item := range list.Items {
			m, err := at.mark(&item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", Mark{Kind: at.Kind, Object: item.GetName()}, err)
			}
			if m != nil {
				out = append(out, *m)
			}
		}
	}
	return out, nil
}

// mark is that of an object, nil if it has none.
func (at place) mark(o *unstructured.Unstructured) (*Mark, error) {
	m := &Mark{Kind: at.Kind, Object: o.GetName()}
	if at.own {
		m.Run = o.GetLabels()[cluster.RunLabel]
		return m, nil
	}
	e, err := at.read(o)
	if e == nil {
		return nil, err
	}
	m.Run, m.Was = e.Run, e.Was
	return m, nil
}

// key is the annotation of a kind of marks.
func (at place) key() string { return "sctp.test/changed-" + string(at.Kind) }

// read is what the annotation of an object says, nil if it has none.
func (at place) read(o *unstructured.Unstructured) (*entry, error) {
	text, ok := o.GetAnnotations()[at.key()]
	if !ok {
		return nil, nil
	}
	var e entry
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return nil, fmt.Errorf("annotation %s: %w", at.key(), err)
	}
	return &e, nil
}

// write puts a mark on an object, or takes it off.
func (at place) write(o *unstructured.Unstructured, e *entry) error {
	all := o.GetAnnotations()
	if e == nil {
		if delete(all, at.key()); len(all) == 0 {
			all = nil
		}
		o.SetAnnotations(all)
		return nil
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if all == nil {
		all = map[string]string{}
	}
	all[at.key()] = string(raw)
	o.SetAnnotations(all)
	return nil
}

// get is the value of the field of an object, nil if it has none.
func (at place) get(o *unstructured.Unstructured, run string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(o.Object, at.field(run)...)
	return v
}

// put makes the field of an object what it is to be. The parents of a field that goes, and
// that are empty then, go as well.
func (at place) put(o *unstructured.Unstructured, run string, value any) error {
	if at.field == nil {
		return nil
	}
	path := at.field(run)
	if value != nil {
		return unstructured.SetNestedField(o.Object, value, path...)
	}
	for n := len(path); n > 1; n-- {
		unstructured.RemoveNestedField(o.Object, path[:n]...)
		if left, _, _ := unstructured.NestedMap(o.Object, path[:n-1]...); len(left) > 0 {
			break
		}
	}
	return nil
}

// plain is a value as JSON has it.
func plain(value any) (out any, err error) {
	raw, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}

// same compares values as JSON has them.
func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
