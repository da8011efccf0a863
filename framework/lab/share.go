package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
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
	var servers []string
	for _, m := range l.behind(l.known(ctx, service)) {
		servers = append(servers, m.word)
	}
	l.settleShares(ctx, service, spreadRounds, func(asked []reach.Asked) []string { return reach.Idle(asked, servers) })
}

// settleShares lets every client begin associations with a Service until nothing is wrong
// with how they are shared out.
func (l *Lab) settleShares(ctx ginkgo.SpecContext, service string, rounds int, wrong func([]reach.Asked) []string) {
	ginkgo.GinkgoHelper()
	for start := time.Now(); ; {
		what := wrong(l.share(ctx, service, rounds))
		if len(what) == 0 || time.Since(start) > l.patience || ctx.Err() != nil || l.run.rehearsing() {
			l.tell(ctx, service, diag.ServiceUneven, what)
			return
		}
		await(ctx, time.Now().Add(pace))
	}
}

// ExpectSticky claims that each client is sent to one and the same pod every time.
func (l *Lab) ExpectSticky(ctx ginkgo.SpecContext, service string) {
	ginkgo.GinkgoHelper()
	l.tell(ctx, service, diag.ServiceNotSticky, reach.Wandering(l.share(ctx, service, stickyRounds)))
}

// ExpectNear claims that each client is sent to the pods of its own node only, which it may
// take the cluster a while to arrange.
func (l *Lab) ExpectNear(ctx ginkgo.SpecContext, service string) {
	ginkgo.GinkgoHelper()
	near := map[string][]string{}
	behind := l.behind(l.known(ctx, service))
	for _, c := range l.plainClients() {
		for _, m := range behind {
			if m.node == l.member(c.Word).node {
				near[c.Word] = append(near[c.Word], m.word)
			}
		}
	}
	l.settleShares(ctx, service, stickyRounds, func(asked []reach.Asked) []string { return reach.Astray(asked, near) })
}

// ExpectRelease claims that a Service which keeps each client at one pod lets it go after a
// silence: that on every node some client is sent to another pod than before. Silences are
// tried in turn, for a fair proxy sends half of the clients of two pods back to the same one.
func (l *Lab) ExpectRelease(ctx ginkgo.SpecContext, service string, silences ...time.Duration) {
	ginkgo.GinkgoHelper()
	before := l.share(ctx, service, 1)
	if l.run.rehearsing() {
		return
	}
	held := map[string]bool{}
	for _, c := range l.plainClients() {
		held[l.member(c.Word).node] = true
	}
	for _, silence := range silences {
		if len(held) == 0 || ctx.Err() != nil {
			break
		}
		await(ctx, time.Now().Add(silence))
		now := l.share(ctx, service, 1)
		for _, client := range reach.Moved(before, now) {
			if node := l.member(client).node; held[node] {
				delete(held, node)
				l.Measured("a client on %s was sent to another pod after a silence of %v", node, silence)
			}
		}
		before = now
	}
	var what []string
	for _, node := range slices.Sorted(maps.Keys(held)) {
		what = append(what, fmt.Sprintf("clients on %s are sent to the same pod after each of the silences %v", node, silences))
	}
	l.tell(ctx, service, diag.ServiceNotSticky, what)
}

// tell fails the spec where there is something to tell.
func (l *Lab) tell(ctx context.Context, service, class string, what []string) {
	ginkgo.GinkgoHelper()
	if len(what) > 0 && ctx.Err() == nil {
		l.enter(spec.ClassEntry, class)
		l.conclude(ctx, reach.GroundFail, fmt.Sprintf("%s: %s shares out its associations wrongly: %s\n%s", l.id, service, strings.Join(what, "; "), l.whereabouts()))
	}
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

// share lets every client begin associations with a Service, all of which must be answered.
func (l *Lab) share(ctx ginkgo.SpecContext, service string, rounds int) []reach.Asked {
	ginkgo.GinkgoHelper()
	l.expected = true
	l.known(ctx, service)
	names := reach.Names{Clients: l.plainClients(), Servers: []reach.Name{{Word: service}}}
	start := time.Now()
	series := l.begin(reach.Claim{Matrices: reach.Everything(names, l.families, reach.Word(reach.Answered))})
	batch := l.batch(ctx, asking{matrices: series.Matrices, messages: greetingOnly, holding: true, rounds: rounds, atOnce: fewAtOnce})
	asked := l.note(series, 1, batch, start)
	series.Add(asked)
	if ctx.Err() == nil && len(series.Report.Wrong()) > 0 {
		l.fail(ctx, series, greetingOnly)
	}
	return asked
}
