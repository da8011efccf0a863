package capture

import (
	"net/netip"
	"slices"
)

// Probe is an attempt to connect, as the one knows it who asked for it.
type Probe struct {
	Client       netip.AddrPort // port 0: not known
	Target       netip.AddrPort // what the client asked for: a pod, a Service, a NodePort
	Server       netip.AddrPort // the pod that should answer; the zero value where it is not known
	ClientNode   string
	ServerNode   string
	Via          string // the node whose address was asked, for a NodePort; else ""
	ClientOnHost bool   // the client uses its node's network
	ServerOnHost bool
}

// Trail is how far an attempt to connect came, as its packets were seen.
type Trail struct {
	Probe
	Tag          uint32         // initiate tag of the INIT that was followed; 0: none was seen
	Reached      Hop            // the last hop of the INIT
	Strayed      Hop            // where it left the nodes though it need not, or came to a pod of another node
	Rewritten    netip.AddrPort // the destination that it was given, invalid when it kept its own
	RewrittenAt  Hop            // the first place where it was seen with it
	Answer       string         // INIT-ACK, ABORT with its causes, or what an ICMP error said; "" for none
	AnsweredFrom netip.Addr     // who signed the answer
	AnsweredAt   Hop            // the place nearest to the server at which the answer was seen
	Back         Hop            // the last hop of the answer
	BackFrom     netip.AddrPort // where the answer comes from for the client, when that is not whom it asked
	Lost         []Loss         // where the handshake began well: the first packet that was lost, for either way
	Shortcomings []string       // of the captures: what was not seen may be among what was lost

	there, back course
}

// Follow finds the probe's INIT in the captures and follows it by its initiate tag, which
// no NAT changes. Of several attempts that fit it takes the one that came least far.
func Follow(captures []Capture, probe Probe) Trail {
	var found []Trail
	for _, tag := range probe.tags(captures) {
		found = append(found, follow(captures, probe, tag))
	}
	if len(found) == 0 {
		return follow(captures, probe, 0)
	}
	return slices.MinFunc(found, func(a, b Trail) int { return a.progress() - b.progress() })
}

// progress counts hops.
func (t Trail) progress() int {
	return t.there.index(t.Reached) + t.back.index(t.Back) - len(t.Lost)
}

// tags are those of the probe's INITs, as they are first seen: coming from the client's
// pod, or, where it has none, anywhere on its node.
func (p Probe) tags(captures []Capture) []uint32 {
	var exact, near []uint32
	for _, seen := range sightings(captures) {
		tag, ok := seen.initTag()
		if !ok || seen.node != p.ClientNode || !p.ClientOnHost && seen.at.Side != FromPod {
			continue
		}
		if seen.from.Addr() != p.Client.Addr() || p.Client.Port() != 0 && seen.from.Port() != p.Client.Port() {
			continue
		}
		switch {
		case seen.to == p.Target:
			exact = append(exact, tag)
		case p.Client.Port() != 0 || p.ClientOnHost && seen.to == p.Server: // rewritten before it was seen
			near = append(near, tag)
		}
	}
	if len(exact) == 0 {
		exact = near
	}
	slices.Sort(exact)
	return slices.Compact(exact)
}

// follow makes the trail of the INIT with a tag.
func follow(captures []Capture, probe Probe, tag uint32) Trail {
	t := Trail{Probe: probe, Tag: tag}
	t.there, t.back = probe.courses(captures)
	for _, c := range captures {
		if said := c.shortcoming(); said != "" {
			t.Shortcomings = append(t.Shortcomings, said)
		}
	}
	if tag == 0 {
		return t
	}
	seen := sightings(captures)
	t.outward(seen)
	t.homeward(seen)
	t.later(seen)
	return t
}

// outward follows the INIT.
func (t *Trail) outward(seen []sighting) {
	for _, s := range seen {
		if tag, ok := s.initTag(); !ok || tag != t.Tag {
			continue
		}
		place := t.there.index(s.at)
		if place > t.there.index(t.Reached) {
			t.Reached = s.at
		}
		if place < 0 && t.Strayed == (Hop{}) && (s.at.Side == ToWire || s.at.Side == ToPod) {
			t.Strayed = s.at
		}
		before := t.there.index(t.RewrittenAt)
		if s.to != t.Target && place >= 0 && (before < 0 || place < before) {
			t.Rewritten, t.RewrittenAt = s.to, s.at
		}
	}
}

// homeward follows the answer. An INIT-ACK outweighs an ABORT, which may belong to a later
// time of the association, and both an ICMP error.
func (t *Trail) homeward(seen []sighting) {
	for _, is := range []func(sighting) string{t.initAck, t.abort, t.aboutInit} {
		for _, s := range seen {
			if said := is(s); said != "" {
				t.answered(s, said)
			}
		}
		if t.Answer != "" {
			break
		}
	}
	if t.AnsweredAt == (Hop{t.ServerNode, FromPod}) && !t.ServerOnHost {
		t.Reached = t.there.hops[len(t.there.hops)-1] // also where the network hands it over unseen, as Cilium can
	}
}

func (t *Trail) answered(s sighting, said string) {
	place := t.back.index(s.at)
	if nearest := t.back.index(t.AnsweredAt); t.Answer == "" || place >= 0 && (nearest < 0 || place < nearest) {
		t.Answer, t.AnsweredAt, t.AnsweredFrom = said, s.at, s.signer
	}
	if place > t.back.index(t.Back) {
		t.Back = s.at
	}
	if s.at == (Hop{t.ClientNode, ToPod}) && !t.ClientOnHost && !s.icmp && s.from != t.Target {
		t.BackFrom = s.from
	}
}

func (t *Trail) initAck(s sighting) string {
	if c, ok := s.has(chunkInitAck); ok && !s.icmp && s.tag == t.Tag {
		return c.name()
	}
	return ""
}

func (t *Trail) abort(s sighting) string {
	if c, ok := s.has(chunkAbort); ok && !s.icmp && s.tag == t.Tag {
		return c.text()
	}
	return ""
}

// aboutInit picks ICMP errors about the INIT. What quotes too little to tell is taken for
// one when it quotes the client's address and port: those are the probe's alone.
func (t *Trail) aboutInit(s sighting) string {
	if !s.icmp {
		return ""
	}
	if c, ok := s.has(chunkInit); ok {
		if tag, ok := c.initiateTag(); ok {
			if tag == t.Tag {
				return s.said
			}
			return ""
		}
	}
	if s.from.Addr() == t.Client.Addr() && s.from.Port() == t.Client.Port() {
		return s.said
	}
	return ""
}

// sighting is an SCTP packet, or an ICMP error about one, at a place.
type sighting struct {
	at     Hop
	node   string
	signer netip.Addr // who has sent it, by its own word
	segment
	length int    // of the whole packet, in bytes
	icmp   bool   // the segment is the one that the error quotes
	said   string // by the error
}

// sightings reads all packets that are SCTP or about SCTP.
func sightings(captures []Capture) []sighting {
	var out []sighting
	for _, c := range captures {
		for _, p := range c.Packets {
			d, ok := parseIP(p.Data)
			if !ok {
				continue
			}
			if s, ok := parseSCTP(d); ok {
				out = append(out, sighting{at: p.hop(), node: p.Node, signer: d.from, segment: s, length: p.Length})
			} else if e, ok := parseICMP(d); ok && e.recognised {
				out = append(out, sighting{at: p.hop(), node: p.Node, signer: d.from, segment: e.quoted, icmp: true, said: e.reason()})
			}
		}
	}
	return out
}

// initTag is the initiate tag of an INIT.
func (s sighting) initTag() (uint32, bool) {
	c, ok := s.has(chunkInit)
	if !ok || s.icmp {
		return 0, false
	}
	return c.initiateTag()
}
