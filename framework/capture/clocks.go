package capture

import "time"

// offsets says how far the clock of each node is ahead of that of the first capture, as
// far as packets that went between them tell. Nodes that exchanged none are left out.
func offsets(captures []Capture) map[string]time.Duration {
	out := map[string]time.Duration{}
	if len(captures) == 0 {
		return out
	}
	out[captures[0].Node] = 0
	for range captures { // a chain of nodes takes as many rounds as it is long
		for _, known := range captures {
			base, ok := out[known.Node]
			if !ok {
				continue
			}
			for _, c := range captures {
				if _, done := out[c.Node]; done {
					continue
				}
				if ahead, ok := ahead(known, c); ok {
					out[c.Node] = base + ahead
				}
			}
		}
	}
	return out
}

// ahead is how far the clock of b is ahead of a's. Where packets went both ways, it takes
// the way there for as long as the way back; else the fastest for having taken no time.
func ahead(a, b Capture) (time.Duration, bool) {
	there, ok1 := fastest(a, b)
	back, ok2 := fastest(b, a)
	switch {
	case ok1 && ok2:
		return (there - back) / 2, true
	case ok1:
		return there, true
	}
	return -back, ok2
}

// fastest is the least difference between when a packet left one node and when it came to
// another, each by its own clock. ok is false when none did both.
func fastest(from, to Capture) (least time.Duration, ok bool) {
	sent, came := crossings(from, ToWire), crossings(to, FromWire)
	for packet, left := range sent {
		arrived := came[packet]
		if len(arrived) != len(left) {
			continue // some of them were lost, and nobody knows which
		}
		for i := range left {
			if d := arrived[i].Sub(left[i]); !ok || d < least {
				least, ok = d, true
			}
		}
	}
	return least, ok
}

// crossings are the times at which packets were seen at a side of their node, by that
// beginning of them that no NAT changes: the verification tag and the first chunk.
func crossings(c Capture, side Side) map[string][]time.Time {
	out := map[string][]time.Time{}
	for _, p := range c.Packets {
		if p.hop().Side != side {
			continue
		}
		d, _ := parseIP(p.Data)
		if s, ok := parseSCTP(d); ok && len(s.chunks) > 0 {
			key := string(d.body[4:8]) + string(d.body[12:min(32, len(d.body))])
			out[key] = append(out[key], p.At)
		}
	}
	return out
}
