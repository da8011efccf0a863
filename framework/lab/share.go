package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// What is asked of a Service to see how it shares out associations: enough that a fair proxy
// leaves one of two pods without any once in four million times, and that a proxy that
// ignores affinity keeps to one of two pods once in thirty thousand times.
const (
	spreadRounds = 24
	stickyRounds = 16
	shareStagger = wire.Millis(40)
)

// ExpectSpread claims that each pod behind a Service gets some of the associations that
// clients on all nodes begin.
func (l *Lab) ExpectSpread(ctx ginkgo.SpecContext, service string) {
	ginkgo.GinkgoHelper()
	asked := l.share(ctx, service, spreadRounds)
	var servers []string
	for _, m := range l.behind(l.targets[service]) {
		servers = append(servers, m.word)
	}
	l.tell(ctx, service, diag.ServiceUneven, reach.Idle(asked, servers))
}

// ExpectSticky claims that each client is sent to one and the same pod every time.
func (l *Lab) ExpectSticky(ctx ginkgo.SpecContext, service string) {
	ginkgo.GinkgoHelper()
	l.tell(ctx, service, diag.ServiceNotSticky, reach.Wandering(l.share(ctx, service, stickyRounds)))
}

// tell fails the spec where there is something to tell.
func (l *Lab) tell(ctx context.Context, service, class string, what []string) {
	ginkgo.GinkgoHelper()
	if len(what) > 0 && ctx.Err() == nil {
		ginkgo.AddReportEntry(spec.ClassEntry, class, ginkgo.ReportEntryVisibilityNever)
		l.conclude(ctx, reach.GroundFail, fmt.Sprintf("%s: %s shares out its associations wrongly: %s\n", l.id, service, strings.Join(what, "; ")))
	}
}

// share lets every client begin associations with a Service, all of which must be answered.
func (l *Lab) share(ctx ginkgo.SpecContext, service string, rounds int) []reach.Asked {
	ginkgo.GinkgoHelper()
	l.expected = true
	names := reach.Names{Clients: l.plainClients(), Servers: []reach.Name{{Word: service}}}
	if _, known := l.targets[service]; !known {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: the spec has no %s", l.id, service))
	}
	start := time.Now()
	series := l.begin(reach.Claim{Matrices: reach.Everything(names, l.families, reach.Word(reach.Answered))})
	batch := l.batch(ctx, asking{series.Matrices, greetingOnly, true, rounds, shareStagger})
	asked := l.note(series, 1, batch, start)
	series.Add(asked)
	if ctx.Err() == nil && len(series.Report.Wrong()) > 0 {
		l.fail(ctx, series, greetingOnly)
	}
	return asked
}
