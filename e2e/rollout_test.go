package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	psa "k8s.io/pod-security-admission/api"

	"sctp.test/framework/cluster"
	"sctp.test/framework/module/machineconfig"
	"sctp.test/framework/spec"
)

// machineConfigs makes a provider for this run, or for another run of the same specs.
func (s *suite) machineConfigs(run string, change ...func(*machineconfig.Options)) *machineconfig.Provider {
	o := machineconfig.Options{Run: run, PerNode: s.rollout, Say: s.say}
	for _, n := range s.cluster.Nodes {
		o.Tested = append(o.Tested, n.Name)
	}
	if s.access != nil {
		o.Look = s.access.Run
	}
	for _, c := range change {
		c(&o)
	}
	return machineconfig.New(machineconfig.Live(s.cluster), o)
}

// rollOut brings SCTP to the nodes by a MachineConfig, before any pod of the run is there to
// be drained and before any socket. It does nothing unless --enable-module says so by name.
func (k *moduleState) rollOut(ctx context.Context, s *suite, run string) error {
	if s.module != moduleMachineConfig {
		return nil
	}
	if s.management != "" {
		return s.askManagement(ctx, run)
	}
	k.provider = s.machineConfigs(run)
	var err error
	if k.hosted, err = k.provider.Hosted(ctx); err != nil {
		return err
	}
	if k.hosted != "" {
		s.say("nothing is rolled out: %s", k.hosted)
		return nil
	}
	if k.first, err = look(ctx, s); err != nil {
		return err
	}
	if err := k.hold(ctx, s, run); err != nil {
		return errors.Join(err, k.giveUp(ctx, s, run))
	}
	done := s.timed("SCTP enabled by a MachineConfig")
	r, err := k.provider.Enable(ctx)
	if err == nil {
		k.rollout = r
		err = s.inherit(ctx, r.Adopted)
	}
	if err == nil {
		k.proofs, err = k.provider.Prove(ctx, r)
	}
	if err == nil {
		err = s.again(ctx)
	}
	if err != nil {
		err = fmt.Errorf("--enable-module=machineconfig: %w", err)
		return errors.Join(err, k.giveUp(ctx, s, run))
	}
	if r.Already != "" {
		s.say("SCTP is enabled already, by %s", r.Already)
		return nil
	}
	done()
	return nil
}

// inherit removes what is left of a dead run whose roll-out this one goes on with: when it was
// killed just now, its leases had not ended yet as this run began.
func (s *suite) inherit(ctx context.Context, run string) error {
	if run == "" {
		return nil
	}
	return s.cluster.DeleteRun(ctx, run)
}

// again reads the nodes anew: they have other boots, and none may be missing. A node that is
// uncordoned keeps its taint for a moment.
func (s *suite) again(ctx context.Context) error {
	was := len(s.cluster.Nodes)
	return await(ctx, s.patience, "every node to be fit for agents after the roll-out", func(ctx context.Context) (bool, error) {
		if err := s.cluster.Refresh(ctx); err != nil {
			return false, err
		}
		if now := len(s.cluster.Nodes); now < was {
			return false, fmt.Errorf("%d of %d are (%s)", now, was, strings.Join(s.cluster.LeftOut, "; "))
		}
		return true, nil
	})
}

// hold makes a namespace whose lease says that the run is alive while its MachineConfig is
// on the cluster.
func (k *moduleState) hold(ctx context.Context, s *suite, run string) error {
	ns, err := s.cluster.CreateNamespace(ctx, run, "sctp-"+run+"-rollout", psa.LevelRestricted, nil)
	if ns != nil {
		life, end := context.WithCancel(context.WithoutCancel(ctx))
		k.end = end
		go s.cluster.KeepAlive(life, func() []string { return []string{ns.Name} }) // until the run ends
	}
	return err
}

// giveUp removes what a roll-out that did not succeed has left: the provider has withdrawn its
// MachineConfigs, unless the proof is what failed. A run that is interrupted waits for nobody.
func (k *moduleState) giveUp(ctx context.Context, s *suite, run string) error {
	clean := context.WithoutCancel(ctx)
	var err error
	switch {
	case k.rollout == nil:
	case ctx.Err() != nil:
		err = k.provider.Abandon(clean, k.rollout)
	default:
		err = putBack(clean, k.provider, k.rollout)
	}
	if k.end != nil {
		k.end()
	}
	return errors.Join(err, s.cluster.DeleteRun(clean, run))
}

// askManagement asks the management cluster of a hosted control plane whether it would take
// the configuration. More it does not do: nodes would be replaced by others.
func (s *suite) askManagement(ctx context.Context, run string) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.management)
	if err != nil {
		return fmt.Errorf("--management-kubeconfig=%s: %w", s.management, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("--management-kubeconfig=%s: %w", s.management, err)
	}
	would, err := machineconfig.DryRunNodePool(ctx, client.Discovery().RESTClient(), s.nodePool, run)
	if err != nil {
		return fmt.Errorf("--enable-module=machineconfig: %w", err)
	}
	return fmt.Errorf("--enable-module=machineconfig: %s (dry run): apply it by hand and judge the nodes with --enable-module=present", would)
}

// restore takes the MachineConfig back unless a spec has done so, or the person wants it kept.
// A run that is interrupted waits for nobody.
func (k *moduleState) restore(ctx context.Context, s *suite) error {
	if k.end != nil {
		defer k.end()
	}
	switch {
	case k.rollout == nil || k.rollout.Already != "" || k.rollout.Over():
		return nil
	case s.keepModule:
		s.say("MachineConfig %s stays", strings.Join(k.rollout.Configs, ", "))
		return k.provider.Keep(context.WithoutCancel(ctx), k.rollout)
	case ctx.Err() != nil:
		s.say("MachineConfig %s is deleted, and the operator takes the nodes back", strings.Join(k.rollout.Configs, ", "))
		return k.provider.Abandon(context.WithoutCancel(ctx), k.rollout)
	}
	done := s.timed("nodes as they were before the MachineConfig")
	if err := putBack(ctx, k.provider, k.rollout); err != nil {
		return err
	}
	done()
	if kept := k.rollout.Kept(); kept != "" {
		s.say("%s", kept)
	}
	return nil
}

// putBack takes MachineConfigs back; that something is not as it was is an error, too.
func putBack(ctx context.Context, p *machineconfig.Provider, r *machineconfig.Rollout) error {
	wrong, err := p.Restore(ctx, r)
	if err != nil {
		return fmt.Errorf("taking the MachineConfig back: %w", err)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the cluster is not as it was before: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// howRolledOut is the report's sentence about the roll-out.
func (k *moduleState) howRolledOut(s *suite) string {
	r := k.rollout
	if r.Already != "" {
		return "as found: enabled by " + r.Already
	}
	text := fmt.Sprintf("by MachineConfig %s, rolled out to pool %s in %v", strings.Join(r.Configs, ", "), strings.Join(r.Pools, ", "), r.Took.Round(time.Second))
	if r.Adopted != "" {
		text += ", begun by run " + r.Adopted
	}
	switch {
	case r.Reboot && r.Drain:
		text += ", each node drained and rebooted"
	case r.Reboot:
		text += ", each node rebooted"
	}
	if untried := s.untried(); untried != "" {
		text += "; " + untried
	}
	return text
}

// untried says which parts of the real thing a roll-out on these nodes had nothing to do with,
// "" where it had with all.
func (s *suite) untried() string {
	i := slices.IndexFunc(s.cluster.Nodes, func(n cluster.Node) bool { return !strings.Contains(n.OS, "CoreOS") })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("by the Machine Config Operator of release %s, on nodes that are no CoreOS (%s), so ostree, SELinux and first-boot Ignition were not exercised",
		cmp.Or(s.facts.Release, cluster.Unknown), s.cluster.Nodes[i].OS)
}

// lacksForModule says why the cluster does not have what a spec about the module needs.
// What could not be asked keeps no spec from being run: it will find the same, and fail by it.
func (s *suite) lacksForModule(ctx context.Context, n spec.Need) string {
	r := s.modules.rollout
	switch n {
	case spec.RolledOut:
		if s.modules.hosted != "" {
			return s.modules.hosted
		}
		if r == nil {
			return "it is about a MachineConfig that this run has rolled out: --enable-module=machineconfig"
		}
		if r.Already != "" {
			return "SCTP was enabled before this run, by " + r.Already
		}
		if r.Over() {
			return "its MachineConfig has been taken back already"
		}
	case spec.MachineConfig:
		if !s.facts.MachineConfigs {
			return cmp.Or(s.modules.hosted, "nodes of this cluster are not configured by MachineConfigs, as OKD's are")
		}
		if by, err := s.machineConfigs(s.run.ID).MayEnable(ctx); err == nil && by != "" {
			return "it rolls out a MachineConfig of its own, and SCTP is enabled already, by " + by
		}
	case spec.ModuleOff:
		if on, err := s.someOn(ctx); err == nil && on != "" {
			return fmt.Sprintf("node %s has SCTP, and the claim is about nodes that have not", on)
		}
	}
	return ""
}

// someOn names a node whose kernel has SCTP now, "" if none has.
func (s *suite) someOn(ctx context.Context) (string, error) {
	now, err := s.run.Survey(ctx, false)
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if len(now[name].Protocols) > 0 {
			return name, nil
		}
	}
	return "", err
}
