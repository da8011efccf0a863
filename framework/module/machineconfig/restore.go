package machineconfig

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
)

// Restore deletes the MachineConfigs, waits until every node is back, and returns what is not
// as it was, a sentence each. Under a policy without a reboot the module stays until the next
// boot, which is no fault.
func (p *Provider) Restore(ctx context.Context, r *Rollout) ([]string, error) {
	if r == nil || r.Already != "" || r.over {
		return nil, nil
	}
	boots, unread := p.beforeRestoring(ctx, r)
	p.Say("MachineConfig %s is deleted", strings.Join(r.Configs, ", "))
	if err := errors.Join(unread, p.takeBack(ctx, r)); err != nil {
		return nil, err
	}
	return p.unlike(ctx, r, boots)
}

// beforeRestoring reads what restoring will be judged by: the boots that nodes have, and what
// policies make of it now, which may be other ones than when it was enabled.
func (p *Provider) beforeRestoring(ctx context.Context, r *Rollout) (boots map[string]string, err error) {
	err = p.patiently(ctx, func(ctx context.Context) error {
		d, err := p.disruption(ctx)
		if err != nil {
			return err
		}
		nodes, err := p.api.Nodes(ctx)
		if err != nil {
			return err
		}
		r.Disruption = d
		boots = map[string]string{}
		for _, n := range nodes {
			boots[n.Name] = n.BootID
		}
		return nil
	})
	return boots, err
}

// takeBack deletes the MachineConfigs and waits for the pools.
func (p *Provider) takeBack(ctx context.Context, r *Rollout) error {
	if err := p.delete(ctx, r); err != nil {
		return err
	}
	if err := p.await(ctx, r, back); err != nil {
		return err
	}
	r.over = true
	return nil
}

// patience is how long an API server may be away when no roll-out is waited for: it may be
// that of a node which reboots.
const patience = 5 * time.Minute

// patiently asks an API server until it answers.
func (p *Provider) patiently(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Patience, patience))
	defer cancel()
	tick := time.NewTicker(cmp.Or(p.Poll, poll))
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// delete deletes the MachineConfigs, and does not give up at the first try.
func (p *Provider) delete(ctx context.Context, r *Rollout) error {
	return p.patiently(ctx, func(ctx context.Context) error {
		var errs []error
		for _, name := range r.Configs {
			errs = append(errs, p.api.Delete(ctx, name))
		}
		return errors.Join(errs...)
	})
}

// Abandon deletes the MachineConfigs and waits for nothing: the operator takes the nodes back
// by itself. It is for runs that are interrupted.
func (p *Provider) Abandon(ctx context.Context, r *Rollout) error {
	if r == nil || r.Already != "" || r.over {
		return nil
	}
	return p.delete(ctx, r)
}

// Keep leaves the MachineConfigs on the cluster for good: they are no run's any more.
func (p *Provider) Keep(ctx context.Context, r *Rollout) error {
	var errs []error
	for _, name := range r.Configs {
		errs = append(errs, p.api.Own(ctx, name, ""))
	}
	return errors.Join(errs...)
}
