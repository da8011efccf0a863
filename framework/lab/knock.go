package lab

import (
	"context"
	"slices"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// knocks are how long attempts are given, one after another, to find a path open. Hosts that are
// slow are given longer in the end, and whoever is slower yet is asked by the table.
var knocks = []time.Duration{
	250 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond, time.Second, time.Second,
}

// knockPatience is for what comes after the connect, in milliseconds.
const knockPatience = 2000

// knock waits until the paths are open that a table opens, of each node one to each server. An
// INIT that comes before the rules of its Service is lost, and the next one is due only seconds
// later, for good reasons (see openTimers); so attempts that are given up early come first.
// Nobody judges what they find.
func (l *Lab) knock(ctx context.Context, matrices []reach.Matrix) {
	type door struct {
		family       reach.Family
		node, server string
	}
	seen := map[door]bool{}
	shut := slices.DeleteFunc(l.questions(asking{matrices: matrices}), func(q *question) bool {
		d := door{q.family, q.asker.node, q.server}
		if seen[d] || !l.opens(q) {
			return true
		}
		seen[d] = true
		return false
	})
	for _, wait := range knocks {
		if len(shut) == 0 || ctx.Err() != nil {
			return
		}
		end := time.Now().Add(wait)
		for _, q := range shut {
			q.probe.Nonce, q.probe.Connect, q.probe.Patience = nonce(), wire.Millis(wait.Milliseconds()), knockPatience
			q.evidence.Seen = nil
		}
		l.ask(ctx, shut)
		shut = slices.DeleteFunc(shut, func(q *question) bool { return q.evidence.Seen == nil || q.evidence.Seen.Stage != wire.StageConnect })
		if len(shut) > 0 {
			await(ctx, end)
		}
	}
}

// opens says whether a cell is to be opened: its Service is new, or it was denied before.
func (l *Lab) opens(q *question) bool {
	t := l.targets[q.server]
	return q.want == reach.Word(reach.Answered) && t.proto != wire.UDP && (t.service != nil && !l.asked[q.pair] || l.controls[q.pair])
}
