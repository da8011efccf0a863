package lab

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// What is asked of a Service to see how it shares out associations: enough that a fair proxy
// leaves one of two pods without any once in four million times, and that a proxy that
// ignores affinity keeps to one of two pods once in thirty thousand times.
const (
	spreadRounds = 24
	stickyRounds = 16
	manyTimes    = 12 // that a proxy which still knows two pods picks the same one every time happens once in four thousand times
	fewAtOnce    = 4  // of them by each client
)

// ExpectSpread claims that each pod behind a Service gets some of the associations that
// clients on all nodes begin, which it may take the cluster a while to arrange.
func (l *Lab) ExpectSpread(ctx ginkgo.SpecContext, service string) {
	ginkgo.GinkgoHelper()
	claimed := l.sharing(ctx, service)
	for _, m := range l.behind(l.targets[service]) {
		claimed.Spread = append(claimed.Spread, m.word)
	}
	l.settleShares(ctx, claimed, spreadRounds)
}

// sharing begins a claim about a Service: with the nodes of the pods behind it.
func (l *Lab) sharing(ctx context.Context, service string) reach.Sharing {
	ginkgo.GinkgoHelper()
	s := reach.Sharing{Service: service, Nodes: map[string]string{}}
	for _, m := range l.behind(l.known(ctx, service)) {
		s.Nodes[m.word] = m.node
	}
	return s
}

// settleShares lets every client begin associations with a Service until nothing is wrong
// with how they are shared out.
func (l *Lab) settleShares(ctx ginkgo.SpecContext, claimed reach.Sharing, rounds int) {
	ginkgo.GinkgoHelper()
	for start := time.Now(); ; {
		series, _ := l.share(ctx, claimed.Service, &claimed, rounds)
		if len(series.Shared) == 0 || time.Since(start) > l.patience || ctx.Err() != nil || l.run.rehearsing() {
			l.tellOfShares(ctx, series, diag.ServiceUneven, rounds)
			return
		}
		await(ctx, time.Now().Add(pace))
	}
}

// ExpectSticky claims that each client is sent to one and the same pod every time.
func (l *Lab) ExpectSticky(ctx ginkgo.SpecContext, service string) {
	ginkgo.GinkgoHelper()
	claimed := l.sharing(ctx, service)
	claimed.Sticky = true
	series, _ := l.share(ctx, service, &claimed, stickyRounds)
	l.tellOfShares(ctx, series, diag.ServiceNotSticky, stickyRounds)
}

// ExpectNear claims that each client is sent to the pods of its own node only, which it may
// take the cluster a while to arrange.
func (l *Lab) ExpectNear(ctx ginkgo.SpecContext, service string) {
	ginkgo.GinkgoHelper()
	claimed := l.sharing(ctx, service)
	claimed.Near = map[string][]string{}
	behind := l.behind(l.targets[service])
	for _, c := range l.plainClients() {
		claimed.Near[c.Word] = nil // whoever has none near must be sent nowhere
		for _, m := range behind {
			if m.node == l.member(c.Word).node {
				claimed.Near[c.Word] = append(claimed.Near[c.Word], m.word)
			}
		}
	}
	l.settleShares(ctx, claimed, stickyRounds)
}

// tellOfShares fails the spec where a Service shares out its associations wrongly, after
// asking whether its TCP twin does better, and in which way paths are wrong.
func (l *Lab) tellOfShares(ctx context.Context, s *reach.Series, class diag.Class, rounds int) {
	ginkgo.GinkgoHelper()
	if l.run.rehearsing() {
		return
	}
	if len(s.Shared) > 0 && len(s.Report.Wrong()) == 0 && ctx.Err() == nil {
		l.askTwinsToShare(ctx, s, rounds)
		s.Report.Causes = l.causes(l.unfair(ctx, s, class))
	}
	if ground, text := s.Conclusion(); ground != "" && ctx.Err() == nil {
		ginkgo.Fail(l.record(ctx, reach.Basis{Ground: ground, Rests: reach.OnTables}, text))
	}
}

// askTwinsToShare lets clients begin as many connections with the TCP twin of a Service as
// they have begun associations with it, and no others beside them.
func (l *Lab) askTwinsToShare(ctx context.Context, s *reach.Series, rounds int) {
	start := time.Now()
	var questions []*question
	for range rounds {
		questions = append(questions, l.twinQuestions(ctx, asking{matrices: s.Matrices, holding: true})...)
	}
	if len(questions) == 0 {
		return
	}
	l.askSome(ctx, questions, fewAtOnce)
	l.readRecords(ctx, questions)
	s.Add(l.note(s, -1, questions, start))
}

// unfair asks again what a Service shares out wrongly: from a client of each node, straight at
// the pod that got nothing.
func (l *Lab) unfair(ctx context.Context, s *reach.Series, class diag.Class) []diag.Symptom {
	var again []asked
	for _, u := range s.Shared {
		clients := l.plainClients()
		if u.Client != "" {
			clients = []reach.Name{{Word: u.Client}}
		}
		nodes := map[string]bool{}
		for _, c := range clients {
			if node := l.member(c.Word).node; nodes[node] || len(again) == diagnosePaths {
				continue
			}
			nodes[l.member(c.Word).node] = true
			again = append(again, asked{pair{u.Family, c.Word, s.Sharing.Service}, reach.Word(reach.Answered), l.member(u.Server)})
		}
	}
	return found(class, l.askAgain(ctx, again, greetingOnly))
}

// ExpectRelease claims that a Service which keeps each client at one pod lets it go after a
// silence: that on every node some client is sent to another pod than before. Silences are
// tried in turn, for a fair proxy sends half of the clients of two pods back to the same one.
func (l *Lab) ExpectRelease(ctx ginkgo.SpecContext, service string, silences ...time.Duration) {
	ginkgo.GinkgoHelper()
	_, before := l.share(ctx, service, nil, 1)
	if l.run.rehearsing() {
		return
	}
	still := unmoved{own: map[string]bool{}, twin: map[string]bool{}}
	for _, c := range l.plainClients() {
		still.own[l.member(c.Word).node] = true
	}
	for _, a := range before {
		if a.Twin && a.Evidence.Seen != nil && a.Evidence.Seen.Greeting != nil {
			still.twin[l.member(a.Client).node] = true
		}
	}
	still.twinAsked = maps.Clone(still.twin)
	release := func(held map[string]bool, clients []string, what string, silence time.Duration) {
		for _, client := range clients {
			if node := l.member(client).node; held[node] {
				delete(held, node)
				l.Measured("%s on %s was sent to another pod after an idle time of %v", what, node, silence)
			}
		}
	}
	for _, silence := range silences {
		if len(still.own) == 0 || ctx.Err() != nil {
			break
		}
		await(ctx, time.Now().Add(silence))
		_, now := l.share(ctx, service, nil, 1)
		own, beside := reach.Moved(before, now)
		release(still.own, own, "a client", silence)
		release(still.twin, beside, "a client of the TCP twin", silence)
		before = now
	}
	l.tellOfHeld(ctx, service, still, silences)
}

// unmoved are names of nodes of which a Service has let go no client.
type unmoved struct {
	own       map[string]bool
	twin      map[string]bool // no client of its TCP twin
	twinAsked map[string]bool // where the twin was answered at first
}

// tellOfHeld fails the spec where a Service has let go no client of some nodes, and tells what
// its TCP twin, asked beside it, has done there.
func (l *Lab) tellOfHeld(ctx context.Context, service string, still unmoved, silences []time.Duration) {
	ginkgo.GinkgoHelper()
	if len(still.own) == 0 || ctx.Err() != nil {
		return
	}
	var again []asked
	var said []string
	for _, c := range l.plainClients() {
		if node := l.member(c.Word).node; still.own[node] && len(again) < diagnosePaths {
			still.own[node] = false // one of them tells of all
			again = append(again, asked{pair: pair{l.families[0], c.Word, service}, want: reach.Word(reach.Answered)})
			twin := ""
			switch {
			case still.twin[node]:
				twin = ", and those of its TCP twin, too, which is " + reach.NotSCTP
			case still.twinAsked[node]:
				twin = ", and its TCP twin lets them go"
			}
			said = append(said, fmt.Sprintf("clients on %s are sent to the same pod after each of these idle times: %v%s", node, silences, twin))
		}
	}
	causes := l.causes(found(diag.ServiceNotSticky, l.askAgain(ctx, again, greetingOnly)))
	l.conclude(ctx, reach.GroundFail, fmt.Sprintf("%s: %s%s shares out its associations wrongly: %s\n%s%s", l.id, causes[0].Lead(), service, strings.Join(said, "; "), reach.Told(causes), l.whereabouts()))
}

// known is what a word stands for; one that the spec does not have fails it.
func (l *Lab) known(ctx context.Context, server string) target {
	ginkgo.GinkgoHelper()
	t, known := l.targets[server]
	if !known {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: the spec has no %s", l.id, server))
	}
	return t
}

// share lets every client begin associations with a Service, all of which must be answered,
// and judges how they are shared out where something is claimed of it.
func (l *Lab) share(ctx ginkgo.SpecContext, service string, claimed *reach.Sharing, rounds int) (*reach.Series, []reach.Asked) {
	ginkgo.GinkgoHelper()
	l.expected = true
	l.known(ctx, service)
	names := reach.Names{Clients: l.plainClients(), Servers: []reach.Name{{Word: service}}}
	start := time.Now()
	series := l.begin(reach.Claim{Matrices: reach.Everything(names, l.families, reach.Word(reach.Answered)), Sharing: claimed})
	batch := l.batch(ctx, asking{matrices: series.Matrices, messages: greetingOnly, holding: true, rounds: rounds, atOnce: fewAtOnce})
	asked := l.note(series, 1, batch, start)
	series.Add(asked)
	if ctx.Err() == nil && len(series.Report.Wrong()) > 0 {
		l.fail(ctx, series, greetingOnly)
	}
	return series, asked
}
