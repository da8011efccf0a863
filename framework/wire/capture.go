package wire

// What the capture that an agent streams says beyond the pcapng format: it stands in
// if_description of each interface.

// LinkKind is what an interface is to a packet that passes the node.
type LinkKind string

// Kinds of interfaces.
const (
	LinkPod      LinkKind = "pod"      // leads into another network namespace of the node
	LinkWire     LinkKind = "wire"     // leads to other machines: a device, or a VLAN or bond above it
	LinkTunnel   LinkKind = "tunnel"   // leads to other machines inside packets that the capture does not show
	LinkBridge   LinkKind = "bridge"   // a switch within the node, Open vSwitch included
	LinkLoopback LinkKind = "loopback" // leads back
	LinkOther    LinkKind = "other"    // nobody knows
)

// LinkAll is the name of the first interface of a capture. It has no packets: that it is
// there says that the capture has begun, and its statistics at the end are those of the
// whole capture.
const LinkAll = "any"
