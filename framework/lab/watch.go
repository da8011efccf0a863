package lab

import (
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// What is asked while a change is watched: from each client an attempt every watchStagger
// for watchFor. The change is made after the first few.
const (
	watchFor     = 9 * time.Second
	watchStagger = 300 * time.Millisecond
	watchLead    = time.Second
)

// Moments tell for each node when a change was seen there: after how long a server began to
// answer, or ceased to, and its TCP twin, where it has one. They are as exact as attempts are apart.
type Moments struct {
	Nodes map[string]time.Duration
	Twin  map[string]time.Duration
}

// String lists them by node.
func (m Moments) String() string {
	text := byNode(m.Nodes)
	if len(m.Twin) > 0 {
		text += "; TCP " + byNode(m.Twin)
	}
	return text
}

func byNode(moments map[string]time.Duration) string {
	var parts []string
	for node, d := range moments {
		text := "not in " + watchFor.String()
		if d >= 0 {
			text = d.Round(10 * time.Millisecond).String()
		}
		parts = append(parts, text+" on "+node)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// Appears makes a change that lets a server answer and returns when it did, for each node.
func (l *Lab) Appears(ctx ginkgo.SpecContext, server string, change func()) Moments {
	ginkgo.GinkgoHelper()
	questions, changed := l.watch(ctx, server, change)
	return moments(questions, changed, func(answered, _ []time.Duration) time.Duration {
		if len(answered) == 0 {
			return -1
		}
		return slices.Min(answered)
	})
}

// Ceases makes a change that lets a server answer no more and returns when it ceased to, for
// each node.
func (l *Lab) Ceases(ctx ginkgo.SpecContext, server string, change func()) Moments {
	ginkgo.GinkgoHelper()
	questions, changed := l.watch(ctx, server, change)
	return moments(questions, changed, func(answered, not []time.Duration) time.Duration {
		if len(answered) == 0 || len(not) == 0 {
			return -1
		}
		last := slices.Max(answered)
		after := slices.DeleteFunc(not, func(d time.Duration) bool { return d < last })
		if len(after) == 0 {
			return -1
		}
		return slices.Min(after)
	})
}

// watch asks a server and its TCP twin from every client, again and again, while it makes a
// change, and returns what came of it and when the change had been made.
func (l *Lab) watch(ctx ginkgo.SpecContext, server string, change func()) ([]*question, time.Duration) {
	ginkgo.GinkgoHelper()
	t := l.known(ctx, server)
	defer func() { l.expected = true }() // of the change, too
	if l.run.rehearsing() {
		change()
		return nil, 0
	}
	targets := []target{t}
	if twin, has := l.twins[server]; has {
		l.listenForTwins(ctx)
		targets = append(targets, twin)
	}
	var questions []*question
	for i, t := range targets {
		for _, f := range l.families {
			for _, c := range l.plainClients() {
				for at := time.Duration(0); at < watchFor && t.addrs[f].IsValid(); at += watchStagger {
					q := l.question(pair{f, c.Word, server}, t, reach.Word(reach.Answered), watchTimers, greetingOnly)
					q.probe.Delay, q.twin = wire.Millis(at.Milliseconds()), i > 0
					questions = append(questions, q)
				}
			}
		}
	}
	done, begun := make(chan struct{}), time.Now()
	go func() {
		defer close(done)
		l.ask(ctx, questions)
	}()
	var changed time.Duration
	func() {
		defer func() { <-done }()
		await(ctx, begun.Add(watchLead))
		change()
		changed = time.Since(begun)
	}()
	l.aside(questions, begun)
	return questions, changed
}

// watchTimers send one INIT and a second one a second later: an attempt that fails for the
// reason that openTimers avoid has the next one watchStagger after it.
var watchTimers = wire.Timers{RTOInitial: 1000, RTOMin: 1000, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 1, AssocMaxRetran: 6}

// moments choose a moment of each node from those at which attempts were answered, and those
// at which attempts began that were not. What was so before the change counts from it.
func moments(questions []*question, changed time.Duration, choose func(answered, not []time.Duration) time.Duration) Moments {
	type kind struct {
		node string
		twin bool
	}
	answered, not := map[kind][]time.Duration{}, map[kind][]time.Duration{}
	for _, q := range questions {
		k, at := kind{q.asker.node, q.twin}, q.probe.Delay.Duration()-changed
		if seen := q.evidence.Seen; seen != nil && seen.Greeting != nil {
			at += time.Duration(seen.Connect) * time.Microsecond
			answered[k] = append(answered[k], max(at, 0))
		} else {
			not[k] = append(not[k], max(at, 0))
		}
	}
	out := Moments{map[string]time.Duration{}, map[string]time.Duration{}}
	for _, q := range questions {
		k, of := kind{q.asker.node, q.twin}, out.Nodes
		if q.twin {
			of = out.Twin
		}
		of[k.node] = choose(answered[k], slices.Clone(not[k]))
	}
	return out
}
