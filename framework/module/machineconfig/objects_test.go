package machineconfig

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/cluster"
)

// standingPools are those of an OKD cluster with two custom pools.
func standingPools() []Pool {
	w := world{}
	w.pool("master", "master")
	w.pool("arbiter", "arbiter")
	w.pool("worker", "worker")
	w.pool("edge", "worker", "edge")
	w.pool("infra", "worker", "infra")
	w.pools = append(w.pools, Pool{Metadata: metav1.ObjectMeta{Name: "creeps in without a selector"}})
	return w.pools
}

func roles(names ...string) map[string]string {
	out := map[string]string{}
	for _, n := range names {
		out["node-role.kubernetes.io/"+n] = ""
	}
	return out
}

func TestPrimary(t *testing.T) {
	tests := []struct {
		labels map[string]string
		pool   string
		ok     bool
	}{
		{roles("worker"), "worker", true},
		{roles("worker", "edge"), "edge", true},
		{roles("master", "worker"), "master", true}, // compact, or a single node
		{roles("master", "edge"), "master", true},
		{roles("arbiter", "worker"), "arbiter", true},
		{roles("worker", "edge", "infra"), "", false},
		{roles("other"), "", false},
	}
	for _, tt := range tests {
		pool, ok := Primary(standingPools(), tt.labels)
		if ok != tt.ok || pool != tt.pool {
			t.Errorf("%v: pool %q, %v", tt.labels, pool, ok)
		}
	}
}

func TestDraw(t *testing.T) {
	nodes := []Node{
		{Name: "m", Labels: roles("master")},
		{Name: "w", Labels: roles("worker")},
		{Name: "e", Labels: roles("worker", "edge")},
		{Name: "i", Labels: roles("worker", "infra")},
	}
	tests := []struct {
		name          string
		nodes         []Node
		tested, named []string
		roles, pools  []string
		outside       []string
	}{
		{"workers, and with them every custom pool", nodes, []string{"w"}, nil, []string{"worker"}, []string{"worker", "edge", "infra"}, []string{"m"}},
		{"a custom pool alone", nodes, []string{"e"}, nil, []string{"edge"}, []string{"edge"}, []string{"i", "m", "w"}},
		{"two custom pools", nodes, []string{"i", "e"}, nil, []string{"edge", "infra"}, []string{"edge", "infra"}, []string{"m", "w"}},
		{"a custom one is reached by the workers'", nodes, []string{"e", "w"}, nil, []string{"worker"}, []string{"worker", "edge", "infra"}, []string{"m"}},
		{"all nodes", nodes, []string{"m", "w", "e", "i"}, nil, []string{"master", "worker"}, []string{"master", "worker", "edge", "infra"}, nil},
		{"a single node, where role worker would reach nobody", []Node{{Name: "s", Labels: roles("master", "worker")}}, []string{"s"}, nil, []string{"master"}, []string{"master"}, nil},
		{"by name", nodes, []string{"m"}, []string{"edge"}, []string{"edge"}, []string{"edge"}, []string{"i", "m", "w"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := draw(standingPools(), tt.nodes, tt.tested, tt.named)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(p.roles, tt.roles) || !reflect.DeepEqual(p.pools, tt.pools) || len(p.outside())+len(tt.outside) > 0 && !reflect.DeepEqual(p.outside(), tt.outside) {
				t.Errorf("roles %v, pools %v, outside %v", p.roles, p.pools, p.outside())
			}
		})
	}
}

func TestDrawRefuses(t *testing.T) {
	pools := standingPools()
	pools[3].Spec.Configs = selector(RoleLabel, "worker") // edge does not take its own
	nodes := []Node{{Name: "w", Labels: roles("worker")}, {Name: "e", Labels: roles("worker", "edge")}, {Name: "x", Labels: roles("worker", "edge", "infra")}}
	for want, named := range map[string][]string{
		"no MachineConfigPool selects MachineConfigs of role edge: the operator would ignore one": {"edge"},
		"pool infra has no nodes: a MachineConfig would change nothing":                           {"infra"},
	} {
		if _, err := draw(pools, nodes, nil, named); err == nil || err.Error() != want {
			t.Errorf("refused with %v\nwant %s", err, want)
		}
	}
	if _, err := draw(pools, nodes, []string{"x"}, nil); err == nil || !strings.HasPrefix(err.Error(), "node x is in no MachineConfigPool, or in more than one") {
		t.Errorf("refused with %v", err)
	}
}

// The pool is at rest for the target before, some seconds after a MachineConfig was created.
func TestRested(t *testing.T) {
	rested := func() Pool {
		var p Pool
		p.Spec.Configuration.Name, p.Status.Configuration.Name = "r1", "r1"
		p.Status.Machines, p.Status.Ready, p.Status.Updated = 2, 2, 2
		p.Metadata.Generation, p.Status.Observed = 3, 3
		p.set("Updated", true, "")
		return p
	}
	tests := []struct {
		change func(*Pool)
		want   string
	}{
		{func(*Pool) {}, ""},
		{func(p *Pool) { p.Spec.Configuration.Name, p.Status.Configuration.Name = "r0", "r0" }, "its target is r0"},
		{func(p *Pool) { p.Status.Configuration.Name, p.Status.Updated = "r0", 1 }, "1 of 2 machines have r1"},
		{func(p *Pool) { p.Status.Observed = 2 }, "its status is of an older generation"},
		{func(p *Pool) { p.set("Updated", false, "") }, "it is not Updated"},
		{func(p *Pool) { p.set("Updating", true, "") }, "it is Updating"},
		{func(p *Pool) { p.Status.Ready = 1 }, "1 of 2 machines are ready, 2 updated"},
		{func(p *Pool) { p.Status.Machines, p.Status.Ready, p.Status.Updated = 0, 0, 0 }, "0 of 0 machines are ready, 0 updated"},
		{func(p *Pool) { p.Status.Degraded = 1 }, "it is degraded: 1 machines are degraded"},
	}
	for _, tt := range tests {
		p := rested()
		tt.change(&p)
		if got := p.Rested("r1"); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestPoliciesGoByTheLongestPath(t *testing.T) {
	var p Policies
	err := json.Unmarshal([]byte(`{"status":{"nodeDisruptionPolicyStatus":{"clusterPolicies":{"files":[
		{"path":"/etc/modprobe.d","actions":[{"type":"Drain"},{"type":"Restart"}]},
		{"path":"/etc/modprobe.d/sctp-blacklist.conf","actions":[{"type":"None"}]},
		{"path":"/etc/mod","actions":[{"type":"None"}]},
		{"path":"/etc/sysctl.d/","actions":[{"type":"None"}]}]}}}}`), &p)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/etc/modprobe.d/sctp-blacklist.conf": "None",
		"/etc/modprobe.d/other.conf":          "Drain Restart",
		"/etc/modules-load.d/sctp-load.conf":  "Reboot",
		"/etc/sysctl.d/x":                     "None",
	} {
		if got := strings.Join(p.actions(path), " "); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for want, paths := range map[Disruption][]string{
		{}:                          {Blacklist},
		{Drain: true}:               {Blacklist, "/etc/modprobe.d/other.conf"},
		{Reboot: true, Drain: true}: {Blacklist, AtBoot},
	} {
		if got := p.disruption(paths...); got != want {
			t.Errorf("%v: %+v, want %+v", paths, got, want)
		}
	}
	if got := (Policies{}).disruption(Blacklist); got != (Disruption{Reboot: true, Drain: true}) {
		t.Errorf("without policies: %+v", got)
	}
}

func TestContents(t *testing.T) {
	file := func(source, compression string) File {
		var f File
		f.Contents.Source, f.Contents.Compression = &source, compression
		return f
	}
	for _, tt := range []struct {
		file File
		want string
		err  string
	}{
		{File{}, "", ""},
		{file("data:,", ""), "", ""},
		{file("data:,sctp%0A", ""), "sctp\n", ""},
		{file("data:text/plain;charset=utf-8,a,b", ""), "a,b", ""},
		{file("data:;base64,c2N0cA==", ""), "sctp", ""},
		{file("data:;base64,H4sIAAAAAAACAytOLikAANloCQkEAAAA", "gzip"), "sctp", ""},
		{file("https://example.org/x", ""), "", "the contents are elsewhere, at https://example.org/x"},
		{file("data:sctp", ""), "", "a data URL without a comma"},
		{file("data:,x", "zstd"), "", `compression "zstd"`},
	} {
		got, err := tt.file.contents()
		if string(got) != tt.want || tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
			t.Errorf("%s: %q, %v", text(tt.file.Contents.Source), got, err)
		}
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestCompose(t *testing.T) {
	raw, err := compose("mine", "edge", "1a2b3", "", Record{Rendered: map[string]string{"edge": "r0"}})
	if err != nil {
		t.Fatal(err)
	}
	var c Config
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	if c.Metadata.Name != "mine" || c.Metadata.Labels[RoleLabel] != "edge" || c.Metadata.Labels[cluster.RunLabel] != "1a2b3" || !c.Spec.Config.enables() {
		t.Errorf("made %s", raw)
	}
	for _, f := range c.Spec.Config.Storage.Files {
		if f.Mode == nil || *f.Mode != 0o644 {
			t.Errorf("%s has mode %v: JSON has no octal numbers", f.Path, f.Mode)
		}
	}
	var r Rollout
	if err := r.read(c); err != nil || r.Rendered["edge"] != "r0" || !reflect.DeepEqual(r.Configs, []string{"mine"}) {
		t.Errorf("read back %+v, %v", r, err)
	}
	if err := r.read(Config{}); err == nil {
		t.Error("a MachineConfig without a record is read")
	}
}

func TestPhaseOfAFailure(t *testing.T) {
	n := Node{Annotations: map[string]string{state: "Unreconcilable", reason: "ignition disks\nsection"}}
	if got := n.Phase("r"); got != "is Unreconcilable: ignition disks section" {
		t.Errorf("phase %q", got)
	}
	n.Annotations[reason] = ""
	if got := n.Phase("r"); got != "is Unreconcilable: its daemon gives no reason" {
		t.Errorf("phase %q", got)
	}
}
