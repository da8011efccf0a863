// Package lab gives specs what they speak of: agents by name, Services and policies by
// file, and Expect, which asks every cell of a table again and again until the claim is
// settled.
//
// It owns the pods. Agents are the expensive part of a suite, so a run keeps a fleet of
// them, and a spec gets labels, listeners, Services and policies onto that fleet and takes
// them off again. Only this package and the specs themselves may fail a spec.
package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sctp.test/framework/cluster"
	"sctp.test/framework/observer"
	"sctp.test/framework/probe"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Options are what a person decides about a run.
type Options struct {
	ID        string // of the run; part of every name
	Image     string // of the agents
	Artifacts string // folder of the run
	Patience  time.Duration
	Seed      int64               // rotates which node is @1
	Access    *cluster.Access     // root on nodes, for diagnosis; nil is none
	Eyes      *observer.Observers // captures packets on nodes; nil where there is no access
	External  probe.Dialer        // opens a stream to an agent outside of the cluster; nil is none
	Kept      *cluster.Kept       // what an earlier run has left, to begin with; nil is nothing
}

// Run is what one process has on a cluster. Its fleet grows when a spec needs
// more agents than there are.
type Run struct {
	Options
	Cluster *cluster.Cluster

	ctx   context.Context // agents' streams and the leases live as long as this
	stop  context.CancelFunc
	fleet fleet
	hops  hops

	mu         sync.Mutex
	namespaces map[string]string // real names by their names in specs

	rehearsal []reach.Family // of pods that are made up, see Rehearse; nil on a cluster
	soiled    bool           // a spec could not take off what it had put on
	attending *Lab           // of the spec that runs, or ran last
}

// first are the agents a run begins with, which is what nearly every spec needs, so that
// pods are made once and side by side: on every node a server and a client in one namespace
// and an agent in another.
func (r *Run) first() []seat {
	var seats []seat
	for _, n := range r.Cluster.Nodes {
		seats = append(seats, seat{"x", n.Name}, seat{"x", n.Name}, seat{"y", n.Name})
	}
	if r.External != nil { // asked now, so that one that does not answer is known before any spec
		seats = append(seats, seat{outside, outside})
	}
	return seats
}

// Start makes the namespaces and the first agents. Whatever it made is removed by Stop,
// also after an error.
func Start(ctx context.Context, c *cluster.Cluster, o Options) (*Run, error) {
	r := &Run{Options: o, Cluster: c, namespaces: map[string]string{}}
	r.ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.fleet.run = r
	go c.KeepAlive(r.ctx, r.Namespaces) //nolint:contextcheck // leases live as long as the run
	if err := r.takeOver(ctx); err != nil {
		return r, err
	}
	_, err := r.fleet.hire(ctx, r.fleet.missing(r.first()))
	return r, err
}

// Stop ends the streams and removes everything the run has made.
func (r *Run) Stop(ctx context.Context) error {
	r.fleet.close()
	defer r.stop()
	return r.Cluster.DeleteRun(ctx, r.ID)
}

// Namespaces lists the real names of the run's namespaces.
func (r *Run) Namespaces() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, name := range r.namespaces {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// namespace returns the real name of a namespace of specs, and makes it if need be.
func (r *Run) namespace(ctx context.Context, name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if real, ok := r.namespaces[name]; ok {
		return real, nil
	}
	if r.rehearsing() {
		return r.pretendNamespace(ctx, name)
	}
	ns, err := r.Cluster.CreateNamespace(ctx, r.ID, r.realName(name), level(name), map[string]string{nameLabel: name})
	if ns != nil {
		r.namespaces[name] = ns.Name
	}
	if err != nil {
		return "", err
	}
	return ns.Name, nil
}

// realName is how the name of a namespace of specs begins on the cluster.
func (r *Run) realName(name string) string {
	return fmt.Sprintf("sctp-%s-%s", r.ID, name)
}

// Families are the IP families in which every pod of the fleet has an address.
func (r *Run) Families() []reach.Family {
	var out []reach.Family
	for _, f := range []reach.Family{reach.IPv4, reach.IPv6} {
		if r.fleet.all(func(m *member) bool { return !m.onPodNetwork() || m.addrs[f].IsValid() }) {
			out = append(out, f)
		}
	}
	return out
}

// MTU is the smallest of the agents' interfaces in bytes, 0 where it is not known.
func (r *Run) MTU() int {
	least := 0
	r.fleet.all(func(m *member) bool {
		if m.mtu > 0 && (least == 0 || m.mtu < least) {
			least = m.mtu
		}
		return true
	})
	return least
}

// surveyor is what an agent is called while it is asked by Survey.
const surveyor = "y/surveyor"

// Survey asks an agent on each node what the kernel says of SCTP; with open it also
// tries to open sockets, which may load the module. Where a node was rebooted or drained
// since, another agent is hired there. Nodes that could not be asked are in the error.
func (r *Run) Survey(ctx context.Context, open bool) (map[string]wire.ModuleReply, error) {
	out := map[string]wire.ModuleReply{}
	var errs []error
	for _, n := range r.Cluster.Nodes {
		m, err := r.fleet.take(ctx, seat{"y", n.Name}, surveyor)
		if err != nil {
			errs = append(errs, fmt.Errorf("an agent on node %s: %w", n.Name, err))
			continue
		}
		reply, err := m.ask(ctx, wire.Request{Module: &wire.Module{Open: open}})
		m.word = ""
		if err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", n.Name, err))
			continue
		}
		out[n.Name] = *reply.Module
	}
	return out, errors.Join(errs...)
}

// Node returns the node that specs call @number: numbers go round, from where the seed says.
func (r *Run) Node(number int) cluster.Node {
	nodes := r.Cluster.Nodes
	return nodes[(number-1+int(r.Seed))%len(nodes)]
}

// place is the number that specs have for a node.
func (r *Run) place(name string) int {
	for i := range r.Cluster.Nodes {
		if r.Node(i+1).Name == name {
			return i + 1
		}
	}
	return 0
}
