package reach

import (
	"fmt"
	"slices"
	"strings"
)

// Name is a client or a server that a table may mention.
type Name struct {
	Word string `json:"word"`           // as it is printed: x/server@2:80
	Node int    `json:"node,omitempty"` // the number of its node, 0 where it has none, as a ClusterIP
}

// Names are all that a table may mention.
type Names struct {
	Clients []Name
	Servers []Name
}

// Matrix is a block with every pattern resolved, for one family.
type Matrix struct {
	Family  Family   `json:"family"`
	Rows    []Name   `json:"rows"`
	Columns []Name   `json:"columns"`
	Want    [][]Word `json:"want"` // by row and column; NotAsked where the table says nothing
	Lines   [][]int  `json:"-"`    // of the table that claims this, likewise; nil where nobody wrote one
}

// whole says whether there is a word for each row and column.
func (m Matrix) whole() bool {
	short := func(row []Word) bool { return len(row) != len(m.Columns) }
	return len(m.Want) == len(m.Rows) && !slices.ContainsFunc(m.Want, short)
}

// Line begins a complaint about a cell with the line of the table that it stands in, if it
// stands in one.
func (m Matrix) Line(row, column int) string {
	if m.Lines == nil {
		return ""
	}
	return fmt.Sprintf("table line %d: ", m.Lines[row][column])
}

// Asked counts the cells of m that are to be probed.
func (m Matrix) Asked() int {
	n := 0
	for _, row := range m.Want {
		for _, w := range row {
			if w != NotAsked {
				n++
			}
		}
	}
	return n
}

// Everything is the word that, in place of a table, asks for every client to every
// server in every family.
func Everything(names Names, families []Family, w Word) []Matrix {
	var out []Matrix
	for _, f := range families {
		m := Matrix{Family: f, Rows: names.Clients, Columns: names.Servers}
		for range m.Rows {
			m.Want = append(m.Want, slices.Repeat([]Word{w}, len(m.Columns)))
		}
		out = append(out, m)
	}
	return out
}

// Resolve finds what the rows and columns of t mean among names, once for each family.
//
// In a row, name@* stands for that client on every node; in a column, server@same:80 is
// the one on the row's node, server@other:80 those on all other nodes, server@*:80 all.
// A node without such a server leaves its cell unasked.
func (t Table) Resolve(names Names, families []Family) ([]Matrix, error) {
	var out []Matrix
	for _, b := range t.Blocks {
		m, err := b.resolve(names)
		if err != nil {
			return nil, err
		}
		for _, f := range families { // a block about a family that this cluster lacks is left out
			if b.Family == "" || b.Family == f {
				m.Family = f
				out = append(out, m)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the table speaks of no family that this cluster has (%v)", families)
	}
	return out, nil
}

// cell is one place of a matrix before its columns are in order.
type cell struct{ row, column Name }

// entry is what a line of a table says about a cell.
type entry struct {
	word Word
	line int
}

func (b Block) resolve(names Names) (Matrix, error) {
	var m Matrix
	want := map[cell]entry{}
	for _, r := range b.Rows {
		from := matching(r.From, 0, names.Clients)
		if len(from) == 0 {
			return m, fmt.Errorf("table line %d: %q is no client of this spec%s", r.Line, r.From, nearest(r.From, wordsOf(names.Clients)))
		}
		for _, client := range from {
			if !slices.Contains(m.Rows, client) {
				m.Rows = append(m.Rows, client)
			}
			if err := b.claim(want, client, r, names.Servers); err != nil {
				return m, err
			}
		}
	}
	m.fill(want, names.Servers)
	if m.Asked() == 0 {
		return m, fmt.Errorf("table line %d: the block asks nothing", b.Line)
	}
	return m, nil
}

// claim writes down what a row says about one of its clients.
func (b Block) claim(want map[cell]entry, client Name, r Row, servers []Name) error {
	for i, w := range r.Words {
		to := matching(b.Columns[i], client.Node, servers)
		if len(to) == 0 && !known(b.Columns[i], servers) {
			return fmt.Errorf("table line %d: %q is no server of this spec%s", b.Line, b.Columns[i], nearest(b.Columns[i], wordsOf(servers)))
		}
		for _, server := range to {
			at := cell{client, server}
			old, twice := want[at]
			if twice && old.word != NotAsked && w != NotAsked {
				return fmt.Errorf("table line %d: %s to %s is claimed twice", r.Line, client.Word, server.Word)
			}
			if !twice || w != NotAsked {
				want[at] = entry{w, r.Line}
			}
		}
	}
	return nil
}

// fill lays out the columns in the order of the spec's servers.
func (m *Matrix) fill(want map[cell]entry, servers []Name) {
	for _, s := range servers {
		if slices.ContainsFunc(m.Rows, func(r Name) bool { _, ok := want[cell{r, s}]; return ok }) {
			m.Columns = append(m.Columns, s)
		}
	}
	for _, r := range m.Rows {
		row, lines := make([]Word, len(m.Columns)), make([]int, len(m.Columns))
		for i, c := range m.Columns {
			row[i] = NotAsked
			if w, ok := want[cell{r, c}]; ok {
				row[i], lines[i] = w.word, w.line
			}
		}
		m.Want, m.Lines = append(m.Want, row), append(m.Lines, lines)
	}
}

// matching returns the names that a pattern means, seen from a node; from node 0, which is
// nowhere, same and other mean nothing.
func matching(pattern string, node int, among []Name) []Name {
	head, place, tail := split(pattern)
	var out []Name
	for _, n := range among {
		if n.Word == pattern {
			return []Name{n}
		}
		h, _, t := split(n.Word)
		if h != head || t != tail || n.Node == 0 {
			continue
		}
		switch place {
		case "*":
		case "same":
			if n.Node != node {
				continue
			}
		case "other":
			if node == 0 || n.Node == node {
				continue
			}
		default:
			continue
		}
		out = append(out, n)
	}
	return out
}

// known says whether a pattern means something from some node, if not from this one.
func known(pattern string, among []Name) bool {
	head, place, tail := split(pattern)
	return slices.Contains([]string{"*", "same", "other"}, place) && slices.ContainsFunc(among, func(n Name) bool {
		h, _, t := split(n.Word)
		return h == head && t == tail && n.Node != 0
	})
}

// split takes x/server@2:80 apart into x/server, 2 and :80.
func split(word string) (head, place, tail string) {
	at := strings.IndexByte(word, '@')
	if at < 0 {
		head, tail, found := strings.Cut(word, ":")
		if found {
			tail = ":" + tail
		}
		return head, "", tail
	}
	head, place = word[:at], word[at+1:]
	if colon := strings.IndexByte(place, ':'); colon >= 0 {
		place, tail = place[:colon], place[colon:]
	}
	return head, place, tail
}

func wordsOf(names []Name) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n.Word
	}
	return out
}
