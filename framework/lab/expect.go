package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
// kernel 1.65 s is held for 2.65 s, with an INIT under way at nearly every moment of it.
const (
	holdRounds = 3
	stagger    = 500
)

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
	l.expect(ctx, greetingOnly, AllAnswered, 0)
}

// ExpectOnce is Expect that does not hold: for the control before something is denied, where
// the paths are not all there are.
func (l *Lab) ExpectOnce(ctx ginkgo.SpecContext, table string) {
	ginkgo.GinkgoHelper()
	l.expect(ctx, greetingOnly, table, 0)
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

// ExpectNow is Expect for what must hold from the first moment: the first round counts.
func (l *Lab) ExpectNow(ctx ginkgo.SpecContext, table string) {
	ginkgo.GinkgoHelper()
	patience := l.patience
	l.patience = 0
	defer func() { l.patience = patience }()
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
	l.expect(ctx, messages, table, holdRounds)
}

func (l *Lab) expect(ctx ginkgo.SpecContext, messages []wire.Message, table string, hold int) {
	ginkgo.GinkgoHelper()
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	series := l.settle(ctx, reach.Claim{Matrices: matrices}, messages, hold)
	if ctx.Err() != nil {
		return // Ginkgo tells of interrupts itself
	}
	if len(series.Report.Wrong()) > 0 {
		l.fail(ctx, series, messages)
	}
	l.awaitTwins(ctx, series)
	l.tellOfTwins(series)
	l.remember(matrices)
}

// Measured puts a sentence with a number and its unit into the report.
func (l *Lab) Measured(format string, args ...any) {
	l.enter(spec.MeasureEntry, fmt.Sprintf(format, args...))
}

// matrices resolves a table and refuses denials that nothing proves.
func (l *Lab) matrices(table string) ([]reach.Matrix, error) {
	var out []reach.Matrix
	if table == AllAnswered {
		out = reach.Everything(reach.Names{Clients: l.plainClients(), Servers: l.openServers()}, l.families, reach.Word(reach.Answered))
	} else {
		t, err := reach.Parse(strings.Trim(table, "\n"))
		if err != nil {
			return nil, err
		}
		if out, err = t.Resolve(l.names, l.families); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(out, func(m reach.Matrix) bool { return m.Asked() > 0 }) {
		return nil, errors.New("the table asks nothing")
	}
	for _, m := range out {
		if err := l.mayClaim(m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mayClaim refuses what cannot be asked, and denials that nothing proves.
func (l *Lab) mayClaim(m reach.Matrix) error {
	for i, row := range m.Want {
		for j, w := range row {
			p := pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}
			if w != reach.NotAsked && !l.targets[p.server].addrs[p.family].IsValid() {
				return fmt.Errorf("%s: %s has no address there", p.family, p.server)
			}
			if w.Denies() && !l.controlled(m, i, j) {
				return fmt.Errorf("%s: %s to %s is to be denied, but the spec never saw it answered: no denial without a control", p.family, p.client, p.server)
			}
		}
	}
	return nil
}

// controlled says whether something proves that a denial in a matrix is one. The usual
// control is the same pair, seen answered. A closed port has its neighbour, another port of
// the same pod that the same client reaches; an agent or a Service that comes late is to be
// reached later; beside a Service that is gone its client must reach something in the same
// table.
func (l *Lab) controlled(m reach.Matrix, row, column int) bool {
	p := pair{m.Family, m.Rows[row].Word, m.Columns[column].Word}
	t := l.targets[p.server]
	switch {
	case t.closed:
		for other := range l.asked {
			if o := l.targets[other.server]; other.family == p.family && other.client == p.client && o.pod == t.pod {
				return true
			}
		}
		return slices.Contains(m.Want[row], reach.Word(reach.Answered))
	case t.gone:
		return l.asked[p] && slices.Contains(m.Want[row], reach.Word(reach.Answered))
	case l.siblings[p.server] != "":
		sibling := slices.IndexFunc(m.Columns, func(n reach.Name) bool { return n.Word == l.siblings[p.server] })
		return sibling >= 0 && m.Want[row][sibling] == reach.Word(reach.Answered)
	default:
		return l.asked[p] || l.late[p.client] || l.late[p.server] || l.late[agentOf(p.server)]
	}
}

// ControlBy says that denials at a server are proven by the same client's reaching a sibling
// of it in the same table, where that server itself is never to be reached from there.
func (l *Lab) ControlBy(server, sibling string) { l.siblings[server] = sibling }

// agentOf is the agent's part of a server's word: x/server@2 of x/server@2:80/tcp.
func agentOf(server string) string {
	agent, _, _ := strings.Cut(server, ":")
	return agent
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

// settle asks until the claim is settled one way or the other: right, and right again in as
// many more rounds as it is to hold.
func (l *Lab) settle(ctx context.Context, c reach.Claim, messages []wire.Message, hold int) *reach.Series {
	start := time.Now()
	l.asking, l.effects = start, newEffects()
	series := l.begin(c)
	if l.run.rehearsing() {
		return series
	}
	for batch := 1; ctx.Err() == nil; batch++ {
		begun := time.Now()
		if series.Holding() < 0 {
			l.effect = begun.Sub(start)
		}
		ask := asking{matrices: c.Matrices, messages: messages, holding: series.Holding() >= 0, rounds: 1, stagger: stagger, times: l.times}
		if ask.times > 0 {
			ask.stagger, ask.atOnce = 0, fewAtOnce
		}
		if ask.holding {
			ask.rounds = hold
		}
		questions := l.batch(ctx, ask)
		series.Add(l.note(series, batch, questions, start))
		l.timeEffects(series.Report, begun.Sub(start), questions)
		l.timeTwins(series, begun)
		wrong := series.Report.Wrong()
		switch {
		case len(wrong) == 0 && series.Holding() == hold, series.Report.State == reach.Intermittent:
			return series
		case len(wrong) == 0:
			continue
		case series.Report.Took > l.patience, l.lasting(wrong) && series.Report.Rounds > 1:
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
	now := time.Now()
	var out []reach.Asked
	for _, q := range questions {
		out = append(out, reach.Asked{
			Series: s.Series, Batch: batch, Round: s.Report.Rounds + q.round + 1, At: now, Elapsed: wire.Millis(now.Sub(start).Milliseconds()),
			Family: q.family, Client: q.client, Server: q.server, Twin: q.twin, Want: q.want, Path: l.path(q), Evidence: q.evidence, Moved: q.moved,
		})
	}
	for i := range out {
		l.evidence = append(l.evidence, reach.Line{Asked: &out[i]})
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

// remember keeps what a held table said, as control for later denials.
func (l *Lab) remember(matrices []reach.Matrix) {
	for _, m := range matrices {
		for i, row := range m.Want {
			for j, w := range row {
				p := pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}
				switch {
				case w == reach.Word(reach.Answered):
					l.asked[p] = true
					delete(l.controls, p)
				case w.Denies() && l.siblings[p.server] == "" && !l.targets[p.server].closed && !l.targets[p.server].gone:
					l.controls[p] = true
				}
			}
		}
	}
}

// control proves, after the policies are lifted, that what was denied is open again: else
// it may have been down for a reason of its own, and the denial proves nothing. It returns
// what fails the spec.
func (l *Lab) control(ctx context.Context) string {
	if len(l.controls) == 0 {
		return ""
	}
	all := reach.Everything(l.names, l.families, reach.NotAsked)
	for _, m := range all {
		for i := range m.Want {
			for j := range m.Want[i] {
				if l.controls[pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}] {
					m.Want[i][j] = reach.Word(reach.Answered)
				}
			}
		}
	}
	series := l.settle(ctx, reach.Claim{Control: true, Matrices: all}, greetingOnly, 0) // once is proof that it can be reached
	if ctx.Err() != nil || len(series.Report.Wrong()) == 0 {
		return ""
	}
	return l.told(ctx, series, greetingOnly)
}

// fail fails the spec for a series that is wrong.
func (l *Lab) fail(ctx context.Context, series *reach.Series, messages []wire.Message) {
	ginkgo.GinkgoHelper()
	ginkgo.Fail(l.told(ctx, series, messages))
}

// told is the failure for a series that is wrong, after looking for the cause.
func (l *Lab) told(ctx context.Context, series *reach.Series, messages []wire.Message) string {
	l.explain(ctx, series, messages)
	if causes := series.Report.Causes; len(causes) > 0 {
		l.enter(spec.ClassEntry, causes[0].Class)
	}
	ground, text := series.Conclusion()
	return l.record(ctx, ground, text)
}

// conclude fails the spec on a ground.
func (l *Lab) conclude(ctx context.Context, ground reach.Ground, text string) {
	ginkgo.GinkgoHelper()
	ginkgo.Fail(l.record(ctx, ground, text))
}

// record puts a verdict into the report and, with all evidence, on disk, and returns the
// text with which the spec is to fail.
func (l *Lab) record(ctx context.Context, ground reach.Ground, text string) string {
	err := l.save()
	l.collect(context.WithoutCancel(ctx))
	if err == nil {
		err = os.WriteFile(filepath.Join(l.folder(), "verdict.txt"), []byte(text), 0o644)
	}
	if err != nil {
		text += fmt.Sprintf("  the evidence could not be saved: %v\n", err)
	}
	l.enter(spec.VerdictEntry, string(ground))
	return text
}

// folder is where the spec's evidence goes.
func (l *Lab) folder() string { return filepath.Join(l.run.Artifacts, l.id) }

// save writes every observation of the spec, so that it can be judged again.
func (l *Lab) save() error {
	if err := os.MkdirAll(l.folder(), 0o755); err != nil {
		return err
	}
	if err := errors.Join(l.saveSteps(), l.saveNames()); err != nil {
		return err
	}
	var lines strings.Builder
	enc := json.NewEncoder(&lines)
	for _, line := range l.evidence {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(l.folder(), "probes.jsonl"), []byte(lines.String()), 0o644); err != nil || l.symptoms == nil {
		return err
	}
	raw, err := json.MarshalIndent(l.symptoms, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.folder(), "symptoms.json"), raw, 0o644)
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
