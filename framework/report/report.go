// Package report turns what Ginkgo knows about a finished suite into verdicts, and
// verdicts into junit.xml, report.yaml and the last lines a person reads.
//
// It judges nothing: what a verdict is, the specs have said.
package report

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
	"sigs.k8s.io/yaml"

	"sctp.test/framework/spec"
)

// Report is report.yaml. Fields are added, never renamed or removed, within a version.
type Report struct {
	APIVersion  string      `json:"apiVersion"` // sctp.test/v1
	Kind        string      `json:"kind"`       // ConformanceReport
	Run         string      `json:"run"`
	Started     time.Time   `json:"started"`
	Seconds     float64     `json:"seconds"`
	Conformant  bool        `json:"conformant"`            // as far as was asked
	Interrupted bool        `json:"interrupted,omitempty"` // specs that were asked for were not run to their end
	Environment Environment `json:"environment"`
	Specs       []Result    `json:"specs"`
	Reproduce   string      `json:"reproduce"`
}

// Environment is the cluster as the run found it.
type Environment struct {
	Kubernetes string   `json:"kubernetes"`
	Families   []string `json:"families"`
	Image      string   `json:"image"`
	Module     string   `json:"module"` // how SCTP came to the nodes
	Nodes      []Node   `json:"nodes"`
	LeftOut    []string `json:"leftOut,omitempty"` // nodes that were not judged, each with the reason
}

// Node is a node that the run used.
type Node struct {
	Name    string `json:"name"`
	Kernel  string `json:"kernel"`
	OS      string `json:"os"`
	Runtime string `json:"runtime"`
	Before  string `json:"sctpBefore"` // on or off when the run began, with the reason where it is known
}

// Result is what became of one spec.
type Result struct {
	ID      string       `json:"id"`
	Text    string       `json:"text"`
	Chapter string       `json:"chapter"`
	Level   spec.Level   `json:"level"`
	Verdict spec.Verdict `json:"verdict"`
	Reason  string       `json:"reason,omitempty"` // everything a person has to read
	Seconds float64      `json:"seconds"`
	Claim   string       `json:"claim"`
	Source  string       `json:"source"`
}

// New makes a report of a finished suite; filters left no trace of what was not selected.
func New(run string, g types.Report, env Environment, reproduce string) Report {
	r := Report{
		APIVersion: "sctp.test/v1", Kind: "ConformanceReport",
		Run: run, Started: g.StartTime.UTC(), Seconds: g.RunTime.Seconds(),
		Environment: env, Reproduce: reproduce, Specs: []Result{},
	}
	r.Interrupted = len(g.SpecialSuiteFailureReasons) > 0
	for _, s := range g.SpecReports {
		r.Interrupted = r.Interrupted || s.State.Is(types.SpecStateInterrupted)
		if result, ok := Of(s); ok {
			r.Specs = append(r.Specs, result)
		}
	}
	// What Ginkgo left out after an interrupt or a first failure looks like what a filter did.
	r.Interrupted = r.Interrupted || len(r.Specs) < g.PreRunStats.SpecsThatWillRun
	slices.SortFunc(r.Specs, func(a, b Result) int { return strings.Compare(a.ID, b.ID) })
	r.Conformant = r.conformant()
	return r
}

// Of makes the result of one spec; ok is false for what is no spec or was not selected.
func Of(s types.SpecReport) (result Result, ok bool) {
	c, ok := spec.Of(s.Labels())
	if !ok || s.LeafNodeType != types.NodeTypeIt {
		return Result{}, false
	}
	result = Result{
		ID: c.ID, Text: spec.Text(c.ID), Chapter: c.Chapter(), Level: c.Level,
		Seconds: s.RunTime.Seconds(), Claim: c.Claim, Source: c.Source, Reason: s.Failure.Message,
	}
	switch {
	case s.State.Is(types.SpecStatePassed) && c.Level == spec.Informational:
		result.Verdict = spec.Informed
	case s.State.Is(types.SpecStatePassed):
		result.Verdict = spec.Pass
	case s.State.Is(types.SpecStateSkipped) && s.Failure.Message != "":
		result.Verdict = spec.NotApplicable
	case s.State.Is(types.SpecStateFailed):
		result.Verdict = failed(c.Level, s.ReportEntries)
	case s.State.Is(types.SpecStateFailureStates):
		result.Verdict = spec.Error
		result.Reason = strings.TrimSpace(fmt.Sprintf("%s: %s %s", s.State, s.Failure.Message, s.Failure.ForwardedPanic))
	default: // left out by a filter
		return Result{}, false
	}
	for _, f := range s.AdditionalFailures {
		result.Reason += "\n\nand then: " + strings.TrimSpace(f.Failure.Message)
	}
	return result, true
}

// failed is which of the verdicts of a failure the spec has asked for. What it cannot have
// meant is an error, so that no slip of ours counts as anything better.
func failed(level spec.Level, entries types.ReportEntries) spec.Verdict {
	verdict := spec.Fail
	for _, e := range entries {
		if e.Name == spec.VerdictEntry {
			verdict = spec.Verdict(e.StringRepresentation())
		}
	}
	switch {
	case !slices.Contains(bad, verdict):
		return spec.Error
	case verdict == spec.Fail && level == spec.SelfCheck:
		return spec.Error // of kernel or agent: not the cluster's fault
	case verdict == spec.Fail && level == spec.Informational:
		return spec.Informed
	}
	return verdict
}

// bad are the verdicts that make a run exit with status 1.
var bad = []spec.Verdict{spec.Fail, spec.Error, spec.Inconclusive}

// conformant: no core claim failed, everything could be judged, and each chapter with core
// claims that was asked for has one that was.
func (r Report) conformant() bool {
	for _, s := range r.Specs {
		if slices.Contains(bad, s.Verdict) && (s.Verdict != spec.Fail || s.Level == spec.Core) {
			return false
		}
	}
	return len(r.Specs) > 0 && !r.Interrupted && len(r.unjudged()) == 0
}

// unjudged are the chapters with core claims of which none passed.
func (r Report) unjudged() []string {
	passed := map[string]bool{}
	for _, s := range r.Specs {
		if s.Level == spec.Core {
			passed[s.Chapter] = passed[s.Chapter] || s.Verdict == spec.Pass
		}
	}
	maps.DeleteFunc(passed, func(_ string, ok bool) bool { return ok })
	return slices.Sorted(maps.Keys(passed))
}

// Write puts report.yaml and junit.xml into a folder.
func (r Report) Write(folder string) error {
	raw, err := yaml.Marshal(r)
	if err != nil {
		return fmt.Errorf("report.yaml: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "report.yaml"), raw, 0o644); err != nil {
		return err
	}
	raw, err = r.junit()
	if err != nil {
		return fmt.Errorf("junit.xml: %w", err)
	}
	return os.WriteFile(filepath.Join(folder, "junit.xml"), raw, 0o644)
}
