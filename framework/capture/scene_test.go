package capture

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// Packets made by hand, and the cluster of the tests: the client 10.244.1.7 on node a,
// the server 10.244.2.4 on node b, a Service, and the nodes' own addresses.
var (
	client  = netip.MustParseAddrPort("10.244.1.7:40321")
	server  = netip.MustParseAddrPort("10.244.2.4:80")
	service = netip.MustParseAddrPort("10.96.0.5:30100")
	nodePt  = netip.MustParseAddrPort("192.168.7.12:31234") // NodePort of node b
	masq    = netip.MustParseAddrPort("192.168.7.12:50123") // node b for the client
	client6 = netip.MustParseAddrPort("[fd00:244:1::7]:40321")
	server6 = netip.MustParseAddrPort("[fd00:244:2::4]:80")
)

// Tags of the association: the client's and the server's.
const (
	tagC = 0x1f2e3d4c
	tagS = 0x0a0b0c0d
)

// raw is a chunk with a value.
func raw(kind, flags byte, value []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind, flags}, uint16(4+len(value)))
	b = append(b, value...)
	return append(b, make([]byte, -len(b)&3)...)
}

// words are big-endian numbers of 32 bits.
func words(of ...uint32) []byte {
	var b []byte
	for _, w := range of {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func initChunk(kind byte, tag uint32) []byte {
	return raw(kind, 0, words(tag, 106496, 10<<16|10, 77))
}

// sctp is an IP packet with chunks and the right checksum.
func sctp(from, to netip.AddrPort, tag uint32, chunks ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from.Port()), to.Port())
	b = append(b, words(tag, 0)...)
	for _, c := range chunks {
		b = append(b, c...)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, castagnoli))
	return ip(from.Addr(), to.Addr(), protoSCTP, b)
}

func ip(from, to netip.Addr, proto byte, body []byte) []byte {
	var h []byte
	if from.Is4() {
		h = make([]byte, 20)
		h[0], h[8], h[9] = 0x45, 64, proto
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(body)))
		copy(h[12:], from.AsSlice())
		copy(h[16:], to.AsSlice())
	} else {
		h = make([]byte, 40)
		h[0], h[6], h[7] = 0x60, proto, 64
		binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
		copy(h[8:], from.AsSlice())
		copy(h[24:], to.AsSlice())
	}
	return append(h, body...)
}

// about is an ICMP error that quotes the first bytes of a packet.
func about(from, to netip.Addr, kind, code byte, field uint32, quoted []byte) []byte {
	proto := byte(protoICMP)
	if from.Is6() {
		proto = protoICMPv6
	}
	return ip(from, to, proto, append(append([]byte{kind, code, 0, 0}, words(field)...), quoted...))
}

// The packets of a handshake, as they are on a way without NAT.
func initOf(from, to netip.AddrPort) []byte { return sctp(from, to, 0, initChunk(chunkInit, tagC)) }

func initAckOf(from, to netip.AddrPort) []byte {
	return sctp(from, to, tagC, initChunk(chunkInitAck, tagS))
}

func abortOf(from, to netip.AddrPort) []byte { return sctp(from, to, tagC, raw(chunkAbort, 0, nil)) }

// start is when captures begin.
var start = time.Unix(1_700_000_000, 0)

// watched collects what is seen on nodes.
type watched struct {
	t        *testing.T
	captures []Capture
	at       time.Time
}

func watch(t *testing.T, nodes ...string) *watched {
	w := &watched{t: t, at: start}
	for _, n := range nodes {
		w.captures = append(w.captures, Capture{Node: n, Complete: true})
	}
	return w
}

// see adds a sighting. place is node/kind/way.
func (w *watched) see(node string, kind wire.LinkKind, way Way, packet []byte) {
	w.t.Helper()
	links := map[wire.LinkKind]string{wire.LinkPod: "veth1", wire.LinkWire: "eth0", wire.LinkBridge: "cni0", wire.LinkTunnel: "vxlan0"}
	w.at = w.at.Add(1500 * time.Microsecond)
	for i := range w.captures {
		if c := &w.captures[i]; c.Node == node {
			c.Packets = append(c.Packets, Packet{At: w.at, Node: node, Link: links[kind], Kind: kind, Way: way, Data: packet, Length: len(packet)})
			return
		}
	}
}

// pass is a packet that is seen at each of some hops.
func (w *watched) pass(packet []byte, hops ...Hop) {
	w.t.Helper()
	for _, h := range hops {
		switch h.Side {
		case FromPod:
			w.see(h.Node, wire.LinkPod, In, packet)
		case ToWire:
			w.see(h.Node, wire.LinkWire, Out, packet)
		case FromWire:
			w.see(h.Node, wire.LinkWire, In, packet)
		case ToPod:
			w.see(h.Node, wire.LinkPod, Out, packet)
		}
	}
}
