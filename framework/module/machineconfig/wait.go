package machineconfig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What the wait assumes where Options do not say.
const (
	perNode   = 30 * time.Minute // drain, reboot and all that comes with them
	poll      = 5 * time.Second
	longDrain = 10 * time.Minute // when a drain is worth a word
)

// way is the direction of a roll-out.
type way int

const (
	forth way = iota // the MachineConfigs are there
	back             // they are gone; what is wrong now is no reason to give up
)

// wait follows pools and their nodes until all have what they are to have.
type wait struct {
	*Provider
	rollout *Rollout
	way     way
	begun   time.Time

	phases map[string]string    // of the nodes, as last seen
	since  map[string]time.Time // when they began
	warned map[string]bool      // of a long drain
	last   string               // what is not done yet
	lost   time.Time            // since when the API server does not answer; zero while it does
}

// await waits until every pool is at rest with the right MachineConfigs and every node has
// them. Its budget is the number of nodes times what one may take. The error says what was
// waited for, how long, and what was seen last.
func (p *Provider) await(ctx context.Context, r *Rollout, way way) error {
	w := &wait{Provider: p, rollout: r, way: way, begun: p.now(), phases: map[string]string{}, since: map[string]time.Time{}, warned: map[string]bool{}}
	budget, cancel := context.WithTimeoutCause(ctx, p.budget(r), errBudget)
	defer cancel()
	tick := time.NewTicker(cmp.Or(p.Poll, poll))
	defer tick.Stop()
	for {
		finished, err := w.look(ctx)
		if finished || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-budget.Done():
			return w.late(context.Cause(budget))
		}
	}
}

// lookLimit is for reading everything once. It is not what is left of the budget: a call that
// would end too late fails at once, as if nobody had answered.
const lookLimit = 30 * time.Second

var errBudget = errors.New("the time for it is over")

// budget is how long a roll-out may take: its nodes come one after the other.
func (p *Provider) budget(r *Rollout) time.Duration {
	nodes := 0
	for name := range r.Nodes {
		if !slices.Contains(r.Outside, name) {
			nodes++
		}
	}
	return time.Duration(max(1, nodes)) * cmp.Or(p.PerNode, perNode)
}

// late is the error of a wait that took too long.
func (w *wait) late(why error) error {
	took := w.now().Sub(w.begun).Round(time.Second)
	if !w.lost.IsZero() {
		w.last = fmt.Sprintf("the API server has not answered for %v; before, %s", w.now().Sub(w.lost).Round(time.Second), w.last)
	}
	return fmt.Errorf("the roll-out to pool %s did not end in %v: %s: %w", strings.Join(w.rollout.Pools, ", "), took, w.last, why)
}

// look reads everything once. An API server that does not answer is waited for: with a
// single node of the control plane it reboots, too.
func (w *wait) look(ctx context.Context) (finished bool, err error) {
	reading, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	pools, err := w.api.Pools(reading)
	if err == nil {
		var nodes []Node
		if nodes, err = w.api.Nodes(reading); err == nil {
			w.found()
			return w.judge(ctx, pools, nodes)
		}
	}
	if ctx.Err() == nil && w.lost.IsZero() {
		w.lost = w.now()
		w.Say("the API server does not answer (%s): waiting for it", oneLine(err.Error()))
	}
	return false, nil
}

// found notes that the API server answers.
func (w *wait) found() {
	if !w.lost.IsZero() {
		w.Say("the API server answers again after %v", w.now().Sub(w.lost).Round(time.Second))
		w.lost = time.Time{}
	}
}

// judge says whether everything is done, or why it will not be.
func (w *wait) judge(ctx context.Context, pools []Pool, nodes []Node) (bool, error) {
	var open []string
	for _, name := range w.rollout.Pools {
		at := slices.IndexFunc(pools, func(p Pool) bool { return p.Name() == name })
		if at < 0 {
			continue // deleted by somebody: nothing is left to wait for
		}
		pool := pools[at]
		if why := pool.True("RenderDegraded"); why != "" && w.way == forth {
			return false, fmt.Errorf("pool %s cannot be rendered: %s", name, why)
		}
		if !w.targeted(pool) {
			open = append(open, fmt.Sprintf("pool %s is not rendered anew yet", name))
			continue
		}
		busy, err := w.follow(ctx, pools, pool, nodes)
		if err != nil {
			return false, err
		}
		open = append(open, busy...)
		if why := pool.Rested(pool.Target()); why != "" && len(busy) == 0 {
			open = append(open, fmt.Sprintf("pool %s: %s", name, why))
		}
	}
	w.last = strings.Join(open, "; ")
	return len(open) == 0, nil
}

// targeted says whether a pool's target is made with the MachineConfigs that are to be in it.
// It is not for some seconds after they were created or deleted, in which the pool is
// Updated for the target before.
func (w *wait) targeted(pool Pool) bool {
	with := slices.ContainsFunc(w.rollout.Configs, pool.Made)
	return with == (w.way == forth)
}

// follow tells what nodes of a pool do, and lists those that are not done. It fails with the
// operator's own reason.
func (w *wait) follow(ctx context.Context, pools []Pool, pool Pool, nodes []Node) ([]string, error) {
	var busy []string
	for _, n := range nodes {
		if home, _ := Primary(pools, n.Labels); home != pool.Name() {
			continue
		}
		phase := n.Phase(pool.Target())
		w.tell(n.Name, phase)
		if n.Failed() != "" && w.way == forth {
			return nil, fmt.Errorf("node %s of pool %s is %s: %s", n.Name, pool.Name(), n.State(), n.Failed())
		}
		if phase == done {
			continue
		}
		busy = append(busy, w.describe(n, phase))
		if n.drains() {
			if err := w.drain(ctx, n); err != nil {
				return nil, err
			}
		}
	}
	if why := pool.True("NodeDegraded"); why != "" && w.way == forth {
		return nil, fmt.Errorf("pool %s is degraded: %s", pool.Name(), why)
	}
	return busy, nil
}

// tell says a node's phase when it is another one.
func (w *wait) tell(node, phase string) {
	if w.phases[node] == phase {
		return
	}
	_, known := w.phases[node]
	w.phases[node], w.since[node] = phase, w.now()
	if !known && phase == done {
		return
	}
	w.Say("  node %s %-40s after %v", node, phase, w.now().Sub(w.begun).Round(time.Second))
}

// describe is a node that is not done, for an error.
func (w *wait) describe(n Node, phase string) string {
	text := fmt.Sprintf("node %s %s for %v", n.Name, phase, w.now().Sub(w.since[n.Name]).Round(time.Second))
	why := oneLine(n.Annotations[reason])
	if why == "" {
		why = "none"
	}
	return fmt.Sprintf("%s (state %s, reason %s, desiredConfig %s)", text, n.State(), why, n.Desired())
}

// drain looks at a drain that takes long: it never ends by itself while a budget holds a pod.
func (w *wait) drain(ctx context.Context, n Node) error {
	took := w.now().Sub(w.since[n.Name])
	limit := w.Drain
	if w.way == back {
		limit = 0
	}
	if took < longDrain && (limit == 0 || took < limit) {
		return nil
	}
	stuck, err := w.api.Stuck(ctx, []string{n.Name})
	if err != nil || len(stuck) == 0 {
		stuck = []string{"no PodDisruptionBudget is in its way"}
	}
	if limit > 0 && took >= limit {
		return fmt.Errorf("node %s drains for %v: %s", n.Name, took.Round(time.Second), strings.Join(stuck, "; "))
	}
	if !w.warned[n.Name] {
		w.warned[n.Name] = true
		w.Say("  node %s drains for %v: %s", n.Name, took.Round(time.Second), strings.Join(stuck, "; "))
	}
	return nil
}
