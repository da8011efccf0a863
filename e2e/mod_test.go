package e2e

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"

	"sctp.test/framework/module"
	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

const okdUsingSCTP = "OKD, Using SCTP"

var _ = chapter("The SCTP module", func() {
	BeforeEach(attend)

	It("lets ordinary pods open SCTP sockets on every node", spec.Case{
		ID: "MOD-01", Level: spec.Core,
		Claim:  "On every schedulable Linux node an ordinary pod MUST be able to open SCTP sockets of type stream and seqpacket in every family it has an address of.",
		Source: okdUsingSCTP + "; socket(2), sctp(7)",
	}, func(ctx SpecContext) {
		now, err := here.run.Survey(ctx, true)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-01: "+err.Error())
		}
		var broken, where []string
		for _, n := range here.cluster.Nodes {
			node := here.modules.node(n.Name)
			node.Pod = now[n.Name]
			failed := node.Failed(len(here.run.Families()) > 1 || here.run.Families()[0] == reach.IPv6)
			if len(failed) > 0 {
				reason, why := node.Why()
				AddReportEntry(spec.ClassEntry, string(reason), ReportEntryVisibilityNever)
				broken = append(broken, fmt.Sprintf("  node %s: %s\n    %s", n.Name, why, calls(failed)))
				where = append(where, fmt.Sprintf("%s (%s)", n.Name, reason))
			}
		}
		if len(broken) > 0 {
			Fail(fmt.Sprintf("MOD-01: pods cannot open SCTP sockets on %d of %d nodes: %s\n\n%s\n", len(broken), len(here.cluster.Nodes), strings.Join(where, ", "), strings.Join(broken, "\n")))
		}
	})

	It("names the reason why a node has no SCTP", spec.Case{
		ID: "MOD-02", Level: spec.Core, Needs: spec.Needs{spec.ModuleAbsent},
		Claim:  "A node without SCTP MUST be named with the reason: not shipped, blacklisted, trapped by an install line, not loaded, or forbidden.",
		Source: okdUsingSCTP + "; modprobe.d(5)",
	}, func(SpecContext) {
		var unexplained []string
		for _, n := range here.cluster.Nodes {
			why, text := here.modules.node(n.Name).Why()
			GinkgoWriter.Printf("%s: %s\n", n.Name, text)
			if why == module.Unknown {
				unexplained = append(unexplained, "  "+text)
			}
		}
		if len(unexplained) > 0 {
			conclude(reach.GroundUnsupported, fmt.Sprintf("MOD-02: the reason is not known for %d of %d nodes\n\n%s\n",
				len(unexplained), len(here.cluster.Nodes), strings.Join(unexplained, "\n")))
		}
	})

	It("is loaded by a privileged pod, which changes nothing where it is loaded already", spec.Case{
		ID: "MOD-07", Level: spec.Extended, Effect: spec.Node, Needs: spec.Needs{spec.ModuleLoading},
		Claim:  "Loading the module from a privileged DaemonSet MUST make it available on every node, and MUST change neither module nor files where it is loaded already.",
		Source: "modprobe(8); apps/v1 DaemonSet",
	}, func(ctx SpecContext) {
		first := here.modules.first // from before the first spec, and after the loader if that ran
		if !isOn(first, &here) {
			var err error
			if first, err = module.LoadByDaemonSet(ctx, here.cluster, here.run.ID, here.image); err != nil {
				conclude(reach.GroundBroken, "MOD-07: "+err.Error())
			}
		}
		again, err := module.LoadByDaemonSet(ctx, here.cluster, here.run.ID, here.image)
		if err != nil {
			conclude(reach.GroundBroken, "MOD-07, the second time: "+err.Error())
		}
		var wrong []string
		for _, n := range here.cluster.Nodes {
			a, b := first[n.Name], again[n.Name]
			switch {
			case !a.After:
				_, why := module.WhyOff(a)
				wrong = append(wrong, fmt.Sprintf("  node %s: not loaded: %s", n.Name, why))
			case !b.Before || !b.After:
				wrong = append(wrong, fmt.Sprintf("  node %s: gone when the loader came again", n.Name))
			case strings.Join(a.Config, "\n") != strings.Join(b.Config, "\n") || strings.Join(a.AtBoot, "\n") != strings.Join(b.AtBoot, "\n"):
				wrong = append(wrong, fmt.Sprintf("  node %s: configuration of modules changed from %q to %q", n.Name, append(a.Config, a.AtBoot...), append(b.Config, b.AtBoot...)))
			}
		}
		if len(wrong) > 0 {
			Fail(fmt.Sprintf("MOD-07: the loader did not do its work on %d of %d nodes\n\n%s\n", len(wrong), len(here.cluster.Nodes), strings.Join(wrong, "\n")))
		}
	})
})

// calls writes out system calls that failed.
func calls(failed []wire.Open) string {
	names := map[string]string{"ipv4": "AF_INET", "ipv6": "AF_INET6", "stream": "SOCK_STREAM", "seqpacket": "SOCK_SEQPACKET"}
	var out []string
	for _, o := range failed {
		out = append(out, fmt.Sprintf("socket(%s, %s, IPPROTO_SCTP) = %s", names[o.Family], names[o.Type], o.Errno))
	}
	return strings.Join(out, ", ")
}
