package report

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/spec"
)

//go:embed page.html page.css
var sources embed.FS

// page is report.html before it is text.
type page struct {
	Report
	CSS      template.CSS
	Sentence string
	Tone     spec.Verdict // the colour of the verdict
	Facts    string
	Bad      []*entryOfSpec
	Chapters []chapter
	Legend   []tally
	Levels   []part
	Cluster  []fact
	Beside   []string // other files of the run
}

// chapter is a part of the page with its specs.
type chapter struct {
	part
	Specs []*entryOfSpec
}

// part is a chapter or a level and how many of its specs came to what.
type part struct{ Name, Counts string }

type tally struct {
	Verdict spec.Verdict
	Glyph   string
	Count   int
}

type fact struct{ Name, Value string }

// Long says whether a fact needs a line of its own.
func (f fact) Long() bool { return len(f.Value) > 30 }

// verdicts in the order in which people want to know them, with a sign for each that does
// without colour.
var verdicts = []struct {
	verdict spec.Verdict
	glyph   string
}{
	{spec.Pass, "✓"},
	{spec.Fail, "✗"},
	{spec.Error, "!"},
	{spec.Inconclusive, "?"},
	{spec.KnownLimitation, "~"},
	{spec.Informed, "i"},
	{spec.NotApplicable, "–"},
}

// chapters in the order in which a cluster is built up; others come after them.
var chapters = []string{"module", "pod", "service", "policy", "message", "association", "performance"}

// WriteHTML makes report.html in the folder of a run from what lies there: report.yaml, and
// of each spec its probes and other evidence. It needs neither cluster nor suite, so it can
// be run again on a folder that was copied from elsewhere.
func WriteHTML(folder string) error {
	r, err := Read(folder)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	raw, err := render(r, folder)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	return os.WriteFile(filepath.Join(folder, "report.html"), raw, 0o644)
}

func render(r Report, folder string) ([]byte, error) {
	t, err := template.ParseFS(sources, "page.html")
	if err != nil {
		return nil, err
	}
	css, err := sources.ReadFile("page.css")
	if err != nil {
		return nil, err
	}
	p := newPage(r, folder)
	p.CSS = template.CSS(css) // ours, see sources
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

func newPage(r Report, folder string) page {
	p := page{Report: r, Sentence: r.sentence(), Tone: r.tone(), Facts: r.facts(), Cluster: r.Environment.facts()}
	entries := entries(r, folder)
	for _, e := range entries {
		if e.Bad() {
			p.Bad = append(p.Bad, e)
		}
	}
	for _, name := range r.chapters() {
		c := chapter{part: part{name, counts(r.Counts.Chapters[name])}}
		for _, e := range entries {
			if e.Chapter == name {
				c.Specs = append(c.Specs, e)
			}
		}
		p.Chapters = append(p.Chapters, c)
	}
	for _, v := range verdicts {
		if n := r.count(v.verdict); n > 0 {
			p.Legend = append(p.Legend, tally{v.verdict, v.glyph, n})
		}
	}
	for _, l := range []spec.Level{spec.Core, spec.Extended, spec.Informational, spec.SelfCheck} {
		if c := r.Counts.Levels[l]; len(c) > 0 {
			p.Levels = append(p.Levels, part{string(l), counts(c)})
		}
	}
	for _, name := range []string{"report.yaml", "junit.xml", "run.log"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			p.Beside = append(p.Beside, name)
		}
	}
	return p
}

// chapters are those of the report in the order of the page.
func (r Report) chapters() []string {
	var out []string
	for _, s := range r.Specs {
		if !slices.Contains(out, s.Chapter) {
			out = append(out, s.Chapter)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

func rank(chapter string) int {
	if i := slices.Index(chapters, chapter); i >= 0 {
		return i
	}
	return len(chapters)
}

// sentence is the verdict on the cluster with the count that it rests on.
func (r Report) sentence() string {
	text := r.conclusion()
	text = strings.ToUpper(text[:1]) + text[1:]
	failed, unjudged := r.count(spec.Fail), r.count(spec.Error)+r.count(spec.Inconclusive)
	all := number(len(r.Specs), "claim")
	rest := ""
	switch {
	case len(r.Specs) == 0 || r.Interrupted:
		return text + "."
	case failed > 0 && unjudged > 0:
		rest = fmt.Sprintf("%d of %s failed and %d could not be judged.", failed, all, unjudged)
	case failed > 0:
		rest = fmt.Sprintf("%d of %s failed.", failed, all)
	case unjudged > 0:
		rest = fmt.Sprintf("%d of %s could not be judged.", unjudged, all)
	default:
		rest = fmt.Sprintf("%d of %s passed and none failed.", r.count(spec.Pass), all)
	}
	head, why, found := strings.Cut(text, ": ")
	if found && failed+unjudged == 0 {
		return head + ": " + why + "; " + rest
	}
	return head + ": " + rest
}

// tone is the verdict whose colour the page as a whole has.
func (r Report) tone() spec.Verdict {
	switch {
	case r.Good():
		return spec.Pass
	case r.count(spec.Fail) > 0:
		return spec.Fail
	default:
		return spec.Error
	}
}

// facts is the line below the verdict.
func (r Report) facts() string {
	return fmt.Sprintf("Kubernetes %s, %s, %s. %s UTC, took %s.", r.Environment.Kubernetes, number(len(r.Environment.Nodes), "node"),
		strings.Join(r.Environment.Families, " and "), r.Started.Format("2 January 2006, 15:04"), span(r.Seconds))
}

func (e Environment) facts() []fact {
	out := []fact{
		{"Kubernetes", e.Kubernetes},
		{"Network plugin", cmp.Or(e.CNI, "unknown")},
		{"Service proxy", cmp.Or(e.ProxyMode, "unknown")},
		{"IP families of pods", strings.Join(e.Families, ", ")},
		{"SCTP module", e.Module},
	}
	if e.MTU > 0 {
		out = append(out, fact{"MTU of pods", fmt.Sprint(e.MTU)})
	}
	out = append(out, fact{"Agents' image", e.Image})
	if e.ImageDigest != "" && !strings.Contains(e.Image, e.ImageDigest) {
		out = append(out, fact{"Digest of the image", e.ImageDigest})
	}
	return slices.DeleteFunc(out, func(f fact) bool { return f.Value == "" })
}

// counts are the verdicts of a part, for people.
func counts(by map[spec.Verdict]int) string {
	var out []string
	for _, v := range verdicts {
		if n := by[v.verdict]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, v.verdict))
		}
	}
	return strings.Join(out, ", ")
}

// span prints seconds the way people compare them.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", seconds)
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", seconds)
	default:
		return strings.Replace(d.Round(time.Second).String(), "m0s", "m", 1)
	}
}
