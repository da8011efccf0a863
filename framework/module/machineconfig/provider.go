package machineconfig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Options are what a person and a spec decide about a roll-out.
type Options struct {
	Run     string
	Tested  []string // names of the nodes that are to have SCTP
	Roles   []string // pools to enable instead of those that the tested nodes are in
	PerNode time.Duration
	Drain   time.Duration // how long a drain may take; 0 is as long as the budget is
	Poll    time.Duration // between two looks at pools and nodes
	// Patience is how long the API server may be away while no roll-out is waited for; 0 is five minutes.
	Patience time.Duration
	Version  string // of Ignition, where it is not to be the documents' 3.2.0
	// Say writes a line for the person who watches.
	Say func(format string, args ...any)
	// Look runs a command on a node; nil where there is no access to nodes.
	Look Look
}

// Look runs a command on a node as root and returns what it wrote to stdout.
type Look func(ctx context.Context, node string, command ...string) (string, error)

// Provider rolls out and takes back.
type Provider struct {
	Options
	api API
	now func() time.Time
}

// New makes a provider for a cluster's API.
func New(api API, o Options) *Provider { return &Provider{Options: o, api: api, now: time.Now} }

// Rollout is what a run has enabled, and how the cluster was before.
type Rollout struct {
	Already string // who had enabled SCTP before; then nothing was done and nothing is to be restored
	Adopted string // the killed run that began it, "" where it was this one
	Configs []string
	Pools   []string // that it has reached
	Disruption
	Record
	Outside []string      // nodes that are in other pools
	Took    time.Duration // of the roll-out alone
	over    bool          // it has been taken back
}

// Enable brings SCTP to the nodes, or returns a Refusal or Absent and leaves the cluster as
// it was. A roll-out that fails is withdrawn, which the error tells.
func (p *Provider) Enable(ctx context.Context) (*Rollout, error) {
	if err := p.mayBegin(ctx); err != nil {
		return nil, err
	}
	if r, err := p.adopt(ctx); r != nil || err != nil {
		return r, err
	}
	f, drawn, r, err := p.preflight(ctx)
	if err != nil || r.Already != "" {
		return r, err
	}
	if r.Record, err = p.record(ctx, f, drawn); err != nil {
		return nil, err
	}
	p.announce(r, drawn)
	if err := p.rollOut(ctx, r, drawn.roles); err != nil {
		return nil, err
	}
	return r, nil
}

// MayEnable asks what Enable asks before it begins, and changes nothing: who has enabled SCTP
// already, "" if nobody has, or by a Refusal or an Absent why nothing could be begun.
func (p *Provider) MayEnable(ctx context.Context) (already string, err error) {
	if err := p.mayBegin(ctx); err != nil {
		return "", err
	}
	_, _, r, err := p.preflight(ctx)
	if err != nil {
		return "", err
	}
	return r.Already, nil
}

// preflight is the roll-out as it would be, what it rests on, and whom it would reach.
func (p *Provider) preflight(ctx context.Context) (facts, plan, *Rollout, error) {
	f, drawn, err := p.inspect(ctx)
	if err != nil {
		return f, drawn, nil, err
	}
	r := &Rollout{Already: f.enabled(drawn), Pools: drawn.pools, Outside: drawn.outside()}
	if r.Already != "" {
		return f, drawn, r, nil
	}
	if err := f.obstacles(drawn); err != nil {
		return f, drawn, nil, err
	}
	r.Disruption = f.disruption
	if r.Drain {
		stuck, err := p.api.Stuck(ctx, drawn.nodes())
		if err != nil {
			return f, drawn, nil, err
		}
		if len(stuck) > 0 {
			return f, drawn, nil, refuse("%s: the roll-out would hang there", stuck[0])
		}
	}
	return f, drawn, r, nil
}

// announce says what is about to happen to whom.
func (p *Provider) announce(r *Rollout, drawn plan) {
	what := "the files are written, and no node is drained or rebooted"
	switch {
	case r.Reboot && r.Drain:
		what = "each is drained and rebooted"
	case r.Reboot:
		what = "each is rebooted, and none is drained"
	case r.Drain:
		what = "each is drained"
	}
	p.Say("nodes %s of pool %s: %s; at most %v", strings.Join(drawn.nodes(), ", "), strings.Join(drawn.pools, ", "), what, p.budget(r))
}

// Hosted says why no MachineConfig of this cluster's configures its nodes, "" where its control
// plane is its own.
func (p *Provider) Hosted(ctx context.Context) (string, error) {
	topology, err := p.api.Topology(ctx)
	if err != nil || topology != hosted {
		return "", err
	}
	return "the control plane of this cluster is hosted elsewhere (controlPlaneTopology External), where nodes are configured by a NodePool: pass --management-kubeconfig", nil
}

// mayBegin refuses a cluster whose nodes are not configured by MachineConfigs.
func (p *Provider) mayBegin(ctx context.Context) error {
	why, err := p.Hosted(ctx)
	if why != "" {
		return Absent{why}
	}
	return err
}

// disruption is what a change of the two files does to nodes now. With a control plane of a
// single node the operator's daemon drains nothing (machine-config-operator pkg/daemon).
func (p *Provider) disruption(ctx context.Context) (Disruption, error) {
	policies, err := p.api.Policies(ctx)
	if err != nil {
		return Disruption{}, err
	}
	topology, err := p.api.Topology(ctx)
	d := policies.disruption(Blacklist, AtBoot)
	d.Drain = d.Drain && topology != SingleNode
	return d, err
}

// inspect reads what the pre-flight needs, and draws the plan.
func (p *Provider) inspect(ctx context.Context) (f facts, drawn plan, err error) {
	if f.pools, err = p.api.Pools(ctx); err != nil {
		return f, drawn, err
	}
	if f.nodes, err = p.api.Nodes(ctx); err != nil {
		return f, drawn, err
	}
	if drawn, err = draw(f.pools, f.nodes, p.Tested, p.Roles); err != nil {
		return f, drawn, err
	}
	if err = f.degraded(drawn); err != nil {
		return f, drawn, err
	}
	if f.disruption, err = p.disruption(ctx); err != nil {
		return f, drawn, err
	}
	if f.progressing, err = p.api.Progressing(ctx); err != nil {
		return f, drawn, err
	}
	if f.layered, err = p.api.Layered(ctx); err != nil {
		return f, drawn, err
	}
	f.rendered = map[string]Config{}
	for _, name := range drawn.pools {
		target := f.pool(name).Target()
		c, err := p.api.Config(ctx, target)
		if err != nil {
			return f, drawn, err
		}
		if c != nil {
			f.rendered[target] = *c
		}
	}
	return f, drawn, nil
}

// rollOut creates the MachineConfigs and waits until every node has them. What fails after
// the first was created is withdrawn.
func (p *Provider) rollOut(ctx context.Context, r *Rollout, roles []string) error {
	begun := p.now()
	for _, role := range roles {
		name, err := p.create(ctx, r, role, len(roles) > 1)
		if err != nil {
			return p.failed(ctx, r, err)
		}
		p.Say("MachineConfig %s created for pool %s", name, role)
	}
	if err := p.await(ctx, r, forth); err != nil {
		return p.failed(ctx, r, err)
	}
	r.Took = p.now().Sub(begun)
	return nil
}

// create makes one MachineConfig and returns its name: the documents', unless somebody has
// one of that name, or several are needed. It is the roll-out's, and withdrawn with it, unless
// the API server has said that it did not make it: an answer may get lost.
func (p *Provider) create(ctx context.Context, r *Rollout, role string, several bool) (string, error) {
	name := documentName
	if several {
		name += "-" + role
	}
	taken, err := p.api.Config(ctx, name)
	if err != nil {
		return "", err
	}
	if taken != nil {
		name += "-" + p.Run
	}
	raw, err := compose(name, role, p.Run, p.Version, r.Record)
	if err != nil {
		return "", err
	}
	err = p.api.Create(ctx, raw)
	if !denied(err) {
		r.Configs = append(r.Configs, name)
	}
	return name, err
}

// denied says whether an error is an API server's word that it did nothing.
func denied(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= http.StatusBadRequest && status.Status().Code < http.StatusInternalServerError
}

// failed withdraws what was begun and says so. A run that is interrupted waits for nobody:
// the operator finishes by itself.
func (p *Provider) failed(ctx context.Context, r *Rollout, why error) error {
	if len(r.Configs) == 0 {
		return why
	}
	names := strings.Join(r.Configs, ", ")
	clean := context.WithoutCancel(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		if err := p.delete(clean, r); err != nil {
			return errors.Join(why, err)
		}
		return fmt.Errorf("%w; MachineConfig %s is withdrawn, and the operator takes the nodes back", why, names)
	}
	p.Say("withdrawing MachineConfig %s: %s", names, oneLine(why.Error()))
	if err := p.takeBack(clean, r); err != nil {
		return fmt.Errorf("%w; MachineConfig %s is withdrawn, but %w", why, names, err)
	}
	return fmt.Errorf("%w; MachineConfig %s is withdrawn, and every node is back at what it had", why, names)
}
