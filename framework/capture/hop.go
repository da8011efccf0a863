package capture

import (
	"slices"

	"sctp.test/framework/wire"
)

// Side is where a packet was seen on a node, told by the way it goes.
type Side string

// Sides of a node, in the order in which a packet passes them.
const (
	FromPod  Side = "from a pod"
	ToWire   Side = "to the wire"
	FromWire Side = "from the wire"
	ToPod    Side = "to a pod"
)

// Hop is a place where a packet can be seen. The zero Hop is nowhere.
type Hop struct {
	Node string
	Side Side
}

// hop is where a packet was seen, the zero Hop when that is within the node.
func (p Packet) hop() Hop {
	beyond := p.Kind == wire.LinkWire || p.Kind == wire.LinkTunnel
	switch {
	case p.Kind == wire.LinkPod && p.Way == In:
		return Hop{p.Node, FromPod}
	case p.Kind == wire.LinkPod && p.Way == Out:
		return Hop{p.Node, ToPod}
	case beyond && p.Way == In:
		return Hop{p.Node, FromWire}
	case beyond && p.Way == Out:
		return Hop{p.Node, ToWire}
	}
	return Hop{}
}

// course is the way of a packet from one end to the other.
type course struct {
	from, to string // the ends, for people
	hops     []Hop
}

// index is the place of a hop, -1 when the course does not pass it.
func (c course) index(h Hop) int { return slices.Index(c.hops, h) }

// between lists the hops of a packet that goes from node to node. An end that uses its
// node's own network has no hop there.
func between(nodes []string, fromHost, toHost bool) []Hop {
	var out []Hop
	if !fromHost {
		out = append(out, Hop{nodes[0], FromPod})
	}
	for i := 1; i < len(nodes); i++ {
		out = append(out, Hop{nodes[i-1], ToWire}, Hop{nodes[i], FromWire})
	}
	if !toHost {
		out = append(out, Hop{nodes[len(nodes)-1], ToPod})
	}
	return out
}

// courses are those there and back, without the hops of nodes that nobody watched.
func (p Probe) courses(captures []Capture) (there, back course) {
	nodes := []string{p.ClientNode}
	for _, n := range []string{p.Via, p.ServerNode} {
		if n != "" && n != nodes[len(nodes)-1] {
			nodes = append(nodes, n)
		}
	}
	unwatched := func(h Hop) bool {
		return !slices.ContainsFunc(captures, func(c Capture) bool { return c.Node == h.Node })
	}
	client, server := end("client", p.ClientOnHost, p.ClientNode), end("server", p.ServerOnHost, p.ServerNode)
	there = course{client, server, slices.DeleteFunc(between(nodes, p.ClientOnHost, p.ServerOnHost), unwatched)}
	slices.Reverse(nodes)
	back = course{server, client, slices.DeleteFunc(between(nodes, p.ServerOnHost, p.ClientOnHost), unwatched)}
	return there, back
}

func end(role string, onHost bool, node string) string {
	if onHost {
		return "the " + role + " on node " + node
	}
	return "the " + role + " pod"
}
