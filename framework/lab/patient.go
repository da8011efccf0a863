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
// that opens the paths, called what in texts, and fails the spec unless each attempt was answered.
// One that was answered before shows nothing, and is an error.
func (l *Lab) ExpectPatient(ctx ginkgo.SpecContext, table, what string, happens func()) {
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
	defer asked.Wait() // what happens may fail the spec
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
	l.mustHaveWorked(ctx, questions, readings{before, after}, fmt.Sprintf("begun %v before %s", headStart, what), "")
	var took []time.Duration
	for _, q := range questions {
		took = append(took, (time.Duration(q.evidence.Seen.Connect) * time.Microsecond).Round(time.Millisecond))
	}
	if first := slices.Min(took); first < headStart {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: a connect was answered after %v, which does not show that its INITs went on from before %s\n%s", l.id, first, what, l.whereabouts()))
	}
	l.Measured("connects that began %v before %s were answered after %v to %v", headStart, what, slices.Min(took), slices.Max(took))
}
