package capture

import "slices"

// Loss is a packet of an association that was being set up or stood already, which did
// not come to its other end, however often it was sent.
type Loss struct {
	Packet string // its first chunk
	Last   Hop    // where it was seen last

	course course
}

// String says how far the packet came.
func (l Loss) String() string { return "then " + l.Text() }

// Text is String where nothing was told before.
func (l Loss) Text() string { return l.Packet + " " + l.course.passed(0, l.Last) }

// parcel is a packet with all its sightings. What makes two packets the same is what no NAT
// changes: the tag and the first chunk.
type parcel struct {
	tag   uint32
	chunk string
}

// later looks for what was lost after the handshake's first two packets: on the way of the
// client's packets and on that of the server's the first packet that never arrived.
func (t *Trail) later(seen []sighting) {
	if !t.back.whole(t.Back) || t.Answer != chunkNames[chunkInitAck] {
		return
	}
	var servers []uint32 // tags, a new one with each INIT-ACK
	for _, s := range seen {
		if c, ok := s.has(chunkInitAck); ok && !s.icmp && s.tag == t.Tag {
			if tag, ok := c.initiateTag(); ok {
				servers = append(servers, tag)
			}
		}
	}
	t.lose(t.there, servers, seen)
	t.lose(t.back, []uint32{t.Tag}, seen)
}

// lose finds the first packet with one of some tags that set out on a course and did not
// come to its end. Sightings are in the order of time on each node, not between nodes.
func (t *Trail) lose(c course, tags []uint32, seen []sighting) {
	last, begun := map[parcel]int{}, map[parcel]bool{}
	var order []parcel
	for _, s := range seen {
		if s.icmp || len(s.chunks) == 0 || !slices.Contains(tags, s.tag) || told(s.chunks[0].kind) {
			continue
		}
		p, place := parcel{s.tag, s.chunks[0].text()}, c.index(s.at)
		if place == 0 && !begun[p] {
			begun[p], order = true, append(order, p)
		}
		last[p] = max(last[p], place)
	}
	for _, p := range order {
		if last[p] < len(c.hops)-1 {
			t.Lost = append(t.Lost, Loss{Packet: p.chunk, Last: c.hops[last[p]], course: c})
			return
		}
	}
}

// told says whether a chunk is not worth a word: the INIT-ACK has its own, and for the
// others nobody waits, so that one which was on its way when the capture ended is no loss.
func told(kind uint8) bool {
	return slices.Contains([]uint8{chunkInitAck, chunkSack, chunkHeartbeat, chunkHeartbeatAck, chunkShutdownComplete}, kind)
}
