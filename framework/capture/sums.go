package capture

import (
	"fmt"
	"slices"
)

// Sums tells of the checksums of the SCTP packets in captures: how many were computed, and
// a sentence for each place at which some were wrong, in the order in which packets pass
// such places. A packet whose checksum nobody has computed yet was on no wire; one that was
// not captured to its end cannot be judged.
func Sums(captures []Capture) (judged int, wrong []string) {
	type place struct {
		node, link string
		side       Side
	}
	bad, all := map[place]int{}, map[place]int{}
	example := map[place]string{}
	var order []place
	for _, c := range captures {
		for _, p := range c.Packets {
			d, ok := parseIP(p.Data)
			if !ok || p.Unsummed {
				continue
			}
			s, ok := parseSCTP(d)
			if !ok || s.sum == sumUnknown {
				continue
			}
			judged++
			at := place{p.Node, p.Link, p.hop().Side}
			if all[at]++; s.sum == sumRight {
				continue
			}
			if bad[at]++; bad[at] == 1 {
				order, example[at] = append(order, at), p.Text()
			}
		}
	}
	slices.SortStableFunc(order, func(a, b place) int { return sides[a.side] - sides[b.side] })
	for _, at := range order {
		wrong = append(wrong, fmt.Sprintf("%d of %d packets %s node %s by %s have a wrong CRC32c, such as %s",
			bad[at], all[at], passing[at.side], at.node, at.link, example[at]))
	}
	return judged, wrong
}

// sides are in the order in which a packet passes them; what is within a node comes last.
var sides = map[Side]int{FromPod: 0, ToWire: 1, FromWire: 2, ToPod: 3, "": 4}

// passing is what packets do at a side of a node.
var passing = map[Side]string{
	FromPod: "that come from a pod of", ToWire: "that leave", FromWire: "that come to", ToPod: "that go to a pod of", "": "within",
}
