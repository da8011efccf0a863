package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
)

// EnlistOthers makes the names other@1:svc/NAME:PORT of a Service's NodePort at another address of
// each node than its InternalIP, the first in each family that no other node has, and returns what
// addresses these are. Nodes may have none. The error is why it is not known.
func (l *Lab) EnlistOthers(ctx context.Context, word string) ([]string, error) {
	if l.run.rehearsing() {
		return nil, nil
	}
	had := map[netip.Addr]int{}
	all := map[string][]netip.Addr{}
	for _, n := range l.run.Cluster.Nodes {
		addrs, err := cluster.OtherAddrs(ctx, l.run.Access, n)
		if err != nil {
			return nil, fmt.Errorf("addresses of node %s: %w", n.Name, err)
		}
		all[n.Name] = addrs
		for _, a := range addrs {
			had[a]++
		}
	}
	var out []string
	for i := range l.run.Cluster.Nodes {
		n := l.run.Node(i + 1)
		at, known := l.targets[fmt.Sprintf("node@%d:%s", i+1, word)]
		if !known {
			return nil, fmt.Errorf("%s has no NodePort", word)
		}
		there := at
		there.addrs = map[reach.Family]netip.AddrPort{}
		for _, a := range all[n.Name] {
			f := familyOf(a)
			if _, has := there.addrs[f]; !has && at.addrs[f].IsValid() && had[a] == 1 {
				there.addrs[f] = netip.AddrPortFrom(a, at.addrs[f].Port())
				out = append(out, a.String())
			}
		}
		if len(there.addrs) > 0 {
			l.addServer(reach.Name{Word: fmt.Sprintf("other@%d:%s", i+1, word), Node: i + 1}, there)
		}
	}
	return out, nil
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
