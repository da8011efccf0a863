package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/module/machineconfig"
	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
)

const (
	mcoDocs  = "OKD, Using SCTP; machine-config-operator docs/MachineConfigDaemon.md"
	ndpDocs  = "machine-config-operator docs/NodeDisruptionPolicy.md"
	poolDocs = "machine-config-operator docs/custom-pools.md"
)

// These go last and in this order: from the removal of the MachineConfig on, nodes are without
// SCTP, or have it from roll-outs of the specs' own.
var _ = chapter("The SCTP module, by MachineConfig", func() {
	BeforeEach(attend)

	It("is enabled on every node of the pool, by those files and at that boot", spec.Case{
		ID: "MOD-04", Level: spec.Extended, Needs: spec.Needs{spec.RolledOut},
		Claim:  "After the roll-out of the documents' MachineConfig every node of its pools MUST have both files with their modes, and the module loaded at its latest boot before anybody has opened an SCTP socket there.",
		Source: okdUsingSCTP + "; modules-load.d(5)",
	}, func(SpecContext) {
		judgeProofs(here.modules.proofs)
		wrong := here.modules.notLoaded()
		if len(wrong) > 0 {
			Fail(sentences("MOD-04: the kernel has no SCTP after the roll-out", wrong))
		}
		measured("pool %s rolled out in %v", strings.Join(here.modules.rollout.Pools, ", "), here.modules.rollout.Took.Round(time.Second))
	})

	It("is left alone where it is enabled already", spec.Case{
		ID: "MOD-11", Level: spec.Core, Needs: spec.Needs{spec.RolledOut},
		Claim:  "Where both files are in a pool's rendered configuration already, enabling SCTP MUST change nothing, and restoring MUST restore nothing.",
		Source: okdUsingSCTP,
	}, func(ctx SpecContext) {
		before := inventory(ctx)
		p := here.machineConfigs(here.run.ID)
		// Asked first: the spec is not allowed to roll anything out.
		by, err := p.MayEnable(ctx)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-11: "+err.Error())
		}
		if by == "" {
			Fail("MOD-11: it was not noticed that SCTP is enabled")
		}
		r, err := p.Enable(ctx)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-11: "+err.Error())
		}
		changed, err := p.Restore(ctx, r)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-11: "+err.Error())
		}
		if len(changed) > 0 {
			Fail(fmt.Sprintf("MOD-11: something was restored: %q", changed))
		}
		unchanged(ctx, "MOD-11", before)
	})

	It("is there again after a reboot", spec.Case{
		ID: "MOD-05", Level: spec.Extended, Effect: spec.Cluster, Pace: spec.Slow, Needs: spec.Needs{spec.RolledOut, spec.NodeAccess}, Pods: spec.Own,
		Claim:  "A node with the documents' MachineConfig MUST have the module again after a reboot, loaded before anybody asks for it.",
		Source: "modules-load.d(5), systemd-modules-load.service(8)",
	}, func(ctx SpecContext) {
		node := here.cluster.Nodes[len(here.cluster.Nodes)-1]
		if err := here.cluster.Reboot(ctx, here.access, node.Name); err != nil {
			conclude(reach.GroundBroken, "MOD-05: "+err.Error())
		}
		now, err := here.run.Survey(ctx, false)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-05: "+err.Error())
		}
		if seen := now[node.Name]; !live(seen) {
			Fail(fmt.Sprintf("MOD-05: node %s has no SCTP after a reboot: /proc/modules says %q", node.Name, seen.Loaded))
		}
		booted := *here.modules.rollout
		booted.Reboot = true // this boot is the spec's, whatever policy the roll-out had
		proofs, err := here.modules.provider.Prove(ctx, &booted)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-05: "+err.Error())
		}
		judgeProofs(slices.DeleteFunc(proofs, func(p machineconfig.Proof) bool { return p.Node != node.Name }))
	}, NodeTimeout(20*time.Minute))

	It("is gone when the MachineConfig is, and the nodes are as they were", spec.Case{
		ID: "MOD-06", Level: spec.Extended, Effect: spec.Cluster, Pace: spec.Slow, Needs: spec.Needs{spec.RolledOut}, Pods: spec.Own,
		Claim:  "When the MachineConfig is deleted, every node of its pools MUST have the rendered configuration, files, digests and modes of before, and after its reboot no module that it had not before.",
		Source: mcoDocs,
	}, func(ctx SpecContext) {
		if here.keepModule {
			Skip("it takes the MachineConfig back, and --keep-module leaves it there")
		}
		begun := time.Now()
		changed, err := here.modules.provider.Restore(ctx, here.modules.rollout)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-06: "+err.Error())
		}
		if len(changed) > 0 {
			Fail(sentences("MOD-06: the cluster is not as it was", changed))
		}
		measured("nodes were as before %v after the MachineConfig was deleted", time.Since(begun).Round(time.Second))
		if kept := here.modules.rollout.Kept(); kept != "" {
			measured("%s", kept)
			return
		}
		if wrong := here.modules.stillOn(ctx); len(wrong) > 0 {
			Fail(sentences("MOD-06: the module is not gone", wrong))
		}
	}, rollOuts(1))

	It("is not loaded by objects that mention SCTP", spec.Case{
		ID: "MOD-03", Level: spec.Extended, Needs: spec.Needs{spec.ModuleOff},
		Claim:  "Creating Pods, Services and NetworkPolicies that mention SCTP MUST NOT load the module on any node.",
		Source: "Kubernetes, Services: SCTP; KEP-614",
	}, func(ctx SpecContext) {
		lab := Deploy(ctx, "x/server@*:80/tcp", "x/client@*")
		lab.Apply(ctx, "x", "service/three-protocols.yaml")
		lab.Apply(ctx, "x", "policy/allow-tcp-and-sctp.yaml")
		// The Service's TCP port is served everywhere: so its SCTP port is programmed, too.
		lab.Expect(ctx, `
			            svc/three-protocols:80/tcp
			x/client@*  answered
		`)
		on, err := here.someOn(ctx)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-03: "+err.Error())
		}
		if on != "" {
			Fail("MOD-03: node " + on + " has SCTP now, though nobody has opened a socket")
		}
	})

	It("reaches no node outside of its pool", spec.Case{
		ID: "MOD-08", Level: spec.Extended, Effect: spec.Cluster, Pace: spec.Slow, Needs: spec.Needs{spec.MachineConfig, spec.TwoNodes, spec.NodeAccess, spec.ModuleOff}, Pods: spec.Own,
		Claim:  "A MachineConfig for a custom pool MUST enable SCTP on the nodes of that pool, and MUST NOT change any other node.",
		Source: poolDocs,
	}, func(ctx SpecContext) {
		node := aWorker(ctx)
		withoutReboot(ctx)
		mayRollOut(ctx) // or the node would not come back from its own pool
		pool := customPool(ctx, node)
		p, r := enable(ctx, "MOD-08", func(o *machineconfig.Options) { o.Roles = []string{pool} })
		wrong, looked, err := p.Untouched(ctx, r)
		if err != nil || looked == 0 {
			conclude(reach.GroundBroken, fmt.Sprintf("MOD-08: looked at %d nodes outside of pool %s: %v", looked, pool, err))
		}
		wrong = append(wrong, socketsOnlyOn(ctx, node)...)
		takeBack(ctx, "MOD-08", p, r)
		if len(wrong) > 0 {
			Fail(sentences("MOD-08: the roll-out to pool "+pool+" did not stay there", wrong))
		}
	}, rollOuts(4)) // the node moves into its pool and out of it

	It("is enabled without a reboot where a node disruption policy says so", spec.Case{
		ID: "MOD-09", Level: spec.Extended, Effect: spec.Cluster, Pace: spec.Slow, Needs: spec.Needs{spec.MachineConfig},
		Claim:  "Under a node disruption policy that restarts systemd-modules-load, the MachineConfig MUST load the module on every node of its pool without a drain and without a reboot.",
		Source: ndpDocs + "; operator.openshift.io/v1 NodeDisruptionPolicyConfig",
	}, func(ctx SpecContext) {
		withoutReboot(ctx)
		mayRollOut(ctx) // under that policy, for which no budget is in the way
		if on, err := here.someOn(ctx); err == nil && on != "" {
			measured("node %s had SCTP before, so nothing of it is proven there", on)
		}
		p, r := enable(ctx, "MOD-09")
		if r.Reboot || r.Drain {
			Fail("MOD-09: the policy was not heeded: nodes were to be drained or rebooted")
		}
		now, err := here.run.Survey(ctx, false)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-09: "+err.Error())
		}
		var wrong []string
		for _, n := range here.cluster.Nodes {
			if !live(now[n.Name]) {
				wrong = append(wrong, fmt.Sprintf("node %s: /proc/modules says %q", n.Name, now[n.Name].Loaded))
			}
		}
		takeBack(ctx, "MOD-09", p, r)
		if len(wrong) > 0 {
			Fail(sentences("MOD-09: the kernel has no SCTP after the roll-out", wrong))
		}
		measured("rolled out in %v; %s", r.Took.Round(time.Second), r.Kept())
	}, rollOuts(2))

	It("is refused with the reason, and the cluster left as it was", spec.Case{
		ID: "MOD-10", Level: spec.Extended, Effect: spec.Cluster, Pace: spec.Slow, Needs: spec.Needs{spec.MachineConfig, spec.NodeAccess},
		Claim:  "Enabling MUST be refused with the reason, and MUST leave the cluster as it was, where a pool is paused, degraded or empty, where no pool selects the role, where the configuration cannot be rendered, and where a PodDisruptionBudget holds a drain.",
		Source: mcoDocs + "; policy/v1 PodDisruptionBudget",
	}, func(ctx SpecContext) {
		mayRollOut(ctx)
		asked := refusals()
		topology, err := machineconfig.Live(here.cluster).Topology(ctx)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-10: "+err.Error())
		}
		if topology == machineconfig.SingleNode {
			asked = slices.DeleteFunc(asked, func(r refusal) bool { return r.drains })
			measured("with a control plane of a single node nothing is drained, so no budget was tried")
		}
		var wrong []string
		for _, r := range asked {
			By(r.name)
			if text := r.judge(ctx); text != "" {
				wrong = append(wrong, r.name+": "+text)
			}
		}
		if len(wrong) > 0 {
			Fail(sentences(fmt.Sprintf("MOD-10: %d of %d refusals are not as claimed", len(wrong), len(asked)), wrong))
		}
	}, rollOuts(4)) // two, and both are taken back
}, SpecPriority(-1))

// rollOuts limits a spec, or what undoes it, to the time that so many roll-outs may take, and
// some more for what is around them. How many nodes there are is known when the specs are to
// be run, not yet when they are only counted.
func rollOuts(times int) NodeTimeout {
	nodes := 1
	if here.cluster != nil {
		nodes = len(here.cluster.Nodes) + len(here.cluster.LeftOut)
	}
	return NodeTimeout(time.Duration(times*nodes)*here.rollout + 30*time.Minute)
}

// enable rolls out a MachineConfig of the spec's own, proves it, and takes it back when the
// spec ends, whatever happens.
func enable(ctx SpecContext, id string, change ...func(*machineconfig.Options)) (*machineconfig.Provider, *machineconfig.Rollout) {
	GinkgoHelper()
	p := here.machineConfigs(here.run.ID, change...)
	r, err := p.Enable(ctx)
	if err != nil {
		conclude(reach.GroundBroken, id+": "+err.Error())
	}
	DeferCleanup(func(ctx SpecContext) {
		if _, err := p.Restore(ctx, r); err != nil {
			conclude(reach.GroundBroken, id+": taking the MachineConfig back: "+err.Error())
		}
	}, rollOuts(1))
	if r.Already != "" {
		conclude(reach.GroundBroken, id+": SCTP is enabled already, by "+r.Already)
	}
	if untried := here.untried(); untried != "" {
		measured("rolled out %s", untried)
	}
	proofs, err := p.Prove(ctx, r)
	if err != nil {
		conclude(reach.GroundBroken, id+": "+err.Error())
	}
	judgeProofs(proofs)
	return p, r
}

// takeBack restores, and fails the spec where something is not as it was.
func takeBack(ctx context.Context, id string, p *machineconfig.Provider, r *machineconfig.Rollout) {
	GinkgoHelper()
	changed, err := p.Restore(ctx, r)
	if err != nil {
		conclude(reach.GroundBroken, id+": "+err.Error())
	}
	if len(changed) > 0 {
		Fail(sentences(id+": the cluster is not as it was", changed))
	}
}

// judgeProofs fails the spec with what nodes do not show.
func judgeProofs(proofs []machineconfig.Proof) {
	GinkgoHelper()
	var wrong []string
	for _, p := range proofs {
		for _, f := range p.Facts {
			GinkgoWriter.Printf("node %s: %s\n", p.Node, f)
		}
		for _, w := range p.Wrong {
			wrong = append(wrong, fmt.Sprintf("node %s: %s", p.Node, w))
		}
	}
	if len(proofs) == 0 {
		wrong = []string{"no node was looked at"}
	}
	if len(wrong) > 0 {
		id, _, _ := strings.Cut(CurrentSpecReport().LeafNodeText, " ")
		Fail(sentences(id+": nodes are not as the MachineConfig has them", wrong))
	}
}

// sentences are a failure's first line and what it consists of.
func sentences(first string, rest []string) string {
	return fmt.Sprintf("%s (%d)\n\n  %s\n", first, len(rest), strings.Join(rest, "\n  "))
}

func measured(format string, args ...any) {
	AddReportEntry(spec.MeasureEntry, fmt.Sprintf(format, args...), ReportEntryVisibilityNever)
}
