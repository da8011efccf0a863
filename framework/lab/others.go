package lab

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/cluster"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// EnlistOthers makes the names other@1:svc/NAME:PORT of a Service's NodePort at another address of
// each node than its InternalIP, the first that it has in each family, and returns what addresses
// these are. Nodes may have none.
func (l *Lab) EnlistOthers(ctx ginkgo.SpecContext, word string) []string {
	ginkgo.GinkgoHelper()
	if l.run.rehearsing() {
		return nil
	}
	var out []string
	for i := range l.run.Cluster.Nodes {
		n := l.run.node(i + 1)
		addrs, err := cluster.OtherAddrs(ctx, l.run.Access, n)
		if err != nil {
			l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: addresses of node %s: %v", l.id, n.Name, err))
		}
		at := l.targets[fmt.Sprintf("node@%d:%s", i+1, word)]
		there := at
		there.kind, there.addrs = diag.NodePort, map[reach.Family]netip.AddrPort{}
		for _, a := range addrs {
			f := familyOf(a)
			if _, has := there.addrs[f]; !has && at.addrs[f].IsValid() {
				there.addrs[f] = netip.AddrPortFrom(a, at.addrs[f].Port())
				out = append(out, a.String())
			}
		}
		if len(there.addrs) > 0 {
			l.addServer(reach.Name{Word: fmt.Sprintf("other@%d:%s", i+1, word), Node: i + 1}, there)
		}
	}
	return out
}

// Others is a table of one server each that EnlistOthers has found, asked by a client.
func (l *Lab) Others(client string) string {
	var table strings.Builder
	for _, n := range l.names.Servers {
		if strings.HasPrefix(n.Word, "other@") {
			for f := range l.targets[n.Word].addrs {
				fmt.Fprintf(&table, "%s:\n%s\n%s answered\n\n", f, n.Word, client)
			}
		}
	}
	return table.String()
}
