package report

import (
	"fmt"
	"slices"
	"strings"

	"sctp.test/framework/spec"
)

// Summary is the last lines a person reads: counts, and what is not as it should be.
func (r Report) Summary() string {
	var b strings.Builder
	var counts []string
	for _, v := range []spec.Verdict{spec.Pass, spec.Fail, spec.Error, spec.Inconclusive, spec.KnownLimitation, spec.Informed, spec.NotApplicable} {
		if n := r.count(v); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, v))
		}
	}
	noun := "specs"
	if len(r.Specs) == 1 {
		noun = "spec"
	}
	fmt.Fprintf(&b, "%d %s in %.0fs: %s\n", len(r.Specs), noun, r.Seconds, strings.Join(counts, ", "))
	for _, s := range r.Specs {
		if slices.Contains(bad, s.Verdict) || s.Verdict == spec.KnownLimitation {
			fmt.Fprintf(&b, "  %-14s %s\n", s.Verdict, s.headline())
		}
	}
	return b.String() + r.conclusion() + "\n"
}

func (r Report) count(v spec.Verdict) int {
	n := 0
	for _, s := range r.Specs {
		if s.Verdict == v {
			n++
		}
	}
	return n
}

// Good says whether a run may exit with status 0: everything was judged, and no spec of any
// level is bad. What is known not to hold is no news.
func (r Report) Good() bool {
	return r.judged() && !slices.ContainsFunc(r.Specs, func(s Result) bool { return slices.Contains(bad, s.Verdict) })
}

// conclusion is what the run says of the cluster as a whole, and why no more.
func (r Report) conclusion() string {
	switch missing := r.unjudged(); {
	case len(r.Specs) == 0:
		return "not conformant: no spec was judged"
	case r.Interrupted:
		return "interrupted: nothing can be said of the cluster"
	case r.Conformant && r.count(spec.Fail) > 0:
		return "conformant, as far as was asked: no core claim failed"
	case r.Conformant:
		return "conformant, as far as was asked"
	case r.Good():
		return fmt.Sprintf("not conformant: core claims that are known not to hold: %d", r.limited())
	case len(missing) > 0:
		return "not conformant: no core claim passed of " + strings.Join(missing, ", ")
	default:
		return "not conformant"
	}
}

// headline names the spec and the cause.
func (s Result) headline() string {
	line := FirstLine(s.Reason)
	if strings.HasPrefix(line, s.ID) {
		return line
	}
	return s.ID + ": " + line
}

// FirstLine is the line of a failure that names the cause.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
