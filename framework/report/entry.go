package report

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
)

// limits are what the page shows of one spec at most: it is to be read, also on a phone,
// and the rest lies in files.
type limits struct {
	text  int // bytes of a failure's text
	ink   ink // for its tables
	paths int // that have a picture of their own
	files int
}

// limitsOf shares out a page of less than a megabyte among its specs.
func limitsOf(r Report) limits {
	failed := r.count(spec.Fail) + r.count(spec.Error) + r.count(spec.Inconclusive)
	share := func(all, among, least, most int) int { return min(max(all/max(among, 1), least), most) }
	return limits{
		text:  share(90_000, failed, 600, 8000),
		ink:   ink{right: share(14_000, len(r.Specs)+2*failed, 20, 300), wrong: share(5400, failed, 20, 500)},
		paths: share(600, len(r.Specs)+2*failed, 1, 6),
		files: share(3000, len(r.Specs), 5, 40),
	}
}

// entryOfSpec is a spec on the page.
type entryOfSpec struct {
	Result
	Glyph    string
	Headline string // of what is wrong
	Detail   string // the whole text
	Cut      string // says that it is not the whole text
	Needed   string
	Took     string
	Series   []series
	Times    []timesOfPath
	Faster   string // says which paths are left out
	Scale    *scale
	Trouble  string // why the probes could not be read
	Files    []file
	Untold   string // says how many files are left out
}

// file is a file of evidence.
type file struct{ Name, Href string }

// entries are all specs of a report, with pictures on one scale, so that they can be
// compared.
func entries(r Report, folder string) []*entryOfSpec {
	var out []*entryOfSpec
	var all []*times
	most := limitsOf(r)
	for _, s := range r.Specs {
		e := newEntry(s, most.text)
		out = append(out, e)
		all = append(all, e.look(folder, most))
	}
	scale := newScale(all)
	for i, e := range out {
		e.Scale = scale
		e.Times, e.Faster = all[i].draw(*scale, most.paths)
	}
	return out
}

func newEntry(s Result, maxText int) *entryOfSpec {
	e := &entryOfSpec{Result: s, Took: span(s.Seconds), Needed: s.needs()}
	for _, v := range verdicts {
		if v.verdict == s.Verdict {
			e.Glyph = v.glyph
		}
	}
	text := printable(strings.TrimSpace(s.Reason))
	e.Headline = strings.TrimPrefix(FirstLine(text), s.ID+": ")
	if text != "" && (e.Bad() || s.Verdict == spec.Informed || strings.Contains(text, "\n")) {
		e.Detail = text
	}
	if len(e.Detail) > maxText {
		e.Detail = strings.ToValidUTF8(e.Detail[:maxText], "") + "\n..."
		e.Cut = "This is the beginning; report.yaml and the evidence have the whole text."
	}
	return e
}

// look reads what lies in the folder of the spec, and returns the times of its paths. A
// folder that is not there has nothing to show.
func (e *entryOfSpec) look(run string, most limits) *times {
	measured := newTimes()
	if !filepath.IsLocal(e.ID) {
		return measured
	}
	folder := filepath.Join(run, e.ID)
	e.list(folder, most.files)
	probes, err := os.Open(filepath.Join(folder, "probes.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return measured
	}
	if err == nil {
		defer func() { _ = probes.Close() }()
		var found []*reach.Series
		if found, err = reach.ReplayEach(probes, measured.add); err == nil {
			e.Series = most.ink.draw(found)
			return measured
		}
	}
	e.Trouble = "Its probes cannot be shown: probes.jsonl: " + err.Error()
	return newTimes()
}

// list finds the files of evidence, the verdict first.
func (e *entryOfSpec) list(folder string, maxFiles int) {
	var names []string
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(folder, path)
			names = append(names, filepath.ToSlash(name))
		}
		return nil // what cannot be read is not linked
	})
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Count(a, "/") - strings.Count(b, "/")
	})
	for _, name := range names[:min(len(names), maxFiles)] {
		e.Files = append(e.Files, file{name, (&url.URL{Path: e.ID + "/" + name}).String()})
	}
	if more := len(names) - maxFiles; more > 0 {
		e.Untold = fmt.Sprintf("And %d more in the folder %s.", more, e.ID)
	}
}
