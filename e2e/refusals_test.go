package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/module/machineconfig"
	"sctp.test/framework/module/marks"
	"sctp.test/framework/reach"
)

// refusal is a cluster on which nothing may be rolled out, and what is to be said of it.
type refusal struct {
	name    string
	arrange func(ctx context.Context, u *undoing) error
	options func(o *machineconfig.Options)
	says    string // in the first line
	drains  bool   // it is about a drain, which a cluster with a control plane of one node has not
}

// refusals are those of MOD-10. The first ones begin nothing; the last two begin a roll-out,
// which is withdrawn.
func refusals() []refusal {
	return []refusal{
		{name: "a role that no pool selects", options: rolesOf("sctp-nobody"), says: "no MachineConfigPool selects MachineConfigs of role sctp-nobody"},
		{name: "a pool without nodes", arrange: anEmptyPool, options: rolesOf(emptyPool()), says: "has no nodes"},
		{name: "a paused pool", arrange: pausedPool, says: "is paused"},
		{name: "a PodDisruptionBudget that lets no pod go", arrange: heldPods, says: "lets no pod go", drains: true},
		{name: "a file that somebody has edited", arrange: editedFile, says: "is degraded: "},
		{name: "a configuration that cannot be rendered", arrange: nothingRebooted, options: func(o *machineconfig.Options) { o.Version = "9.9.9" }, says: "cannot be rendered: "},
		{name: "a drain that a PodDisruptionBudget holds", arrange: drainedOnly, options: holdWhenCreated, says: "lets no pod go", drains: true},
	}
}

func rolesOf(pool string) func(*machineconfig.Options) {
	return func(o *machineconfig.Options) { o.Roles = []string{pool} }
}

// mayRollOut leaves the spec out where a roll-out would be refused for reasons of the cluster's
// owner, such as a paused pool or a budget: what a spec arranges would be hidden by them, and
// undoing it would lift them. What passes by itself is waited for.
func mayRollOut(ctx SpecContext) {
	GinkgoHelper()
	switch refused, err := fit(ctx); {
	case refused.Reason != "":
		Skip("every roll-out would be refused for a reason that the cluster had before: " + refused.Reason)
	case err != nil:
		conclude(reach.GroundBroken, err.Error())
	}
}

// fit waits until a roll-out would not be refused, and says why it still is.
func fit(ctx context.Context) (refused machineconfig.Refusal, err error) {
	p := here.machineConfigs(here.run.ID)
	err = await(ctx, here.patience, "the cluster to be fit for a roll-out", func(ctx context.Context) (bool, error) {
		_, err := p.MayEnable(ctx)
		refused = machineconfig.Refusal{}
		errors.As(err, &refused)
		return err == nil, err
	})
	return refused, err
}

// undoing is what puts a cluster back that a refusal was arranged on. Each step is there before
// what it undoes, for that may happen although no answer came, or the spec may end on the way;
// and each may be taken again.
type undoing struct{ steps []func(context.Context) error }

func (u *undoing) later(step func(context.Context) error) { u.steps = append(u.steps, step) }

// run takes the last step first. Those that fail are kept for the next time.
func (u *undoing) run(ctx context.Context) error {
	var failed []func(context.Context) error
	var errs []error
	for _, step := range slices.Backward(u.steps) {
		if err := step(ctx); err != nil {
			errs, failed = append(errs, err), append(failed, step)
		}
	}
	slices.Reverse(failed)
	u.steps = failed
	return joined(errs...)
}

// judge arranges the cluster, asks, and says what is not as claimed. What was arranged is
// undone before it returns, or when the spec ends if it was kept from that: by then a context
// that was cut off is no good any more.
func (r refusal) judge(ctx SpecContext) string {
	// A pool is degraded for some seconds more by what the refusal before has withdrawn.
	if refused, err := fit(ctx); err != nil {
		return "the cluster is not fit for it: " + cmp.Or(refused.Reason, err.Error())
	}
	u := &undoing{}
	DeferCleanup(func(ctx SpecContext) error { return u.run(ctx) }, rollOuts(1))
	if r.arrange != nil {
		if err := r.arrange(ctx, u); err != nil {
			return joined(err, u.run(ctx)).Error()
		}
	}
	problem := r.refused(ctx)
	if err := u.run(ctx); err != nil {
		return strings.TrimPrefix(problem+", and it could not be undone: "+err.Error(), ", and ")
	}
	return problem
}

// refused asks, and says how what came of it is not the refusal that was claimed.
func (r refusal) refused(ctx SpecContext) string {
	before := inventory(ctx)
	var options []func(*machineconfig.Options)
	if r.options != nil {
		options = append(options, r.options)
	}
	p := here.machineConfigs(here.run.ID, options...)
	rollout, err := p.Enable(ctx)
	switch {
	case err == nil:
		if _, err := p.Restore(ctx, rollout); err != nil {
			return "it was not refused, and what it did could not be taken back: " + err.Error()
		}
		return "it was not refused"
	case !strings.Contains(err.Error(), r.says) || strings.Contains(err.Error(), "\n"):
		return fmt.Sprintf("%q is not in the reason, which was %v", r.says, err)
	}
	GinkgoWriter.Printf("%s: %v\n", r.name, err)
	return before.differs(inventory(ctx))
}

// emptyPool is a name that nobody else's pool has.
func emptyPool() string { return "sctp-empty-" + here.run.ID }

// anEmptyPool makes a pool that no node is in.
func anEmptyPool(ctx context.Context, u *undoing) error {
	u.later(func(ctx context.Context) error { return undo(ctx, mark(marks.Pool, emptyPool())) })
	return createPool(ctx, emptyPool())
}

// pausedPool pauses the pool of the first node, which is not paused: see mayRollOut.
func pausedPool(ctx context.Context, u *undoing) error {
	pool, err := poolOf(ctx, here.cluster.Nodes[0].Name)
	if err != nil {
		return err
	}
	m := mark(marks.Pause, pool)
	u.later(func(ctx context.Context) error { return undo(ctx, m) })
	return book().Set(ctx, m, true)
}

// editedFile enables SCTP without a reboot and edits one of its files on a node by hand, which
// the operator's daemon takes for a reason to give up until the file is as it should be.
func editedFile(ctx context.Context, u *undoing) error {
	node := here.cluster.Nodes[0].Name
	if err := setPolicy(ctx, loadPolicy, u.later); err != nil {
		return err
	}
	p := here.machineConfigs(here.run.ID)
	r, err := p.Enable(ctx) // one that fails has withdrawn what it did
	if err != nil {
		return err
	}
	u.later(func(ctx context.Context) error {
		_, err := p.Restore(ctx, r)
		return err
	})
	size, err := sizeOf(ctx, node, machineconfig.AtBoot)
	if err != nil {
		return err
	}
	m := mark(marks.File, node)
	m.Was = size
	u.later(func(ctx context.Context) error { return undo(ctx, m) })
	if err := book().Set(ctx, m, size); err != nil {
		return err
	}
	if err := resize(ctx, node, machineconfig.AtBoot, size+1); err != nil {
		return err
	}
	return await(ctx, 5*time.Minute, "the pool to be degraded", func(ctx context.Context) (bool, error) { return degraded(ctx, node) })
}

func sizeOf(ctx context.Context, node, path string) (int, error) {
	out, err := here.access.Run(ctx, node, "stat", "--format=%s", path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

func resize(ctx context.Context, node, path string, size int) error {
	_, err := here.access.Run(ctx, node, "truncate", fmt.Sprintf("--size=%d", size), path)
	return err
}

// nothingRebooted has the files written at once, should they be against the claim.
func nothingRebooted(ctx context.Context, u *undoing) error {
	return setPolicy(ctx, loadPolicy, u.later)
}

// heldPods puts a budget on the run's own agents that lets none of them go.
func heldPods(ctx context.Context, u *undoing) error {
	if err := drainedOnly(ctx, u); err != nil {
		return err
	}
	return hold(ctx)
}

// drainedOnly has nodes drained and not rebooted, which takes less time, and sees to it that
// there is something to drain on each. The budgets of the spec are gone when it is undone.
func drainedOnly(ctx context.Context, u *undoing) error {
	if err := setPolicy(ctx, drainOnly, u.later); err != nil {
		return err
	}
	u.later(release)
	_, err := here.run.Survey(ctx, false) // by then every node has an agent
	return err
}

// holdWhenCreated puts the budget there once the pre-flight is over, and takes it off when the
// provider gives up: a node whose drain has begun must end it before it can go back.
func holdWhenCreated(o *machineconfig.Options) {
	o.Drain = 20 * time.Second
	say := o.Say
	o.Say = func(format string, args ...any) {
		say(format, args...)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var err error
		switch {
		case strings.Contains(format, "created for pool"):
			err = hold(ctx)
		case strings.HasPrefix(format, "withdrawing"):
			err = release(ctx)
		}
		if err != nil {
			say("%s", fmt.Sprintf("budget of the spec: %v", err))
		}
	}
}
