// Package report turns what Ginkgo knows about a finished suite into verdicts, and
// verdicts into junit.xml, report.yaml, report.html and the last lines a person reads.
//
// It judges nothing: what a verdict is, the specs have said.
package report

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"sctp.test/framework/spec"
)

// version is that of report.yaml.
const version = "sctp.test/v1"

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
	Known       string      `json:"known,omitempty"` // list of known limitations that the results were weighed against
	Counts      Counts      `json:"counts"`
	Unsupported []Excuse    `json:"unsupported,omitempty"` // what this cluster cannot do or was not asked to, and why
	Specs       []Result    `json:"specs"`
	Reproduce   string      `json:"reproduce"`       // the command that asks for the same again
	Seed        int64       `json:"seed"`            // of the order of specs and of which node is @1
	Focus       string      `json:"focus,omitempty"` // what the run was narrowed to
}

// Counts say how many specs of a part had each verdict; what is not there is none.
type Counts struct {
	Chapters map[string]map[spec.Verdict]int     `json:"chapters"`
	Levels   map[spec.Level]map[spec.Verdict]int `json:"levels"`
}

// Excuse is why a spec was not judged although it was asked for.
type Excuse struct {
	ID      string       `json:"id"`
	Verdict spec.Verdict `json:"verdict"` // not-applicable or known-limitation
	Reason  string       `json:"reason"`
	Link    string       `json:"link,omitempty"` // where the reason is written down
}

// Environment is the cluster as the run found it.
type Environment struct {
	Kubernetes  string   `json:"kubernetes"`
	CNI         string   `json:"cni,omitempty"`       // network plugin, by the name of its agents; or unknown
	ProxyMode   string   `json:"proxyMode,omitempty"` // how Services are served; or unknown
	Families    []string `json:"families"`
	MTU         int      `json:"mtu,omitempty"` // of the pods' interface; 0 is not known
	Image       string   `json:"image"`
	ImageDigest string   `json:"imageDigest,omitempty"` // what the nodes ran
	Module      string   `json:"module"`                // how SCTP came to the nodes
	Nodes       []Node   `json:"nodes"`
	LeftOut     []string `json:"leftOut,omitempty"` // nodes that were not judged, each with the reason
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
	Needs   spec.Needs   `json:"needs,omitempty"`
	Verdict spec.Verdict `json:"verdict"`
	Class   string       `json:"class,omitempty"`  // what broke: a slug, where the spec could tell
	Reason  string       `json:"reason,omitempty"` // everything a person has to read
	Seconds float64      `json:"seconds"`
	Claim   string       `json:"claim"`
	Source  string       `json:"source"`

	Measured []string `json:"measured,omitempty"` // sentences with numbers, whatever the verdict
}

// New makes a report of a finished suite; filters left no trace of what was not selected.
func New(run string, g types.Report, env Environment, reproduce string) Report {
	r := Report{
		APIVersion: version, Kind: "ConformanceReport",
		Run: run, Started: g.StartTime.UTC(), Seconds: g.RunTime.Seconds(),
		Environment: env, Reproduce: reproduce, Seed: g.SuiteConfig.RandomSeed, Specs: []Result{},
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
	slices.SortFunc(r.Specs, byID)
	r.conclude()
	return r
}

// Join adds what another process has found of some specs on the same cluster. Those of which it
// tells nothing are errors, for a reason.
func (r Report) Join(other Report, dealt []spec.Case, why string) Report {
	r.Specs = slices.Concat(r.Specs, other.Specs)
	r.Interrupted = r.Interrupted || other.Interrupted
	for _, c := range dealt {
		if !slices.ContainsFunc(other.Specs, func(s Result) bool { return s.ID == c.ID }) {
			r.Specs = append(r.Specs, Result{
				ID: c.ID, Text: spec.Text(c.ID), Chapter: c.Chapter(), Level: c.Level, Needs: c.Needs, Claim: c.Claim, Source: c.Source,
				Verdict: spec.Error, Reason: c.ID + ": " + why,
			})
		}
	}
	slices.SortFunc(r.Specs, byID)
	r.conclude()
	return r
}

func byID(a, b Result) int { return strings.Compare(a.ID, b.ID) }

// conclude works out what follows from the results.
func (r *Report) conclude() {
	r.Conformant = r.conformant()
	r.Counts = Counts{map[string]map[spec.Verdict]int{}, map[spec.Level]map[spec.Verdict]int{}}
	r.Unsupported = nil
	for _, s := range r.Specs {
		add(r.Counts.Chapters, s.Chapter, s.Verdict)
		add(r.Counts.Levels, s.Level, s.Verdict)
		if s.Verdict == spec.NotApplicable || s.Verdict == spec.KnownLimitation {
			r.Unsupported = append(r.Unsupported, Excuse{s.ID, s.Verdict, s.Reason, link.FindString(s.Reason)})
		}
	}
}

// link finds the address in a reason, without the full stop of its sentence.
var link = regexp.MustCompile(`https?://[^\s<>"'()]*[^\s<>"'().,;:!?]`)

func add[K comparable](counts map[K]map[spec.Verdict]int, part K, v spec.Verdict) {
	if counts[part] == nil {
		counts[part] = map[spec.Verdict]int{}
	}
	counts[part][v]++
}

// Of makes the result of one spec; ok is false for what is no spec or was not selected.
func Of(s types.SpecReport) (result Result, ok bool) {
	c, ok := spec.Of(s.Labels())
	if !ok || s.LeafNodeType != types.NodeTypeIt {
		return Result{}, false
	}
	result = Result{
		ID: c.ID, Text: spec.Text(c.ID), Chapter: c.Chapter(), Level: c.Level, Needs: c.Needs,
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
		result.Class = entry(s.ReportEntries, spec.ClassEntry)
	case s.State.Is(types.SpecStateTimedout):
		result.Verdict = spec.Error
		result.Reason = fmt.Sprintf("%s: it did not end in time (%s) and was given up after %v; what it was doing then stands in Ginkgo's output (run.log)", c.ID, s.Failure.Message, s.RunTime.Round(time.Second))
		if next := s.Failure.AdditionalFailure; next != nil {
			result.Reason += "\n\n" + strings.TrimSpace(next.Failure.Message)
		}
	case s.State.Is(types.SpecStateFailureStates):
		result.Verdict = spec.Error
		result.Reason = strings.TrimSpace(fmt.Sprintf("%s: %s %s", s.State, s.Failure.Message, s.Failure.ForwardedPanic))
	default: // left out by a filter
		return Result{}, false
	}
	for _, e := range s.ReportEntries {
		if e.Name == spec.MeasureEntry {
			result.Measured = append(result.Measured, e.StringRepresentation())
		}
	}
	for _, f := range s.AdditionalFailures {
		result.Reason += "\n\nand then: " + strings.TrimSpace(f.Failure.Message)
	}
	return result, true
}

// failed is which of the verdicts of a failure the spec has asked for. What it cannot have
// meant is an error, so that no slip of ours counts as anything better.
func failed(level spec.Level, entries types.ReportEntries) spec.Verdict {
	verdict := cmp.Or(spec.Verdict(entry(entries, spec.VerdictEntry)), spec.Fail)
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

// entry is what the last entry of a name says, "" if there is none.
func entry(entries types.ReportEntries, name string) string {
	text := ""
	for _, e := range entries {
		if e.Name == name {
			text = e.StringRepresentation()
		}
	}
	return text
}

// bad are the verdicts that make a run exit with status 1.
var bad = []spec.Verdict{spec.Fail, spec.Error, spec.Inconclusive}

// Bad says whether the verdict makes a run exit with status 1.
func (s Result) Bad() bool { return slices.Contains(bad, s.Verdict) }

// conformant: no core claim failed, though it be a known limitation, everything could be judged,
// and each chapter with core claims that was asked for has one that was.
func (r Report) conformant() bool {
	return r.judged() && r.limited() == 0 && !slices.ContainsFunc(r.Specs, func(s Result) bool {
		return s.Bad() && (s.Verdict != spec.Fail || s.Level == spec.Core)
	})
}

// judged says whether anything can be said of the cluster.
func (r Report) judged() bool {
	return len(r.Specs) > 0 && !r.Interrupted && len(r.unjudged()) == 0
}

// limited counts the core claims that are known not to hold.
func (r Report) limited() (n int) {
	for _, s := range r.Specs {
		if s.Level == spec.Core && s.Verdict == spec.KnownLimitation {
			n++
		}
	}
	return n
}

// unjudged are the chapters with core claims of which none passed.
func (r Report) unjudged() []string {
	passed := map[string]bool{}
	for _, s := range r.Specs {
		if s.Level == spec.Core {
			passed[s.Chapter] = passed[s.Chapter] || s.Verdict == spec.Pass || s.Verdict == spec.KnownLimitation
		}
	}
	maps.DeleteFunc(passed, func(_ string, ok bool) bool { return ok })
	return slices.Sorted(maps.Keys(passed))
}
