package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/reach"
)

// effects tell when what a table claims began to be so, seen from each client: what the
// nodes' proxies and policy engines do at different times.
type effects struct {
	since map[string]time.Duration // by the client's word, counted from the first question
	twins time.Duration            // when TCP was right everywhere; -1 while it is not, or is not asked
}

func newEffects() effects { return effects{since: map[string]time.Duration{}, twins: -1} }

// time notes for which clients a batch is right that began so long after the first one. The
// handshake counts, too: an INIT that is sent again was not answered before.
func (e effects) time(r reach.Report, begun time.Duration, questions []*question) {
	wrong, took := map[string]bool{}, map[string]time.Duration{}
	for _, p := range r.Wrong() {
		wrong[p.Row.Word] = true
	}
	for _, q := range questions {
		if seen := q.evidence.Seen; !q.twin && q.round == 0 && seen != nil && seen.Greeting != nil {
			took[q.client] = max(took[q.client], time.Duration(seen.Connect)*time.Microsecond)
		}
	}
	for _, q := range questions {
		if _, before := e.since[q.client]; wrong[q.client] {
			delete(e.since, q.client)
		} else if !before {
			e.since[q.client] = begun + took[q.client]
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

// EffectByNode is TookEffect as each client saw it, with its node, and as all saw it of TCP.
func (l *Lab) EffectByNode() string {
	var parts []string
	for _, c := range l.names.Clients {
		if took, known := l.effects.since[c.Word]; known {
			parts = append(parts, fmt.Sprintf("%v seen by %s on %s", took.Round(10*time.Millisecond), c.Word, l.nodeOf(c.Word)))
		}
	}
	if l.effects.twins >= 0 {
		parts = append(parts, fmt.Sprintf("for TCP %v", l.effects.twins.Round(10*time.Millisecond)))
	}
	return strings.Join(parts, ", ")
}

// nodeOf is the node of an agent of the spec, be it that its pod is gone.
func (l *Lab) nodeOf(word string) string {
	if i := slices.IndexFunc(l.members, func(m *member) bool { return m.word == word }); i >= 0 {
		return l.members[i].node
	}
	return "its node"
}
