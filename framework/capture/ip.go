package capture

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers.
const (
	protoICMP     = 1
	protoFragment = 44
	protoICMPv6   = 58
	protoSCTP     = 132
)

// datagram is an IP packet without its header.
type datagram struct {
	from, to netip.Addr
	proto    uint8
	body     []byte // what was captured of it
	whole    bool   // all of it was captured
	fragment bool   // it is not the first, or not the only one, of its packet
	first    bool   // it has the beginning of what it carries
}

// parseIP reads an IP packet. ok is false when its header is not all there.
func parseIP(b []byte) (d datagram, ok bool) {
	if len(b) == 0 {
		return d, false
	}
	switch b[0] >> 4 {
	case 4:
		return parseIPv4(b)
	case 6:
		return parseIPv6(b)
	}
	return d, false
}

func parseIPv4(b []byte) (d datagram, ok bool) {
	if len(b) < 20 {
		return d, false
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if head < 20 || len(b) < head || total < head {
		return d, false
	}
	d.from, d.to = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	d.proto = b[9]
	const moreFragments, offset = 0x2000, 0x1fff
	where := binary.BigEndian.Uint16(b[6:])
	d.fragment, d.first = where&(moreFragments|offset) != 0, where&offset == 0
	d.whole = total <= len(b)
	d.body = b[head:min(total, len(b))]
	return d, true
}

// parseIPv6 knows no extension header but that of fragments, as the agent's filter.
func parseIPv6(b []byte) (d datagram, ok bool) {
	if len(b) < 40 {
		return d, false
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	d.from, d.to = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	d.proto, d.first = b[6], true
	d.whole = total <= len(b)
	d.body = b[40:min(total, len(b))]
	if d.proto != protoFragment {
		return d, true
	}
	if len(d.body) < 8 {
		return d, false
	}
	const moreFragments, offset = 1, 0xfff8
	where := binary.BigEndian.Uint16(d.body[2:])
	d.fragment, d.first = where&(moreFragments|offset) != 0, where&offset == 0
	d.proto, d.body = d.body[0], d.body[8:]
	return d, true
}
