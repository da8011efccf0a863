package capture

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// Types of chunks, by RFC 9260 and those it is extended by.
const (
	chunkData             = 0
	chunkInit             = 1
	chunkInitAck          = 2
	chunkSack             = 3
	chunkHeartbeat        = 4
	chunkHeartbeatAck     = 5
	chunkAbort            = 6
	chunkShutdown         = 7
	chunkShutdownAck      = 8
	chunkError            = 9
	chunkCookieEcho       = 10
	chunkCookieAck        = 11
	chunkShutdownComplete = 14
	chunkIData            = 64
)

// segment is an SCTP packet as far as it was captured.
type segment struct {
	from, to netip.AddrPort
	tag      uint32 // verification tag
	chunks   []chunk
	cut      bool // there is more than was captured
	sum      sum
}

// chunk is a chunk as far as it was captured.
type chunk struct {
	kind, flags uint8
	length      int    // of the whole chunk
	value       []byte // after its header of four bytes
}

// sum is what can be said of a packet's CRC32c.
type sum int

const (
	sumUnknown sum = iota // not all of it was captured, or it is not computed yet
	sumRight
	sumWrong
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parseSCTP reads an SCTP packet. ok is false when not even its header is there.
func parseSCTP(d datagram) (s segment, ok bool) {
	if d.proto != protoSCTP || !d.first || len(d.body) < 12 {
		return s, false
	}
	b := d.body
	s.from = netip.AddrPortFrom(d.from, binary.BigEndian.Uint16(b))
	s.to = netip.AddrPortFrom(d.to, binary.BigEndian.Uint16(b[2:]))
	s.tag = binary.BigEndian.Uint32(b[4:])
	s.cut = !d.whole || d.fragment
	if !s.cut {
		s.sum = check(b)
	}
	for b = b[12:]; len(b) >= 4; {
		c := chunk{kind: b[0], flags: b[1], length: int(binary.BigEndian.Uint16(b[2:]))}
		if c.length < 4 {
			break
		}
		c.value = b[4:max(4, min(c.length, len(b)))]
		s.chunks = append(s.chunks, c)
		b = b[min((c.length+3)&^3, len(b)):]
	}
	return s, true
}

// check computes the checksum over the packet with zeros in the checksum's place.
func check(b []byte) sum {
	c := crc32.Update(0, castagnoli, b[:8])
	c = crc32.Update(c, castagnoli, make([]byte, 4))
	c = crc32.Update(c, castagnoli, b[12:])
	if c == binary.LittleEndian.Uint32(b[8:]) {
		return sumRight
	}
	return sumWrong
}

// has returns the first chunk of a type.
func (s segment) has(kind uint8) (chunk, bool) {
	for _, c := range s.chunks {
		if c.kind == kind {
			return c, true
		}
	}
	return chunk{}, false
}

// initiateTag is the tag that an INIT or INIT ACK asks its peer to use. NAT leaves it alone.
func (c chunk) initiateTag() (uint32, bool) {
	if c.kind != chunkInit && c.kind != chunkInitAck || len(c.value) < 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(c.value), true
}

// icmp is an ICMP error.
type icmp struct {
	from, to   netip.Addr
	v6         bool
	kind, code uint8
	quoted     segment // the SCTP packet that it is about
	recognised bool    // quoted is filled in
	field      uint32  // after the checksum: an MTU, or a pointer
}

// parseICMP reads an ICMP error with the beginning of the packet that it is about.
func parseICMP(d datagram) (e icmp, ok bool) {
	v6 := d.proto == protoICMPv6
	if d.proto != protoICMP && !v6 || !d.first || len(d.body) < 8 {
		return e, false
	}
	e = icmp{from: d.from, to: d.to, v6: v6, kind: d.body[0], code: d.body[1], field: binary.BigEndian.Uint32(d.body[4:])}
	quoted, ok := parseIP(d.body[8:])
	if !ok || quoted.proto != protoSCTP || len(quoted.body) < 4 {
		return e, true
	}
	quoted.whole = false // its checksum is not ours to judge
	quoted.body = append(quoted.body[:len(quoted.body):len(quoted.body)], make([]byte, max(0, 12-len(quoted.body)))...)
	e.quoted, e.recognised = parseSCTP(quoted)
	return e, true
}
