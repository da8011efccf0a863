package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/reach"
)

// TookEffect is how long after the last Expect had begun the first round began that was as
// claimed: what went before it had taken effect by then. Rounds are a quarter of a second
// apart, or as long as their slowest probe takes.
func (l *Lab) TookEffect() time.Duration { return l.effect.Round(10 * time.Millisecond) }

// TookEffectByNodes is TookEffect of each pair of the client's node and the server's, in
// words: the first round from which all their paths were as claimed.
func (l *Lab) TookEffectByNodes() string {
	since := map[string]time.Duration{}
	for i, batch := range l.batches() {
		wrong := map[string]bool{}
		for _, a := range batch {
			pair := l.endsOf(a)
			wrong[pair] = wrong[pair] || !a.Want.Admits(reach.Judge(a.Evidence))
		}
		for pair, wrong := range wrong {
			if wrong {
				delete(since, pair)
			} else if _, known := since[pair]; !known {
				since[pair] = l.begun[i]
			}
		}
	}
	var parts []string
	for _, pair := range slices.Sorted(maps.Keys(since)) {
		parts = append(parts, fmt.Sprintf("%s %v", pair, since[pair].Round(10*time.Millisecond)))
	}
	return strings.Join(parts, ", ")
}

// batches are the probes of the last series, by the batch they were asked in.
func (l *Lab) batches() [][]reach.Asked {
	out := make([][]reach.Asked, len(l.begun))
	for _, line := range l.evidence {
		if a := line.Asked; a != nil && a.Series == l.series {
			out[a.Batch-1] = append(out[a.Batch-1], *a)
		}
	}
	return out
}

// endsOf names the nodes at the ends of a probe. A Service has no node.
func (l *Lab) endsOf(a reach.Asked) string {
	from, to := "nowhere", l.targets[a.Server].node
	if m := l.member(a.Client); m != nil {
		from = m.node
	}
	if to == "" {
		to = a.Server
	}
	return from + " to " + to
}
