package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/reach"
)

// Look asks every cell of a table once and tells what it found, whatever the table says:
// for what nothing promises. Paths that could not be asked fail the spec.
func (l *Lab) Look(ctx ginkgo.SpecContext, table string) string {
	ginkgo.GinkgoHelper()
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	if l.run.rehearsing() {
		return ""
	}
	start := time.Now()
	var questions []*question
	for _, q := range l.questions(asking{matrices: matrices, messages: greetingOnly}) {
		again := l.question(q.pair, l.targets[q.server], reach.NotAsked, l.timers(q.pair, reach.Denied, asking{}), greetingOnly)
		questions = append(questions, again)
	}
	l.ask(ctx, questions)
	l.readRecords(ctx, questions)
	for i := range matrices { // the evidence claims nothing
		matrices[i].Want = nothing(matrices[i])
	}
	series := l.begin(reach.Claim{Matrices: matrices})
	series.Add(l.note(series, 1, questions, start))
	found, broken := l.outcomes(questions)
	if broken != "" && ctx.Err() == nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %s", l.id, broken))
	}
	return found
}

// nothing is the want of a matrix that asks nothing.
func nothing(m reach.Matrix) [][]reach.Word {
	var out [][]reach.Word
	for _, row := range m.Want {
		out = append(out, slices.Repeat([]reach.Word{reach.NotAsked}, len(row)))
	}
	return out
}

// outcomes puts what was found into a sentence, the paths of an outcome together; broken
// is why one could not be asked.
func (l *Lab) outcomes(questions []*question) (found, broken string) {
	var order []reach.Outcome
	paths := map[reach.Outcome][]string{}
	for _, q := range questions {
		f := reach.Judge(q.evidence)
		if f.Outcome == reach.Broken {
			broken = fmt.Sprintf("%s: %s", l.path(q), f.Reason)
		}
		if !slices.Contains(order, f.Outcome) {
			order = append(order, f.Outcome)
		}
		paths[f.Outcome] = append(paths[f.Outcome], fmt.Sprintf("%s to %s (%s)", q.client, q.server, q.family))
	}
	var parts []string
	for _, o := range order {
		parts = append(parts, fmt.Sprintf("%s: %s", o, strings.Join(paths[o], ", ")))
	}
	return strings.Join(parts, "; "), broken
}
