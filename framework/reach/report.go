package reach

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cell is what was found in one place of a matrix.
type Cell struct {
	Finding
	Path string // who asked whom, with addresses and nodes
}

// Result is a matrix and what the last round found, family by family.
type Result struct {
	Matrix
	Found [][]Cell // where Want is NotAsked the cell is empty
}

// Place is a wrong cell with all that a rule or a line of text needs of it.
type Place struct {
	Family      Family
	Row, Column Name
	Want        Word
	Cell
}

// Wrong lists the cells that are not as claimed, row by row.
func (r Result) Wrong() []Place {
	var out []Place
	for i, row := range r.Found {
		for j, c := range row {
			if w := r.Want[i][j]; !w.Admits(c.Finding) {
				out = append(out, Place{r.Family, r.Rows[i], r.Columns[j], w, c})
			}
		}
	}
	return out
}

// Wanted says what the cell should have been, where its outcome alone would puzzle.
func (p Place) Wanted() string { return wanted(p.Want, p.Finding) }

// denies says whether all that is wrong are paths that were to be answered and were not.
func (r Report) denies() bool {
	return !slices.ContainsFunc(r.Wrong(), func(p Place) bool { return p.Want.Denies() || !slices.Contains(denials, p.Outcome) })
}

// State is how a series of rounds ended.
type State string

// The states a series of rounds can end in.
const (
	Held         State = "held"         // right, and right again in every round after
	Unsettled    State = "not settled"  // no round was right until the deadline
	Intermittent State = "intermittent" // a round was right and a later one was not
	Late         State = "not from the first moment"
)

// Report is what one Expect has to say.
type Report struct {
	ID       string // of the spec
	Results  []Result
	Twins    []Result // likewise of TCP twins, where there are any
	State    State
	Rounds   int
	Took     time.Duration
	Evidence string // folder
	Again    string // command
	Causes   []Cause
}

// Cause is what a diagnosis says of wrong paths.
type Cause struct {
	Class    string   `json:"class"`    // slug, for programs
	Sentence string   `json:"sentence"` // what is broken, naming nodes
	Look     string   `json:"look"`     // where to look next
	Facts    []string `json:"facts"`    // what it rests on, a line for each path that was asked again

	Asked bool `json:"asked,omitempty"` // it rests on asking paths again, and not on what the spec has found itself
}

// Lead is the beginning of a first line that the cause explains.
func (c Cause) Lead() string { return c.Sentence + "; " }

// Wrong lists the wrong cells of all families.
func (r Report) Wrong() []Place {
	var out []Place
	for _, res := range r.Results {
		out = append(out, res.Wrong()...)
	}
	return out
}

// Ground is what kind of trouble a report tells of. The list is closed.
type Ground string

// The grounds, from the cluster's fault to ours.
const (
	GroundFail        Ground = "fail"         // a path is not as claimed
	GroundUnsupported Ground = "inconclusive" // nothing but nodes without SCTP stood in the way
	GroundBroken      Ground = "error"        // the suite could not ask
)

// Ground tells what the wrong cells amount to. One path that is plainly wrong is a
// failure whatever else could not be asked.
func (r Report) Ground() Ground {
	ground := GroundUnsupported
	for _, p := range r.Wrong() {
		switch p.Outcome {
		case Unsupported:
		case Broken:
			ground = GroundBroken
		default:
			return GroundFail
		}
	}
	return ground
}

// fewFlaws are the flaws of one answer that are printed: of a thousand changed messages
// the first few tell as much.
const fewFlaws = 4

// fewPaths are the wrong paths that are printed one by one: the table has them all.
const fewPaths = 12

// Complaint stands in the first line of every failure that rests on paths which were judged.
const Complaint = "not as claimed"

// unjudged stands there where nothing but what could not be asked is wrong.
const unjudged = "not judged"

// Text is the failure as a person reads it.
func (r Report) Text() string {
	var b strings.Builder
	wrong := r.Wrong()
	asked := 0
	for _, res := range r.Results {
		asked += res.Asked()
	}
	complaint := Complaint
	if r.Ground() == GroundBroken {
		complaint = unjudged
	}
	fmt.Fprintf(&b, "%s: %s%s%d of %s %s (%s, %s in %s, %s)\n", r.ID, r.cause(), r.excuse(), len(wrong), of("path", asked, len(wrong)), complaint,
		strings.Join(families(wrong), " and "), count(r.Rounds, "round"), r.Took.Round(100*time.Millisecond), r.State)
	for _, res := range r.Results {
		if len(res.Wrong()) == 0 {
			fmt.Fprintf(&b, "\n%s: %s as claimed\n", res.Family, count(res.Asked(), "path"))
			continue
		}
		b.WriteString("\n")
		if len(r.Results) > 1 {
			fmt.Fprintf(&b, "%s:\n", res.Family)
		}
		b.WriteString(res.grid())
	}
	b.WriteString("\n")
	for _, p := range wrong[:min(len(wrong), fewPaths)] {
		fmt.Fprintf(&b, "  %s: %s\n", p.Path, p.Reason)
		for _, flaw := range p.Flaws[:min(len(p.Flaws), fewFlaws)] {
			fmt.Fprintf(&b, "    %s\n", flaw)
		}
		if more := len(p.Flaws) - fewFlaws; more > 0 {
			fmt.Fprintf(&b, "    and %d more\n", more)
		}
	}
	if more := len(wrong) - fewPaths; more > 0 {
		fmt.Fprintf(&b, "  and %s more, see probes.jsonl\n", count(more, "path"))
	}
	if text := r.twinText(); text != "" {
		fmt.Fprintf(&b, "  twin: %s\n", text)
	}
	b.WriteString(Told(r.Causes))
	for _, h := range hints(r) {
		fmt.Fprintf(&b, "  hint: %s\n", h)
	}
	fmt.Fprintf(&b, "  evidence: %s      again: %s\n", r.Evidence, r.Again)
	return b.String()
}

// Told are causes as a failure tells of them, each with its facts and where to look next.
func Told(causes []Cause) string {
	var b strings.Builder
	for _, c := range causes {
		fmt.Fprintf(&b, "  cause: %s\n", c.Sentence)
		for _, f := range c.Facts {
			fmt.Fprintf(&b, "    %s\n", f)
		}
		fmt.Fprintf(&b, "    look at: %s\n", c.Look)
	}
	return b.String()
}

// cause is the beginning of the first line where a cause is known: that of the most paths, or
// what kept the suite from knowing.
func (r Report) cause() string {
	if len(r.Causes) > 0 {
		return r.Causes[0].Lead()
	}
	if r.Ground() != GroundBroken {
		return ""
	}
	times := map[string]int{}
	often := ""
	for _, p := range r.Wrong() {
		if p.Outcome != Broken {
			continue
		}
		if times[p.Reason]++; times[p.Reason] > times[often] {
			often = p.Reason
		}
	}
	return "the suite cannot tell: " + often + "; "
}

// grid draws the matrix: as the spec has it where it is right, in capitals where not.
func (r Result) grid() string {
	rows := [][]string{{""}}
	for _, c := range r.Columns {
		rows[0] = append(rows[0], c.Word)
	}
	for i, name := range r.Rows {
		row, want := []string{name.Word}, []string{}
		for j, w := range r.Want[i] {
			text := string(w)
			if f := r.Found[i][j].Finding; !w.Admits(f) {
				text = strings.ToUpper(string(f.Outcome))
				want = append(want, wanted(w, f))
			}
			row = append(row, text)
		}
		if len(want) > 0 {
			row = append(row, strings.Join(slices.Compact(want), ", "))
		}
		rows = append(rows, row)
	}
	return align(rows)
}

// wanted is what stands beside a row for one of its wrong cells.
func wanted(w Word, f Finding) string {
	switch {
	case f.Outcome == Answered && w == Word(Answered):
		return "with flaws, see below"
	case w.Denies() && slices.Contains(denials, f.Outcome) && !f.Connecting:
		return fmt.Sprintf("want %s, but the way is open", w)
	default:
		return "want " + string(w)
	}
}

// align lays out rows in columns, two spaces before and between them.
func align(rows [][]string) string {
	var width []int
	for _, row := range rows {
		for j, text := range row {
			if j == len(width) {
				width = append(width, 0)
			}
			width[j] = max(width[j], len(text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := "  "
		for j, text := range row {
			line += fmt.Sprintf("%-*s  ", width[j], text)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// of agrees with the verb that follows: "6 paths is" for one wrong of six.
func of(noun string, asked, wrong int) string {
	verb := "are"
	if wrong == 1 {
		verb = "is"
	}
	return count(asked, noun) + " " + verb
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func families(wrong []Place) []string {
	var out []string
	for _, p := range wrong {
		if !slices.Contains(out, string(p.Family)) {
			out = append(out, string(p.Family))
		}
	}
	return out
}
