package machineconfig

import (
	"fmt"
	"slices"
	"strings"
)

// Refusal is why nothing was begun, in one sentence. The cluster is as it was.
type Refusal struct{ Reason string }

func (r Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return Refusal{fmt.Sprintf(format, args...)} }

// Absent is why a cluster has no MachineConfigs of its own at all.
type Absent struct{ Reason string }

func (a Absent) Error() string { return a.Reason }

// plan is what is to be rolled out, and whom it reaches.
type plan struct {
	roles []string          // of the MachineConfigs to create, each a pool's name
	pools []string          // that take one of them and have machines, tested or not
	homes map[string]string // the pool of every node that has one
}

// nodes are the names of the nodes that the roll-out reaches.
func (p plan) nodes() []string {
	var out []string
	for _, n := range sorted(p.homes) {
		if slices.Contains(p.pools, p.homes[n]) {
			out = append(out, n)
		}
	}
	return out
}

// outside are the names of the nodes that it does not.
func (p plan) outside() []string {
	return slices.DeleteFunc(sorted(p.homes), func(n string) bool { return slices.Contains(p.pools, p.homes[n]) })
}

// role are the labels of a MachineConfig for a pool.
func role(pool string) map[string]string { return map[string]string{RoleLabel: pool} }

// draw decides which MachineConfigs are needed, so that every tested node gets one, or every
// node of the named pools. A role that no pool selects would be ignored by the operator with
// a line in its log, and a pool without nodes is Updated at once: both are refused.
func draw(pools []Pool, nodes []Node, tested, named []string) (plan, error) {
	p := plan{homes: map[string]string{}}
	for _, n := range nodes {
		if home, ok := Primary(pools, n.Labels); ok {
			p.homes[n.Name] = home
		}
	}
	wanted := named
	if len(named) == 0 {
		for _, n := range tested {
			if p.homes[n] == "" {
				return p, refuse("node %s is in no MachineConfigPool, or in more than one: no MachineConfig reaches it", n)
			}
			wanted = append(wanted, p.homes[n])
		}
	}
	for _, name := range ordered(wanted) {
		if err := p.want(pools, name); err != nil {
			return p, err
		}
	}
	for _, pool := range pools {
		if p.takes(pool) && slices.Contains(values(p.homes), pool.Name()) {
			p.pools = append(p.pools, pool.Name())
		}
	}
	return p, nil
}

// want adds a MachineConfig for a pool unless one of those before reaches it already: what is
// for workers is for every custom pool, too.
func (p *plan) want(pools []Pool, name string) error {
	at := slices.IndexFunc(pools, func(o Pool) bool { return o.Name() == name })
	taken := slices.ContainsFunc(pools, func(o Pool) bool { return o.Selects(role(name)) })
	switch {
	case !taken:
		return refuse("no MachineConfigPool selects MachineConfigs of role %s: the operator would ignore one", name)
	case at < 0 || !pools[at].Selects(role(name)):
		return refuse("pool %s does not select MachineConfigs of its own role", name)
	case !slices.Contains(values(p.homes), name):
		return refuse("pool %s has no nodes: a MachineConfig would change nothing", name)
	}
	if !p.takes(pools[at]) {
		p.roles = append(p.roles, name)
	}
	return nil
}

// takes says whether a pool takes one of the MachineConfigs.
func (p plan) takes(pool Pool) bool {
	return slices.ContainsFunc(p.roles, func(r string) bool { return pool.Selects(role(r)) })
}

// ordered are names once each, those of the pools that every cluster has first: custom pools
// may be reached by theirs.
func ordered(names []string) []string {
	out := slices.Clone(names)
	slices.SortFunc(out, func(a, b string) int {
		if x, y := slices.Contains(standing, a), slices.Contains(standing, b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(out)
}

func values(m map[string]string) []string {
	var out []string
	for _, k := range sorted(m) {
		out = append(out, m[k])
	}
	return out
}

// facts are what a pre-flight looks at.
type facts struct {
	pools       []Pool
	nodes       []Node
	rendered    map[string]Config // the targets of the pools, by name
	disruption  Disruption        // of the roll-out
	progressing string            // ClusterVersion's message while it is Progressing
	layered     map[string]string // MachineOSConfigs by pool
}

// pool returns a pool by its name, which is one of those of the facts.
func (f facts) pool(name string) Pool {
	for _, p := range f.pools {
		if p.Name() == name {
			return p
		}
	}
	return Pool{}
}

// degraded refuses a pool that is: what its nodes have is not what is rendered.
func (f facts) degraded(p plan) error {
	for _, name := range p.pools {
		if why := f.pool(name).Degraded(); why != "" {
			return refuse("pool %s is degraded: %s", name, why)
		}
		for _, n := range f.nodes {
			if p.homes[n.Name] == name && n.Failed() != "" {
				return refuse("pool %s has a node that is %s, %s: %s", name, n.State(), n.Name, n.Failed())
			}
		}
	}
	return nil
}

// enabled says who has enabled SCTP on the nodes of every pool already, "" if one lacks it.
func (f facts) enabled(p plan) string {
	var by []string
	for _, name := range p.pools {
		pool := f.pool(name)
		if !f.rendered[pool.Target()].Spec.Config.enables() {
			return ""
		}
		by = append(by, fmt.Sprintf("%s of pool %s", pool.Target(), name))
	}
	return strings.Join(by, ", ")
}

// obstacles refuses a cluster on which a roll-out would hang or be mixed with another.
func (f facts) obstacles(p plan) error {
	if f.progressing != "" {
		return refuse("the cluster is being updated: %s", f.progressing)
	}
	for _, name := range p.pools {
		pool := f.pool(name)
		if pool.Spec.Paused {
			return refuse("pool %s is paused: nothing is rolled out to its nodes until spec.paused is false", name)
		}
		if layer := f.layered[name]; layer != "" {
			return refuse("pool %s builds an image of its own (MachineOSConfig %s): put the two files into its Containerfile instead", name, layer)
		}
		if why := pool.Rested(pool.Target()); why != "" {
			return refuse("pool %s is not at rest: %s", name, why)
		}
		for _, n := range f.nodes {
			if p.homes[n.Name] == name {
				if err := idle(name, pool.Target(), n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// idle refuses a node that would keep its pool waiting. A cordoned one counts as unavailable,
// which stops every other node of a pool with maxUnavailable 1.
func idle(pool, target string, n Node) error {
	switch {
	case n.Cordoned:
		return refuse("node %s of pool %s is cordoned, which would stop the whole pool", n.Name, pool)
	case !n.Ready:
		return refuse("node %s of pool %s is not ready, which would stop the whole pool", n.Name, pool)
	case n.Phase(target) != done:
		return refuse("node %s of pool %s %s (%s)", n.Name, pool, n.Phase(target), n.State())
	}
	return nil
}
