package report

import (
	"flag"
	"html/template"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
)

var update = flag.Bool("update", false, "write the golden files of this package")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s, error %v: go test ./framework/report -update accepts this:\n%s", path, err, got)
	}
}

// between is the part of a page from one text to the next.
func between(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, from)
	part, _, found := strings.Cut(rest, to)
	if !ok || !found {
		t.Fatalf("the page has no %q before a %q", from, to)
	}
	return from + part + to
}

func TestAFailedSpec(t *testing.T) {
	_, page := written(t, small, true)
	golden(t, "failed.html", between(t, page, `<details class="spec fail"`, "\n</div></details>"))
}

func TestTheHeadOfAPage(t *testing.T) {
	for name, dead := range map[string]bool{"green": false, "red": true} {
		_, page := written(t, small, dead)
		golden(t, name+"-head.html", between(t, page, "<body>", `<section><h2 class="chapter">`))
	}
}

// A page of more than a megabyte is opened on no phone, and few CI systems show it.
func TestSize(t *testing.T) {
	for _, red := range []bool{false, true} {
		if _, page := written(t, large, red); len(page) >= 1<<20 {
			t.Errorf("a run of 150 specs (red: %v) has a page of %d bytes", red, len(page))
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	folder, page := written(t, small, true)
	links := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1)
	for _, l := range links {
		u, err := url.Parse(strings.ReplaceAll(l[1], "&amp;", "&"))
		switch {
		case err != nil:
			t.Error(err)
		case u.Scheme != "":
			if l[1] != "data:," && l[1] != "https://example.org/issues/1234" {
				t.Errorf("the page links to %s", l[1])
			}
		case u.Path == "":
			if !strings.Contains(page, `id="`+u.Fragment+`"`) {
				t.Errorf("nothing on the page is %s", l[1])
			}
		default:
			if _, err := os.Stat(filepath.Join(folder, u.Path)); err != nil {
				t.Error(err)
			}
		}
	}
	if len(links) < 30 || !strings.Contains(page, `href="SVC-04/nodes/b/conntrack%20%231"`) {
		t.Errorf("%d links", len(links))
	}
}

func TestTheSentence(t *testing.T) {
	pass, fail := result("POD-01", spec.Core, spec.Pass, ""), result("POD-02", spec.Core, spec.Fail, "no")
	failed, unclear := result("POD-03", spec.Extended, spec.Fail, "no"), result("POD-04", spec.Core, spec.Inconclusive, "no")
	absent := result("POL-01", spec.Core, spec.NotApplicable, "no")
	tests := []struct {
		name  string
		specs []Result
		want  string
	}{
		{"nothing", nil, "Not conformant: no spec was judged."},
		{"one", []Result{pass}, "Conformant, as far as was asked: 1 of 1 claim passed and none failed."},
		{"a failure", []Result{pass, fail}, "Not conformant: 1 of 2 claims failed."},
		{"an extended failure", []Result{pass, failed}, "Conformant, as far as was asked: 1 of 2 claims failed."},
		{"a control", []Result{pass, unclear}, "Not conformant: 1 of 2 claims could not be judged."},
		{"both", []Result{pass, fail, unclear}, "Not conformant: 1 of 3 claims failed and 1 could not be judged."},
		{"a chapter without", []Result{pass, absent}, "Not conformant: no core claim passed of policy; 1 of 2 claims passed and none failed."},
	}
	for _, tt := range tests {
		if got := made(tt.specs...).sentence(); got != tt.want {
			t.Errorf("%s: the sentence is %q, want %q", tt.name, got, tt.want)
		}
	}
	r := made(pass, fail)
	r.Interrupted = true
	if got, want := r.sentence(), "Interrupted: nothing can be said of the cluster."; got != want {
		t.Errorf("interrupted, the sentence is %q, want %q", got, want)
	}
}

// What agents and clusters say is on the page, and is no part of its markup.
func TestNothingIsMarkup(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img src=x onerror=y>`
	r := made(result("POD-01", spec.Core, spec.Fail, evil+"\n"+evil), result("POL-04", spec.Core, spec.NotApplicable, evil))
	r.Specs[0].Text, r.Specs[0].Claim, r.Specs[0].Class, r.Reproduce = evil, evil, evil, evil
	r.Environment.Kubernetes, r.Environment.LeftOut, r.Environment.Nodes[0].Name = evil, []string{evil}, evil
	raw, err := render(r, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if page := string(raw); strings.Contains(page, "<script") || strings.Contains(page, "<img") || !strings.Contains(page, template.HTMLEscapeString("<script>")) {
		t.Errorf("the page is\n%s", page)
	}
}

func TestPathsOutOfTheRunsFolder(t *testing.T) {
	folder := t.TempDir()
	outside := filepath.Join(folder, "secret", "a")
	if err := os.MkdirAll(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	r := result("../secret", spec.Core, spec.Pass, "")
	if e := newEntry(r, 100); len(e.look(filepath.Join(folder, "run"), limits{files: 9}).paths) != 0 || len(e.Files) > 0 {
		t.Errorf("files are %v", e.Files)
	}
}

func TestProbesThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	r := small(t, folder, true)
	path := filepath.Join(folder, "SVC-04", "probes.jsonl")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw[:len(raw)-20], 0o644); err != nil { // as a killed run leaves it
		t.Fatal(err)
	}
	page, err := render(r, folder)
	if err != nil || !strings.Contains(string(page), "Its probes cannot be shown: probes.jsonl: line ") {
		t.Errorf("error %v; the page does not say why there is no table", err)
	}
}

// The whole text is in the file; the page is cut between characters.
func TestLongTextIsCut(t *testing.T) {
	e := newEntry(result("POD-01", spec.Core, spec.Fail, "POD-01: why\n"+strings.Repeat("ö", 1000)), 101)
	if e.Headline != "why" || e.Cut == "" || !strings.HasSuffix(e.Detail, "ö\n...") || len(e.Detail) > 110 {
		t.Errorf("headline %q, text %q", e.Headline, e.Detail)
	}
}

// WCAG 2 asks for a contrast of 4.5 between a text and what is behind it.
func TestContrast(t *testing.T) {
	css, err := sources.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	pairs := []string{"on-answered answered", "on-denied denied", "on-wrong fail", "card fail", "card error"}
	for _, ink := range strings.Fields("ink soft link pass fail error inconclusive other informational") {
		pairs = append(pairs, ink+" paper", ink+" card")
	}
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(string(css), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d sets of colours, want light, dark and print", len(blocks))
	}
	for i, block := range blocks {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`).FindAllStringSubmatch(block[1], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, pair := range pairs {
			a, b, _ := strings.Cut(pair, " ")
			one, known := colours[a]
			other, both := colours[b]
			if ratio := (max(one, other) + 0.05) / (min(one, other) + 0.05); !known || !both || ratio < 4.5 {
				t.Errorf("set %d: %s has a contrast of %.1f", i, pair, ratio)
			}
		}
	}
}

// luminance is the relative one of WCAG 2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = strings.Repeat(hex[:1], 2) + strings.Repeat(hex[1:2], 2) + strings.Repeat(hex[2:], 2)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

func TestCells(t *testing.T) {
	silent := reach.Finding{Outcome: reach.Silent, Connecting: true}
	stalled := reach.Finding{Outcome: reach.Silent}
	flawed := reach.Finding{Outcome: reach.Answered, Flaws: []string{"by another"}}
	tests := []struct {
		want  reach.Word
		found reach.Finding
		cell  tableCell
	}{
		{"answered", reach.Finding{Outcome: reach.Answered}, tableCell{"y", "answered", ""}},
		{"denied", silent, tableCell{"n", "denied", "silent"}},
		{"silent", silent, tableCell{"n", "silent", ""}},
		{"unsupported", reach.Finding{Outcome: reach.Unsupported}, tableCell{"u", "unsupported", ""}},
		{"-", reach.Finding{}, tableCell{"o", "·", ""}},
		{"answered", silent, tableCell{"x", "SILENT", "want answered"}},
		{"answered", flawed, tableCell{"x", "ANSWERED", "with flaws, see below"}},
		{"denied", stalled, tableCell{"x", "SILENT", "want denied, but the way is open"}},
		{"denied", reach.Finding{Outcome: reach.Broken}, tableCell{"x", "BROKEN", "want denied"}},
	}
	for _, tt := range tests {
		if got := cellOf(reach.Place{Want: tt.want, Cell: reach.Cell{Finding: tt.found}}); got != tt.cell {
			t.Errorf("want %s, found %+v: the cell is %+v, want %+v", tt.want, tt.found, got, tt.cell)
		}
	}
}
