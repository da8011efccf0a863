package e2e

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"sctp.test/framework/reach"
	"sctp.test/framework/report"
	"sctp.test/framework/spec"
)

// chapter is Describe with what goes before and after every spec. (Outside of a container
// these hooks would be lost: Ginkgo clones its containers for a preview, and only them.)
func chapter(text string, body func(), decorators ...any) bool {
	return ginkgo.Describe(text, append(decorators, func() {
		ginkgo.ReportBeforeEach(nobodyBeside)
		ginkgo.BeforeEach(skipUnmet)
		ginkgo.JustAfterEach(dumpFailed)
		ginkgo.AfterEach(mustBeAttended)
		ginkgo.ReportAfterEach(tell)
		body()
	})...)
}

// skipUnmet takes out a spec whose needs the cluster does not meet, or whose effect was
// not allowed, and says why.
func skipUnmet(ctx ginkgo.SpecContext) {
	c, _ := spec.Of(ginkgo.CurrentSpecReport().Labels())
	if why := cmp.Or(here.unmet(ctx, c), unrehearsed(c)); why != "" {
		ginkgo.Skip(why)
	}
}

// nobodyBeside lets a spec wait that must run alone, before its time is taken.
func nobodyBeside(r ginkgo.SpecReport) {
	if c, _ := spec.Of(r.Labels()); c.Alone() && !r.State.Is(types.SpecStateSkipped|types.SpecStatePending) {
		here.awaitOthers()
	}
}

// mustBeAttended fails a spec that has neither deployed anything nor said that it need not:
// nobody would see what it leaves.
func mustBeAttended(ginkgo.SpecContext) {
	r := ginkgo.CurrentSpecReport()
	if c, _ := spec.Of(r.Labels()); !r.Failed() && !r.State.Is(types.SpecStateSkipped) && !here.run.Attended(c.ID) {
		conclude(reach.GroundBroken, c.ID+": the spec asks nobody and nothing of the cluster")
	}
}

// attend stands beside a spec of the module, which needs no agents of its own.
func attend(ctx ginkgo.SpecContext) {
	c, _ := spec.Of(ginkgo.CurrentSpecReport().Labels())
	here.run.Attend(ctx, c.Effect == spec.Cluster)
}

// dumpFailed writes events and pods of the run to run.log while they still are as the
// failed spec left them.
func dumpFailed(ctx ginkgo.SpecContext) {
	if !ginkgo.CurrentSpecReport().Failed() || ctx.Err() != nil || here.rehearsal != "" {
		return
	}
	for _, ns := range here.run.Namespaces() {
		here.cluster.Dump(ctx, ns)
	}
}

// tell says what became of a spec; what is wrong in full.
func tell(r ginkgo.SpecReport) {
	result, ok := report.Of(r)
	if !ok || here.out == nil {
		return // left out by a filter, or a dry run
	}
	if here.rehearsal != "" && !result.Bad() {
		return
	}
	result = result.Knowing(here.limits)
	text := fmt.Sprintf(" %-14s %s %-80s %5.1fs\n", result.Verdict, result.ID, result.Text, result.Seconds)
	for _, m := range result.Measured {
		text += fmt.Sprintf("                %s\n", m)
	}
	switch result.Verdict {
	case spec.Pass, spec.Informed:
	case spec.NotApplicable, spec.KnownLimitation:
		text += fmt.Sprintf("                %s\n", report.FirstLine(result.Reason))
	default:
		text += fmt.Sprintf(" %s\n", indent(result.Reason))
	}
	_, _ = io.WriteString(here.told, text) // at once: other processes may tell of theirs
}

var _ = ginkgo.ReportAfterSuite("results", func(r ginkgo.Report) {
	if here.run == nil {
		return // a dry run
	}
	if here.rehearsal != "" {
		made := report.New(here.run.ID, r, report.Environment{}, "")
		here.report = &made
		return
	}
	made := here.joined(report.New(here.run.ID, r, here.environment(), here.reproduce())).Knowing(here.limits)
	made.Focus = here.focus
	here.report = &made
	if err := made.Write(here.reports); err != nil {
		ginkgo.Fail("results could not be written: " + err.Error())
	}
})

// unmet says why a spec cannot be judged on this cluster, "" if it can.
func (s *suite) unmet(ctx context.Context, c spec.Case) string {
	if c.Effect != spec.Namespace && !slices.Contains(s.allowed(), c.Effect) {
		return fmt.Sprintf("it changes more than its own namespaces: allow it with --allow=%s", c.Effect)
	}
	for _, n := range c.Needs {
		if why := cmp.Or(s.lacks(n), s.lacksForModule(ctx, n)); why != "" {
			return why
		}
	}
	return ""
}

// lacks says why the cluster does not have what a spec needs.
func (s *suite) lacks(n spec.Need) string {
	switch n {
	case spec.TwoNodes:
		if len(s.cluster.Nodes) < 2 {
			return "the cluster has one schedulable Linux node, and the claim is about two"
		}
	case spec.DualStack:
		if f := s.run.Families(); len(f) < 2 {
			return fmt.Sprintf("pods have addresses of %v only, see https://kubernetes.io/docs/concepts/services-networking/dual-stack/", f)
		}
	case spec.NodeAccess:
		if s.access == nil {
			return "it needs root on nodes, see --node-access"
		}
	case spec.Outside:
		if s.external == "" {
			return "it needs a peer outside of the cluster, see --external-agent"
		}
	case spec.NoPod:
		if s.lacks(spec.Outside) != "" && s.lacks(spec.HostNetwork) != "" {
			return "it needs a client that is no pod: a peer outside of the cluster (--external-agent), or agents on the nodes' own network (--node-access)"
		}
	case spec.HostNetwork:
		if s.access == nil {
			return "it needs agents on the nodes' own network, which the suite makes only with --node-access"
		}
	case spec.ModuleAbsent:
		if s.modules.unseen() {
			return "nobody looked at the nodes before a MachineConfig brought SCTP to them, see --node-access"
		}
		if s.modules.wasOnEverywhere() {
			return "SCTP was on before this run on every node"
		}
	case spec.ModuleLoading:
		if s.module == moduleNever || s.module == modulePresent {
			return "it loads the module, and --enable-module=" + s.module
		}
	case spec.ClusterPolicy:
		if len(s.cluster.WideKinds) == 0 {
			return "the cluster serves neither ClusterNetworkPolicy nor AdminNetworkPolicy, see https://network-policy-api.sigs.k8s.io"
		}
	case spec.ModuleOff, spec.MachineConfig, spec.RolledOut:
		// See lacksForModule.
	case spec.NetworkPolicy:
		// The API does not tell whether anybody enforces policies; the specs find out.
	}
	return ""
}

func (s *suite) environment() report.Environment {
	e := report.Environment{
		Kubernetes: s.cluster.Version, CNI: s.facts.CNI, ProxyMode: s.facts.ProxyMode,
		Image: s.image, ImageDigest: s.facts.ImageDigest, Module: s.modules.how(s), LeftOut: s.cluster.LeftOut,
	}
	e.MTU = s.run.MTU()
	for _, f := range s.run.Families() {
		e.Families = append(e.Families, string(f))
	}
	for _, n := range s.cluster.Nodes {
		e.Nodes = append(e.Nodes, report.Node{
			Name: n.Name, Kernel: n.Kernel, OS: n.OS, Runtime: n.Runtime, Before: s.modules.before(n.Name),
		})
	}
	return e
}

// reproduce is the command that asks for the same specs again, in the same order and with
// the same node as @1. Which cluster it is asked of is for the reader to say.
func (s *suite) reproduce() string {
	words := []string{"make e2e"}
	if s.focus != "" {
		words = append(words, "FOCUS='"+s.focus+"'")
	}
	if s.labels != "" {
		words = append(words, "LABELS='"+s.labels+"'")
	}
	given := givenOnBed
	if !strings.Contains(s.options.access, "bin/testbed exec") {
		words, given = append(words, "IMAGE="+s.image), nil
	}
	if s.jobs > 1 {
		words = append(words, fmt.Sprintf("JOBS=%d", s.jobs))
	}
	args := fmt.Sprintf("--ginkgo.seed=%d", s.config.RandomSeed)
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "ginkgo.") && !strings.HasPrefix(f.Name, "test.") && !slices.Contains(notAsked, f.Name) && !slices.Contains(given, f.Name) {
			args += " --" + f.Name + "=" + quoted(f.Value.String())
		}
	})
	return strings.Join(append(words, "MODULE="+s.module, "ARGS='"+args+"'"), " ")
}

// quoted is a value as a word of ARGS.
func quoted(value string) string {
	if strings.ContainsAny(value, " \t{}*?$&;|<>()") {
		return `"` + value + `"`
	}
	return value
}

// notAsked are the flags that change nothing of what is asked, or that make has variables for.
var notAsked = []string{"kubeconfig", "agent-image", "enable-module", "focus", "artifacts", "keep", "jobs"}

// givenOnBed are those that make gives by itself on the embedded cluster.
var givenOnBed = []string{"node-access", "external-agent", "allow"}

// conclude fails the running spec on a ground that is not its own.
func conclude(ground reach.Ground, text string) {
	ginkgo.GinkgoHelper()
	ginkgo.AddReportEntry(spec.VerdictEntry, string(ground), ginkgo.ReportEntryVisibilityNever)
	ginkgo.Fail(text)
}

func indent(text string) string {
	return "\n   " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n   ") + "\n\n"
}
