package machineconfig

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"sctp.test/framework/cluster"
)

// rebootless is the policy under which files are written and the module is loaded at once.
func rebootless(t *testing.T) Policies {
	t.Helper()
	var p Policies
	err := decode([]byte(`{"status":{"nodeDisruptionPolicyStatus":{"clusterPolicies":{"files":[
		{"path":"/etc/modprobe.d/sctp-blacklist.conf","actions":[{"type":"None"}]},
		{"path":"/etc/modules-load.d","actions":[{"type":"Restart"}]}]}}}}`), &p)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wrongs(t *testing.T, p *Provider, r *Rollout) []string {
	t.Helper()
	proofs, err := p.Prove(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, proof := range proofs {
		for _, text := range proof.Wrong {
			out = append(out, proof.Node+": "+text)
		}
	}
	if len(proofs) == 0 {
		t.Error("no node was looked at")
	}
	return out
}

func TestEnableProveRestore(t *testing.T) {
	w := newWorld(t)
	p := w.provider()
	if by, err := p.MayEnable(t.Context()); by != "" || err != nil {
		t.Errorf("enabled by %q, %v", by, err)
	}
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(w.created, []string{"load-sctp-module"}) || !reflect.DeepEqual(r.Pools, []string{"worker"}) || !r.Reboot {
		t.Errorf("created %v for pools %v, reboot %v", w.created, r.Pools, r.Reboot)
	}
	want := []string{
		"nodes a, b of pool worker: each is drained and rebooted; at most 4s",
		"MachineConfig load-sctp-module created for pool worker",
		"  node a is told, and its daemon has not begun    after 2s",
		"  node b waits for its turn                       after 2s",
		"  node a applies the files                        after 3s",
		"  node a drains                                   after 4s",
		"  node a applies the files                        after 5s",
		"  node a reboots                                  after 7s",
		"  node a applies the files                        after 8s",
		"  node a waits to be uncordoned                   after 9s",
		"  node a is done                                  after 11s",
	}
	if len(w.said) < len(want) || !reflect.DeepEqual(w.said[:len(want)], want) {
		t.Errorf("said\n%s\nwant\n%s", strings.Join(w.said, "\n"), strings.Join(want, "\n"))
	}
	if wrong := wrongs(t, p, r); len(wrong) > 0 {
		t.Errorf("proof: %q", wrong)
	}
	changed, err := p.Restore(t.Context(), r)
	if err != nil || len(changed) > 0 || r.Kept() != "" {
		t.Errorf("restored: %q, kept %q, %v", changed, r.Kept(), err)
	}
	if w.files["a"][Blacklist] != shippedBlacklist || w.modules["b"] != "" {
		t.Errorf("node a has %q, node b %q", w.files["a"], w.modules["b"])
	}
	if again, err := p.Restore(t.Context(), r); again != nil || err != nil || len(w.deleted) != 1 {
		t.Errorf("restored twice: %q, %v", w.deleted, err)
	}
}

// What does not come back is told, by file, config and module.
func TestRestorationIsLookedAt(t *testing.T) {
	w := newWorld(t)
	p := w.provider()
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	was := r.Nodes["a"]
	was.Files = map[string]string{Blacklist: "644 sha256:other"}
	r.Nodes["a"], r.Rendered["worker"] = was, "rendered-worker-else"
	w.configs["load-sctp-module"].Metadata.Annotations["x"] = "" // the world's copy is not the provider's
	got, err := p.Restore(t.Context(), r)
	if err != nil || len(got) != 2 || !strings.Contains(got[0], "and had rendered-worker-else") || !strings.Contains(got[1], "node a: "+Blacklist+" was 644 sha256:other and is 644 sha256:") {
		t.Errorf("differences %q, %v", got, err)
	}
}

// A blacklist that was absent is to be absent again, and one that then comes from elsewhere is
// told.
func TestAbsentBefore(t *testing.T) {
	for _, unshipped := range []bool{true, false} {
		w := newWorld(t)
		w.unshipped = unshipped
		for _, n := range []string{"a", "b"} {
			delete(w.files[n], Blacklist)
		}
		p := w.provider()
		r, err := p.Enable(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Nodes["a"].Files[Blacklist] != absent {
			t.Errorf("before: %v", r.Nodes["a"])
		}
		got, err := p.Restore(t.Context(), r)
		switch {
		case err != nil:
			t.Error(err)
		case unshipped && len(got) > 0:
			t.Errorf("absent as before, and yet %q", got)
		case !unshipped && (len(got) != 2 || !strings.Contains(got[0], Blacklist+" was absent and is 644")):
			t.Errorf("differences %q", got)
		}
	}
}

func TestRebootless(t *testing.T) {
	w := newWorld(t)
	w.disruption = rebootless(t)
	w.held = []string{"a budget"} // no drain, no obstacle
	p := w.provider()
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Reboot || r.Drain || w.nodes[0].BootID != "a-boot-1" {
		t.Errorf("rebooted: %+v, %s", r.Disruption, w.nodes[0].BootID)
	}
	if wrong := wrongs(t, p, r); len(wrong) > 0 {
		t.Errorf("proof: %q", wrong)
	}
	changed, err := p.Restore(t.Context(), r)
	if err != nil || len(changed) > 0 || !strings.Contains(r.Kept(), "until the nodes' next boot") {
		t.Errorf("restored: %q, kept %q, %v", changed, r.Kept(), err)
	}
}

// With a control plane of a single node nothing is drained, so no budget is in the way.
func TestSingleNode(t *testing.T) {
	w := newWorld(t)
	w.topology, w.held = SingleNode, []string{"a budget"}
	p := w.provider()
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Reboot || r.Drain || !strings.Contains(w.said[0], ": each is rebooted, and none is drained; at most") || strings.Contains(strings.Join(w.said, "\n"), " drains ") {
		t.Errorf("%+v, said\n%s", r.Disruption, strings.Join(w.said, "\n"))
	}
	if changed, err := p.Restore(t.Context(), r); err != nil || len(changed) > 0 || r.Drain {
		t.Errorf("restored: %q, drained %v, %v", changed, r.Drain, err)
	}
}

func TestAlreadyEnabled(t *testing.T) {
	for name, files := range map[string]string{
		"the documents' words": `[{"path":"/etc/modprobe.d/sctp-blacklist.conf","contents":{"source":"data:,"}},{"path":"/etc/modules-load.d/sctp-load.conf","contents":{"source":"data:,sctp"}}]`,
		"with a kind":          `[{"path":"/etc/modprobe.d/sctp-blacklist.conf","contents":{"source":""}},{"path":"/etc/modules-load.d/sctp-load.conf","contents":{"source":"data:text/plain;charset=utf-8,sctp%0A"}}]`,
		"base64":               `[{"path":"/etc/modprobe.d/sctp-blacklist.conf","contents":{"source":"data:;base64,IyBibGFja2xpc3Qgc2N0cAo="}},{"path":"/etc/modules-load.d/sctp-load.conf","contents":{"source":"data:text/plain;charset=utf-8;base64,c2N0cA=="}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.config("50-sctp", "worker", `{"ignition":{"version":"3.4.0"},"storage":{"files":`+files+`}}`)
			w.settle()
			w.pools[1].Spec.Paused = true // which is no obstacle where nothing is to be done
			p := w.provider()
			r, err := p.Enable(t.Context())
			if err != nil || r.Already == "" || len(w.created) > 0 {
				t.Fatalf("%+v, %v, created %v", r, err, w.created)
			}
			if by, err := p.MayEnable(t.Context()); by != r.Already || err != nil {
				t.Errorf("enabled by %q, %v", by, err)
			}
			if changed, err := p.Restore(t.Context(), r); changed != nil || err != nil || len(w.deleted) > 0 {
				t.Errorf("restored: %q, %v, deleted %v", changed, err, w.deleted)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*world)
		option func(*Options)
		want   string
	}{
		{"paused", func(w *world) { w.pools[1].Spec.Paused = true }, nil, "pool worker is paused: nothing is rolled out to its nodes until spec.paused is false"},
		{
			"degraded", func(w *world) {
				w.nodes[1].Annotations[state], w.nodes[1].Annotations[reason] = "Degraded", "content mismatch for file\n\"/etc/x\""
			}, nil,
			`pool worker is degraded: Node b is reporting: "content mismatch for file\n\"/etc/x\""`,
		},
		{"bad Ignition of somebody", func(w *world) { w.config("bad", "worker", `{"ignition":{"version":"9.9.9"}}`) }, nil, "pool worker is degraded: parsing Ignition config failed: unknown version 9.9.9"},
		{"a role that no pool selects", nil, func(o *Options) { o.Roles = []string{"edge"} }, "no MachineConfigPool selects MachineConfigs of role edge: the operator would ignore one"},
		{"an empty pool", nil, func(o *Options) { o.Roles = []string{"master"} }, "pool master has no nodes: a MachineConfig would change nothing"},
		{"a node in no pool", func(w *world) { w.nodes[0].Labels = nil }, nil, "node a is in no MachineConfigPool, or in more than one: no MachineConfig reaches it"},
		{"a cordoned node", func(w *world) { w.nodes[0].Cordoned = true }, nil, "pool worker is not at rest: it is not Updated"},
		{"updating", func(w *world) { w.updating = "Working towards 4.21" }, nil, "the cluster is being updated: Working towards 4.21"},
		{"layered", func(w *world) { w.layers["worker"] = "layer" }, nil, "pool worker builds an image of its own (MachineOSConfig layer): put the two files into its Containerfile instead"},
		{
			"a budget", func(w *world) { w.held = []string{"PodDisruptionBudget x/y lets no pod go, and pod z is on node b"} }, nil,
			"PodDisruptionBudget x/y lets no pod go, and pod z is on node b: the roll-out would hang there",
		},
		{
			"a living run", func(w *world) {
				w.config("theirs", "worker", `{"ignition":{"version":"3.2.0"}}`)
				w.configs["theirs"].Metadata.Labels[cluster.RunLabel] = "other"
				w.alive = []string{"other"}
			}, nil,
			"run other is alive and has MachineConfig theirs on this cluster: wait for its end",
		},
		{
			"a hosted control plane", func(w *world) { w.topology = "External" }, nil,
			"the control plane of this cluster is hosted elsewhere (controlPlaneTopology External), where nodes are configured by a NodePool: pass --management-kubeconfig",
		},
		{"plain Kubernetes", func(w *world) { w.pools = nil }, nil, "no pools"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.change != nil {
				tt.change(w)
				if len(w.pools) > 0 {
					w.step()
				}
			}
			p := w.provider()
			if tt.option != nil {
				tt.option(&p.Options)
			}
			// A run that is alive is a reason for a run, not one of the cluster's owner.
			if by, err := p.MayEnable(t.Context()); tt.name != "a living run" && (err == nil || err.Error() != tt.want || by != "") {
				t.Errorf("beforehand it was refused with %v, %q\nwant %s", err, by, tt.want)
			}
			r, err := p.Enable(t.Context())
			if err == nil || err.Error() != tt.want || r != nil {
				t.Errorf("refused with %v\nwant %s", err, tt.want)
			}
			var refusal Refusal
			var missing Absent
			if !errors.As(err, &refusal) && !errors.As(err, &missing) {
				t.Errorf("%T is no refusal", err)
			}
			if len(w.created)+len(w.deleted) > 0 {
				t.Errorf("created %v, deleted %v", w.created, w.deleted)
			}
		})
	}
}

func TestHosted(t *testing.T) {
	w := newWorld(t)
	if why, err := w.provider().Hosted(t.Context()); why != "" || err != nil {
		t.Errorf("hosted: %q, %v", why, err)
	}
	w.topology = "External"
	if why, err := w.provider().Hosted(t.Context()); !strings.Contains(why, "pass --management-kubeconfig") || err != nil {
		t.Errorf("hosted: %q, %v", why, err)
	}
}

// Nodes are looked at one by one where the pool's counts are of a moment ago.
func TestIdle(t *testing.T) {
	for want, n := range map[string]Node{
		"node b of pool worker is cordoned, which would stop the whole pool":  {Cordoned: true},
		"node b of pool worker is not ready, which would stop the whole pool": {},
		"node b of pool worker waits for its turn (Done)":                     {Ready: true, Annotations: map[string]string{state: "Done", desired: "r0"}},
		"node b of pool worker is told, and its daemon has not begun (Done)":  {Ready: true, Annotations: map[string]string{state: "Done", desired: "r1", current: "r0"}},
		"node b of pool worker applies the files (Working)":                   {Ready: true, Annotations: map[string]string{state: "Working", desired: "r1", current: "r0"}},
	} {
		n.Name = "b"
		if err := idle("worker", "r1", n); err == nil || err.Error() != want {
			t.Errorf("refused with %v\nwant %s", err, want)
		}
	}
}

func TestFailuresAreWithdrawn(t *testing.T) {
	tests := []struct {
		name   string
		change func(*world)
		option func(*Options)
		want   string // a prefix
		end    string
	}{
		{
			"bad Ignition", nil, func(o *Options) { o.Version = "9.9.9" },
			"pool worker cannot be rendered: parsing Ignition config failed: unknown version 9.9.9; MachineConfig load-sctp-module is withdrawn",
			"and every node is back at what it had",
		},
		{
			"a daemon that gives up", func(w *world) { w.breaks = "b" }, nil,
			`node b of pool worker is Degraded: failed to write file "/etc/x"; MachineConfig load-sctp-module is withdrawn`,
			"and every node is back at what it had",
		},
		{
			"a drain that does not end", func(w *world) { w.sticky = true; w.held = nil }, func(o *Options) { o.Drain = 7 * time.Second },
			"node a drains for 7s: no PodDisruptionBudget is in its way; MachineConfig load-sctp-module is withdrawn",
			"and every node is back at what it had",
		},
		{
			"a daemon that does not run", func(w *world) { w.stopped = "b" }, func(o *Options) { o.PerNode = 50 * time.Millisecond },
			"the roll-out to pool worker did not end in ",
			"the time for it is over",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.change != nil {
				tt.change(w)
			}
			p := w.provider()
			if tt.option != nil {
				tt.option(&p.Options)
			}
			say := p.Say
			p.Say = func(format string, args ...any) {
				if strings.HasPrefix(format, "withdrawing") { // by then somebody has seen to it
					w.breaks, w.sticky, w.heals = "", false, true
				}
				say(format, args...)
			}
			r, err := p.Enable(t.Context())
			if err == nil || r != nil || !strings.HasPrefix(err.Error(), tt.want) || !strings.HasSuffix(err.Error(), tt.end) {
				t.Errorf("failed with %v\nwant %s ... %s", err, tt.want, tt.end)
			}
			if !reflect.DeepEqual(w.deleted, []string{"load-sctp-module"}) || strings.Contains(err.Error(), "\n") {
				t.Errorf("deleted %v, error %q", w.deleted, err)
			}
		})
	}
}

// Who stands in the way is named: the node, its state, and what it was told.
func TestLateNamesTheNode(t *testing.T) {
	w := newWorld(t)
	w.stopped = "b"
	_, err := w.provider(func(o *Options) { o.PerNode = 50 * time.Millisecond }).Enable(t.Context())
	if err == nil || !strings.Contains(err.Error(), "node b is told, and its daemon has not begun for ") ||
		!strings.Contains(err.Error(), "(state Done, reason none, desiredConfig rendered-worker-") ||
		strings.Contains(err.Error(), "has not answered") { // for its last look had too little time
		t.Errorf("error %v", err)
	}
}

func TestTheAPIServerMayReboot(t *testing.T) {
	w := newWorld(t)
	p := w.provider()
	say := p.Say
	p.Say = func(format string, args ...any) {
		say(format, args...)
		if strings.Contains(w.said[len(w.said)-1], "node a reboots") {
			w.silent = 20
		}
	}
	if _, err := p.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(w.said, "\n")
	if !strings.Contains(said, "the API server does not answer (dial tcp 10.0.0.1:6443: connection refused): waiting for it\nthe API server answers again after 20s") {
		t.Errorf("said\n%s", said)
	}
}

// An API server that is away for a while keeps nothing from being withdrawn or proven,
// whenever that is.
func TestDeletedAtLast(t *testing.T) {
	w := newWorld(t)
	p := w.provider()
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.silent = 3
	if wrong := wrongs(t, p, r); len(wrong) > 0 {
		t.Errorf("proof: %q", wrong)
	}
	say := p.Say
	p.Say = func(format string, args ...any) {
		say(format, args...)
		if strings.HasSuffix(format, "is deleted") {
			w.silent = 3
		}
	}
	w.silent = 3
	if changed, err := p.Restore(t.Context(), r); err != nil || len(changed) > 0 || len(w.deleted) != 1 {
		t.Errorf("restored: %q, %v, deleted %v", changed, err, w.deleted)
	}
}

// What cannot be read is no reason to leave a MachineConfig there; but then nobody says that
// the nodes are as they were.
func TestDeletedUnread(t *testing.T) {
	w := newWorld(t)
	p := w.provider(func(o *Options) { o.Patience = time.Millisecond })
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.silent = math.MaxInt
	say := p.Say
	p.Say = func(format string, args ...any) {
		say(format, args...)
		if strings.HasSuffix(format, "is deleted") {
			w.silent = 0
		}
	}
	if _, err := p.Restore(t.Context(), r); !errors.Is(err, errLost) || len(w.deleted) != 1 || !r.Over() {
		t.Errorf("restored: %v, deleted %v, over %v", err, w.deleted, r.Over())
	}
}

func TestAdoption(t *testing.T) {
	w := newWorld(t)
	first := w.provider(func(o *Options) { o.Run = "old" })
	if _, err := first.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.nodes[1].Annotations[current], w.steps["b"] = "rendered-worker-before", 0 // node b is not done yet
	w.said = nil
	p := w.provider()
	r, err := p.Enable(t.Context())
	if err != nil || r.Adopted != "old" || len(w.created) != 1 || w.configs["load-sctp-module"].Metadata.Labels[cluster.RunLabel] != "new" {
		t.Fatalf("adopted %+v, %v; created %v", r, err, w.created)
	}
	want := []string{"watching whether run old is alive, which has MachineConfig load-sctp-module here", "MachineConfig load-sctp-module is of run old, which is dead: going on with it"}
	if !reflect.DeepEqual(w.said[:2], want) {
		t.Errorf("said %q", w.said)
	}
	if wrong := wrongs(t, p, r); len(wrong) > 0 {
		t.Errorf("proof: %q", wrong)
	}
	if changed, err := p.Restore(t.Context(), r); err != nil || len(changed) > 0 {
		t.Errorf("restored: %q, %v", changed, err)
	}
}

// What does not reach the nodes that are to have SCTP is no use, and gone before another begins.
func TestAdoptionOfTheWrongPool(t *testing.T) {
	w := newWorld(t)
	w.pool("edge", "edge", "worker")
	w.node("c", "worker", "edge")
	w.config("00-edge", "edge", `{"ignition":{"version":"3.5.0"}}`)
	w.settle()
	if _, err := w.provider(func(o *Options) { o.Run, o.Roles = "old", []string{"edge"} }).Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.said = nil
	r, err := w.provider().Enable(t.Context())
	if err != nil || r.Adopted != "" || len(w.deleted) != 1 || !reflect.DeepEqual(r.Pools, []string{"worker", "edge"}) || len(w.created) != 2 {
		t.Fatalf("%+v, %v; created %v, deleted %v", r, err, w.created, w.deleted)
	}
	if w.said[1] != "MachineConfig load-sctp-module is of run old, which is dead, and does not reach pool worker: taking it back" {
		t.Errorf("said %q", w.said)
	}
	// A run is watched once, however many MachineConfigs it has: that takes a minute.
	w.watched = 0
	second := w.configs["load-sctp-module"]
	second.Metadata.Name += "-edge"
	w.configs[second.Metadata.Name] = second
	left, err := w.provider(func(o *Options) { o.Run = "third" }).Left(t.Context())
	if err != nil || left.Adopted != "new" || len(left.Configs) != 2 || w.watched != 1 {
		t.Errorf("left: %+v, %v; watched %d times", left, err, w.watched)
	}
}

// Who takes it back need not have the access to nodes that the run had.
func TestTakeBackWhatADeadRunLeft(t *testing.T) {
	for name, look := range map[string]func(*world) Look{
		"with access": func(w *world) Look { return w.look }, "without": func(*world) Look { return nil },
	} {
		t.Run(name, func(t *testing.T) { takeBackWhatADeadRunLeft(t, look) })
	}
}

func takeBackWhatADeadRunLeft(t *testing.T, look func(*world) Look) {
	w := newWorld(t)
	if _, err := w.provider(func(o *Options) { o.Run = "old" }).Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := w.provider(func(o *Options) { o.Look = look(w) })
	left, err := p.Left(t.Context())
	if err != nil || left == nil || left.Adopted != "old" {
		t.Fatalf("left: %+v, %v", left, err)
	}
	changed, err := p.Restore(t.Context(), left)
	if err != nil || len(changed) > 0 || len(w.deleted) != 1 || w.files["a"][Blacklist] != shippedBlacklist {
		t.Errorf("taken back: %q, %v, deleted %v", changed, err, w.deleted)
	}
	if left, err := p.Left(t.Context()); left != nil || err != nil {
		t.Errorf("left: %+v, %v", left, err)
	}
}

func TestNamesThatAreTaken(t *testing.T) {
	w := newWorld(t)
	w.config("load-sctp-module", "nobody", `{"ignition":{"version":"3.2.0"}}`)
	if _, err := w.provider().Enable(t.Context()); err != nil || !reflect.DeepEqual(w.created, []string{"load-sctp-module-new"}) {
		t.Errorf("created %v, %v", w.created, err)
	}
}

// A MachineConfig may be there although its creation failed.
func TestTheAnswerGetsLost(t *testing.T) {
	for _, tt := range []struct {
		err     error
		deleted []string
	}{
		{errLost, []string{"load-sctp-module"}},
		{apierrors.NewInternalError(errLost), []string{"load-sctp-module"}},
		{apierrors.NewForbidden(schema.GroupResource{}, "load-sctp-module", errors.New("no right")), nil},
	} {
		w := newWorld(t)
		w.createErr = fmt.Errorf("creating: %w", tt.err)
		if _, err := w.provider().Enable(t.Context()); !errors.Is(err, tt.err) || !reflect.DeepEqual(w.deleted, tt.deleted) {
			t.Errorf("deleted %v, error %v", w.deleted, err)
		}
		if _, there := w.configs["load-sctp-module"]; there {
			t.Errorf("%v: it is still there", tt.err)
		}
	}
}

func TestOutside(t *testing.T) {
	w := newWorld(t)
	w.pool("edge", "edge", "worker")
	w.node("c", "worker", "edge")
	w.config("00-edge", "edge", `{"ignition":{"version":"3.5.0"}}`)
	w.settle()
	p := w.provider(func(o *Options) { o.Roles = []string{"edge"} })
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Pools, []string{"edge"}) || !reflect.DeepEqual(r.Outside, []string{"a", "b"}) {
		t.Errorf("pools %v, outside %v", r.Pools, r.Outside)
	}
	if wrong, looked, err := p.Untouched(t.Context(), r); err != nil || len(wrong) > 0 || looked != 2 {
		t.Errorf("untouched: %q of %d, %v", wrong, looked, err)
	}
	w.nodes[0].BootID, w.files["b"][AtBoot], w.modules["b"] = "another", "sctp", "sctp 458752 2 - Live 0x0"
	wrong, _, err := p.Untouched(t.Context(), r)
	if err != nil || len(wrong) != 3 || wrong[0] != "node a was rebooted" || !strings.HasPrefix(wrong[1], "node b: "+AtBoot+" was absent and is 644") ||
		wrong[2] != "node b has SCTP, and had none before" {
		t.Errorf("untouched: %q, %v", wrong, err)
	}
}

func TestWithoutAccess(t *testing.T) {
	w := newWorld(t)
	p := w.provider(func(o *Options) { o.Look = nil })
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if wrong := wrongs(t, p, r); len(wrong) > 0 {
		t.Errorf("proof: %q", wrong)
	}
	if changed, err := p.Restore(t.Context(), r); err != nil || len(changed) > 0 {
		t.Errorf("restored: %q, %v", changed, err)
	}
}

func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := w.provider()
	say := p.Say
	p.Say = func(format string, args ...any) {
		say(format, args...)
		if strings.Contains(w.said[len(w.said)-1], "node a drains") {
			cancel()
		}
	}
	_, err := p.Enable(ctx)
	if err == nil || !strings.HasSuffix(err.Error(), "MachineConfig load-sctp-module is withdrawn, and the operator takes the nodes back") || len(w.deleted) != 1 {
		t.Errorf("error %v, deleted %v", err, w.deleted)
	}
}
