package reach

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// saved is probes.jsonl of one series; each word is what one round found on its only path.
func saved(t testing.TB, rounds string) *bytes.Buffer {
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

// What belongs to no table is seen and not judged, wherever it stands.
func TestAsidesAreNotJudged(t *testing.T) {
	file := saved(t, "answered")
	aside := one(1, wire.SCTP, "x/server:80", "silent", nil)
	if err := json.NewEncoder(file).Encode(Line{Aside: &aside}); err != nil {
		t.Fatal(err)
	}
	n := 0
	series, err := ReplayEach(file, func(Asked) { n++ })
	if err != nil || len(series) != 1 || series[0].Report.State != Held || n != 2 {
		t.Errorf("%d series, %d probes, error %v", len(series), n, err)
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

// one is a probe of a round and what its client's kernel has counted in its batch.
func one(round int, proto wire.Proto, server, what string, moved wire.Counters) Asked {
	return Asked{Series: 1, Batch: round, Round: round, Family: IPv4, Client: "x/client", Server: server, Evidence: evidence(proto, events[what]), Moved: moved}
}

// claimed is a series with one row of columns.
func claimed(columns string, want ...Word) *Series {
	return NewSeries(Claim{ID: "POD-01", Series: 1, Matrices: []Matrix{{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed(columns), Want: [][]Word{want}}}})
}

// What a client says of a denial counts only as far as its kernel bears it out, each protocol
// by its own counters.
func TestDenialsThatTheKernelDoesNotBearOut(t *testing.T) {
	inits, packets, fails, errors := wire.Counters{wire.T1InitExpireds: 6}, wire.Counters{wire.InSCTPPacks: 1}, wire.Counters{wire.AttemptFails: 1}, wire.Counters{wire.Unreachables: 1}
	sockets, datagrams := wire.Counters{wire.AttemptFails: 6}, wire.Counters{wire.UDPOut: 6}
	for _, c := range []struct {
		proto wire.Proto
		what  string
		moved wire.Counters
		right bool
	}{
		{wire.SCTP, "silent", inits, true},
		{wire.SCTP, "silent", packets, false},
		{wire.SCTP, "silent", fails, false},
		{wire.SCTP, "refused", packets, true},
		{wire.SCTP, "refused", inits, false},
		{wire.SCTP, "refused", errors, false},
		{wire.TCP, "silent", sockets, true},
		{wire.TCP, "silent", fails, false},
		{wire.TCP, "silent", inits, false},
		{wire.TCP, "refused", fails, true},
		{wire.TCP, "refused", packets, false},
		{wire.UDP, "silent", datagrams, true},
		{wire.UDP, "silent", errors, false},
		{wire.UDP, "refused", errors, true},
		{wire.UDP, "refused", fails, false},
		{wire.SCTP, "unreachable", nil, true},
		{wire.TCP, "unreachable", nil, true},
		{wire.UDP, "unreachable", nil, true},
	} {
		s := claimed("x/server:80", Denied)
		s.Add([]Asked{one(1, c.proto, "x/server:80", c.what, c.moved)})
		if right := len(s.Report.Wrong()) == 0; right != c.right {
			t.Errorf("%s over %s with %v: right %v", c.what, c.proto, c.moved, right)
		}
		if ground, _ := s.Conclusion(); !c.right && ground != GroundBroken {
			t.Errorf("%s over %s with %v: on the ground %q", c.what, c.proto, c.moved, ground)
		}
	}
}

// A client whose kernel has not asked enough is not believed in any of its silences, and
// another one is.
func TestDoubtsAreOfOneClient(t *testing.T) {
	m := Matrix{Family: IPv4, Rows: allNamed("x/client x/stranger"), Columns: allNamed("x/server:80"), Want: [][]Word{{Denied}, {Denied}}}
	s := NewSeries(Claim{ID: "POD-01", Series: 1, Matrices: []Matrix{m}})
	honest := one(1, wire.SCTP, "x/server:80", "silent", wire.Counters{wire.T1InitExpireds: 6})
	liar := one(1, wire.SCTP, "x/server:80", "silent", nil)
	liar.Client = "x/stranger"
	s.Add([]Asked{honest, liar})
	if wrong := s.Report.Wrong(); len(wrong) != 1 || wrong[0].Row.Word != "x/stranger" || wrong[0].Outcome != Broken {
		t.Errorf("wrong are %+v", wrong)
	}
}

// How a series ends: by rounds that are right, and by the first that is wrong after one.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		rounds  string
		state   State
		holding int
		counted int
	}{
		{"silent", Unsettled, -1, 1},
		{"silent silent", Unsettled, -1, 2},
		{"answered", Held, 0, 1},
		{"silent answered", Held, 0, 2},
		{"answered answered answered answered", Held, 3, 4},
		{"answered silent", Intermittent, 0, 2},
		{"silent answered answered silent", Intermittent, 1, 4},
		{"answered silent answered answered", Intermittent, 0, 2}, // what comes later changes nothing
		{"answered no-reply", Intermittent, 0, 2},
	} {
		s := claimed("x/server:80", Word(Answered))
		for i, what := range strings.Fields(c.rounds) {
			s.Add([]Asked{one(i+1, wire.SCTP, "x/server:80", what, wire.Counters{wire.T1InitExpireds: 60})})
		}
		if r := s.Report; r.State != c.state || s.Holding() != c.holding || r.Rounds != c.counted {
			t.Errorf("%s: %s after %d rounds, holding %d", c.rounds, r.State, r.Rounds, s.Holding())
		}
	}
}

// Of what a series fails its spec: a path that is wrong is a failure whatever else could not
// be asked, and a control that is wrong proves nothing, before or after.
func TestGrounds(t *testing.T) {
	for _, c := range []struct {
		found   string
		control Control
		want    Ground
	}{
		{"answered answered", "", ""},
		{"answered silent", "", GroundFail},
		{"no-reply silent", "", GroundFail},
		{"no-socket silent", "", GroundFail},
		{"no-reply answered", "", GroundBroken},
		{"no-reply no-socket", "", GroundBroken},
		{"no-socket answered", "", GroundUnsupported},
		{"answered silent", After, GroundUnsupported},
		{"answered silent", Before, GroundUnsupported},
		{"no-reply answered", Before, GroundBroken},
		{"no-socket answered", Before, GroundUnsupported},
		{"answered answered", Before, ""},
		{"answered answered", After, ""},
	} {
		s := claimed("x/server:80 x/server:81", Word(Answered), Word(Answered))
		s.Control = c.control
		var round []Asked
		for i, what := range strings.Fields(c.found) {
			round = append(round, one(1, wire.SCTP, s.Matrices[0].Columns[i].Word, what, wire.Counters{wire.T1InitExpireds: 60}))
		}
		s.Add(round)
		ground, text := s.Conclusion()
		if ground != c.want || (text == "") != (c.want == "") {
			t.Errorf("%s, control %q: %q, %q", c.found, c.control, ground, text)
		}
		if c.control != "" && strings.Contains(c.found, "silent") && !strings.Contains(text, map[Control]string{Before: "not all was open before", After: "not all is open again"}[c.control]) {
			t.Errorf("%s, control %q: %q", c.found, c.control, text)
		}
		settled := claimed("x/server:80", Word(Answered))
		settled.Add([]Asked{one(1, wire.SCTP, "x/server:80", "answered", nil)})
		if again, _ := Verdict([]*Series{settled, s}); again != c.want {
			t.Errorf("%s, control %q: the verdict is %q", c.found, c.control, again)
		}
	}
}

// Somebody else's policies may be why something is denied, and nothing else.
func TestForeignPolicies(t *testing.T) {
	for _, c := range []struct {
		want  Word
		found string
		may   bool // be for a policy
	}{
		{Word(Answered), "silent", true},
		{Word(Answered), "refused", true},
		{Word(Answered), "unreachable", true},
		{Word(Answered), "wrong-server", false},
		{Word(Answered), "changed", false},
		{Denied, "answered", false},
		{Denied, "stalled", false},
	} {
		s := claimed("x/server:80", c.want)
		s.Foreign = []string{"x/default-deny", "x/quota"}
		s.Add([]Asked{one(1, wire.SCTP, "x/server:80", c.found, wire.Counters{wire.T1InitExpireds: 60, wire.InSCTPPacks: 60})})
		ground, text := s.Conclusion()
		if told := strings.Contains(text, "may deny what it asks for: x/default-deny, x/quota\n"); told != c.may || (ground == GroundUnsupported) != c.may {
			t.Errorf("%s, found %s: %s\n%s", c.want, c.found, ground, text)
		}
	}
	s := claimed("x/server:80", Word(Answered))
	s.Foreign = []string{"x/default-deny"}
	s.Add([]Asked{one(1, wire.SCTP, "x/server:80", "answered", nil)})
	if ground, text := s.Conclusion(); ground != "" {
		t.Errorf("all is well: %s\n%s", ground, text)
	}
}

// Where a cell is asked several times in a round, one wrong answer is enough, whenever it came.
func TestOneWrongOfMany(t *testing.T) {
	for rounds, right := range map[string]bool{
		"answered answered answered": true, "wrong-server answered answered": false, "answered wrong-server answered": false, "answered answered wrong-server": false,
	} {
		s := claimed("x/server:80", Word(Answered))
		var round []Asked
		for _, what := range strings.Fields(rounds) {
			round = append(round, one(1, wire.SCTP, "x/server:80", what, nil))
		}
		s.Add(round)
		if s.Report.Rounds != 1 || (len(s.Report.Wrong()) == 0) != right {
			t.Errorf("%s: %d rounds, wrong are %+v", rounds, s.Report.Rounds, s.Report.Wrong())
		}
	}
}

// Families are not mixed up: what was found over IPv4 says nothing of IPv6.
func TestFamiliesAreKeptApart(t *testing.T) {
	both := []Matrix{}
	for _, f := range []Family{IPv4, IPv6} {
		both = append(both, Matrix{Family: f, Rows: allNamed("x/client"), Columns: allNamed("x/server:80"), Want: [][]Word{{Word(Answered)}}})
	}
	s := NewSeries(Claim{ID: "POD-01", Series: 1, Matrices: both})
	s.Add([]Asked{one(1, wire.SCTP, "x/server:80", "answered", nil)})
	if wrong := s.Report.Wrong(); len(wrong) != 1 || wrong[0].Family != IPv6 || wrong[0].Reason != "it was not asked" {
		t.Errorf("wrong are %+v", wrong)
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

// A silence proves nothing while the path that is open beside it takes longer than was waited.
func TestADenialBesideASlowPathProvesNothing(t *testing.T) {
	m := Matrix{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed("x/server:80 x/server:81"), Want: [][]Word{{Word(Answered), Denied}}}
	s := NewSeries(Claim{ID: "POL-01", Series: 1, Matrices: []Matrix{m}})
	round := func(connect time.Duration) []Asked {
		open, shut := evidence("sctp", events["answered"]), evidence("sctp", events["silent"])
		open.Seen.Connect = wire.Micros(connect.Microseconds())
		n := int64(shut.Probe.Timers.Inits())
		asked := func(server string, w Word, e Evidence) Asked {
			return Asked{Series: 1, Round: s.Report.Rounds + 1, Family: IPv4, Client: "x/client", Server: server, Want: w, Evidence: e, Moved: wire.Counters{wire.T1InitExpireds: n, wire.InSCTPPacks: 9}}
		}
		return []Asked{asked("x/server:80", Word(Answered), open), asked("x/server:81", Denied, shut)}
	}
	for i, tt := range []struct {
		connect time.Duration
		held    int
		hasty   bool
		reason  string
	}{
		{2 * time.Second, -1, true, "silent for 1.65s, but a path that is open beside it took 2s to connect"},
		{time.Second, 0, true, ""},
		{3 * time.Second, 0, true, "silent for 1.65s, but a path that is open beside it took 3s to connect"},
		{20 * time.Millisecond, 1, true, ""},
	} {
		s.Add(round(tt.connect))
		var reason string
		for _, p := range s.Report.Wrong() {
			reason = p.Reason
		}
		if s.Holding() != tt.held || s.Hasty != tt.hasty || reason != tt.reason || s.Report.State == Intermittent {
			t.Errorf("round %d: holding %d, hasty %v, %q, %s", i+1, s.Holding(), s.Hasty, reason, s.Report.State)
		}
	}
	s = NewSeries(s.Claim)
	if s.Add(round(time.Second)); s.Hasty {
		t.Error("a path that is fast enough makes a denial hasty")
	}
}

// A silence in which an INIT was answered is that of hosts out of breath, and no denial.
func TestASilenceAfterAnAnsweredInitIsNoDenial(t *testing.T) {
	m := Matrix{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed("x/server:80 x/server:81"), Want: [][]Word{{Word(Answered), Denied}}}
	s := NewSeries(Claim{ID: "SVC-21", Series: 1, Matrices: []Matrix{m}})
	round := func(inits, cookies int64) []Asked {
		open, shut := evidence("sctp", events["answered"]), evidence("sctp", events["silent"])
		n := int64(shut.Probe.Timers.Inits())
		moved := wire.Counters{wire.T1InitExpireds: n + inits, wire.T1CookieExpireds: cookies, wire.InSCTPPacks: 9}
		asked := func(server string, w Word, e Evidence) Asked {
			return Asked{Series: 1, Round: s.Report.Rounds + 1, Family: IPv4, Client: "x/client", Server: server, Want: w, Evidence: e, Moved: moved}
		}
		return []Asked{asked("x/server:80", Word(Answered), open), asked("x/server:81", Denied, shut)}
	}
	for i, tt := range []struct {
		inits, cookies int64
		held           int
		reason         string
	}{
		{-2, 3, -1, "silent, but an INIT was answered: only 4 of 6 expired, and 3 COOKIE-ECHOs"},
		{0, 0, 0, ""},
		{1, 2, 1, ""}, // of the path that is open
		{-1, 1, 1, "silent, but an INIT was answered: only 5 of 6 expired, and 1 COOKIE-ECHO"},
	} {
		s.Add(round(tt.inits, tt.cookies))
		var reason string
		for _, p := range s.Report.Wrong() {
			reason = p.Reason
		}
		if s.Holding() != tt.held || reason != tt.reason || s.Report.State == Intermittent {
			t.Errorf("round %d: holding %d, %q, %s", i+1, s.Holding(), reason, s.Report.State)
		}
	}
}

// A handshake that came to nothing proves nothing where packets are lost on the paths beside
// it, and everything where none are, or where it was not lost packets that ended it.
func TestLostPacketsProveNothing(t *testing.T) {
	m := Matrix{Family: IPv4, Rows: allNamed("x/client"), Columns: allNamed("x/server:80 x/server:81"), Want: [][]Word{{Word(Answered), Word(Answered)}}}
	slow := func(e *Evidence) { e.Seen.Connect = wire.Micros(timers.RTOInitial) * 1000 }
	resent := func(e *Evidence) { e.Seen.Assoc = &wire.Assoc{Retrans: 1} }
	over := func(p wire.Proto) event { return func(e *Evidence) { e.Probe.Proto = p } }
	for name, tt := range map[string]struct {
		beside, wrong []event
		want          Word
		lossy         bool
	}{
		"a handshake beside was sent again":  {[]event{events["answered"], slow}, []event{events["silent"]}, Word(Answered), true},
		"data beside was sent again":         {[]event{events["answered"], resent}, []event{events["silent"]}, Word(Answered), true},
		"aborted when it was sent again":     {[]event{events["answered"], slow}, []event{events["refused"], slow}, Word(Answered), true},
		"nothing is lost":                    {[]event{events["answered"]}, []event{events["silent"]}, Word(Answered), false},
		"nothing beside came up":             {[]event{events["silent"]}, []event{events["silent"]}, Word(Answered), false},
		"refused at once":                    {[]event{events["answered"], slow}, []event{events["refused"]}, Word(Answered), false},
		"no way to the server":               {[]event{events["answered"], slow}, []event{events["unreachable"], slow}, Word(Answered), false},
		"it came up late and fell silent":    {[]event{events["answered"]}, []event{events["stalled"], slow}, Word(Answered), true},
		"it came up at once and fell silent": {[]event{events["answered"], slow}, []event{events["stalled"]}, Word(Answered), false},
		"messages changed":                   {[]event{events["answered"], slow}, []event{events["changed"], slow}, Word(Answered), false},
		"a denial that let one in":           {[]event{events["answered"], slow}, []event{events["answered"], slow}, Denied, false},
		"TCP is to be answered":              {[]event{events["answered"], slow}, []event{events["silent"], over(wire.TCP)}, Word(Answered), false},
		"only TCP beside it was slow":        {[]event{events["answered"], slow, over(wire.TCP)}, []event{events["silent"]}, Word(Answered), false},
		"the agent says nothing":             {[]event{events["answered"], slow}, []event{events["no-reply"]}, Word(Answered), false},
	} {
		m.Want[0][1] = tt.want
		s := NewSeries(Claim{ID: "SVC-04", Series: 1, Matrices: []Matrix{m}})
		round := func(beside, other []event) []Asked {
			asked := func(server string, w Word, events []event) Asked {
				return Asked{
					Series: 1, Round: s.Report.Rounds + 1, Family: IPv4, Client: "x/client", Server: server, Want: w, Evidence: evidence(wire.SCTP, events...),
					Moved: wire.Counters{wire.T1InitExpireds: 99, wire.InSCTPPacks: 99, wire.AttemptFails: 99},
				}
			}
			return []Asked{asked("x/server:80", Word(Answered), beside), asked("x/server:81", tt.want, other)}
		}
		right := []event{events["answered"]}
		if tt.want.Denies() {
			right = []event{events["silent"]}
		}
		if s.Add(round(right[:1:1], tt.wrong)); s.Ended() || s.Lossy {
			t.Errorf("%s: a table that has not settled: ended %v, lossy %v", name, s.Ended(), s.Lossy)
		}
		s.Add(round([]event{events["answered"]}, right))
		if s.Add(round(tt.beside, tt.wrong)); s.Lossy != tt.lossy || s.Ended() == tt.lossy || s.Report.State != Intermittent {
			t.Errorf("%s: lossy %v, ended %v, %s", name, s.Lossy, s.Ended(), s.Report.State)
		}
		if s.Add(round([]event{events["answered"]}, right)); tt.lossy && (s.Holding() != 0 || s.Lost != 1 || s.Lossy || s.Report.State != Held) || !tt.lossy && s.Holding() != 0 {
			t.Errorf("%s, and right again: holding %d, lossy %v, %s", name, s.Holding(), s.Lossy, s.Report.State)
		}
	}
}

// A loss that was seen in an earlier round is a loss.
func TestALossIsRemembered(t *testing.T) {
	s := claimed("x/server:80", Word(Answered))
	round := func(what string, connect time.Duration) []Asked {
		a := one(s.Report.Rounds+1, wire.SCTP, "x/server:80", what, wire.Counters{wire.T1InitExpireds: 9})
		a.Want, a.Evidence.Seen.Connect = Word(Answered), wire.Micros(connect.Microseconds())
		return []Asked{a}
	}
	s.Add(round("answered", window))
	s.Add(round("answered", time.Millisecond))
	if s.Add(round("silent", window)); !s.Lossy {
		t.Error("a silence after a loss ends the series")
	}
	s = NewSeries(s.Claim)
	s.Add(round("answered", time.Millisecond))
	if s.Add(round("silent", window)); s.Lossy {
		t.Error("a silence without any loss does not")
	}
}

// Only a COOKIE-ECHO that was sent again has no way where an INIT found one.
func TestNoWayForACookie(t *testing.T) {
	for counter, want := range map[string]bool{wire.T1CookieExpireds: true, wire.T1InitExpireds: false} {
		s := claimed("x/server:80", Word(Answered))
		for i, what := range []string{"answered", "unreachable"} {
			a := one(i+1, wire.SCTP, "x/server:80", what, wire.Counters{counter: 1})
			a.Want, a.Evidence.Seen.Connect = Word(Answered), wire.Micros(window.Microseconds())
			s.Add([]Asked{a})
		}
		if s.Lossy != want {
			t.Errorf("%s: lossy %v", counter, s.Lossy)
		}
	}
}

// lossyRounds are rounds of one client whose associations come up when the first packet was
// sent again, and of which those at one server do not where a word says so.
func lossyRounds(s *Series, client string, rounds ...string) {
	slow := func(e *Evidence) { e.Seen.Connect = wire.Micros(window.Microseconds()) }
	for _, what := range rounds {
		var round []Asked
		for _, cell := range [][2]string{{"x/server:80", "answered"}, {"x/server:81", what}} {
			round = append(round, Asked{
				Series: 1, Round: s.Report.Rounds + 1, Family: IPv4, Client: client, Server: cell[0], Want: Word(Answered), Evidence: evidence(wire.SCTP, events[cell[1]], slow),
				Moved: wire.Counters{wire.T1InitExpireds: 99},
			})
		}
		s.Add(round)
	}
}

// Lost packets excuse a path a few times, and it must be right as often in a row as any: one
// that leads to nobody every other time is not.
func TestAPathThatComesAndGoesIsNotExcused(t *testing.T) {
	for _, tt := range []struct {
		rounds         string
		settled, ended bool
	}{
		{"answered answered", true, false},
		{"answered", false, false},
		{"answered silent", false, false},
		{"answered silent answered", false, false},
		{"answered silent answered answered", true, false},
		{"answered answered silent", false, false},
		{"answered answered silent answered", true, false},
		{"answered silent answered silent answered silent answered", false, false},
		{"answered silent answered silent answered silent answered silent", false, true},
		{"answered silent answered silent answered silent answered silent answered answered", false, true},
	} {
		s := claimed("x/server:80 x/server:81", Word(Answered), Word(Answered))
		s.Hold = 1
		lossyRounds(s, "x/client", strings.Fields(tt.rounds)...)
		if s.Settled() != tt.settled || s.Ended() != tt.ended {
			t.Errorf("%s: settled %v, ended %v", tt.rounds, s.Settled(), s.Ended())
		}
		if missing := s.Missing(); !tt.ended && (missing == 0) != tt.settled {
			t.Errorf("%s: %d rounds are missing", tt.rounds, missing)
		}
	}
}

// What one client has lost says nothing of another's network.
func TestTheLossOfAnother(t *testing.T) {
	s := claimed("x/server:80 x/server:81", Word(Answered), Word(Answered))
	s.Matrices[0].Rows = append(s.Matrices[0].Rows, Name{Word: "x/other"})
	s.Matrices[0].Want = append(s.Matrices[0].Want, []Word{Word(Answered), Word(Answered)})
	round := func(client, server, what string, connect time.Duration) Asked {
		a := one(s.Report.Rounds+1, wire.SCTP, server, what, wire.Counters{wire.T1InitExpireds: 9})
		a.Client, a.Want, a.Evidence.Seen.Connect = client, Word(Answered), wire.Micros(connect.Microseconds())
		return a
	}
	all := func(what string) []Asked {
		return []Asked{
			round("x/client", "x/server:80", "answered", window), round("x/client", "x/server:81", "answered", window),
			round("x/other", "x/server:80", "answered", time.Millisecond), round("x/other", "x/server:81", what, window),
		}
	}
	s.Add(append(all("answered")[:3], round("x/other", "x/server:81", "answered", time.Millisecond)))
	if s.Add(all("silent")); !s.Ended() {
		t.Error("the loss of another client excuses a silence")
	}
}

// Evidence that breaks off before a claim has held shows nothing.
func TestEvidenceThatBreaksOff(t *testing.T) {
	s := claimed("x/server:80 x/server:81", Word(Answered), Word(Answered))
	s.Hold = 2
	for rounds, want := range []string{"0 of 3 rounds", "1 of 3 rounds", "2 of 3 rounds", ""} {
		ground, text := s.Conclusion()
		if (ground == GroundBroken) != (want != "") || !strings.Contains(text, want) {
			t.Errorf("after %d rounds: %q, %q", rounds, ground, text)
		}
		lossyRounds(s, "x/client", "answered")
	}
}
