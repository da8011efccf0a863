package reach

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []Block
	}{
		{
			"one block of every family",
			`
			            x/server:80   x/server:81
			x/client    answered      denied
			x/stranger  -             refused
			`,
			[]Block{{
				Line: 2, Columns: []string{"x/server:80", "x/server:81"},
				Rows: []Row{{3, "x/client", []Word{"answered", "denied"}}, {4, "x/stranger", []Word{"-", "refused"}}},
			}},
		},
		{
			"a block for each family",
			"ipv4:\n  x/s:80\nx/c answered\nipv6:\n\nx/s:80\nx/c silent",
			[]Block{
				{IPv4, 2, []string{"x/s:80"}, []Row{{3, "x/c", []Word{"answered"}}}},
				{IPv6, 6, []string{"x/s:80"}, []Row{{7, "x/c", []Word{"silent"}}}},
			},
		},
		{
			"a head speaks of one block only",
			"ipv4:\nx/s:80\nx/c unreachable\n\nx/s:81\nx/c unsupported\n",
			[]Block{
				{IPv4, 2, []string{"x/s:80"}, []Row{{3, "x/c", []Word{"unreachable"}}}},
				{"", 5, []string{"x/s:81"}, []Row{{6, "x/c", []Word{"unsupported"}}}},
			},
		},
		{
			"tabs, carriage returns and trailing spaces",
			"\tx/s:80\t \r\nx/c\tanswered  \r\n",
			[]Block{{"", 1, []string{"x/s:80"}, []Row{{2, "x/c", []Word{"answered"}}}}},
		},
	} {
		got, err := Parse(c.text)
		if err != nil || !reflect.DeepEqual(got.Blocks, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got.Blocks, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "the table is empty"},
		{"empty lines", "\n \n\t\n", "the table is empty"},
		{"a slip of the finger", "x/s:80\nx/c answred", `table line 2: "answred" is no word for a cell; the nearest is "answered"`},
		{"capitals", "\nx/s:80\nx/c Denied", `table line 3: "Denied" is no word for a cell; the nearest is "denied"`},
		{"broken cannot be expected", "x/s:80\nx/c broken", `table line 2: "broken" is no word for a cell; known: answered, denied, silent, refused, unreachable, unsupported, -`},
		{"far from all", "x/s:80\nx/c open", `table line 2: "open" is no word for a cell; known: answered,`},
		{"a cell too few", "x/s:80 x/s:81\nx/c denied", `table line 2: "x/c" is followed by 1 word for 2 columns`},
		{"a cell too many", "x/s:80\nx/c denied denied", `table line 2: "x/c" is followed by 2 words for 1 column`},
		{"no cell", "x/s:80\nx/c", `table line 2: "x/c" is followed by 0 words for 1 column`},
		{"no row", "x/s:80 x/s:81\n\nx/s:80\nx/c denied", "table line 1: columns without a row"},
		{"no row in the last block", "x/s:80\nx/c denied\n\nx/s:81", "table line 4: columns without a row"},
		{"a family without a block", "x/s:80\nx/c denied\nipv6:\n", "table line 3: ipv6: without a block"},
		{"two families in a row", "ipv4:\nipv6:\nx/s:80\nx/c denied", "table line 1: ipv4: without a block"},
		{"an unknown family reads as columns", "ipv5:\nx/s:80 x/s:81\nx/c denied denied", `table line 2: "x/s:81" is no word for a cell`},
	} {
		_, err := Parse(c.text)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func mustParse(t *testing.T, text string) Table {
	t.Helper()
	table, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestNearest(t *testing.T) {
	pods := []string{"x/server:80", "x/server:81", "y/client"}
	for word, want := range map[string]string{
		"x/sever:80":   `; the nearest is "x/server:80"`,
		"x/server:8":   `; the nearest is "x/server:80"`,
		"y/clinet":     `; the nearest is "y/client"`,
		"z/client":     `; the nearest is "y/client"`,
		"zzzzzzzzzzzz": "; known: x/server:80, x/server:81, y/client",
		"":             "; known: x/server:80, x/server:81, y/client",
	} {
		if got := nearest(word, pods); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"denied", "denied", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"denied", "denid", 1},
		{"silent", "silence", 2},
		{"answered", "refused", 6},
	} {
		if got := edits(c.a, c.b); got != c.want || edits(c.b, c.a) != got {
			t.Errorf("%q to %q: %d and back %d, want %d", c.a, c.b, got, edits(c.b, c.a), c.want)
		}
	}
}

// FuzzParse: whatever stands in a spec, the table is refused or whole.
func FuzzParse(f *testing.F) {
	f.Add("x/s:80 x/s:81\nx/c answered -\n")
	f.Add("ipv4:\nx/s@same:80\nx/c@* denied\n\nipv6:\nx/s@other:80\nx/c@* unsupported")
	f.Add("ipv4:\nipv6:")
	f.Add("\u00a0\n\x00 \xff\n- -")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Parse(text)
		if err != nil {
			if len(table.Blocks) > 0 || err.Error() == "" {
				t.Errorf("an error %q and yet blocks", err)
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, b := range table.Blocks {
			if len(b.Rows) == 0 || len(b.Columns) == 0 || b.Line < 1 || b.Line > lines {
				t.Errorf("a block that says nothing, or of no line: %+v", b)
			}
			for _, r := range b.Rows {
				if len(r.Words) != len(b.Columns) || r.Line <= b.Line || r.Line > lines {
					t.Errorf("a row that does not fit its block: %+v", r)
				}
			}
		}
		matrices, err := table.Resolve(names, []Family{IPv4, IPv6})
		for _, m := range matrices {
			if err != nil || m.Asked() == 0 || len(m.Want) != len(m.Rows) {
				t.Errorf("%v with a matrix that asks %d", err, m.Asked())
			}
		}
	})
}
