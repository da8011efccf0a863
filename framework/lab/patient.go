package lab

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// patientTimers go on with INITs for 31 s: one, another after a second, and then one every two
// seconds. They are further apart than an answer takes and closer than what connection tracking
// remembers of an INIT, see openTimers.
var patientTimers = wire.Timers{RTOInitial: 1000, RTOMin: 1000, RTOMax: 2000, MaxInitTimeout: 2000, MaxInits: 15, AssocMaxRetran: 6}

// headStart is how long INITs go unanswered before what happens then begins: two are sent.
const headStart = 2 * time.Second

// ExpectPatient asks every path of a table once, with INITs that go on while something happens
// that opens the paths, and fails the spec unless each attempt was answered, and not before.
func (l *Lab) ExpectPatient(ctx ginkgo.SpecContext, table string, happens func()) {
	ginkgo.GinkgoHelper()
	defer func() { l.expected = true }() // of what happens, too
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	if l.run.rehearsing() {
		happens()
		return
	}
	questions := l.questions(asking{matrices: matrices, messages: greetingOnly})
	for _, q := range questions {
		q.probe.Timers = patientTimers
		q.evidence.Probe = q.probe
	}
	before, _ := l.run.fleet.counters(ctx)
	start := time.Now()
	var asked sync.WaitGroup
	asked.Go(func() { l.askSome(ctx, questions, 0) })
	await(ctx, start.Add(headStart))
	happens()
	asked.Wait()
	after, _ := l.run.fleet.counters(ctx)
	for _, q := range questions { // who is behind the address only now
		for _, m := range l.behind(l.targets[q.server]) {
			q.evidence.Intended = append(q.evidence.Intended, reach.Backend{UID: m.uid, Port: l.targets[q.server].port})
		}
	}
	l.readRecords(ctx, questions)
	l.aside(questions, start)
	if ctx.Err() != nil {
		return
	}
	l.mustHaveWorked(ctx, questions, readings{before, after}, fmt.Sprintf("begun %v before what was to open their paths", headStart))
	var took []time.Duration
	for _, q := range questions {
		took = append(took, (time.Duration(q.evidence.Seen.Connect) * time.Microsecond).Round(time.Millisecond))
	}
	if first := slices.Min(took); first < headStart {
		l.conclude(ctx, reach.GroundFail, fmt.Sprintf("%s: a connect was answered after %v, before anybody was to answer\n%s", l.id, first, l.whereabouts()))
	}
	l.Measured("connects that began %v before were answered after %v to %v", headStart, slices.Min(took), slices.Max(took))
}
