package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// mostWrong are told of associations that did not work.
const mostWrong = 4

// Churn opens, uses and ends so many associations on every path that a table says is
// answered, of each client so many at the same time, and fails the spec unless every one of
// them worked. That none is left is an invariant of every spec.
func (l *Lab) Churn(ctx ginkgo.SpecContext, table string, each, atOnce int) {
	ginkgo.GinkgoHelper()
	l.Expect(ctx, table)
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	if l.run.rehearsing() {
		return
	}
	var questions []*question
	for range each { // paths take turns
		questions = append(questions, l.questions(asking{matrices: matrices, messages: greetingOnly, holding: true})...)
	}
	before, _ := l.run.fleet.counters(ctx)
	took := l.askAside(ctx, questions, atOnce)
	var probes []reach.Evidence
	for _, q := range questions {
		probes = append(probes, q.evidence)
	}
	for _, q := range l.askLateAgain(ctx, questions, atOnce) {
		if !q.want.Admits(reach.Judge(q.evidence)) { // what worked had few beside it, and tells nothing of how slow many are
			probes = append(probes, q.evidence)
		}
	}
	after, _ := l.run.fleet.counters(ctx)
	ginkgo.GinkgoLogr.Info("churn", "associations", len(questions), "took", took)
	l.mustHaveWorked(ctx, questions, readings{before, after}, fmt.Sprintf("%d at a time, in %v", atOnce, took.Round(time.Millisecond)), reach.Excuse(probes))
}

// askAside asks questions of no table, of each client so many at the same time, and returns how
// long that took.
func (l *Lab) askAside(ctx context.Context, questions []*question, atOnce int) time.Duration {
	start := time.Now()
	l.askSome(ctx, questions, atOnce)
	took := time.Since(start)
	l.readRecords(ctx, questions)
	l.aside(questions, start)
	return took
}

// Others may be put in the place of so many associations of a churn, and of one in so many.
const (
	mostLate  = 20
	lateOneIn = 10
)

// askLateAgain puts others in the place of associations that came to nothing after chunks of
// their handshakes were sent again, once, and returns these: what connection tracking makes of
// such chunks is no news of the network. They are no more than the clients' kernels have sent
// chunks again, and few. The report tells of them.
func (l *Lab) askLateAgain(ctx context.Context, questions []*question, atOnce int) []*question {
	var late []int
	of := map[*member]int64{}
	for i, q := range questions {
		if of[q.asker] < resent(q) {
			of[q.asker]++
			late = append(late, i)
		}
	}
	if len(late) == 0 || len(late) > mostLate || len(late)*lateOneIn > len(questions) {
		return nil
	}
	var again []*question
	for _, i := range late {
		q := questions[i]
		questions[i] = l.question(q.pair, l.targets[q.server], q.want, q.probe.Timers, q.probe.Messages)
		again = append(again, questions[i])
	}
	l.askAside(ctx, again, atOnce)
	l.Measured("%d of %d associations came to nothing after chunks of their handshakes had been sent again, which is what connection tracking makes of a second INIT and of a COOKIE-ECHO that comes later than it remembers a handshake; each was asked for once more", len(again), len(questions))
	return again
}

// resent is how many chunks the kernel of a client has sent again, for one of which its
// association may have come to nothing: INITs and COOKIE-ECHOs where it was up, and COOKIE-ECHOs
// where it was not. Who only waited for an INIT's answer has met something else.
func resent(q *question) int64 {
	switch cookies := q.moved[wire.T1CookieExpireds]; {
	case reach.KilledLate(q.evidence):
		return q.moved[wire.T1InitExpireds] + cookies
	case reach.BeganLate(q.evidence, q.moved):
		return cookies
	}
	return 0
}

// mustHaveWorked fails the spec unless all of many associations worked, and says how they were
// made. Where there is an excuse for those that did not, it is an error.
func (l *Lab) mustHaveWorked(ctx context.Context, questions []*question, r readings, how, excuse string) {
	ginkgo.GinkgoHelper()
	wrong, ground := wrongAnswers(questions)
	if len(wrong) == 0 || ctx.Err() != nil {
		return
	}
	var text []string
	for _, q := range wrong[:min(len(wrong), mostWrong)] {
		text = append(text, l.sentence(q))
	}
	var causes []reach.Cause
	if ground == reach.GroundFail {
		causes = l.causes(l.asManyFail(ctx, wrong, len(questions), r))
		if excuse != "" {
			ground, excuse = reach.GroundBroken, excuse+"; "
		}
	}
	l.conclude(ctx, ground, fmt.Sprintf("%s: %s%d of %d associations did not work, %s: %s\n%s%s",
		l.id, excuse, len(wrong), len(questions), how, strings.Join(text, "\n  "), reach.Told(causes), l.whereabouts()))
}

// wrongAnswers are the probes that were not answered.
func wrongAnswers(questions []*question) (wrong []*question, ground reach.Ground) {
	ground = reach.GroundBroken
	for _, q := range questions {
		f := reach.Judge(q.evidence)
		if reach.Word(reach.Answered).Admits(f) {
			continue
		}
		if f.Outcome != reach.Broken {
			ground = reach.GroundFail
		}
		wrong = append(wrong, q)
	}
	return wrong, ground
}

// sentence tells what became of a probe.
func (l *Lab) sentence(q *question) string {
	f := reach.Judge(q.evidence)
	return strings.TrimSpace(fmt.Sprintf("%s (%s): %s %s", l.path(q), q.family, f.Reason, strings.Join(f.Flaws, "; ")))
}

// asManyFail asks again as it is done where a path is wrong, if not one of many associations
// worked: then it is no matter of their number.
func (l *Lab) asManyFail(ctx context.Context, wrong []*question, all int, r readings) []diag.Symptom {
	out := l.someOfMany(ctx, wrong, r)
	if len(wrong) == all {
		for i := range out {
			out[i].Found = ""
		}
	}
	return out
}

// someOfMany asks again some of the paths on which associations of a churn did not work.
func (l *Lab) someOfMany(ctx context.Context, wrong []*question, r readings) []diag.Symptom {
	failed := map[pair]int{}
	var again []asked
	for _, q := range wrong {
		if failed[q.pair]++; failed[q.pair] == 1 && len(again) < diagnosePaths {
			again = append(again, asked{pair: q.pair, want: q.want})
		}
	}
	out := l.askAgain(ctx, again, greetingOnly)
	for i, p := range again {
		out[i].Meanwhile = r.moved(l.member(p.client), l.behind(l.targets[p.server]))
		out[i].Said = fmt.Sprintf("%d associations did not work", failed[p.pair])
	}
	return found(diag.AssociationsFail, out)
}

// limit is how long an agent may take for a batch.
func limit(b wire.Batch) time.Duration {
	var longest time.Duration
	for _, p := range b.Probes {
		longest = max(longest, p.Delay.Duration()+2*p.Timers.InitWindow()) // a handshake that loses its cookie takes the window twice
	}
	turns := 1
	if b.AtOnce > 0 {
		turns = (len(b.Probes) + b.AtOnce - 1) / b.AtOnce
	}
	return time.Duration(turns)*longest + echoPatience + askMargin
}
