package report

import (
	"encoding/json"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"

	"sctp.test/framework/spec"
)

// A suite that Ginkgo runs in this process, with a spec for each way to end that does not
// end the whole suite.
func init() {
	fail := func(verdict string) {
		ginkgo.AddReportEntry(spec.VerdictEntry, verdict, ginkgo.ReportEntryVisibilityNever)
		ginkgo.AddReportEntry(spec.ClassEntry, "slug-of-"+verdict, ginkgo.ReportEntryVisibilityNever)
		ginkgo.Fail("because")
	}
	it := func(id string, level spec.Level, body func()) {
		ginkgo.It("ends", spec.Case{ID: id, Level: level, Claim: "It MUST.", Source: "here"}, body)
	}
	it("POD-01", spec.Core, func() {})
	it("POD-02", spec.Informational, func() { ginkgo.AddReportEntry(spec.MeasureEntry, "denied after 0.4 s") })
	it("POD-03", spec.Core, func() { ginkgo.Skip("no second node") })
	it("POD-04", spec.Core, func() { ginkgo.Fail("because") })
	it("POD-05", spec.Core, func() { fail("fail") })
	it("POD-06", spec.Core, func() { fail("inconclusive") })
	it("POD-07", spec.Core, func() { fail("error") })
	it("POD-08", spec.Core, func() { fail("broken") })
	it("POD-09", spec.Core, func() { fail("pass") })
	it("POD-10", spec.SelfCheck, func() { ginkgo.Fail("because") })
	it("POD-11", spec.Informational, func() { ginkgo.Fail("because") })
	it("POD-12", spec.Informational, func() { fail("error") })
	it("POD-13", spec.Core, func() { panic("at the disco") })
	it("POD-15", spec.Core, func() {
		ginkgo.DeferCleanup(func() { ginkgo.Fail("nor could it clean up\n") })
		ginkgo.Fail("because")
	})
	it("POD-17", spec.Core, func() {}) // left out by a filter
	ginkgo.It("ends", spec.Case{ID: "POD-14", Level: spec.Core, Claim: "It MUST.", Source: "here"}, func(ctx ginkgo.SpecContext) {
		<-ctx.Done()
		ginkgo.Fail("because of that")
	}, ginkgo.SpecTimeout(time.Millisecond))
	ginkgo.ReportAfterSuite("keeps", func(r ginkgo.Report) { ran = r })
}

// ran is what Ginkgo reported of that suite.
var ran types.Report

type ignore struct{}

func (ignore) Fail() {}

func run(t *testing.T) types.Report {
	t.Helper()
	if ran.StartTime.IsZero() {
		formatter.ColorableStdOut = io.Discard
		suite, reporter := ginkgo.GinkgoConfiguration()
		suite.LabelFilter = "!(Spec: containsAny POD-17)"
		ginkgo.RunSpecs(ignore{}, "ends", suite, reporter)
	}
	return ran
}

func TestVerdicts(t *testing.T) {
	want := map[string]struct {
		verdict spec.Verdict
		reason  string
	}{
		"POD-01": {spec.Pass, ""},
		"POD-02": {spec.Informed, ""},
		"POD-03": {spec.NotApplicable, "no second node"},
		"POD-04": {spec.Fail, "because"},
		"POD-05": {spec.Fail, "because"},
		"POD-06": {spec.Inconclusive, "because"},
		"POD-07": {spec.Error, "because"},
		"POD-08": {spec.Error, "because"}, // no such verdict
		"POD-09": {spec.Error, "because"}, // no verdict of a failure
		"POD-10": {spec.Error, "because"},
		"POD-11": {spec.Informed, "because"},
		"POD-12": {spec.Error, "because"},
		"POD-13": {spec.Error, "panicked: Test Panicked at the disco"},
		"POD-14": {spec.Error, "POD-14: it did not end in time (A spec timeout occurred) and was given up after 0s; what it was doing then stands in Ginkgo's output (run.log)\n\nA spec timeout occurred and then the following failure was recorded in the timedout node before it exited:\nbecause of that"},
		"POD-15": {spec.Fail, "because\n\nand then: nor could it clean up"},
	}
	r := New("1a2b3", run(t), Environment{}, "")
	for _, s := range r.Specs {
		if w := want[s.ID]; s.Verdict != w.verdict || s.Reason != w.reason {
			t.Errorf("%s is %s because of %q, want %s because of %q", s.ID, s.Verdict, s.Reason, w.verdict, w.reason)
		}
		if s.Text != "ends" || s.Chapter != "pod" || s.Claim != "It MUST." || s.Source != "here" {
			t.Errorf("%s is not described: %+v", s.ID, s)
		}
		if class := map[string]string{"POD-05": "slug-of-fail", "POD-12": "slug-of-error"}[s.ID]; class != "" && s.Class != class || s.ID < "POD-05" && s.Class != "" {
			t.Errorf("%s is of class %q, want %q", s.ID, s.Class, class)
		}
	}
	if m := r.Specs[1].Measured; len(m) != 1 || m[0] != "denied after 0.4 s" {
		t.Errorf("measured is %q", m)
	}
	if len(r.Specs) != len(want) || r.Interrupted || r.Conformant {
		t.Errorf("%d results, interrupted %v, conformant %v", len(r.Specs), r.Interrupted, r.Conformant)
	}
}

// With several processes, reports come to the first one as JSON.
func TestVerdictsFromOtherProcesses(t *testing.T) {
	raw, err := json.Marshal(run(t))
	if err != nil {
		t.Fatal(err)
	}
	var travelled types.Report
	if err := json.Unmarshal(raw, &travelled); err != nil {
		t.Fatal(err)
	}
	here, there := New("1a2b3", run(t), Environment{}, ""), New("1a2b3", travelled, Environment{}, "")
	if !reflect.DeepEqual(here, there) {
		t.Errorf("from another process the report is\n%+v\nnot\n%+v", there, here)
	}
}

// States that end a whole suite are made up.
func TestStatesThatEndASuite(t *testing.T) {
	tests := []struct {
		state types.SpecState
		want  spec.Verdict // "" is no result
	}{
		{types.SpecStateInterrupted, spec.Error},
		{types.SpecStateAborted, spec.Error},
		{types.SpecStateSkipped, ""},
		{types.SpecStatePending, ""},
		{types.SpecStateInvalid, ""},
	}
	for _, tt := range tests {
		got, ok := Of(types.SpecReport{LeafNodeType: types.NodeTypeIt, LeafNodeLabels: []string{"Spec: POD-01"}, State: tt.state})
		if got.Verdict != tt.want || ok != (tt.want != "") {
			t.Errorf("%s is %q, %v; want %q", tt.state, got.Verdict, ok, tt.want)
		}
	}
	if _, ok := Of(types.SpecReport{LeafNodeType: types.NodeTypeBeforeSuite, State: types.SpecStateFailed}); ok {
		t.Error("a hook is taken for a spec")
	}
}

func TestInterrupted(t *testing.T) {
	passed := types.SpecReport{LeafNodeType: types.NodeTypeIt, LeafNodeLabels: []string{"Spec: POD-01"}, State: types.SpecStatePassed}
	stopped, left := passed, passed
	stopped.State, left.State = types.SpecStateInterrupted, types.SpecStateSkipped
	two := types.PreRunStats{SpecsThatWillRun: 2}
	tests := []struct {
		name string
		g    types.Report
		want bool
	}{
		{"all was run", types.Report{PreRunStats: types.PreRunStats{SpecsThatWillRun: 1}, SpecReports: types.SpecReports{passed, left}}, false},
		{"within a spec", types.Report{PreRunStats: two, SpecReports: types.SpecReports{passed, stopped}}, true},
		{"between two specs", types.Report{PreRunStats: two, SpecReports: types.SpecReports{passed, left}}, true},
		{"the suite's time was up", types.Report{SpecReports: types.SpecReports{passed}, SpecialSuiteFailureReasons: []string{"Suite Timeout Elapsed"}}, true},
	}
	for _, tt := range tests {
		if r := New("", tt.g, Environment{}, ""); r.Interrupted != tt.want || r.Conformant == tt.want {
			t.Errorf("%s: interrupted %v, conformant %v", tt.name, r.Interrupted, r.Conformant)
		}
	}
}
