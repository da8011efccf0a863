package report

import (
	"fmt"

	limitations "sctp.test/ci/known"
	"sctp.test/framework/spec"
)

// Knowing weighs the results against a list of known limitations, see Result.Knowing.
func (r Report) Knowing(l limitations.List) Report {
	specs := make([]Result, len(r.Specs))
	for i, s := range r.Specs {
		specs[i] = s.Knowing(l)
	}
	r.Specs, r.Known = specs, l.File
	r.conclude()
	return r
}

// Knowing is the result, weighed against a list of known limitations: a listed spec that
// fails is excused, and one that passes is a failure, so that no list outlives its reasons.
// What could not be judged stays what it is: nobody knows why.
func (s Result) Knowing(l limitations.List) Result {
	m, listed := l.Find(s.ID)
	switch {
	case listed && s.Verdict == spec.Fail:
		s.Verdict = spec.KnownLimitation
		s.Reason = fmt.Sprintf("known limitation of %s: %s (%s)\n\n%s", l.Network, m.Reason, m.Link, s.Reason)
	case listed && s.Verdict == spec.Pass:
		s.Verdict = spec.Fail
		s.Reason = fmt.Sprintf("%s passes although %s lists it as a known limitation (%s, %s): take it off the list", s.ID, l.File, m.Reason, m.Link)
	}
	return s
}
