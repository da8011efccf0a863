package reach

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

// saved is probes.jsonl of one series; each word is what one round found on its only path.
func saved(t *testing.T, rounds string) *bytes.Buffer {
	t.Helper()
	var file bytes.Buffer
	enc := json.NewEncoder(&file)
	m := Matrix{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed("x/server:80"), Want: [][]Word{{Word(Answered)}}}
	lines := []Line{{Claim: &Claim{ID: "POD-01", Series: 1, Matrices: []Matrix{m}}}}
	for i, what := range strings.Fields(rounds) {
		lines = append(lines, Line{Asked: &Asked{
			Series: 1, Round: i + 1, Family: IPv4, Client: "x/client", Server: "x/server:80",
			Want: Word(Answered), Evidence: evidence("sctp", events[what]),
		}})
	}
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	return &file
}

func TestReplayEachShowsTheProbesOfAllRounds(t *testing.T) {
	var seen []Outcome
	series, err := ReplayEach(saved(t, "silent answered answered"), func(a Asked) { seen = append(seen, Judge(a.Evidence).Outcome) })
	if err != nil || len(series) != 1 || series[0].Report.Rounds != 3 || series[0].Report.State != Held {
		t.Fatalf("series are %+v, error %v", series, err)
	}
	if len(seen) != 3 || seen[0] != Silent || seen[2] != Answered {
		t.Errorf("the probes were %v", seen)
	}
}

func TestReplayEachNamesTheLine(t *testing.T) {
	file := saved(t, "answered")
	file.WriteString("{\n")
	if _, err := ReplayEach(file, func(Asked) {}); err == nil || !strings.HasPrefix(err.Error(), "line 3: ") {
		t.Errorf("error is %v", err)
	}
}

func TestWantedIsWhatTheTextSays(t *testing.T) {
	r := scene(t, IPv4, `
		            x/server:80
		x/client    denied=answered
		x/stranger  denied=stalled
	`)
	var got []string
	for _, p := range r.Wrong() {
		got = append(got, p.Wanted())
	}
	if want := "want denied; want denied, but the way is open"; strings.Join(got, "; ") != want {
		t.Errorf("wanted %q, want %q", got, want)
	}
}

// A cell of which the evidence has nothing was not asked, and that is never right.
func TestWhatWasNotAsked(t *testing.T) {
	r := scene(t, IPv4, "x/server:80 x/server:81\nx/client answered denied")
	s := NewSeries(Claim{ID: "POD-01", Series: 1, Matrices: []Matrix{r.Matrix}})
	s.Add([]Asked{{Series: 1, Batch: 1, Round: 1, Family: IPv4, Client: "x/client", Server: "x/server:80", Evidence: evidence(wire.SCTP, events["answered"])}})
	wrong := s.Report.Wrong()
	if len(wrong) != 1 || wrong[0].Outcome != Broken || wrong[0].Column.Word != "x/server:81" || wrong[0].Reason != "it was not asked" {
		t.Errorf("wrong are %+v", wrong)
	}
}
