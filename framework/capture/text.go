package capture

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes packets of all captures as lines, by their time in seconds since the first.
// It sets clocks of nodes that differ by packets that went between them, and keeps the
// packets of a node in their order where its clock was set back meanwhile. At the end it
// says by how much clocks differ, and which captures are not whole.
func Text(w io.Writer, captures []Capture) error {
	var all []Packet
	var notes []string
	clocks := offsets(captures)
	for _, c := range captures {
		ahead := clocks[c.Node]
		for i, p := range c.Packets {
			if i > 0 {
				ahead -= stepBack(c.Packets[i-1].At, p.At)
			}
			p.At = p.At.Add(-ahead)
			all = append(all, p)
		}
		if ahead := clocks[c.Node]; ahead.Abs() >= time.Millisecond {
			notes = append(notes, fmt.Sprintf("times of node %s are corrected by %v", c.Node, -ahead.Round(time.Microsecond)))
		}
		if said := c.shortcoming(); said != "" {
			notes = append(notes, said)
		}
	}
	slices.SortStableFunc(all, func(a, b Packet) int { return a.At.Compare(b.At) })
	columns := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, p := range all {
		_, _ = fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\n", seconds(p.At.Sub(all[0].At)), p.Node, p.Link, p.Way, p.Text()) // Flush tells
	}
	for _, n := range notes {
		_, _ = fmt.Fprintln(columns, n)
	}
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("writing captures as text: %w", err)
	}
	return nil
}

// stepBack is how far a clock was set back between two packets that were captured one after
// the other, 0 if it was not. A little is no step: packets are stamped when they come and
// captured where they pass.
func stepBack(before, after time.Time) time.Duration {
	if back := before.Sub(after); back > time.Second {
		return back
	}
	return 0
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// shortcoming says what is missing from a capture, "" if nothing is.
func (c Capture) shortcoming() string {
	switch {
	case c.Dropped > 0:
		return fmt.Sprintf("the capture of node %s has lost %d packets", c.Node, c.Dropped)
	case !c.Complete:
		return fmt.Sprintf("the capture of node %s was broken off", c.Node)
	}
	return ""
}

// Text is what a packet says.
func (p Packet) Text() string {
	d, ok := parseIP(p.Data)
	if !ok {
		return fmt.Sprintf("no IP packet, %d bytes", p.Length)
	}
	if s, ok := parseSCTP(d); ok {
		return s.from.String() + " > " + s.to.String() + " " + s.text(p.Unsummed)
	}
	way := d.from.String() + " > " + d.to.String()
	if e, ok := parseICMP(d); ok {
		return way + " " + e.text()
	}
	if d.fragment {
		return fmt.Sprintf("%s fragment, %d bytes", way, p.Length)
	}
	return fmt.Sprintf("%s protocol %d, %d bytes", way, d.proto, p.Length)
}

// text is a segment without its addresses. The checksum of one that was on no wire yet
// says nothing.
func (s segment) text(unsummed bool) string {
	words := []string{"sctp", fmt.Sprintf("vtag %#x", s.tag)}
	if s.sum == sumWrong && !unsummed {
		words = append(words, "bad checksum")
	}
	for i, c := range s.chunks {
		word := c.text()
		if i < len(s.chunks)-1 {
			word += ","
		}
		words = append(words, word)
	}
	if s.cut {
		words = append(words, "...")
	}
	return strings.Join(words, " ")
}

var chunkNames = map[uint8]string{
	chunkData: "DATA", chunkInit: "INIT", chunkInitAck: "INIT-ACK", chunkSack: "SACK", chunkHeartbeat: "HEARTBEAT",
	chunkHeartbeatAck: "HEARTBEAT-ACK", chunkAbort: "ABORT", chunkShutdown: "SHUTDOWN", chunkShutdownAck: "SHUTDOWN-ACK",
	chunkError: "ERROR", chunkCookieEcho: "COOKIE-ECHO", chunkCookieAck: "COOKIE-ACK", 12: "ECNE", 13: "CWR",
	chunkShutdownComplete: "SHUTDOWN-COMPLETE", 15: "AUTH", chunkIData: "I-DATA", 128: "ASCONF-ACK", 130: "RE-CONFIG",
	132: "PAD", 192: "FORWARD-TSN", 193: "ASCONF", 194: "I-FORWARD-TSN",
}

func (c chunk) name() string {
	return cmp.Or(chunkNames[c.kind], fmt.Sprintf("chunk type %d", c.kind))
}

// text is a chunk with the fields that tell one from another. One that is cut off within
// its fields is its name.
func (c chunk) text() string {
	u16 := func(at int) uint16 { return binary.BigEndian.Uint16(c.value[at:]) }
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(c.value[at:]) }
	name := c.name()
	switch {
	case (c.kind == chunkInit || c.kind == chunkInitAck) && len(c.value) >= 16:
		return fmt.Sprintf("%s tag %#x a_rwnd %d os %d is %d tsn %d%s", name, u32(0), u32(4), u16(8), u16(10), u32(12), addresses(c.value[16:]))
	case (c.kind == chunkInit || c.kind == chunkInitAck) && len(c.value) >= 4: // as ICMP quotes it
		return fmt.Sprintf("%s tag %#x", name, u32(0))
	case c.kind == chunkData && len(c.value) >= 12:
		return fmt.Sprintf("%s tsn %d stream %d ssn %d ppid %d len %d", name, u32(0), u16(4), u16(6), u32(8), c.length-16)
	case c.kind == chunkIData && len(c.value) >= 16:
		return fmt.Sprintf("%s tsn %d stream %d mid %d len %d", name, u32(0), u16(4), u32(8), c.length-20)
	case c.kind == chunkSack && len(c.value) >= 12:
		return fmt.Sprintf("%s cum %d a_rwnd %d gaps %d dups %d", name, u32(0), u32(4), u16(8), u16(10))
	case c.kind == chunkShutdown && len(c.value) >= 4:
		return fmt.Sprintf("%s cum %d", name, u32(0))
	case c.kind == chunkAbort || c.kind == chunkError:
		return name + causes(c.value)
	}
	return name
}

// identity tells a chunk from others of its association, also where something on the way has
// changed what it says: DATA goes by its number.
func (c chunk) identity() string {
	if (c.kind == chunkData || c.kind == chunkIData) && len(c.value) >= 4 {
		return fmt.Sprintf("%s tsn %d", c.name(), binary.BigEndian.Uint32(c.value))
	}
	return c.text()
}

// addresses are those that an INIT lists beside the one it comes from. NAT does not
// rewrite them.
func addresses(b []byte) string {
	var out strings.Builder
	each(b, func(kind uint16, value []byte) {
		if a, ok := netip.AddrFromSlice(value); ok && (kind == 5 && a.Is4() || kind == 6 && a.Is6()) {
			out.WriteString(" lists " + a.String())
		}
	})
	return out.String()
}

// each hands over parameters, or causes of an error: both have a type and a length.
func each(b []byte, take func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		length := int(binary.BigEndian.Uint16(b[2:]))
		if length < 4 {
			return
		}
		take(binary.BigEndian.Uint16(b), b[4:max(4, min(length, len(b)))])
		b = b[min((length+3)&^3, len(b)):]
	}
}
