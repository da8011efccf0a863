package machineconfig

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/cluster"
)

// world is a cluster with a small Machine Config Operator: what it writes, and in which
// order, is what was seen of the real one. It goes on by a step whenever somebody looks at
// the pools.
type world struct {
	t       *testing.T
	pools   []Pool
	nodes   []Node
	configs map[string]Config
	files   map[string]map[string]string // by node and path
	journal map[string]string
	modules map[string]string // lines of /proc/modules, by node
	steps   map[string]int    // of a node that is at work

	disruption  Policies
	topology    string
	updating    string
	layers      map[string]string
	held        []string // what Stuck says
	alive       []string // runs
	watched     int      // how often somebody watched whether one is
	silent      int      // how often the API server does not answer from now on
	stopped     string   // the node whose daemon does not run
	breaks      string   // the node whose daemon gives up
	sticky      bool     // drains do not end
	unshipped   bool     // no package has the blacklist, so there is none to be put back
	heals       bool     // daemons that have given up try again
	createErr   error    // what a creation is answered with, whatever came of it
	created     []string
	deleted     []string
	clock       time.Time
	said        []string
	unreachable bool // nodes
}

const shippedBlacklist = "# shipped\nblacklist sctp\n"

// newWorld has two workers and an empty pool of the control plane, all at rest.
func newWorld(t *testing.T) *world {
	w := &world{
		t: t, configs: map[string]Config{}, files: map[string]map[string]string{}, journal: map[string]string{}, modules: map[string]string{},
		steps: map[string]int{}, layers: map[string]string{}, clock: time.Unix(0, 0),
	}
	w.pool("master", "master")
	w.pool("worker", "worker")
	w.config("00-master", "master", `{"ignition":{"version":"3.5.0"}}`)
	w.config("00-worker", "worker", `{"ignition":{"version":"3.5.0"}}`)
	w.node("a", "worker")
	w.node("b", "worker")
	w.settle()
	return w
}

func selector(key string, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpIn, Values: values}}}
}

// pool adds a pool that takes the MachineConfigs of some roles and the nodes of its own.
func (w *world) pool(name string, roles ...string) {
	var p Pool
	p.Metadata.Name = name
	p.Spec.Configs = selector(RoleLabel, roles...)
	p.Spec.Nodes = &metav1.LabelSelector{MatchLabels: map[string]string{"node-role.kubernetes.io/" + name: ""}}
	w.pools = append(w.pools, p)
}

func (w *world) config(name, role, ignition string) {
	var c Config
	c.Metadata.Name, c.Metadata.Labels = name, map[string]string{RoleLabel: role}
	if err := json.Unmarshal([]byte(ignition), &c.Spec.Config); err != nil {
		w.t.Fatal(err)
	}
	w.configs[name] = c
}

func (w *world) node(name string, roles ...string) {
	n := Node{Name: name, BootID: name + "-boot-1", Ready: true, Labels: map[string]string{}, Annotations: map[string]string{state: "Done"}}
	for _, r := range roles {
		n.Labels["node-role.kubernetes.io/"+r] = ""
	}
	w.nodes = append(w.nodes, n)
	w.files[name] = map[string]string{Blacklist: shippedBlacklist, watched[2]: "blacklist sctp_diag\n"}
}

// settle gives every node what its pool wants.
func (w *world) settle() {
	w.render()
	for i := range w.nodes {
		n := &w.nodes[i]
		if p := w.home(*n); p != nil {
			n.Annotations[current], n.Annotations[desired] = p.Target(), p.Target()
		}
	}
	w.report()
}

func (w *world) home(n Node) *Pool {
	name, ok := Primary(w.pools, n.Labels)
	for i := range w.pools {
		if ok && w.pools[i].Name() == name {
			return &w.pools[i]
		}
	}
	return nil
}

// step lets a second pass.
func (w *world) step() {
	w.clock = w.clock.Add(time.Second)
	w.work()
	w.retarget()
	w.render()
	w.report()
}

// render makes the pools' targets of their sources.
func (w *world) render() {
	for i := range w.pools {
		p := &w.pools[i]
		var names []string
		bad := ""
		for _, name := range sorted(w.configs) {
			c := w.configs[name]
			if strings.HasPrefix(name, "rendered-") || !p.Selects(c.Metadata.Labels) {
				continue
			}
			names = append(names, name)
			if v := c.Spec.Config.Ignition.Version; !strings.HasPrefix(v, "3.") {
				bad = fmt.Sprintf("parsing Ignition config failed: unknown version %s", v)
			}
		}
		p.set("RenderDegraded", bad != "", bad)
		if bad == "" {
			w.merge(p, names)
		}
	}
}

func (w *world) merge(p *Pool, names []string) {
	var all Config
	p.Spec.Configuration.Source = nil
	for _, name := range names {
		all.Spec.Config.Storage.Files = append(all.Spec.Config.Storage.Files, w.configs[name].Spec.Config.Storage.Files...)
		p.Spec.Configuration.Source = append(p.Spec.Configuration.Source, struct {
			Name string `json:"name"`
		}{name})
	}
	raw, _ := json.Marshal(all.Spec)
	target := fmt.Sprintf("rendered-%s-%.4x", p.Name(), sha256.Sum256(raw))
	if target != p.Spec.Configuration.Name {
		p.Metadata.Generation++
	}
	p.Spec.Configuration.Name, all.Metadata.Name = target, target
	w.configs[target] = all
}

// retarget tells one node of each pool at a time.
func (w *world) retarget() {
	for i := range w.pools {
		p := &w.pools[i]
		var next *Node
		busy := p.Spec.Paused
		for j := range w.nodes {
			n := &w.nodes[j]
			if w.home(*n) != p {
				continue
			}
			unavailable := !n.Ready || n.Cordoned || n.Current() != n.Desired()
			switch {
			case unavailable && n.Failed() == "":
				busy = true
			case n.Desired() != p.Target() && next == nil:
				next = n
			}
		}
		if next != nil && !busy {
			next.Annotations[desired] = p.Target()
			w.steps[next.Name] = 0
		}
	}
}

// work lets every daemon that has something to do make a step.
func (w *world) work() {
	for i := range w.nodes {
		n := &w.nodes[i]
		if w.heals && n.Failed() != "" {
			n.Annotations[state], n.Annotations[reason] = "Done", ""
		}
		if n.Current() == n.Desired() || n.Name == w.stopped {
			continue
		}
		if n.Name == w.breaks {
			n.Annotations[state], n.Annotations[reason] = "Degraded", "failed to write\nfile \"/etc/x\""
			continue
		}
		w.steps[n.Name]++
		w.act(n, w.steps[n.Name])
	}
}

// act is what daemon, drain controller and kernel do on a node, one after the other.
func (w *world) act(n *Node, step int) {
	d := w.disruption.disruption(Blacklist, AtBoot)
	d.Drain = d.Drain && w.topology != SingleNode
	a := n.Annotations
	switch {
	case step == 1:
		a[state], a[reason] = "Working", ""
	case step == 2 && d.Drain:
		a[wantDrain], n.Cordoned = "drain-"+n.Desired(), true
	case step == 3 && d.Drain && w.sticky:
		w.steps[n.Name]--
	case step == 3 && d.Drain:
		a[hasDrain] = a[wantDrain]
	case step == 4:
		w.write(n)
		if !d.Reboot {
			w.load(n.Name)
		}
	case step == 5 && d.Reboot:
		a[post], n.Ready = "Rebooting", false
	case step == 6 && d.Reboot:
		n.BootID += "+"
		n.Ready, w.modules[n.Name], w.journal[n.Name] = true, "", ""
		delete(a, post)
		w.load(n.Name)
	case step == 7:
		a[wantDrain] = "uncordon-" + n.Desired()
	case step == 8:
		a[hasDrain], n.Cordoned = a[wantDrain], false
	case step == 9:
		a[state], a[current] = "Done", n.Desired()
	}
}

// write puts the files of a node's config in place, and those that it had before back.
func (w *world) write(n *Node) {
	files := w.files[n.Name]
	for _, p := range []string{Blacklist, AtBoot} {
		f := w.configs[n.Desired()].Spec.Config.file(p)
		switch {
		case f != nil:
			content, err := f.contents()
			if err != nil {
				w.t.Error(err)
			}
			files[p] = string(content)
		case p == Blacklist && !w.unshipped:
			files[p] = shippedBlacklist
		default:
			delete(files, p)
		}
	}
}

// load is systemd-modules-load.
func (w *world) load(node string) {
	switch {
	case !loads([]byte(w.files[node][AtBoot])):
	case forbids([]byte(w.files[node][Blacklist])):
		w.journal[node] += "Module 'sctp' is deny-listed (by kmod), is blacklisted\n"
	default:
		w.journal[node] += "Inserted module 'sctp'\n"
		w.modules[node] = "sctp 450560 2 - Live 0xffffffffc0000000\n"
	}
}

// set writes a condition.
func (p *Pool) set(kind string, on bool, message string) {
	p.Status.Conditions = slices.DeleteFunc(p.Status.Conditions, func(c Condition) bool { return c.Type == kind })
	status := "False"
	if on {
		status = "True"
	}
	p.Status.Conditions = append(p.Status.Conditions, Condition{Type: kind, Status: status, Message: message})
}

// report is the node controller's status of the pools.
func (w *world) report() {
	for i := range w.pools {
		p := &w.pools[i]
		s := &p.Status
		s.Machines, s.Ready, s.Updated, s.Degraded, s.Observed = 0, 0, 0, 0, p.Metadata.Generation
		why := ""
		for _, n := range w.nodes {
			if w.home(n) != p {
				continue
			}
			s.Machines++
			if n.Phase(p.Target()) == done {
				s.Ready++
				s.Updated++
			}
			if n.Failed() != "" {
				s.Degraded++
				why = fmt.Sprintf("Node %s is reporting: %q", n.Name, n.Annotations[reason])
			}
		}
		all := s.Updated == s.Machines
		if all {
			s.Configuration.Name = p.Target()
		}
		p.set("Updated", all, "")
		p.set("Updating", !all && !p.Spec.Paused, "")
		p.set("NodeDegraded", why != "", why)
		p.set("Degraded", why != "" || p.True("RenderDegraded") != "", "")
	}
}

// What follows is the API.

// errHurried is how client-go's rate limiter refuses a call that could not be over in time.
var errHurried = errors.New("client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline")

var errLost = errors.New("dial tcp 10.0.0.1:6443: connection refused")

func (w *world) lost() error {
	if w.silent > 0 {
		w.silent--
		w.clock = w.clock.Add(time.Second)
		return errLost
	}
	return nil
}

func (w *world) Topology(context.Context) (string, error) { return w.topology, nil }

func (w *world) Pools(ctx context.Context) ([]Pool, error) {
	if err := w.lost(); err != nil {
		return nil, err
	}
	if end, bounded := ctx.Deadline(); bounded && time.Until(end) < time.Second {
		return nil, errHurried
	}
	if len(w.pools) == 0 {
		return nil, Absent{"no pools"}
	}
	// What is seen is how it was before the step: that is the race.
	seen := slices.Clone(w.pools)
	for i := range seen {
		seen[i].Status.Conditions = slices.Clone(seen[i].Status.Conditions)
	}
	w.step()
	return seen, nil
}

func (w *world) Nodes(context.Context) ([]Node, error) {
	if err := w.lost(); err != nil {
		return nil, err
	}
	seen := slices.Clone(w.nodes)
	for i := range seen {
		seen[i].Annotations = map[string]string{}
		for k, v := range w.nodes[i].Annotations {
			seen[i].Annotations[k] = v
		}
	}
	return seen, nil
}

func (w *world) Config(_ context.Context, name string) (*Config, error) {
	if c, ok := w.configs[name]; ok {
		return &c, nil
	}
	return nil, nil
}

func (w *world) Ours(context.Context) ([]Config, error) {
	var out []Config
	for _, name := range sorted(w.configs) {
		if w.configs[name].Metadata.Labels[cluster.RunLabel] != "" {
			out = append(out, w.configs[name])
		}
	}
	return out, nil
}

func (w *world) Create(_ context.Context, raw []byte) error {
	var c Config
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	if _, taken := w.configs[c.Metadata.Name]; taken {
		return fmt.Errorf("%s exists", c.Metadata.Name)
	}
	if apierrors.IsForbidden(w.createErr) {
		return w.createErr
	}
	w.configs[c.Metadata.Name] = c
	w.created = append(w.created, c.Metadata.Name)
	return w.createErr
}

func (w *world) Own(_ context.Context, name, run string) error {
	w.configs[name].Metadata.Labels[cluster.RunLabel] = run
	return nil
}

func (w *world) Delete(_ context.Context, name string) error {
	if err := w.lost(); err != nil {
		return err
	}
	delete(w.configs, name)
	w.deleted = append(w.deleted, name)
	return nil
}

func (w *world) Policies(context.Context) (Policies, error)         { return w.disruption, w.lost() }
func (w *world) Progressing(context.Context) (string, error)        { return w.updating, nil }
func (w *world) Layered(context.Context) (map[string]string, error) { return w.layers, nil }
func (w *world) Stuck(context.Context, []string) ([]string, error)  { return w.held, nil }
func (w *world) Alive(_ context.Context, run string) (bool, error) {
	w.watched++
	return slices.Contains(w.alive, run), nil
}

// look is access to the nodes.
func (w *world) look(ctx context.Context, node string, command ...string) (string, error) {
	if w.unreachable {
		return "", errors.New("no route to host")
	}
	var out strings.Builder
	missing := false
	for _, p := range command[1:] {
		content, there := w.files[node][p]
		switch {
		case !path.IsAbs(p):
		case p == "/proc/modules":
			out.WriteString(w.modules[node] + "sctp_diag 1 0 - Live 0x0\n")
		case p == "/proc/net/protocols":
			out.WriteString("protocol  size sockets\nTCP 1 2\n" + w.files[node]["protocols"])
		case !there:
			missing = true
		case command[0] == "stat":
			fmt.Fprintf(&out, "%s=644\n", p)
		case command[0] == "sha256sum":
			fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256([]byte(content)), p)
		case command[0] == "cat":
			out.WriteString(content)
		}
	}
	if command[0] == "stat" && command[1] == "--format=%a" && !missing {
		return "644\n", nil
	}
	if command[0] == "journalctl" {
		out.WriteString(w.journal[node])
	}
	if missing {
		return out.String(), exec.CommandContext(ctx, "false").Run()
	}
	return out.String(), nil
}

// provider works on the world as run "new" does.
func (w *world) provider(change ...func(*Options)) *Provider {
	o := Options{
		Run: "new", Tested: []string{"a", "b"}, PerNode: 2 * time.Second, Poll: time.Microsecond, Look: w.look,
		Say: func(format string, args ...any) { w.said = append(w.said, fmt.Sprintf(format, args...)) },
	}
	for _, c := range change {
		c(&o)
	}
	p := New(w, o)
	p.now = func() time.Time { return w.clock }
	return p
}
