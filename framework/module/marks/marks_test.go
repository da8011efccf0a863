package marks

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

// What is on a cluster: nodes, pools of others and of runs, and a policy of the owner's.
const (
	nodeA      = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"a","labels":{"node-role.kubernetes.io/worker":""},"annotations":{"theirs":"1"}},"status":{"phase":"x"}}`
	bareNode   = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}`
	worker     = `{"apiVersion":"machineconfiguration.openshift.io/v1","kind":"MachineConfigPool","metadata":{"name":"worker"},"spec":{"paused":false,"maxUnavailable":1}}`
	unsaid     = `{"apiVersion":"machineconfiguration.openshift.io/v1","kind":"MachineConfigPool","metadata":{"name":"worker"},"spec":{"maxUnavailable":1}}`
	ownPool    = `{"apiVersion":"machineconfiguration.openshift.io/v1","kind":"MachineConfigPool","metadata":{"name":"sctp-ab12c","labels":{"sctp.test/run":"ab12c"}},"spec":{}}`
	noPolicy   = `{"apiVersion":"operator.openshift.io/v1","kind":"MachineConfiguration","metadata":{"name":"cluster"},"spec":{"logLevel":"Normal"}}`
	withUnits  = `{"apiVersion":"operator.openshift.io/v1","kind":"MachineConfiguration","metadata":{"name":"cluster"},"spec":{"nodeDisruptionPolicy":{"units":[{"name":"x"}]}}}`
	withPolicy = `{"apiVersion":"operator.openshift.io/v1","kind":"MachineConfiguration","metadata":{"name":"cluster"},"spec":{"nodeDisruptionPolicy":{"files":[{"path":"/theirs","actions":[{"type":"None"}]}]}}}`
)

const run = "ab12c"

// ourPolicy has its keys in the order of the API server's answers.
var ourPolicy = json.RawMessage(`[{"actions":[{"restart":{"serviceName":"s"},"type":"Restart"}],"path":"/ours"}]`)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

func serving(t *testing.T, objects ...string) *fakedynamic.FakeDynamicClient {
	t.Helper()
	lists := map[schema.GroupVersionResource]string{nodes: "NodeList", pools: "MachineConfigPoolList", configurations: "MachineConfigurationList"}
	var all []runtime.Object
	for _, text := range objects {
		all = append(all, parse(t, text))
	}
	return fakedynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, all...)
}

// read is an object as it is now.
func read(t *testing.T, api *fakedynamic.FakeDynamicClient, m Mark) map[string]any {
	t.Helper()
	o, err := api.Resource(m.place().resource).Get(t.Context(), m.Object, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return o.Object
}

// Everything is found by whoever comes after a run that was killed, and is then as it was to
// the last field.
func TestWhoeverComesLaterPutsItBack(t *testing.T) {
	tests := []struct {
		name   string
		object string
		mark   Mark
		value  any
		field  []string
		want   any
	}{
		{"a pool that says so", worker, Mark{Kind: Pause, Object: "worker"}, true, []string{"spec", "paused"}, true},
		{"a pool that does not say", unsaid, Mark{Kind: Pause, Object: "worker"}, true, []string{"spec", "paused"}, true},
		{"a node", nodeA, Mark{Kind: Role, Object: "a"}, "", []string{"metadata", "labels", "node-role.kubernetes.io/sctp-ab12c"}, ""},
		{"a node without any", bareNode, Mark{Kind: Role, Object: "a"}, "", []string{"metadata", "labels", "node-role.kubernetes.io/sctp-ab12c"}, ""},
		{"no policy", noPolicy, Mark{Kind: Policy, Object: "cluster"}, ourPolicy, []string{"spec", "nodeDisruptionPolicy", "files"}, ourPolicy},
		{"a policy for units", withUnits, Mark{Kind: Policy, Object: "cluster"}, ourPolicy, []string{"spec", "nodeDisruptionPolicy", "files"}, ourPolicy},
		{"a policy for files", withPolicy, Mark{Kind: Policy, Object: "cluster"}, ourPolicy, []string{"spec", "nodeDisruptionPolicy", "files"}, ourPolicy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			api := serving(t, tt.object)
			m := tt.mark
			m.Run = run
			if err := Of(api).Set(t.Context(), m, tt.value); err != nil {
				t.Fatal(err)
			}
			if got, _, _ := unstructured.NestedFieldNoCopy(read(t, api, m), tt.field...); !same(got, tt.want) {
				t.Errorf("%v is %v, want %v", tt.field, got, tt.want)
			}
			found, err := Of(api).Find(t.Context())
			if err != nil || len(found) != 1 || found[0].Kind != m.Kind || found[0].Object != m.Object || found[0].Run != run {
				t.Fatalf("found %v, %v", found, err)
			}
			for range 2 { // it may be asked again
				if err := Of(api).Undo(t.Context(), found[0]); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := read(t, api, m), parse(t, tt.object).Object; !reflect.DeepEqual(got, want) {
				t.Errorf("it is %v\nand was %v", got, want)
			}
		})
	}
}

// A file is on the node: its mark has what it was, and goes when somebody has put it back.
func TestAFileIsOnlyMarked(t *testing.T) {
	api := serving(t, nodeA)
	m := Mark{Kind: File, Object: "a", Run: run}
	if err := Of(api).Set(t.Context(), m, 5); err != nil {
		t.Fatal(err)
	}
	found, err := Of(api).Find(t.Context())
	if err != nil || len(found) != 1 || fmt.Sprint(found[0].Was) != "5" || !found[0].Holds() {
		t.Fatalf("found %v, %v", found, err)
	}
	if err := Of(api).Undo(t.Context(), found[0]); err != nil {
		t.Fatal(err)
	}
	if got := read(t, api, m); !reflect.DeepEqual(got, parse(t, nodeA).Object) {
		t.Errorf("left is %v", got)
	}
}

func TestTheOrderOfUndoing(t *testing.T) {
	api := serving(t, nodeA, worker, ownPool, noPolicy)
	for _, m := range []Mark{{Kind: Policy, Object: "cluster"}, {Kind: Role, Object: "a"}, {Kind: Pause, Object: "worker"}, {Kind: File, Object: "a"}} {
		m.Run = run
		if err := Of(api).Set(t.Context(), m, true); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Of(api).Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, m := range found {
		said = append(said, fmt.Sprintf("%s, holds %v", m, m.Holds()))
		if err := Of(api).Undo(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"a file of node a, holds true", "the pause of pool worker, holds true", "the role of node a, holds false",
		"pool sctp-ab12c, holds false", "the node disruption policy of MachineConfiguration cluster, holds false",
	}
	if !slices.Equal(said, want) {
		t.Errorf("undone are %q\nwant %q", said, want)
	}
	if left, err := Of(api).Find(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// What a run changes twice, as a spec does with policies, is put back to what it was first.
func TestTheFirstMarkCounts(t *testing.T) {
	api := serving(t, withPolicy)
	m := Mark{Kind: Policy, Object: "cluster", Run: run}
	for _, value := range []any{ourPolicy, json.RawMessage(`[]`)} {
		if err := Of(api).Set(t.Context(), m, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := Of(api).Undo(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := read(t, api, m); !reflect.DeepEqual(got, parse(t, withPolicy).Object) {
		t.Errorf("it is %v", got)
	}
}

func TestAnotherRunsMarkIsLeftAlone(t *testing.T) {
	api := serving(t, worker, ownPool)
	theirs, ours := Mark{Kind: Pause, Object: "worker", Run: "other"}, Mark{Kind: Pause, Object: "worker", Run: run}
	if err := Of(api).Set(t.Context(), theirs, true); err != nil {
		t.Fatal(err)
	}
	before := read(t, api, ours)
	if err := Of(api).Set(t.Context(), ours, true); err == nil || !strings.Contains(err.Error(), "run other has changed it and has not put it back") {
		t.Errorf("changed with %v", err)
	}
	if err := Of(api).Undo(t.Context(), ours); err != nil {
		t.Error(err)
	}
	if err := Of(api).Undo(t.Context(), Mark{Kind: Pool, Object: "sctp-ab12c", Run: "other"}); err != nil {
		t.Error(err)
	}
	if got := read(t, api, ours); !reflect.DeepEqual(got, before) {
		t.Errorf("it is %v", got)
	}
	read(t, api, Mark{Kind: Pool, Object: "sctp-ab12c"})
}

// An administrator who has changed the field since has the last word, and the person is told once.
func TestWhatSomebodyElseHasChangedSinceStays(t *testing.T) {
	api := serving(t, noPolicy)
	m := Mark{Kind: Policy, Object: "cluster", Run: run}
	if err := Of(api).Set(t.Context(), m, ourPolicy); err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{Object: read(t, api, m)}
	theirs := []any{map[string]any{"path": "/theirs"}}
	if err := unstructured.SetNestedField(o.Object, theirs, "spec", "nodeDisruptionPolicy", "files"); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Resource(configurations).Update(t.Context(), o, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	err := Of(api).Undo(t.Context(), m)
	want := "putting back the node disruption policy of MachineConfiguration cluster, which run ab12c has changed: somebody else has changed it since, so it is left as it is"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if err := Of(api).Undo(t.Context(), m); err != nil {
		t.Errorf("again: %v", err)
	}
	if got, _, _ := unstructured.NestedSlice(read(t, api, m), "spec", "nodeDisruptionPolicy", "files"); !reflect.DeepEqual(got, theirs) {
		t.Errorf("it is %v", got)
	}
}

// The API server refuses a write that is based on what is not so any more.
func TestAChangeInBetweenIsReadAgain(t *testing.T) {
	api := serving(t, worker)
	conflicts := 0
	api.PrependReactor("update", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		conflicts++
		return conflicts == 1, nil, apierrors.NewConflict(pools.GroupResource(), "worker", nil)
	})
	m := Mark{Kind: Pause, Object: "worker", Run: run}
	if err := Of(api).Set(t.Context(), m, true); err != nil || conflicts != 2 {
		t.Errorf("%d updates, %v", conflicts, err)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	api := serving(t, strings.Replace(worker, `"name":"worker"`, `"name":"worker","annotations":{"sctp.test/changed-pause":"?"}`, 1))
	if found, err := Of(api).Find(t.Context()); err == nil || !strings.Contains(err.Error(), "the pause of pool worker: annotation sctp.test/changed-pause: ") {
		t.Errorf("found %v, %v", found, err)
	}
	// Clusters without the operator know none of its kinds, and a user may not see them all.
	api = serving(t)
	api.PrependReactor("list", "machineconfigpools", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewNotFound(a.GetResource().GroupResource(), "")
	})
	api.PrependReactor("list", "machineconfigurations", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(a.GetResource().GroupResource(), "", nil)
	})
	if found, err := Of(api).Find(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
	if err := Of(api).Undo(t.Context(), Mark{Kind: Pause, Object: "worker", Run: run}); err != nil {
		t.Errorf("a pool that is gone: %v", err)
	}
	if err := Of(api).Set(t.Context(), Mark{Kind: Pause, Object: "worker", Run: run}, true); err == nil {
		t.Error("changed a pool that is not there")
	}
}
