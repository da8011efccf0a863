package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// AllAnswered claims, in place of a table, that every client without a port of its own
// reaches every server that listens.
const AllAnswered = "*"

// holdRounds are the rounds in which a table must be right again after it was right once.
// They begin stagger milliseconds after one another and overlap: a denial that takes the
// kernel 1.65 s is held for 2.65 s, with an INIT under way at nearly every moment of it. Where
// hosts are out of breath (reach.Series.OutOfBreath) they follow one another.
const (
	holdRounds = 3
	stagger    = 500
)

// gently is how many each client asks at the same time where hosts are out of breath.
const gently = 6

// pace is the shortest time between the beginnings of two rounds while a table settles.
const pace = 250 * time.Millisecond

// greetingOnly is what a probe sends where the claim is about reaching.
var greetingOnly []wire.Message

// Expect claims a table: it asks all cells until every one is as the table says, then
// again in three more rounds. It fails the spec when the run's patience ends first, when a
// cell changes while it should hold, or when a denial has no control.
func (l *Lab) Expect(ctx ginkgo.SpecContext, table string) {
	ginkgo.GinkgoHelper()
	l.ExpectMessages(ctx, greetingOnly, table)
}

// ExpectOpen claims that every path is open, once: the control before something is denied.
func (l *Lab) ExpectOpen(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	l.expect(ctx, reach.Before, greetingOnly, AllAnswered)
}

// ExpectOnce is Expect that does not hold: for the control before something is denied, where
// the paths are not all there are.
func (l *Lab) ExpectOnce(ctx ginkgo.SpecContext, table string) {
	ginkgo.GinkgoHelper()
	l.expect(ctx, reach.Before, greetingOnly, table)
}

// ExpectAll claims that every client without a port of its own reaches one server, and asks
// so often in each round that a pod which is to be left out would be met.
func (l *Lab) ExpectAll(ctx ginkgo.SpecContext, server string) {
	ginkgo.GinkgoHelper()
	table := server + "\n"
	for _, c := range l.plainClients() {
		table += c.Word + " " + string(reach.Answered) + "\n"
	}
	l.times = manyTimes
	defer func() { l.times = 0 }()
	l.Expect(ctx, table)
}

// ExpectSource is Expect where, besides, every server must see the address that its client
// has.
func (l *Lab) ExpectSource(ctx ginkgo.SpecContext, table string) {
	ginkgo.GinkgoHelper()
	l.source = true
	defer func() { l.source = false }()
	l.Expect(ctx, table)
}

// ExpectMessages is Expect with messages that must be echoed byte by byte on every
// answered path.
func (l *Lab) ExpectMessages(ctx ginkgo.SpecContext, messages []wire.Message, table string) {
	ginkgo.GinkgoHelper()
	l.expected = true
	l.expect(ctx, "", messages, table)
}

// expect claims a table, or asks it once as a control.
func (l *Lab) expect(ctx ginkgo.SpecContext, control reach.Control, messages []wire.Message, table string) {
	ginkgo.GinkgoHelper()
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	claim := reach.Claim{Control: control, Hold: holdRounds, Matrices: matrices}
	if control != "" {
		claim.Hold = 0 // once is proof that it can be reached
	}
	series := l.settle(ctx, claim, messages)
	if ctx.Err() != nil {
		return // Ginkgo tells of interrupts itself
	}
	if len(series.Report.Wrong()) > 0 {
		l.fail(ctx, series, messages)
	}
	if series.Lost > 0 {
		l.Measured("%d handshakes came to nothing after packets were lost, and the table was asked again: it held after %d rounds", series.Lost, series.Report.Rounds)
	}
	l.awaitTwins(ctx, series)
	l.tellOfTwins(series)
	l.remember(matrices)
}

// Measured puts a sentence with a number and its unit into the report.
func (l *Lab) Measured(format string, args ...any) {
	l.enter(spec.MeasureEntry, fmt.Sprintf(format, args...))
}

// openServers are those that somebody is to answer at.
func (l *Lab) openServers() []reach.Name {
	return slices.DeleteFunc(slices.Clone(l.names.Servers), func(n reach.Name) bool {
		return l.targets[n.Word].closed || l.targets[n.Word].gone
	})
}

// plainClients are the agents that listen on nothing, or all if there is none.
func (l *Lab) plainClients() []reach.Name {
	var out []reach.Name
	for _, name := range l.names.Clients {
		if m := l.member(name.Word); m != nil && len(l.orders[m].ports) == 0 {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return l.names.Clients
	}
	return out
}

// onlyDenies says whether paths are to be denied now, and all others are as they were.
func (l *Lab) onlyDenies(matrices []reach.Matrix) bool {
	denies := false
	for _, m := range matrices {
		for i, row := range m.Want {
			for j, w := range row {
				denies = denies || w.Denies()
				if w == reach.Word(reach.Answered) && !l.asked[pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}] {
					return false
				}
			}
		}
	}
	return denies
}

// settle asks until the claim is settled one way or the other. The rounds of a table that only
// denies overlap from the first one on: each takes as long as the kernel takes for its INITs,
// and most such tables are right at once or after the first round. Where a path is to be opened,
// too, attempts that come too early would be in each other's way.
func (l *Lab) settle(ctx context.Context, c reach.Claim, messages []wire.Message) *reach.Series {
	start := time.Now()
	l.asking, l.effects = start, newEffects()
	series := l.begin(c)
	if l.run.rehearsing() {
		return series
	}
	overlapping := l.onlyDenies(c.Matrices)
	for batch := 1; ctx.Err() == nil; batch++ {
		begun := time.Now()
		ask := asking{matrices: c.Matrices, messages: messages, holding: series.Holding() >= 0 || overlapping, rounds: 1, stagger: stagger, times: l.times, slowly: series.Hasty || series.OutOfBreath()}
		if ask.times > 0 {
			ask.stagger, ask.atOnce = 0, fewAtOnce
		}
		if ask.holding {
			ask.rounds = series.Missing()
		}
		if series.OutOfBreath() && ask.times == 0 {
			ask.rounds, ask.atOnce = 1, gently // one after another: side by side they would share one moment
		}
		before := series.Report.Rounds
		questions := l.batch(ctx, ask)
		series.Add(l.note(series, batch, questions, start))
		l.lossy = l.lossy || series.Resent()
		if series.First > before {
			l.effect = begun.Sub(start) + ask.begins(series.First-before-1)
		}
		l.timeEffects(begun.Sub(start), ask, questions)
		l.timeTwins(series, begun)
		wrong := series.Report.Wrong()
		switch {
		case series.Settled(), series.Ended():
			return series
		case len(wrong) == 0:
			continue
		case series.Report.Rounds == 1: // however long it took, it began when nothing was due yet
		case series.Report.Took > l.patience && !series.Hasty && !series.Lossy, series.Report.Took > l.run.Patience, l.lasting(wrong):
			return series
		}
		await(ctx, begun.Add(pace))
	}
	return series
}

// begin puts a claim into the evidence.
func (l *Lab) begin(c reach.Claim) *reach.Series {
	l.series++
	c.ID, c.Series, c.Evidence, c.Foreign = l.id, l.series, l.folder(), l.foreign
	l.evidence = append(l.evidence, reach.Line{Claim: &c})
	return reach.NewSeries(c)
}

// note puts the probes of a batch into the evidence.
func (l *Lab) note(s *reach.Series, batch int, questions []*question, start time.Time) []reach.Asked {
	out := l.askedOf(questions, start)
	for i := range out {
		out[i].Series, out[i].Batch = s.Series, batch
		out[i].Round += s.Report.Rounds
		l.evidence = append(l.evidence, reach.Line{Asked: &out[i]})
	}
	return out
}

// aside puts probes of no table into the evidence.
func (l *Lab) aside(questions []*question, start time.Time) {
	for _, a := range l.askedOf(questions, start) {
		l.evidence = append(l.evidence, reach.Line{Aside: &a})
	}
}

// askedOf are probes as they stand in the evidence, but for their place there.
func (l *Lab) askedOf(questions []*question, start time.Time) []reach.Asked {
	var out []reach.Asked
	for _, q := range questions {
		out = append(out, reach.Asked{
			Round: q.round + 1, At: q.answered, Elapsed: wire.Millis(q.answered.Sub(start).Milliseconds()),
			Family: q.family, Client: q.client, Server: q.server, Twin: q.twin, Want: q.want, Path: l.path(q), Evidence: q.evidence, Moved: q.moved,
		})
	}
	return out
}

// lasting says whether waiting cannot cure what is wrong: a host without SCTP gets none
// by being asked again. (The address of a Service may yet lead to another host.)
func (l *Lab) lasting(wrong []reach.Place) bool {
	return !slices.ContainsFunc(wrong, func(p reach.Place) bool {
		return p.Outcome != reach.Unsupported || p.Stage != wire.StageSocket && l.targets[p.Column.Word].kind != diag.Pod
	})
}

// specID is the ID of the spec that runs.
func specID() string {
	c, _ := spec.Of(ginkgo.CurrentSpecReport().Labels())
	return c.ID
}

// await returns at a time, or earlier when ctx ends.
func await(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
