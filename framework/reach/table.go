package reach

import (
	"fmt"
	"slices"
	"strings"
)

// Family is an IP family.
type Family string

// The IP families, by the names that head the blocks of a table.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Table is what a spec claims, as it stands in the spec.
type Table struct {
	Blocks []Block
}

// Block is one matrix of a table: a head of columns, then a row for each client.
type Block struct {
	Family  Family // "" speaks of every family the cluster has
	Line    int    // of the head, counted from 1
	Columns []string
	Rows    []Row
}

// Row is a client and what it shall find in each column.
type Row struct {
	Line  int
	From  string
	Words []Word
}

// Parse reads a table. A block is a line of columns and the rows below it; it ends at an
// empty line or at a line "ipv4:" or "ipv6:", which says of which family the next block
// speaks, and that one only.
func Parse(text string) (Table, error) {
	var t Table
	var family Family
	head, open := 0, false
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		n := i + 1
		switch {
		case len(fields) == 0:
			open = false
		case len(fields) == 1 && (fields[0] == string(IPv4)+":" || fields[0] == string(IPv6)+":"):
			if head != 0 {
				return Table{}, headOnly(head, family)
			}
			family, head, open = Family(strings.TrimSuffix(fields[0], ":")), n, false
		case !open:
			t.Blocks = append(t.Blocks, Block{Family: family, Line: n, Columns: fields})
			family, head, open = "", 0, true
		default:
			b := &t.Blocks[len(t.Blocks)-1]
			row, err := parseRow(n, fields, len(b.Columns))
			if err != nil {
				return Table{}, err
			}
			b.Rows = append(b.Rows, row)
		}
	}
	if head != 0 {
		return Table{}, headOnly(head, family)
	}
	if len(t.Blocks) == 0 {
		return Table{}, fmt.Errorf("the table is empty")
	}
	for _, b := range t.Blocks {
		if len(b.Rows) == 0 {
			return Table{}, fmt.Errorf("table line %d: columns without a row", b.Line)
		}
	}
	return t, nil
}

func headOnly(line int, family Family) error {
	return fmt.Errorf("table line %d: %s: without a block", line, family)
}

func parseRow(line int, fields []string, columns int) (Row, error) {
	if len(fields)-1 != columns {
		return Row{}, fmt.Errorf("table line %d: %q is followed by %s for %s", line, fields[0], count(len(fields)-1, "word"), count(columns, "column"))
	}
	row := Row{Line: line, From: fields[0]}
	for _, f := range fields[1:] {
		if !slices.Contains(words, Word(f)) {
			return Row{}, fmt.Errorf("table line %d: %q is no word for a cell%s", line, f, nearest(f, wordStrings()))
		}
		row.Words = append(row.Words, Word(f))
	}
	return row, nil
}

func wordStrings() []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// nearest is the end of a complaint about an unknown word: the known word with the
// fewest edits, if it is near enough to be what was meant.
func nearest(word string, known []string) string {
	best, least := "", 1+len(word)/2
	for _, k := range known {
		if d := edits(word, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "; known: " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; the nearest is %q", best)
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
