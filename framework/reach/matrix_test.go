package reach

import (
	"slices"
	"strings"
	"testing"
)

// names of a spec on three nodes: a client on each, a server on the first two, and a
// Service, which stands on no node, with its NodePort on each.
var names = Names{
	Clients: allNamed("x/client@1 x/client@2 x/client@3 x/stranger"),
	Servers: allNamed("x/server@1:80 x/server@2:80 x/server@2:81 svc/web:80 node@1:svc/web:80 node@2:svc/web:80 node@3:svc/web:80"),
}

// draw writes a matrix as it would stand in a spec, with single spaces.
func draw(m Matrix) string {
	lines := []string{string(m.Family) + ":", strings.Join(wordsOf(m.Columns), " ")}
	for i, r := range m.Rows {
		line := r.Word
		for _, w := range m.Want[i] {
			line += " " + string(w)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func squeeze(text string) string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name, table string
		families    []Family
		want        []string
	}{
		{
			"words without a pattern", `
			            x/server@2:80  svc/web:80
			x/stranger  denied         answered`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@2:80  svc/web:80
			x/stranger  denied         answered`},
		},
		{
			"columns come in the spec's order", `
			            svc/web:80  x/server@2:81  x/server@1:80
			x/stranger  denied      answered       silent`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@1:80  x/server@2:81  svc/web:80
			x/stranger  silent         answered       denied`},
		},
		{
			"@* in a row and a column", `
			            x/server@*:80
			x/client@*  answered`, []Family{IPv6}, []string{`
			ipv6:
			            x/server@1:80  x/server@2:80
			x/client@1  answered       answered
			x/client@2  answered       answered
			x/client@3  answered       answered`},
		},
		{
			"@2 in a row and a column", `
			            x/server@2:80
			x/client@2  answered`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@2:80
			x/client@2  answered`},
		},
		{
			"@same: the third node has no partner", `
			            x/server@same:80
			x/client@*  answered`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@1:80  x/server@2:80
			x/client@1  answered       -
			x/client@2  -              answered
			x/client@3  -              -`},
		},
		{
			"@other", `
			            x/server@other:80
			x/client@*  answered`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@1:80  x/server@2:80
			x/client@1  -              answered
			x/client@2  answered       -
			x/client@3  answered       answered`},
		},
		{
			"@same and @other share the columns", `
			            x/server@same:80  x/server@other:80
			x/client@*  answered          denied`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@1:80  x/server@2:80
			x/client@1  answered       denied
			x/client@2  denied         answered
			x/client@3  denied         denied`},
		},
		{
			"a word without a node has one all the same", `
			            x/server@same:80
			x/stranger  answered`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@2:80
			x/stranger  answered`},
		},
		{
			"a NodePort on every node and on its own", `
			            node@same:svc/web:80
			x/client@1  answered
			x/client@3  denied`, []Family{IPv4}, []string{`
			ipv4:
			            node@1:svc/web:80  node@3:svc/web:80
			x/client@1  answered           -
			x/client@3  -                  denied`},
		},
		{
			"what is not asked gives way to what is", `
			            x/server@*:80  x/server@2:80
			x/client@1  -              denied
			x/client@2  denied         -`, []Family{IPv4}, []string{`
			ipv4:
			            x/server@1:80  x/server@2:80
			x/client@1  -              denied
			x/client@2  denied         denied`},
		},
		{
			"a block without a head is for every family", `
			            svc/web:80
			x/stranger  denied`, []Family{IPv4, IPv6}, []string{
				"ipv4:\nsvc/web:80\nx/stranger denied", "ipv6:\nsvc/web:80\nx/stranger denied",
			},
		},
		{
			"a block with a head for one", `
			ipv4:
			            svc/web:80
			x/stranger  denied

			ipv6:
			            svc/web:80
			x/stranger  answered`, []Family{IPv4, IPv6}, []string{
				"ipv4:\nsvc/web:80\nx/stranger denied", "ipv6:\nsvc/web:80\nx/stranger answered",
			},
		},
		{
			"a block of a family that is not there is left out", `
			ipv6:
			            svc/web:80
			x/stranger  answered

			            svc/web:80
			x/stranger  denied`, []Family{IPv4}, []string{"ipv4:\nsvc/web:80\nx/stranger denied"},
		},
	} {
		got, err := mustParse(t, c.table).Resolve(names, c.families)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var drawn, want []string
		for _, m := range got {
			drawn = append(drawn, draw(m))
		}
		for _, w := range c.want {
			want = append(want, squeeze(w))
		}
		if !slices.Equal(drawn, want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, drawn, want)
		}
	}
}

func TestResolveErrors(t *testing.T) {
	for _, c := range []struct{ name, table, want string }{
		{"unknown server", "x/sever@1:80\nx/stranger denied", `table line 1: "x/sever@1:80" is no server of this spec; the nearest is "x/server@1:80"`},
		{"unknown port", "\nx/server@2:82\nx/stranger denied", `table line 2: "x/server@2:82" is no server of this spec; the nearest is "x/server@2:80"`},
		{"unknown client", "x/server@1:80\nx/client@1 denied\nx/strangr denied", `table line 3: "x/strangr" is no client of this spec; the nearest is "x/stranger"`},
		{"nothing near", "q\nx/stranger denied", `table line 1: "q" is no server of this spec; known: x/server@1:80, x/server@2:80`},
		{"a server is no client", "x/server@1:80\nx/server@1 denied", `table line 2: "x/server@1" is no client`},
		{"a node that has no client", "x/server@1:80\nx/client@4 denied", `table line 2: "x/client@4" is no client`},
		{"a pattern of nobody", "x/sever@same:80\nx/client@* denied", `table line 1: "x/sever@same:80" is no server`},
		{"an unknown place", "x/server@here:80\nx/client@* denied", `table line 1: "x/server@here:80" is no server`},
		{"a Service stands on no node", "svc/web@same:80 x/server@*:80\nx/client@* denied denied", `table line 1: "svc/web@same:80" is no server`},
		{"@same in a row", "x/server@1:80\nx/client@same denied", `table line 2: "x/client@same" is no client`},
		{"@other in a row", "x/server@1:80\nx/client@other denied", `table line 2: "x/client@other" is no client`},
		{"only dashes", "\n\nx/server@1:80\nx/stranger -", "table line 3: the block asks nothing"},
		{"no partner at all", "x/server@same:80\nx/client@3 denied", "table line 1: the block asks nothing"},
		{"the same row twice", "x/server@1:80\nx/stranger denied\nx/stranger denied", "table line 3: x/stranger to x/server@1:80 is claimed twice"},
		{"patterns that overlap", "x/server@*:80 x/server@2:80\nx/client@1 denied answered", "table line 2: x/client@1 to x/server@2:80 is claimed twice"},
		{"only another family", "ipv6:\nx/server@1:80\nx/stranger denied", "the table speaks of no family that this cluster has ([ipv4])"},
		{"a slip in a block that is left out", "x/server@1:80\nx/stranger denied\nipv6:\nx/sever@1:80\nx/stranger denied", `table line 4: "x/sever@1:80" is no server`},
	} {
		got, err := mustParse(t, c.table).Resolve(names, []Family{IPv4})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || got != nil {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for word, want := range map[string][3]string{
		"x/server@2:80":       {"x/server", "2", ":80"},
		"x/server:80":         {"x/server", "", ":80"},
		"x/server:80/tcp":     {"x/server", "", ":80/tcp"},
		"x/client@*":          {"x/client", "*", ""},
		"x/client":            {"x/client", "", ""},
		"svc/web:80":          {"svc/web", "", ":80"},
		"node@same:svc/web:8": {"node", "same", ":svc/web:8"},
		"":                    {"", "", ""},
		"@":                   {"", "", ""},
	} {
		head, place, tail := split(word)
		if got := [3]string{head, place, tail}; got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestEverything(t *testing.T) {
	all := Everything(names, []Family{IPv4, IPv6}, Word(Answered))
	if len(all) != 2 || all[0].Family != IPv4 || all[1].Family != IPv6 {
		t.Fatalf("matrices of %d families", len(all))
	}
	for _, m := range all {
		if want := len(names.Clients) * len(names.Servers); m.Asked() != want {
			t.Errorf("%s: %d cells asked, want %d", m.Family, m.Asked(), want)
		}
	}
	all[0].Want[0][0] = Denied
	if all[0].Want[1][0] == Denied || all[1].Want[0][0] == Denied {
		t.Error("two rows or families share their cells")
	}
}

func TestAsked(t *testing.T) {
	for _, c := range []struct {
		want  [][]Word
		asked int
	}{
		{nil, 0},
		{[][]Word{{"-", "-"}, {"-", "-"}}, 0},
		{[][]Word{{"answered", "-"}, {"-", "unsupported"}}, 2},
		{[][]Word{{"answered", "answered"}, {"-", "refused"}}, 3},
		{[][]Word{{"denied"}}, 1},
	} {
		m := Matrix{Want: c.want}
		if m.Asked() != c.asked {
			t.Errorf("%v: asked %d", c.want, m.Asked())
		}
	}
}

// A cell knows the line that it stands in, also where two lines speak of its client, and a
// matrix that nobody wrote has none.
func TestLines(t *testing.T) {
	table, err := Parse("x/server:80 y/server:80\nx/client answered -\nx/client - denied\n")
	if err != nil {
		t.Fatal(err)
	}
	names := Names{Clients: allNamed("x/client"), Servers: allNamed("x/server:80 y/server:80")}
	matrices, err := table.Resolve(names, []Family{IPv4})
	if err != nil {
		t.Fatal(err)
	}
	m := matrices[0]
	if m.Line(0, 0) != "table line 2: " || m.Line(0, 1) != "table line 3: " {
		t.Errorf("lines are %v", m.Lines)
	}
	if got := Everything(names, []Family{IPv4}, Word(Answered))[0].Line(0, 0); got != "" {
		t.Errorf("of no table: %q", got)
	}
}
