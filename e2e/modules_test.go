package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sctp.test/framework/cluster"
	"sctp.test/framework/module"
	"sctp.test/framework/module/machineconfig"
	"sctp.test/framework/wire"
)

// moduleState is what the run knows of SCTP on the nodes: how it was when the run began,
// before any agent opened a socket, and what was done about it.
type moduleState struct {
	first map[string]wire.HostModule  // what root found, where root could look
	seen  map[string]wire.ModuleReply // what pods found, before any socket
	tried bool                        // whether the DaemonSet ran

	provider *machineconfig.Provider
	rollout  *machineconfig.Rollout // nil where no MachineConfig was asked for
	hosted   string                 // why none can be rolled out although one was asked for
	proofs   []machineconfig.Proof  // of the nodes it has reached, before any socket
	end      func()                 // of the lease
}

// found is how SCTP is on the nodes before the first spec, and who saw it.
type found struct {
	nodes  map[string]wire.HostModule
	loaded bool // whether the DaemonSet ran
	err    error
}

// begin looks at the nodes, and lets the loader run where something is missing, while the
// agents start: the loader looks before it loads, and agents open no socket until they are
// asked to. Its result is nil where nothing is to be loaded.
func (k *moduleState) begin(ctx context.Context, s *suite, run string) <-chan found {
	if s.module != moduleDaemonSet {
		return nil
	}
	c := make(chan found, 1)
	go func() {
		nodes, err := look(ctx, s)
		if err != nil || isOn(nodes, s) {
			c <- found{nodes: nodes, err: err}
			return
		}
		done := s.timed("SCTP loaded by a privileged DaemonSet")
		nodes, err = module.LoadByDaemonSet(ctx, s.cluster, run, s.image)
		if err == nil {
			done()
		}
		c <- found{nodes, true, err}
	}()
	return c
}

// finish records the state of every node and, with --enable-module=auto, loads the module
// where it is missing.
func (k *moduleState) finish(ctx context.Context, s *suite, loading <-chan found) error {
	if loading != nil {
		f := <-loading
		k.first, k.tried = f.nodes, f.loaded
		if f.err != nil {
			return f.err
		}
	}
	if s.run == nil {
		return nil
	}
	var err error
	if k.seen, err = s.run.Survey(ctx, false); err != nil {
		return err
	}
	if s.module == moduleAuto && !k.on(s) {
		k.tried = true
		k.first, err = module.LoadByDaemonSet(ctx, s.cluster, s.run.ID, s.image)
	} else if k.first == nil {
		k.first, err = look(ctx, s)
	}
	if err != nil {
		return err
	}
	if s.module == modulePresent && !k.on(s) {
		return fmt.Errorf("--enable-module=present, but %s", strings.Join(k.off(s), "; "))
	}
	return nil
}

// look asks the nodes themselves. Without access to them, there is nothing in its answer.
func look(ctx context.Context, s *suite) (map[string]wire.HostModule, error) {
	nodes := map[string]wire.HostModule{}
	for _, n := range s.cluster.Nodes {
		h, err := module.Look(ctx, s.access, n.Name)
		if errors.Is(err, cluster.ErrNoAccess) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("looking for SCTP: %w", err)
		}
		nodes[n.Name] = h
	}
	return nodes, nil
}

// isOn says whether every node is known to have SCTP.
func isOn(nodes map[string]wire.HostModule, s *suite) bool {
	return !slices.ContainsFunc(s.cluster.Nodes, func(n cluster.Node) bool { return !nodes[n.Name].After })
}

// node is what was known of a node when the run began.
func (k *moduleState) node(name string) module.Node {
	n := module.Node{Name: name, Pod: k.seen[name]}
	if h, ok := k.first[name]; ok {
		n.Host = &h
	}
	return n
}

// unseen says whether a MachineConfig was rolled out before anybody could look at the nodes:
// what pods see is what came of it.
func (k *moduleState) unseen() bool {
	return k.first == nil && k.rollout != nil && k.rollout.Already == ""
}

// before says in a word and a reason whether a node had SCTP when the run began.
func (k *moduleState) before(name string) string {
	if k.unseen() {
		return "not known: nobody looked before the MachineConfig was rolled out"
	}
	why, text := k.node(name).Why()
	if why == module.Loaded {
		return "on"
	}
	return "off, " + string(why) + ": " + text
}

func (k *moduleState) on(s *suite) bool { return len(k.off(s)) == 0 }

// off are sentences about the nodes that had no SCTP when the run began.
func (k *moduleState) off(s *suite) []string {
	var out []string
	for _, n := range s.cluster.Nodes {
		if why, text := k.node(n.Name).Why(); why != module.Loaded {
			out = append(out, text)
		}
	}
	return out
}

func (k *moduleState) wasOnEverywhere() bool { return k.on(&here) }

// how says how SCTP came to the nodes.
func (k *moduleState) how(s *suite) string {
	switch {
	case k.tried:
		return "loaded by a privileged DaemonSet where it was missing"
	case k.rollout != nil:
		return k.howRolledOut(s)
	}
	return "as found"
}
