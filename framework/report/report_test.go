package report

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"sctp.test/framework/spec"
)

func result(id string, level spec.Level, v spec.Verdict, reason string) Result {
	c := spec.Case{ID: id}
	return Result{ID: id, Text: "does it", Chapter: c.Chapter(), Level: level, Verdict: v, Reason: reason, Seconds: 1.5, Claim: "It MUST.", Source: "here"}
}

// made is a report of these results, with all that New would work out.
func made(specs ...Result) Report {
	r := Report{
		APIVersion: "sctp.test/v1", Kind: "ConformanceReport", Run: "1a2b3",
		Started: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Seconds: 83.4, Specs: specs, Reproduce: "make e2e", Seed: 7, Focus: "POD",
		Environment: Environment{
			Kubernetes: "v1.37.2", CNI: "kindnet", ProxyMode: "nftables", Families: []string{"ipv4", "ipv6"}, MTU: 1450,
			Image: "registry/agent", ImageDigest: "sha256:1234", Module: "as found",
			Nodes: []Node{{Name: "a", Kernel: "6.12", OS: "Debian", Runtime: "containerd://2", Before: "on"}},
		},
	}
	r.conclude()
	return r
}

// What processes have found side by side is one report; what nobody has told of is an error.
func TestJoin(t *testing.T) {
	mine := made(result("POD-01", spec.Core, spec.Pass, ""))
	theirs := made(result("MSG-02", spec.Core, spec.Pass, ""), result("POL-04", spec.Extended, spec.NotApplicable, "see there"))
	dealt := []spec.Case{{ID: "MSG-02", Level: spec.Core}, {ID: "MSG-03", Level: spec.Core}, {ID: "POL-04", Level: spec.Extended}}
	for name, tt := range map[string]struct {
		theirs  Report
		dealt   []spec.Case
		summary string
	}{
		"all":     {theirs, []spec.Case{dealt[0], dealt[2]}, "3 specs in 83s: 2 pass, 1 not-applicable\nconformant, as far as was asked\n"},
		"but one": {theirs, dealt, "4 specs in 83s: 2 pass, 1 error, 1 not-applicable\n  error          MSG-03: it ended before\nnot conformant\n"},
		"nothing": {Report{}, dealt, "4 specs in 83s: 1 pass, 3 error\n  error          MSG-02: it ended before\n  error          MSG-03: it ended before\n  error          POL-04: it ended before\nnot conformant: no core claim passed of message\n"},
	} {
		got := mine.Join(tt.theirs, tt.dealt, "it ended before")
		if got.Summary() != tt.summary {
			t.Errorf("%s:\n%s\nwant\n%s", name, got.Summary(), tt.summary)
		}
		if ids := got.Specs[0].ID + got.Specs[1].ID; ids != "MSG-02"+got.Specs[1].ID || got.Counts.Chapters["pod"][spec.Pass] != 1 {
			t.Errorf("%s: they are in the order %v, counts %v", name, ids, got.Counts)
		}
	}
	theirs.Interrupted = true
	if got := mine.Join(theirs, nil, ""); !got.Interrupted || got.Conformant || len(mine.Specs) != 1 {
		t.Errorf("after an interrupt of the other: %+v", got)
	}
}

func TestSummaryAndConformance(t *testing.T) {
	tests := []struct {
		name  string
		specs []Result
		want  string
	}{
		{"all well", []Result{
			result("POD-01", spec.Core, spec.Pass, ""), result("POD-02", spec.Core, spec.NotApplicable, "one node"),
			result("POL-03", spec.Core, spec.Pass, ""), result("POL-04", spec.Extended, spec.KnownLimitation, "see there"),
			result("PRF-01", spec.Informational, spec.Informed, ""),
		}, "5 specs in 83s: 2 pass, 1 known-limitation, 1 informational, 1 not-applicable\n  known-limitation POL-04: see there\nconformant, as far as was asked\n"},
		{
			"a core claim is known not to hold",
			[]Result{result("POL-03", spec.Core, spec.Pass, ""), result("POL-04", spec.Core, spec.KnownLimitation, "see there")},
			"2 specs in 83s: 1 pass, 1 known-limitation\n  known-limitation POL-04: see there\nnot conformant: core claims that are known not to hold: 1\n",
		},
		{
			"one spec",
			[]Result{result("POD-01", spec.Core, spec.Pass, "")},
			"1 spec in 83s: 1 pass\nconformant, as far as was asked\n",
		},
		{
			"nothing", nil,
			"0 specs in 83s: \nnot conformant: no spec was judged\n",
		},
		{"each trouble", []Result{
			result("POD-01", spec.Core, spec.Pass, ""), result("POL-03", spec.Core, spec.Fail, "POL-03: 1 of 6 paths is not as claimed\n\n  table\n"),
			result("POL-05", spec.Core, spec.Inconclusive, "\nthe denials are not proven\nmore"), result("SVC-01", spec.Extended, spec.Error, ""),
		}, `4 specs in 83s: 1 pass, 1 fail, 1 error, 1 inconclusive
  fail           POL-03: 1 of 6 paths is not as claimed
  inconclusive   POL-05: the denials are not proven
  error          SVC-01: 
not conformant: no core claim passed of policy
`},
		{
			"a core claim failed",
			[]Result{result("POD-01", spec.Core, spec.Pass, ""), result("POD-02", spec.Core, spec.Fail, "no")},
			"2 specs in 83s: 1 pass, 1 fail\n  fail           POD-02: no\nnot conformant\n",
		},
		{
			"an extended claim failed",
			[]Result{result("POD-01", spec.Core, spec.Pass, ""), result("POD-02", spec.Extended, spec.Fail, "no")},
			"2 specs in 83s: 1 pass, 1 fail\n  fail           POD-02: no\nconformant, as far as was asked: no core claim failed\n",
		},
		{
			"an extended claim could not be judged",
			[]Result{result("POD-01", spec.Core, spec.Pass, ""), result("POD-02", spec.Extended, spec.Inconclusive, "no")},
			"2 specs in 83s: 1 pass, 1 inconclusive\n  inconclusive   POD-02: no\nnot conformant\n",
		},
		{
			"a chapter that could not apply",
			[]Result{result("POD-01", spec.Core, spec.Pass, ""), result("POL-03", spec.Core, spec.NotApplicable, "no")},
			"2 specs in 83s: 1 pass, 1 not-applicable\nnot conformant: no core claim passed of policy\n",
		},
		{
			"only extended claims were asked",
			[]Result{result("POL-03", spec.Extended, spec.NotApplicable, "no")},
			"1 spec in 83s: 1 not-applicable\nconformant, as far as was asked\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := made(tt.specs...).Summary(); got != tt.want {
				t.Errorf("the summary is\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	r := made(result("POD-01", spec.Core, spec.Pass, ""))
	r.Interrupted = true
	if want := "1 spec in 83s: 1 pass\ninterrupted: nothing can be said of the cluster\n"; r.Summary() != want || r.conformant() {
		t.Errorf("interrupted, the summary is\n%s", r.Summary())
	}
}

func TestCountsAndExcuses(t *testing.T) {
	r := made(
		result("POD-01", spec.Core, spec.Pass, ""), result("POD-02", spec.Core, spec.Pass, ""), result("POD-03", spec.Extended, spec.Fail, "no"),
		result("POL-03", spec.Core, spec.NotApplicable, "one node"),
		result("POL-04", spec.Core, spec.KnownLimitation, "SCTP is not translated (see https://example.org/issues/1?a=b#c)."),
	)
	counts := Counts{
		Chapters: map[string]map[spec.Verdict]int{"pod": {spec.Pass: 2, spec.Fail: 1}, "policy": {spec.NotApplicable: 1, spec.KnownLimitation: 1}},
		Levels:   map[spec.Level]map[spec.Verdict]int{spec.Core: {spec.Pass: 2, spec.NotApplicable: 1, spec.KnownLimitation: 1}, spec.Extended: {spec.Fail: 1}},
	}
	if !reflect.DeepEqual(r.Counts, counts) {
		t.Errorf("counts are %v, want %v", r.Counts, counts)
	}
	excuses := []Excuse{
		{"POL-03", spec.NotApplicable, "one node", ""},
		{"POL-04", spec.KnownLimitation, "SCTP is not translated (see https://example.org/issues/1?a=b#c).", "https://example.org/issues/1?a=b#c"},
	}
	if !reflect.DeepEqual(r.Unsupported, excuses) {
		t.Errorf("excuses are %q, want %q", r.Unsupported, excuses)
	}
}

// Programs read report.yaml: a key that is gone or has another type breaks them.
func TestKeysOfReportYAML(t *testing.T) {
	r := made(result("POL-04", spec.Core, spec.KnownLimitation, "see https://example.org"))
	r.Interrupted, r.Environment.LeftOut = true, []string{"b: it is tainted"}
	r.Specs[0].Class, r.Specs[0].Needs = "slug", spec.Needs{spec.TwoNodes}
	raw, err := yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.yaml", string(raw))
}

func TestReadRefusesAnotherVersion(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "report.yaml"), []byte("apiVersion: sctp.test/v2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(folder); err == nil || !strings.Contains(err.Error(), `its version is "sctp.test/v2"`) {
		t.Errorf("error is %v", err)
	}
}

func TestWriteAndReadBack(t *testing.T) {
	r := made(
		result("POD-01", spec.Core, spec.Pass, ""),
		result("POL-03", spec.Core, spec.Fail, "POL-03: a table\n\n\t  x/a:  y \n  - \"quoted\": #no\x1b[31mred\x1b[0m \u2713\n"),
	)
	folder := t.TempDir()
	if err := r.Write(folder); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "report.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := yaml.UnmarshalStrict(raw, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("read back\n%+v\nwritten\n%+v", back, r)
	}
	if again, err := Read(folder); err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("error %v, Read gives\n%+v", err, again)
	}
	for _, name := range []string{"junit.xml", "report.html"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	if err := r.Write(filepath.Join(folder, "none")); err == nil {
		t.Error("no error although the folder does not exist")
	}
}
