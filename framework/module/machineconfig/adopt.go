package machineconfig

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sctp.test/framework/cluster"
)

// adopt finds MachineConfigs of another run. Those of a living one are a reason not to begin;
// what a killed one began is finished, or taken back where it is not what this run wants. Both
// are nil where there is nothing to go on with.
func (p *Provider) adopt(ctx context.Context) (*Rollout, error) {
	left, err := p.Left(ctx)
	if err != nil || left == nil {
		return nil, err
	}
	missed, err := p.missed(ctx, left)
	if err != nil {
		return nil, err
	}
	if missed != "" {
		p.Say("MachineConfig %s is of run %s, which is dead, and does not reach %s: taking it back", strings.Join(left.Configs, ", "), left.Adopted, missed)
		wrong, err := p.Restore(ctx, left)
		if err == nil && len(wrong) > 0 {
			err = fmt.Errorf("what run %s has left is taken back, and the cluster is not as it was before: %s", left.Adopted, strings.Join(wrong, "; "))
		}
		return nil, err
	}
	for _, name := range left.Configs {
		if err := p.api.Own(ctx, name, p.Run); err != nil {
			return nil, err
		}
	}
	p.Say("MachineConfig %s is of run %s, which is dead: going on with it", strings.Join(left.Configs, ", "), left.Adopted)
	begun := p.now()
	if err := p.await(ctx, left, forth); err != nil {
		return nil, p.failed(ctx, left, err)
	}
	left.Took = p.now().Sub(begun)
	return left, nil
}

// Left is what another run, a dead one, has left on the cluster; nil if there is nothing. The
// MachineConfigs of a living run are a Refusal.
func (p *Provider) Left(ctx context.Context) (*Rollout, error) {
	ours, err := p.api.Ours(ctx)
	ours = slices.DeleteFunc(ours, func(c Config) bool { return c.Metadata.Labels[cluster.RunLabel] == p.Run })
	if err != nil || len(ours) == 0 {
		return nil, err
	}
	r := &Rollout{Adopted: ours[0].Metadata.Labels[cluster.RunLabel]}
	dead := map[string]bool{}
	for _, c := range ours {
		run := c.Metadata.Labels[cluster.RunLabel]
		if !dead[run] {
			p.Say("watching whether run %s is alive, which has MachineConfig %s here", run, c.Metadata.Name)
			alive, err := p.api.Alive(ctx, run)
			if err != nil {
				return nil, err
			}
			if alive {
				return nil, refuse("run %s is alive and has MachineConfig %s on this cluster: wait for its end", run, c.Metadata.Name)
			}
			dead[run] = true
		}
		if err := r.read(c); err != nil {
			return nil, fmt.Errorf("MachineConfig %s of run %s: %w", c.Metadata.Name, run, err)
		}
	}
	if err := p.reached(ctx, r, ours); err != nil {
		return nil, err
	}
	r.Disruption, err = p.disruption(ctx)
	return r, err
}

// missed names a pool that this run wants and another run's MachineConfigs do not reach, ""
// if there is none.
func (p *Provider) missed(ctx context.Context, left *Rollout) (string, error) {
	pools, nodes, err := p.both(ctx)
	if err != nil {
		return "", err
	}
	drawn, err := draw(pools, nodes, p.Tested, p.Roles)
	if err != nil {
		return "", err
	}
	for _, name := range drawn.pools {
		if !slices.Contains(left.Pools, name) {
			return "pool " + name, nil
		}
	}
	return "", nil
}

// reached finds the pools with nodes that take one of the MachineConfigs, and the nodes that
// are in others.
func (p *Provider) reached(ctx context.Context, r *Rollout, configs []Config) error {
	pools, err := p.api.Pools(ctx)
	if err != nil {
		return err
	}
	nodes, err := p.api.Nodes(ctx)
	if err != nil {
		return err
	}
	drawn, err := draw(pools, nodes, nil, nil)
	if err != nil {
		return err
	}
	for _, pool := range pools {
		takes := slices.ContainsFunc(configs, func(c Config) bool { return pool.Selects(c.Metadata.Labels) })
		if takes && slices.Contains(values(drawn.homes), pool.Name()) {
			drawn.pools = append(drawn.pools, pool.Name())
		}
	}
	r.Pools, r.Outside = drawn.pools, drawn.outside()
	return nil
}
