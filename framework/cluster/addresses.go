package cluster

import (
	"context"
	"net/netip"
	"slices"
	"strings"
)

// OtherAddrs are the addresses of a node by which hosts elsewhere may know it and the API does not
// name as an InternalIP, as ip-address(8) lists them there, in its order.
func OtherAddrs(ctx context.Context, access *Access, n Node) ([]netip.Addr, error) {
	text, err := access.Run(ctx, n.Name, "ip", "-o", "address", "show", "scope", "global")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(parseAddresses(text), func(a netip.Addr) bool { return slices.Contains(n.Internal, a) }), nil
}

// serviceLink is where kube-proxy in ipvs mode binds the addresses of Services on every node.
const serviceLink = "kube-ipvs0"

// parseAddresses reads lines such as "2: eth0    inet 192.0.2.1/24 scope global eth0".
func parseAddresses(text string) []netip.Addr {
	var out []netip.Addr
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[1] == serviceLink || fields[2] != "inet" && fields[2] != "inet6" {
			continue
		}
		if p, err := netip.ParsePrefix(fields[3]); err == nil {
			out = append(out, p.Addr())
		}
	}
	return out
}
