package e2e

import (
	"context"
	"errors"
	"fmt"
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
	proofs   []machineconfig.Proof  // of the nodes it has reached, before any socket
	end      func()                 // of the lease
}

// loadResult is what the loader found, when it is done.
type loadResult struct {
	found map[string]wire.HostModule
	err   error
}

// begin lets the loader run while the agents start: it looks before it loads, and agents
// open no socket until they are asked to. Its result is nil where nothing is to be loaded.
func (k *moduleState) begin(ctx context.Context, s *suite, run string) <-chan loadResult {
	if s.module != moduleDaemonSet {
		return nil
	}
	k.tried = true
	c := make(chan loadResult, 1)
	done := s.timed("SCTP loaded by a privileged DaemonSet")
	go func() {
		found, err := module.LoadByDaemonSet(ctx, s.cluster, run, s.image)
		if err == nil {
			done()
		}
		c <- loadResult{found, err}
	}()
	return c
}

// finish records the state of every node and, with --enable-module=auto, loads the module
// where it is missing.
func (k *moduleState) finish(ctx context.Context, s *suite, loading <-chan loadResult) error {
	var err error
	if loading != nil {
		r := <-loading
		k.first, err = r.found, r.err
	}
	if err != nil || s.run == nil {
		return err
	}
	if k.seen, err = s.run.Survey(ctx, false); err != nil {
		return err
	}
	if s.module == moduleAuto && !k.on(s) {
		k.tried = true
		if k.first, err = module.LoadByDaemonSet(ctx, s.cluster, s.run.ID, s.image); err != nil {
			return err
		}
	}
	if k.first == nil {
		err = k.look(ctx, s)
	}
	if s.module == modulePresent && !k.on(s) {
		return fmt.Errorf("--enable-module=present, but %s", strings.Join(k.off(s), "; "))
	}
	return err
}

// look asks the nodes themselves, where the run has access to them.
func (k *moduleState) look(ctx context.Context, s *suite) error {
	k.first = map[string]wire.HostModule{}
	for _, n := range s.cluster.Nodes {
		h, err := module.Look(ctx, s.access, n.Name)
		if errors.Is(err, cluster.ErrNoAccess) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for SCTP: %w", err)
		}
		k.first[n.Name] = h
	}
	return nil
}

// node is what was known of a node when the run began.
func (k *moduleState) node(name string) module.Node {
	n := module.Node{Name: name, Pod: k.seen[name]}
	if h, ok := k.first[name]; ok {
		n.Host = &h
	}
	return n
}

// before says in a word and a reason whether a node had SCTP when the run began.
func (k *moduleState) before(name string) string {
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
