package capture

import (
	"fmt"
	"slices"
)

// Vanished tells what the associations between a probe's client and its target have lost,
// where their handshakes came through: kinds of packets, by their first chunk, of which
// none came to its end, and sizes above which none did. What may have been under way when
// the captures ended is no loss.
func Vanished(captures []Capture, probe Probe) []Loss {
	there, back := probe.courses(captures)
	if len(there.hops) < 2 || len(back.hops) < 2 {
		return nil // nobody watched both ends
	}
	seen := sightings(captures)
	clients := probe.tags(captures)
	servers := answers(seen, clients)
	return append(there.vanished(seen, servers), back.vanished(seen, clients)...)
}

// answers are the tags that servers have chosen, by those of the clients.
func answers(seen []sighting, clients []uint32) []uint32 {
	var out []uint32
	for _, s := range seen {
		if c, ok := s.has(chunkInitAck); ok && !s.icmp && slices.Contains(clients, s.tag) {
			if tag, ok := c.initiateTag(); ok {
				out = append(out, tag)
			}
		}
	}
	return out
}

// journey is a packet that set out, with all its sightings.
type journey struct {
	kind   uint8
	length int
	sent   int // times
	last   int // the place on the course that it came to
}

// vanished looks at the packets with some tags that set out on a course.
func (c course) vanished(seen []sighting, tags []uint32) []Loss {
	journeys := c.journeys(seen, tags)
	var kinds []uint8
	for _, j := range journeys {
		if !slices.Contains(kinds, j.kind) {
			kinds = append(kinds, j.kind)
		}
	}
	var out []Loss
	for _, kind := range kinds {
		mine := slices.DeleteFunc(slices.Clone(journeys), func(j *journey) bool { return j.kind != kind })
		if loss, any := c.loss(kind, mine); any {
			out = append(out, loss)
		}
	}
	return out
}

// always is the size in bytes of packets that every host must take (RFC 791 section 3.1): smaller
// ones are not lost for their size, although specs send messages that grow.
const always = 576

// loss judges the packets of a kind. That some are lost and others are not is how networks
// are, unless it goes by their size.
func (c course) loss(kind uint8, journeys []*journey) (Loss, bool) {
	longest, shortest := 0, 0 // of what arrived, and of what did not
	sent, last := 0, 0
	for _, j := range journeys {
		if j.last == len(c.hops)-1 {
			longest = max(longest, j.length)
			continue
		}
		sent, last = sent+j.sent, max(last, j.last)
		if shortest == 0 || j.length < shortest {
			shortest = j.length
		}
	}
	name := chunk{kind: kind}.name()
	switch {
	case sent == 0, sent == 1 && !once(kind), shortest <= longest, longest > 0 && shortest <= always:
		return Loss{}, false
	case longest > 0:
		name = fmt.Sprintf("%s in packets of %d bytes (those of up to %d bytes arrive)", name, shortest, longest)
	}
	return Loss{Packet: name, Last: c.hops[last], course: c}, true
}

// journeys are the packets with some tags, in the order in which they set out. Those that
// are sent again, and heartbeats, which all look alike here, are one.
func (c course) journeys(seen []sighting, tags []uint32) []*journey {
	known := map[parcel]*journey{}
	var out []*journey
	for _, s := range seen {
		if s.icmp || len(s.chunks) == 0 || !slices.Contains(tags, s.tag) {
			continue
		}
		p, place := parcel{s.tag, s.chunks[0].identity()}, c.index(s.at)
		j := known[p]
		if j == nil {
			j = &journey{kind: s.chunks[0].kind, length: s.length, last: -1}
			known[p] = j
		}
		if place == 0 && j.sent == 0 {
			out = append(out, j)
		}
		if place == 0 {
			j.sent++
		}
		j.last = max(j.last, place)
	}
	return out
}

// once says whether a chunk that was sent one time and did not arrive is lost: nobody sends
// it again.
func once(kind uint8) bool {
	return slices.Contains([]uint8{chunkAbort, chunkShutdownComplete}, kind)
}
