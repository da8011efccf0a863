package report

import (
	"slices"
	"testing"

	limitations "sctp.test/ci/known"
	"sctp.test/framework/spec"
)

// list is what is known of a network that rewrites no ports.
var list = limitations.List{Network: "some-net", File: "ci/known/some-net.yaml", Limitations: []limitations.Limitation{
	{Spec: "SVC-02", Reason: "it does not rewrite ports", Link: "https://example.org/1"},
	{Spec: "POL-1*", Reason: "it reads no endPort", Link: "https://example.org/2"},
}}

func TestKnowing(t *testing.T) {
	const (
		excused = "known limitation of some-net: it does not rewrite ports (https://example.org/1)\n\nSVC-02: 1 of 6 paths"
		stale   = "SVC-02 passes although ci/known/some-net.yaml lists it as a known limitation (it does not rewrite ports, https://example.org/1): take it off the list"
	)
	tests := []struct {
		name, id string
		found    spec.Verdict
		want     spec.Verdict
		reason   string
	}{
		{"listed, fails", "SVC-02", spec.Fail, spec.KnownLimitation, excused},
		{"listed, passes", "SVC-02", spec.Pass, spec.Fail, stale},
		{"listed, could not be judged", "SVC-02", spec.Inconclusive, spec.Inconclusive, ""},
		{"listed, our error", "SVC-02", spec.Error, spec.Error, ""},
		{"listed, not applicable", "SVC-02", spec.NotApplicable, spec.NotApplicable, ""},
		{"listed, measured", "SVC-02", spec.Informed, spec.Informed, ""},
		{"listed, weighed already", "SVC-02", spec.KnownLimitation, spec.KnownLimitation, ""},
		{"listed by a pattern, fails", "POL-11", spec.Fail, spec.KnownLimitation, "known limitation of some-net: it reads no endPort (https://example.org/2)\n\nSVC-02: 1 of 6 paths"},
		{"not listed, fails", "POL-20", spec.Fail, spec.Fail, ""},
		{"not listed, passes", "SVC-01", spec.Pass, spec.Pass, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const found = "SVC-02: 1 of 6 paths"
			if tt.reason == "" {
				tt.reason = found
			}
			before := result(tt.id, spec.Core, tt.found, found)
			after := before.Knowing(list)
			if after.Verdict != tt.want || after.Reason != tt.reason {
				t.Errorf("it is %s because of\n%s\nwant %s because of\n%s", after.Verdict, after.Reason, tt.want, tt.reason)
			}
			if again := before.Knowing(limitations.List{}); again.Verdict != tt.found || again.Reason != found {
				t.Errorf("without a list it is %s because of %q", again.Verdict, again.Reason)
			}
		})
	}
}

// What a list changes reaches the exit status, junit.xml and the last lines.
func TestAReportThatKnows(t *testing.T) {
	tests := []struct {
		name    string
		found   spec.Verdict
		good    bool
		counts  []int // failures, errors, skipped
		summary string
	}{
		{"fails", spec.Fail, true, []int{0, 0, 1}, `2 specs in 83s: 1 pass, 1 known-limitation
  known-limitation SVC-02: known limitation of some-net: it does not rewrite ports (https://example.org/1)
not conformant: core claims that are known not to hold: 1
`},
		{"passes", spec.Pass, false, []int{1, 0, 0}, `2 specs in 83s: 1 pass, 1 fail
  fail           SVC-02 passes although ci/known/some-net.yaml lists it as a known limitation (it does not rewrite ports, https://example.org/1): take it off the list
not conformant
`},
		{"could not be judged", spec.Inconclusive, false, []int{0, 1, 0}, "2 specs in 83s: 1 pass, 1 inconclusive\n  inconclusive   SVC-02: found\nnot conformant\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := made(result("SVC-01", spec.Core, spec.Pass, ""), result("SVC-02", spec.Core, tt.found, "found"))
			after := before.Knowing(list)
			if before.Specs[1].Verdict != tt.found || before.Known != "" || after.Known != list.File {
				t.Errorf("the list became part of %+v and not of %+v", before, after)
			}
			if after.Good() != tt.good || after.Conformant || after.Summary() != tt.summary {
				t.Errorf("good %v, conformant %v, the summary is\n%s", after.Good(), after.Conformant, after.Summary())
			}
			s := parsed(t, after)
			if counts := []int{s.Failures, s.Errors, s.Skipped}; !slices.Equal(counts, tt.counts) {
				t.Errorf("junit.xml has %v failures, errors and skipped, want %v", counts, tt.counts)
			}
		})
	}
}
