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

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// AllAnswered claims, in place of a table, that every client without a port of its own
// reaches every server.
const AllAnswered = "*"

// holdRounds are the rounds in which a table must be right again after it was right once.
const holdRounds = 3

// pace is the shortest time between the beginnings of two rounds.
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

// ExpectMessages is Expect with messages that must be echoed byte by byte on every
// answered path.
func (l *Lab) ExpectMessages(ctx ginkgo.SpecContext, messages []wire.Message, table string) {
	ginkgo.GinkgoHelper()
	l.expected = true
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	report := l.settle(ctx, matrices, messages, holdRounds)
	if ctx.Err() != nil {
		return // Ginkgo tells of interrupts itself
	}
	if len(report.Wrong()) > 0 {
		l.conclude(report.Ground(), report.Text())
	}
	ginkgo.GinkgoWriter.Printf("%s: %d matrices held, %d rounds in %v\n", l.id, len(matrices), report.Rounds, report.Took.Round(time.Millisecond))
	l.remember(matrices)
}

// matrices resolves a table and refuses denials that nothing proves.
func (l *Lab) matrices(table string) ([]reach.Matrix, error) {
	var out []reach.Matrix
	if table == AllAnswered {
		out = reach.Everything(reach.Names{Clients: l.plainClients(), Servers: l.names.Servers}, l.families, reach.Word(reach.Answered))
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
		for i, row := range m.Want {
			for j, w := range row {
				p := pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}
				if w != reach.NotAsked && !l.targets[p.server].addrs[p.family].IsValid() {
					return nil, fmt.Errorf("%s: %s has no address there", p.family, p.server)
				}
				if _, known := l.asked[p]; w.Denies() && !known {
					return nil, fmt.Errorf("%s: %s to %s is to be denied, but the spec never saw it answered: no denial without a control", p.family, p.client, p.server)
				}
			}
		}
	}
	return out, nil
}

// plainClients are the agents that listen on nothing, or all if there is none.
func (l *Lab) plainClients() []reach.Name {
	var out []reach.Name
	for i, m := range l.members {
		if len(l.orders[m].ports) == 0 {
			out = append(out, l.names.Clients[i])
		}
	}
	if len(out) == 0 {
		return l.names.Clients
	}
	return out
}

// settle runs rounds until the claim is settled one way or the other: right, and right
// again in as many more rounds as it is to hold.
func (l *Lab) settle(ctx context.Context, matrices []reach.Matrix, messages []wire.Message, hold int) reach.Report {
	start := time.Now()
	report := reach.Report{ID: l.id, State: reach.Unsettled, Evidence: l.folder(), Again: "make e2e FOCUS=" + l.id}
	for held := -1; ctx.Err() == nil; {
		begun := time.Now()
		report.Results = l.round(ctx, asking{matrices, messages, report.Rounds + 1, held >= 0})
		report.Rounds++
		report.Took = time.Since(start)
		wrong := report.Wrong()
		switch {
		case len(wrong) == 0:
			held++
			report.State = reach.Held
			if held == hold {
				return report
			}
		case held >= 0:
			report.State = reach.Intermittent
			return report
		case report.Took > l.run.Patience, l.lasting(wrong) && report.Rounds > 1:
			return report
		}
		await(ctx, begun.Add(pace))
	}
	return report
}

// lasting says whether waiting cannot cure what is wrong: a host without SCTP gets none
// by being asked again. (The address of a Service may yet lead to another host.)
func (l *Lab) lasting(wrong []reach.Place) bool {
	return !slices.ContainsFunc(wrong, func(p reach.Place) bool {
		return p.Outcome != reach.Unsupported || p.Stage != wire.StageSocket && !l.targets[p.Column.Word].direct
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
				case w.Denies():
					l.controls[p] = true
				}
			}
		}
	}
}

// control proves, after the policies are lifted, that what was denied is open again: else
// it may have been down for a reason of its own, and the denial proves nothing.
func (l *Lab) control(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	if len(l.controls) == 0 {
		return
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
	report := l.settle(ctx, all, greetingOnly, 0) // once is proof that it can be reached
	if ctx.Err() == nil && len(report.Wrong()) > 0 {
		l.conclude(reach.GroundUnsupported, "the denials are not proven: with the policies gone, what they denied is not open again\n"+report.Text())
	}
}

// conclude fails the spec on a ground, after the evidence is on disk.
func (l *Lab) conclude(ground reach.Ground, text string) {
	ginkgo.GinkgoHelper()
	if err := l.save(text); err != nil {
		text += fmt.Sprintf("  the evidence could not be saved: %v\n", err)
	}
	ginkgo.AddReportEntry(spec.VerdictEntry, string(ground), ginkgo.ReportEntryVisibilityNever)
	ginkgo.Fail(text)
}

// folder is where the spec's evidence goes.
func (l *Lab) folder() string { return filepath.Join(l.run.Artifacts, l.id) }

// save writes the verdict and every observation of the spec.
func (l *Lab) save(text string) error {
	if err := os.MkdirAll(l.folder(), 0o755); err != nil {
		return err
	}
	var lines strings.Builder
	enc := json.NewEncoder(&lines)
	for _, r := range l.rounds {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(l.folder(), "probes.jsonl"), []byte(lines.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.folder(), "verdict.txt"), []byte(text), 0o644)
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
