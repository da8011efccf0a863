package report

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sctp.test/framework/reach"
)

// series is one claim of a spec and what was found.
type series struct {
	Title  string
	How    string // how it ended
	Right  bool
	Blocks []block
}

// block is a matrix for one family, or for all in which it is the same.
type block struct {
	Families string
	Columns  []string
	Rows     []row
	Note     string // says what is not drawn
}

type row struct {
	Name  string
	Cells []tableCell
}

type tableCell struct{ Class, Text, Small string }

// The classes of cells, short because there are many.
const (
	classAnswered = "y"
	classDenied   = "n"
	classOther    = "u"
	classWrong    = "x"
	classNotAsked = "o"
)

// ink is how many cells of a spec may yet be drawn.
type ink struct{ right, wrong int }

// draw makes tables of the series of a spec. What looks like a table before is not drawn
// again, nor is a control that is right, which has nothing to show.
func (k *ink) draw(found []*reach.Series) []series {
	var out []series
	tables := 0
	for _, s := range found {
		t := series{How: how(s), Right: len(s.Report.Wrong()) == 0 && s.Report.Rounds > 0}
		switch s.Control {
		case reach.Before:
			t.Title = "Control: open before something is to be denied"
		case reach.After:
			t.Title = "Control: what was denied is open again with the policies gone"
		default:
			tables++
			t.Title = fmt.Sprintf("Table %d", tables)
		}
		if s.Control != reach.After || !t.Right {
			for _, r := range s.Report.Results {
				t.merge(k.block(r, t.Right))
			}
		}
		same := slices.IndexFunc(out, func(o series) bool { return len(o.Blocks) > 0 && reflect.DeepEqual(o.Blocks, t.Blocks) })
		if same >= 0 {
			t.How, t.Blocks = t.How+"; it looks like "+strings.ToLower(out[same].Title), nil
		}
		out = append(out, t)
	}
	return out
}

// how says how a series ended.
func how(s *reach.Series) string {
	r := s.Report
	rounds := fmt.Sprintf("%s in %s", number(r.Rounds, "round"), span(r.Took.Seconds()))
	switch {
	case r.Rounds == 0:
		return "was never asked"
	case len(r.Wrong()) == 0:
		return "as claimed, " + rounds
	case r.State == reach.Intermittent:
		return "intermittent: right, then wrong again; " + rounds
	default:
		return "not as claimed, " + rounds
	}
}

// block draws a matrix: of one that is not as claimed all rows that are wrong, while there
// is ink.
func (k *ink) block(r reach.Result, seriesRight bool) block {
	b := block{Families: string(r.Family)}
	for _, c := range r.Columns {
		b.Columns = append(b.Columns, c.Word)
	}
	wrong := len(r.Wrong())
	if wrong == 0 && !seriesRight {
		b.Note = fmt.Sprintf("%s: %s as claimed.", r.Family, number(r.Asked(), "path"))
		return b
	}
	left := 0
	for i, name := range r.Rows {
		drawn, right := rowOf(name.Word, r.Want[i], r.Found[i])
		purse := &k.wrong
		if right {
			purse = &k.right
		}
		if *purse < len(drawn.Cells) {
			left++
			continue
		}
		*purse -= len(drawn.Cells)
		b.Rows = append(b.Rows, drawn)
	}
	switch {
	case left > 0 && wrong == 0:
		b.Note = fmt.Sprintf("%s: %s, all as claimed; %s not drawn.", r.Family, number(r.Asked(), "path"), number(left, "row"))
	case left > 0:
		b.Note = fmt.Sprintf("%s: %d of %s not as claimed; %s not drawn.", r.Family, wrong, number(r.Asked(), "path"), number(left, "row"))
	}
	return b
}

func rowOf(name string, want []reach.Word, found []reach.Cell) (drawn row, right bool) {
	drawn.Name, right = name, true
	for j, w := range want {
		c := cellOf(reach.Place{Want: w, Cell: found[j]})
		drawn.Cells = append(drawn.Cells, c)
		right = right && c.Class != classWrong
	}
	return drawn, right
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// cellOf is a cell as the failure's text has it: in capitals where it is wrong.
func cellOf(p reach.Place) tableCell {
	w, outcome := p.Want, string(p.Outcome)
	switch {
	case w == reach.NotAsked:
		return tableCell{Class: classNotAsked, Text: "·"}
	case !w.Admits(p.Finding):
		return tableCell{classWrong, strings.ToUpper(outcome), p.Wanted()}
	case w == reach.Word(reach.Answered):
		return tableCell{Class: classAnswered, Text: outcome}
	case w == reach.Denied:
		return tableCell{classDenied, string(w), outcome}
	case w.Denies():
		return tableCell{Class: classDenied, Text: outcome}
	default:
		return tableCell{Class: classOther, Text: outcome}
	}
}

// merge adds a block, or names its family at the one before where they are the same.
func (s *series) merge(b block) {
	if n := len(s.Blocks); n > 0 && b.Note == "" {
		last := &s.Blocks[n-1]
		if last.Note == "" && reflect.DeepEqual(last.Rows, b.Rows) && reflect.DeepEqual(last.Columns, b.Columns) {
			last.Families += " and " + b.Families
			return
		}
	}
	s.Blocks = append(s.Blocks, b)
}
