package e2e

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"

	. "sctp.test/framework/lab"
	"sctp.test/framework/spec"
)

// openBeside is a path that no policy of the spec touches, for tables that deny all else.
const openBeside = "y/other@1:80\nx/client@* answered\n"

// throughout is every pair of nodes, on the port whose associations stay.
const throughout = "x/server@*:30100\nx/client@* answered"

// forEachNode repeats a block of a table for every node, whose number replaces the N after
// an @ or a hyphen.
func forEachNode(block string) string {
	var table strings.Builder
	for n := range here.cluster.Nodes {
		number := fmt.Sprint(n + 1)
		table.WriteString(strings.NewReplacer("@N", "@"+number, "-N", "-"+number).Replace(block) + "\n")
	}
	return table.String()
}

// Which NodePorts of the Services that stand before the pods of one node each are meant: by
// the number of the node that is asked and of the pods' own.
func anyPort(_, _ int) bool         { return true }
func ownPorts(node, pod int) bool   { return node == pod }
func otherPorts(node, pod int) bool { return node != pod }

// throughNodePorts is a table with a word for all clients and every such NodePort.
func throughNodePorts(meant func(node, pod int) bool, word string) string {
	var table strings.Builder
	for node := range here.cluster.Nodes {
		for pod := range here.cluster.Nodes {
			if meant(node, pod) {
				fmt.Fprintf(&table, "node@%d:svc/per-node-%d:80\nx/client@* %s\n\n", node+1, pod+1, word)
			}
		}
	}
	return table.String()
}

// onNodes is the word of an agent on a node's own network, where there may be one.
func (s *suite) onNodes(word string) []string {
	if s.lacks(spec.HostNetwork) != "" {
		return nil
	}
	return []string{word}
}

// listWidePolicies puts those of administrators into the report: they may be why a path that
// nothing of the suite denies is denied.
func listWidePolicies(ctx SpecContext, lab *Lab) {
	GinkgoHelper()
	policies, err := here.cluster.WidePolicies(ctx)
	var names []string
	for _, p := range policies {
		names = append(names, p.String())
	}
	switch {
	case err != nil:
		lab.Measured("cluster-wide policies could not be listed: %v", err)
	case len(names) > 0:
		lab.Measured("policies that administrators have made: %s", strings.Join(names, ", "))
	}
}

// bothWays is what SCTP finds on the ports 80, 81 and 82 on its way to the servers that
// administrators' policies select, and on its way from them.
func bothWays(on80, on81, on82 string) string {
	row := strings.Join([]string{on80, on81, on82}, " ")
	return `
		            x/server@*:80  x/server@*:81  x/server@*:82
		y/client@1  ` + row + `

		            y/other@2:80  y/other@2:81  y/other@2:82
		x/server@*  ` + row + "\n"
}

// adminTier finds rules of the admin tier before NetworkPolicies: port 80 is accepted, 81
// passed on, 82 denied.
func adminTier(ctx SpecContext, lab *Lab) {
	GinkgoHelper()
	By("accepting, passing and denying in the admin tier")
	lab.ApplyWide(ctx, "policy/admin-tier.yaml", "policy/admin.yaml")
	lab.Expect(ctx, bothWays("answered", "answered", "denied"))

	By("denying everything by a NetworkPolicy")
	lab.Apply(ctx, "x", "policy/deny-both-ways.yaml")
	lab.Expect(ctx, bothWays("answered", "denied", "denied"))

	By("admitting everything by another")
	lab.Apply(ctx, "x", "policy/allow-both-ways.yaml")
	lab.Expect(ctx, bothWays("answered", "answered", "denied"))

	lab.Delete(ctx, "x", "policy/deny-both-ways.yaml")
	lab.Delete(ctx, "x", "policy/allow-both-ways.yaml")
	lab.Delete(ctx, Everywhere, "policy/admin-tier.yaml")
}

// baselineTier finds rules of the baseline tier after NetworkPolicies: port 81 is accepted,
// the others are denied.
func baselineTier(ctx SpecContext, lab *Lab) {
	GinkgoHelper()
	By("denying in the baseline tier")
	lab.ApplyWide(ctx, "policy/baseline-tier.yaml", "policy/baseline-admin.yaml")
	lab.Expect(ctx, bothWays("denied", "answered", "denied"))

	By("admitting port 80 by a NetworkPolicy")
	lab.Apply(ctx, "x", "policy/allow-port-80-both-ways.yaml")
	lab.Expect(ctx, bothWays("answered", "denied", "denied"))
}
