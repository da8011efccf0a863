package lab

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// strip takes labels and listeners off again: labels also where listeners stay, for what
// selects the pod by them would lead to an agent that nobody has.
func (l *Lab) strip(ctx context.Context, m *member) error {
	labels := map[string]*string{}
	for k := range l.orders[m].labels {
		labels[k] = nil
	}
	parts := []func() error{func() error { return l.run.fleet.label(ctx, m, labels, "") }}
	for _, e := range l.open[m] {
		parts = append(parts, func() error {
			_, err := m.ask(ctx, wire.Request{Close: &e})
			return err
		})
	}
	return together(parts)
}

// leave ends a spec.
func (l *Lab) leave(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	if l.relieved {
		return
	}
	r := ginkgo.CurrentSpecReport()
	l.failed = r.Failed()
	if l.failed && !l.recorded && r.State != types.SpecStateInterrupted { // it failed by itself, ran out of time, or fell
		l.evident(ctx, basisOf(r), r.FailureMessage())
	}
	if text := l.clear(ctx); text != "" {
		ginkgo.Fail(text)
	}
}

// basisOf is what a failure rests on that the spec has found by itself.
func basisOf(r ginkgo.SpecReport) reach.Basis {
	if r.State != types.SpecStateFailed {
		return reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnNothing}
	}
	for _, e := range r.ReportEntries {
		if e.Name == spec.VerdictEntry {
			return reach.Basis{Ground: reach.Ground(e.StringRepresentation()), Rests: reach.OnOther}
		}
	}
	return reach.Basis{Ground: reach.GroundFail, Rests: reach.OnOther}
}

// clear takes policies off first, then proves that what they denied is open again, then
// takes off everything else. It returns what fails the spec, "" for nothing: a spec whose
// denials are not proven must be cleaned up, too.
func (l *Lab) clear(ctx context.Context) string {
	err := l.withdraw(ctx, isPolicy)
	unproven := ""
	if err == nil && !l.failed && ctx.Err() == nil {
		unproven = l.control(ctx)
	}
	err = cmp.Or(err, l.withdraw(ctx, func(object) bool { return true }))
	l.endParted(ctx)
	theirs, ours := l.brokenInvariants(ctx)
	err = cmp.Or(err, l.eachMember(func(m *member) error { return l.strip(ctx, m) }), l.unlabelNamespaces(ctx))
	l.run.note(err)
	defer l.free(ctx, err)
	if l.begun && ctx.Err() == nil {
		ours = append(ours, l.leftovers(ctx)...)
	}
	if err != nil && len(theirs)+len(ours) > 0 {
		ours = append(ours, fmt.Sprintf("it could not clean up: %v", err))
	}
	err = cmp.Or(err, l.save())
	besides := strings.Join(append(sentences(theirs), ours...), "; ")
	switch {
	case ctx.Err() != nil: // Ginkgo tells of interrupts itself
		return ""
	case unproven != "" && besides != "":
		return unproven + "\n" + l.id + ": besides, " + besides
	case unproven != "":
		return unproven
	case l.failed && besides != "": // beside the verdict that stands
		return l.id + ": besides, " + besides
	case l.failed:
		return ""
	case besides != "":
		ground := reach.GroundBroken
		if len(theirs) > 0 {
			ground = reach.GroundFail
		}
		return l.record(ctx, reach.Basis{Ground: ground, Rests: reach.OnOther}, fmt.Sprintf("%s: its paths are as claimed, but %s\n%s%s", l.id, besides, reach.Told(l.causes(theirs)), l.whereabouts()))
	case err != nil:
		return l.record(ctx, reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnOther}, fmt.Sprintf("%s: could not clean up: %v", l.id, err))
	case !l.expected:
		return l.record(ctx, reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnOther}, fmt.Sprintf("%s: the spec %s and never said what to expect of it", l.id, cmp.Or(l.changed, "deployed agents")))
	}
	return ""
}

// free gives the agents of the spec back to the fleet. What could not be cleaned up may still
// carry what the next spec must not find, and goes.
func (l *Lab) free(ctx context.Context, unclean error) {
	for _, m := range slices.Clone(l.members) {
		if unclean != nil {
			l.run.fleet.dismiss(m)
			l.former = append(l.former, m)
		}
	}
	if unclean != nil {
		l.endParted(ctx)
	}
	for _, m := range l.members {
		m.word = ""
	}
}
