package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Refusal is what the kernel of a node does not let sockets of a pod have.
type Refusal struct {
	Node  string
	Call  string // such as "set i-data to 1"
	Errno string // symbolic
}

// Disallowed tells of refusals, a sentence for each thing that kernels said, with their nodes.
func Disallowed(what string, refusals []Refusal) (out []string) {
	nodes := map[string][]string{}
	for _, r := range refusals {
		said := r.Call + ": " + r.Errno
		nodes[said] = append(nodes[said], r.Node)
	}
	for _, said := range slices.Sorted(maps.Keys(nodes)) {
		slices.Sort(nodes[said])
		out = append(out, fmt.Sprintf("the kernels of nodes %s do not allow %s (%s)", strings.Join(slices.Compact(nodes[said]), ", "), what, said))
	}
	return out
}

// unallowed are the error numbers with which Linux says that it does not know an option, or that
// it is switched off in the pod's network namespace. Another one is met where the option is
// needed.
var unallowed = []string{"EPERM", "EACCES", "ENOPROTOOPT", "EOPNOTSUPP"}

// Refusals tries the options of sockets at both ends of the path, on sockets that nobody uses,
// and tells what their kernels do not allow: nothing where Associate can have them all.
func (p *Path) Refusals(ctx context.Context, o Sockets) (out []Refusal) {
	out = p.try(ctx, p.client, o.timers(), o.Client, out)
	for _, m := range p.backends {
		out = p.try(ctx, m, o.timers(), o.Server, out)
	}
	return out
}

func (p *Path) try(ctx context.Context, m *member, t *wire.Timers, options []wire.Option, found []Refusal) []Refusal {
	name := p.newEnd(m, "trial").socket
	r := p.ask(ctx, m, assoc.Step{Op: wire.SocketOp{
		Do: wire.DoListen, Socket: name, Local: netip.AddrPortFrom(m.addrs[p.family], 0), Timers: t, Options: options,
	}})
	switch {
	case r.Errno == "":
		p.ask(ctx, m, assoc.Step{Must: reach.GroundBroken, Op: wire.SocketOp{Do: wire.DoClose, Socket: name}})
	case slices.Contains(unallowed, r.Errno):
		call, _, _ := strings.Cut(r.Call, ": ")
		return append(found, Refusal{m.node, call, r.Errno})
	}
	return found
}
