package reach

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// report is what an Expect would say that ended so.
func report(results ...Result) Report {
	return Report{
		ID: "POL-05", Results: results, State: Unsettled, Rounds: 11, Took: 30*time.Second + 12*time.Millisecond,
		Evidence: "_artifacts/run/POL-05", Again: "with FOCUS=POL-05",
	}
}

func intermittent(r Report) Report {
	r.State, r.Rounds, r.Took = Intermittent, 3, 5120*time.Millisecond
	return r
}

// The table of POL-05 with what was found of its six paths.
const leakedToStranger = `
	            x/server:80      x/server:81
	x/client    answered         denied
	x/stranger  denied=answered  denied
	y/client    denied           denied
`

const asClaimed = `
	            x/server:80      x/server:81
	x/client    answered         denied
	x/stranger  denied           denied
	y/client    denied           denied
`

func TestText(t *testing.T) {
	for _, c := range []struct {
		file   string
		report Report
	}{
		{"pol-05", report(scene(t, IPv4, leakedToStranger))},
		{"dual-stack-one-family", report(scene(t, IPv4, asClaimed), scene(t, IPv6, leakedToStranger))},
		{"dual-stack-both-families", report(scene(t, IPv4, leakedToStranger), scene(t, IPv6, leakedToStranger))},
		{"nothing-denied", report(scene(t, IPv4, `
			            x/server:80      x/server:81
			x/client    answered         denied=answered
			x/stranger  denied=answered  denied=answered
			y/client    denied=answered  denied=answered
		`))},
		{"one-node-does-not-deny", report(scene(t, IPv4, `
			          x/server@1:80  x/server@2:80
			x/client  denied         denied=answered
			y/client  denied         denied=answered
		`))},
		{"broken-cell", report(scene(t, IPv4, `
			            x/server:80        x/server:81
			x/client    answered           denied
			x/stranger  denied=no-reply    denied
		`))},
		{"no-sctp-on-the-clients-node", report(scene(t, IPv4, `
			            x/server@1:80       x/server@2:80
			x/client@1  answered            answered
			x/client@3  answered=no-socket  answered=no-socket
		`))},
		{"no-sctp-on-the-servers-node", report(scene(t, IPv6, `
			            x/server@1:80  x/server@2:80
			x/client@1  answered       answered=no-protocol
			x/client@3  answered       answered=no-protocol
		`))},
		{"intermittent", intermittent(report(scene(t, IPv4, `
			            x/server:80      x/server:81
			x/client    answered=silent  denied
			x/stranger  denied           denied
		`)))},
		{"answered-with-flaws", report(scene(t, IPv4, `
			            x/server@1:80          x/server@2:80        x/server@3:80
			x/client@1  answered=wrong-server  answered             answered=unclosed
			x/client@2  answered               answered=changed     answered
			x/client@3  answered               answered=unrecorded  answered
		`))},
		{"denied-after-connecting", report(scene(t, IPv4, `
			            x/server:80       x/server:81
			x/client    answered          denied=delivered
			x/stranger  denied=stalled    denied
		`))},
		{"another-kind-of-denial", report(scene(t, IPv4, `
			            x/server:80
			x/client    refused=silent
			x/stranger  silent=unreachable
			y/client    answered=refused
		`))},
		{"two-wants-in-a-row", report(scene(t, IPv4, `
			            x/server:80      x/server:81
			x/client    answered=silent  denied=answered
			x/stranger  -                denied
		`))},
		{"one-path", report(scene(t, IPv4, `
			          x/server:80
			x/client  answered=silent
		`))},
	} {
		t.Run(c.file, func(t *testing.T) {
			text := c.report.Text()
			if c.report.Text() != text {
				t.Error("the same report reads otherwise the second time")
			}
			golden(t, c.file, text)
			everyLineIsFit(t, text)
		})
	}
}

func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("differs from %s; go test -update writes it anew\n got:\n%s\nwant:\n%s", path, text, want)
	}
}

func everyLineIsFit(t *testing.T, text string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	if !strings.HasPrefix(lines[0], "POL-05: ") || !strings.Contains(lines[0], Complaint+" (ipv") && !strings.Contains(lines[0], unjudged+" (ipv") {
		t.Errorf("the first line does not name the spec and the family: %s", lines[0])
	}
	for _, l := range lines {
		if strings.TrimRight(l, " \t") != l || strings.Contains(l, "%!") {
			t.Errorf("a line that is not fit to print: %q", l)
		}
	}
}

// No file of testdata is left over from a test that is gone.
func TestEveryGoldenFileIsUsed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("report_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if !strings.Contains(string(source), `{"`+name+`", `) {
			t.Errorf("%s belongs to no test", f)
		}
	}
}

// Of an answer with very many flaws the first ones are printed.
func TestManyFlaws(t *testing.T) {
	r := scene(t, IPv4, "x/server:80\nx/client answered=unrecorded")
	for range 9 {
		r.Found[0][0].Flaws = append(r.Found[0][0].Flaws, "message changed")
	}
	text := report(r).Text()
	if n := strings.Count(text, "message changed"); n != 3 || !strings.Contains(text, "    and 6 more\n") {
		t.Errorf("%d of 10 flaws after the first are printed:\n%s", n, text)
	}
	r.Found[0][0].Flaws = r.Found[0][0].Flaws[:fewFlaws]
	if text := report(r).Text(); strings.Contains(text, " more") {
		t.Errorf("nothing was left out, but it says so:\n%s", text)
	}
}

func TestWrong(t *testing.T) {
	r := scene(t, IPv6, `
		            x/server:80      x/server:81
		x/client    answered=silent  -
		x/stranger  denied           denied=answered
	`)
	var got []string
	for _, p := range r.Wrong() {
		got = append(got, strings.Join([]string{string(p.Family), p.Row.Word, p.Column.Word, string(p.Want), string(p.Outcome)}, " "))
	}
	want := []string{"ipv6 x/client x/server:80 answered silent", "ipv6 x/stranger x/server:81 denied answered"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := report(r, r).Wrong(); len(got) != 4 {
		t.Errorf("%d wrong in two results of two", len(got))
	}
	// A cell that was to be asked and was not is wrong, not right.
	r.Found[1][0] = Cell{}
	if got := r.Wrong(); len(got) != 3 {
		t.Errorf("a cell without a finding passed: %d wrong, want 3", len(got))
	}
}

func TestGround(t *testing.T) {
	for cells, want := range map[string]Ground{
		"answered=silent":                                             GroundFail,
		"denied=answered":                                             GroundFail,
		"answered=wrong-server":                                       GroundFail,
		"denied=stalled":                                              GroundFail,
		"answered=no-socket":                                          GroundUnsupported,
		"answered=no-socket denied=no-protocol":                       GroundUnsupported,
		"answered=no-reply":                                           GroundBroken,
		"answered=no-reply answered=no-socket":                        GroundBroken,
		"answered=no-socket answered=no-reply":                        GroundBroken,
		"answered=no-socket answered=no-reply answered=silent":        GroundFail,
		"answered=silent answered=no-reply answered=no-socket":        GroundFail,
		"answered denied answered=no-reply unsupported denied=silent": GroundBroken,
	} {
		columns := strings.Repeat("x/server:80 ", len(strings.Fields(cells)))
		if got := report(scene(t, IPv4, columns+"\nx/client "+cells)).Ground(); got != want {
			t.Errorf("%s: %s, want %s", cells, got, want)
		}
	}
}

// Of many wrong paths some are printed, and how many are not.
func TestManyWrongPaths(t *testing.T) {
	row, columns, cells := "x/client", "", ""
	for port := range 15 {
		columns += fmt.Sprintf(" x/server:%d", 80+port)
		cells += " answered=silent"
	}
	r := Report{ID: "POD-07", Results: []Result{scene(t, IPv4, columns+"\n"+row+cells)}, State: Unsettled}
	text := r.Text()
	if n := strings.Count(text, ": silent: "); n != fewPaths || !strings.Contains(text, "  and 3 paths more, see probes.jsonl\n") {
		t.Errorf("%d paths are printed in\n%s", n, text)
	}
}

// Where the suite could not ask, the first line has the trouble that most paths had; where
// something else is wrong, too, that is what counts.
func TestTroubleStandsFirst(t *testing.T) {
	r := report(scene(t, IPv4, `
		            x/server:80         x/server:81
		x/client    answered=no-reply   denied=no-socket
		x/stranger  answered=lost       denied=lost
	`))
	if first, _, _ := strings.Cut(r.Text(), "\n"); !strings.HasPrefix(first, "POL-05: the suite cannot tell: no observation: the stream ended; 4 of 4 paths") {
		t.Errorf("the first line is %q", first)
	}
	r = report(scene(t, IPv4, `
		            x/server:80        x/server:81
		x/client    answered=no-reply  denied=answered
	`))
	if first, _, _ := strings.Cut(r.Text(), "\n"); !strings.HasPrefix(first, "POL-05: 2 of 2 paths") {
		t.Errorf("the first line is %q", first)
	}
}
