package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/reach"
)

// effects tell when what a table claims began to be so, for each pair of nodes: what the
// nodes' proxies and policy engines do at different times.
type effects struct {
	since map[string]time.Duration // by the pair, in words, counted from the first question
	twins time.Duration            // when TCP was right everywhere; -1 while it is not, or is not asked
}

func newEffects() effects { return effects{since: map[string]time.Duration{}, twins: -1} }

// timeEffects notes from which round of a batch on, which began so long after the first question,
// each pair of nodes is right. The handshake counts, too: an INIT that is sent again was not
// answered before.
func (l *Lab) timeEffects(begun time.Duration, ask asking, questions []*question) {
	type round struct {
		ends   string
		number int
	}
	wrong, took := map[round]bool{}, map[round]time.Duration{}
	all := map[string]bool{}
	for _, q := range questions {
		if q.twin {
			continue
		}
		r := round{l.endsOf(q.client, q.server), q.round}
		all[r.ends] = true
		wrong[r] = wrong[r] || !q.want.Admits(reach.Judge(q.evidence))
		if seen := q.evidence.Seen; seen != nil && seen.Greeting != nil {
			took[r] = max(took[r], time.Duration(seen.Connect)*time.Microsecond)
		}
	}
	for ends := range all {
		first := ask.rounds
		for first > 0 && !wrong[round{ends, first - 1}] {
			first--
		}
		if _, before := l.effects.since[ends]; before && first == 0 {
			continue
		}
		delete(l.effects.since, ends)
		if first < ask.rounds {
			l.effects.since[ends] = begun + ask.begins(first) + took[round{ends, first}]
		}
	}
}

// timeTwins notes when TCP was right.
func (l *Lab) timeTwins(s *reach.Series, begun time.Time) {
	switch right := len(s.Report.WrongTwins()) == 0; {
	case len(s.Report.Twins) == 0, !right:
		l.effects.twins = -1
	case l.effects.twins < 0:
		l.effects.twins = begun.Sub(l.asking)
	}
}

// TookEffect is how long after the last Expect had begun the first round began that was as
// claimed: what went before it had taken effect by then. Rounds of a table that denies are half a
// second apart; others, and those of hosts that are out of breath, a quarter, or as long as their
// slowest probe takes.
func (l *Lab) TookEffect() time.Duration { return l.effect.Round(10 * time.Millisecond) }

// EffectByNode is TookEffect for each pair of the client's node and the server's, in words,
// and for TCP, where it was asked. A Service has no node, its name stands there.
func (l *Lab) EffectByNode() string {
	var parts []string
	for _, ends := range slices.Sorted(maps.Keys(l.effects.since)) {
		parts = append(parts, fmt.Sprintf("%s %v", ends, l.effects.since[ends].Round(10*time.Millisecond)))
	}
	if l.effects.twins >= 0 {
		parts = append(parts, fmt.Sprintf("for TCP %v", l.effects.twins.Round(10*time.Millisecond)))
	}
	return strings.Join(parts, ", ")
}

// endsOf names the nodes at the ends of a path.
func (l *Lab) endsOf(client, server string) string {
	from, to := "nowhere", l.targets[server].node
	if m := l.member(client); m != nil {
		from = m.node
	}
	if to == "" {
		to = server
	}
	return from + " to " + to
}
