// Package capture reads what agents captured on nodes: it writes packets as lines for
// people, and follows one association from node to node to name the hop at which its
// packets vanish.
//
// It is pure. Where captures come from, and whether anybody may take them, is not its
// business.
package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"sctp.test/framework/wire"
)

// Way is the way of a packet through an interface.
type Way string

// Ways. A packet that a pod sends comes into its node by the node's end of the pair.
const (
	In      Way = "in"
	Out     Way = "out"
	Unknown Way = "?"
)

// Packet is one sighting of a packet. The same packet is seen at every interface it passes.
type Packet struct {
	At       time.Time // by the clock of the node
	Node     string
	Link     string // name of the interface
	Kind     wire.LinkKind
	Way      Way
	Data     []byte // from its IP header; the end may be cut off
	Length   int    // of the whole packet, in bytes
	Unsummed bool   // the checksum is not computed yet: nobody has put it on a wire
}

// Capture is what was captured on one node, in the order in which it was seen.
type Capture struct {
	Node     string
	Packets  []Packet
	Dropped  uint64 // packets that nobody read in time
	Complete bool   // it was ended, not broken off
}

// Blocks, options and flags of pcapng, by draft-ietf-opsawg-pcapng; the agent writes no
// others.
const (
	sectionHeader      = 0x0a0d0d0a
	interfaceBlock     = 1
	interfaceStatistic = 5
	enhancedPacket     = 6

	byteOrder = 0x1a2b3c4d
	linkRaw   = 101

	ifName        = 2
	ifDescription = 3
	epbFlags      = 2
	isbDropped    = 7

	flagWay      = 3
	flagUnsummed = 1 << 9
)

var errCut = errors.New("it is cut off")

// Read reads the pcapng stream of an agent on a node. Beside an error it returns what
// was read until there.
func Read(node string, raw []byte) (Capture, error) {
	r := reader{Capture: Capture{Node: node}}
	if len(raw) >= 4 && binary.LittleEndian.Uint32(raw) != sectionHeader {
		return r.Capture, fmt.Errorf("capture of node %s: no pcapng but %q", node, raw[:min(len(raw), 100)])
	}
	for at := 0; at < len(raw); {
		kind, body, size, err := block(raw[at:])
		if err == nil {
			err = r.take(kind, body)
		}
		if err != nil {
			return r.Capture, fmt.Errorf("capture of node %s, at byte %d of %d: %w", node, at, len(raw), err)
		}
		at += size
	}
	return r.Capture, nil
}

// block splits off the first block of b.
func block(b []byte) (kind uint32, body []byte, size int, err error) {
	if len(b) < 12 {
		return 0, nil, 0, errCut
	}
	kind, length := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	switch {
	case length < 12 || length%4 != 0:
		return 0, nil, 0, fmt.Errorf("a block of %d bytes", length)
	case uint64(length) > uint64(len(b)):
		return 0, nil, 0, errCut
	case binary.LittleEndian.Uint32(b[length-4:]) != length:
		return 0, nil, 0, errors.New("a block whose two lengths differ")
	}
	return kind, b[8 : length-4], int(length), nil
}

// reader takes blocks.
type reader struct {
	Capture
	links []Packet // interfaces by number: what their packets begin with
}

func (r *reader) take(kind uint32, body []byte) error {
	switch kind {
	case sectionHeader:
		if len(body) < 16 || binary.LittleEndian.Uint32(body) != byteOrder {
			return errors.New("no section of an agent")
		}
		r.links, r.Complete = nil, false
	case interfaceBlock:
		return r.link(body)
	case enhancedPacket:
		return r.packet(body)
	case interfaceStatistic:
		if len(body) < 12 {
			return errCut
		}
		if v := option(body[12:], isbDropped); len(v) == 8 {
			r.Dropped += binary.LittleEndian.Uint64(v)
		}
		r.Complete = true
	}
	return nil // a reader skips blocks that it does not know
}

func (r *reader) link(body []byte) error {
	if len(body) < 8 {
		return errCut
	}
	if t := binary.LittleEndian.Uint16(body); t != linkRaw {
		return fmt.Errorf("an interface of link type %d", t)
	}
	r.links = append(r.links, Packet{
		Node: r.Node, Link: string(option(body[8:], ifName)), Kind: wire.LinkKind(option(body[8:], ifDescription)),
	})
	return nil
}

func (r *reader) packet(body []byte) error {
	if len(body) < 20 {
		return errCut
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(body[at:]) }
	number, kept := u32(0), uint64(u32(12))
	if uint64(number) >= uint64(len(r.links)) {
		return fmt.Errorf("a packet of interface %d of %d", number, len(r.links))
	}
	end := 20 + kept
	if end > uint64(len(body)) {
		return errCut
	}
	p := r.links[number]
	p.At = time.Unix(0, int64(uint64(u32(4))<<32|uint64(u32(8))))
	p.Data, p.Length, p.Way = body[20:end:end], int(u32(16)), Unknown
	if v := option(body[min((end+3)&^3, uint64(len(body))):], epbFlags); len(v) == 4 {
		flags := binary.LittleEndian.Uint32(v)
		p.Way = [...]Way{Unknown, In, Out, Unknown}[flags&flagWay]
		p.Unsummed = flags&flagUnsummed != 0
	}
	r.Packets = append(r.Packets, p)
	return nil
}

// option finds an option among those of a block, nil if it is not there.
func option(b []byte, code uint16) []byte {
	for len(b) >= 4 {
		kind, length := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if kind == 0 || 4+length > len(b) {
			return nil
		}
		if kind == code {
			return b[4 : 4+length]
		}
		b = b[min(4+(length+3)&^3, len(b)):]
	}
	return nil
}
