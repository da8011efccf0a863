// Package report turns what Ginkgo knows about a finished suite into verdicts, and
// verdicts into junit.xml, report.yaml and the last lines a person reads.
//
// It judges nothing: what a verdict is, the specs have said.
package report

import (
	"fmt"
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
	Conformant  bool        `json:"conformant"` // as far as was asked
	Interrupted bool        `json:"interrupted,omitempty"`
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
		Environment: env, Reproduce: reproduce,
	}
	for _, s := range g.SpecReports {
		r.Interrupted = r.Interrupted || s.State.Is(types.SpecStateInterrupted)
		if result, ok := Of(s); ok {
			r.Specs = append(r.Specs, result)
		}
	}
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
		result.Verdict = spec.Fail
		for _, e := range s.ReportEntries {
			if e.Name == spec.VerdictEntry {
				result.Verdict = spec.Verdict(e.StringRepresentation())
			}
		}
	case s.State.Is(types.SpecStateFailureStates):
		result.Verdict = spec.Error
		result.Reason = strings.TrimSpace(fmt.Sprintf("%s: %s %s", s.State, s.Failure.Message, s.Failure.ForwardedPanic))
	default: // pending, or left out by a filter
		return Result{}, false
	}
	return result, true
}

// bad are the verdicts that make a run exit with status 1.
var bad = []spec.Verdict{spec.Fail, spec.Error, spec.Inconclusive}

// conformant: nothing bad, and each chapter with core claims that was asked for has one
// that was judged.
func (r Report) conformant() bool {
	asked, judged := map[string]bool{}, map[string]bool{}
	for _, s := range r.Specs {
		if slices.Contains(bad, s.Verdict) {
			return false
		}
		if s.Level == spec.Core {
			asked[s.Chapter] = true
			judged[s.Chapter] = judged[s.Chapter] || s.Verdict == spec.Pass
		}
	}
	for chapter := range asked {
		if !judged[chapter] {
			return false
		}
	}
	return len(r.Specs) > 0 && !r.Interrupted
}

// Summary is the last lines a person reads: counts, and what is not as it should be.
func (r Report) Summary() string {
	var b strings.Builder
	var counts []string
	for _, v := range []spec.Verdict{spec.Pass, spec.Fail, spec.Error, spec.Inconclusive, spec.KnownLimitation, spec.Informed, spec.NotApplicable} {
		n := 0
		for _, s := range r.Specs {
			if s.Verdict == v {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, v))
		}
	}
	fmt.Fprintf(&b, "%d specs in %.0fs: %s\n", len(r.Specs), r.Seconds, strings.Join(counts, ", "))
	for _, s := range r.Specs {
		if slices.Contains(bad, s.Verdict) {
			fmt.Fprintf(&b, "  %-14s %s\n", s.Verdict, FirstLine(s.Reason))
		}
	}
	switch {
	case r.Interrupted:
		b.WriteString("interrupted: nothing can be said of the cluster\n")
	case r.Conformant:
		b.WriteString("conformant, as far as was asked\n")
	default:
		b.WriteString("not conformant\n")
	}
	return b.String()
}

// FirstLine is the line of a failure that names the cause.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
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
