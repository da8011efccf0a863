package lab

import (
	"fmt"
	"slices"
	"strings"

	"sctp.test/framework/reach"
)

// worstGround is fail where any path fails, for that cannot be undone by another.
func worstGround(faults []fault) reach.Ground {
	for _, f := range faults {
		if f.ground == reach.GroundFail {
			return f.ground
		}
	}
	return faults[0].ground
}

// worstOf is the fault that the first line is about.
func worstOf(faults []fault) *fault {
	ground := worstGround(faults)
	return &faults[slices.IndexFunc(faults, func(f fault) bool { return f.ground == ground })]
}

// mostFaults are told in full.
const mostFaults = 4

// faultText is the failure for people: the worst fault and its path in the first line, then
// every path with what was done on it.
func (l *Lab) faultText(faults []fault, paths int) string {
	first := worstOf(faults)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s%s (%s): %s; seen on %d of %d paths\n", l.id, first.seen, first.path.text, first.path.family, first.text, len(faults), paths)
	for i, f := range faults {
		if i == mostFaults {
			fmt.Fprintf(&b, "\n  and %d more paths, see associations.jsonl\n", len(faults)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s (%s): %s\n", f.path.text, f.path.family, f.text)
		f.path.tell(&b)
	}
	b.WriteString(l.whereabouts())
	return b.String()
}
