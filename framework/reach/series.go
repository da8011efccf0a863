package reach

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/wire"
)

// Line is a line of probes.jsonl, the raw evidence of a spec: exactly one of its pointers
// is set. A claim comes first, then the probes of all its rounds. Asides belong to no table:
// what was asked while a change was watched, or by the hundred.
type Line struct {
	Claim *Claim `json:"claim,omitempty"`
	Asked *Asked `json:"asked,omitempty"`
	Aside *Asked `json:"aside,omitempty"`
}

// Claim is what a series of rounds is to show.
type Claim struct {
	ID       string   `json:"id"`                // of the spec
	Series   int      `json:"series"`            // counted from 1 within the spec
	Control  Control  `json:"control,omitempty"` // for denials; a claim of its own else
	Evidence string   `json:"evidence"`          // folder
	Hold     int      `json:"hold,omitempty"`    // rounds in which it is to be right again
	AtOnce   bool     `json:"at_once,omitempty"` // it is to be right from the first round on
	Matrices []Matrix `json:"matrices"`
	Sharing  *Sharing `json:"sharing,omitempty"` // of a Service, where that is what the rounds are to show
	Foreign  []string `json:"foreign,omitempty"` // policies in the suite's namespaces that are not the suite's
}

// Control is what proves that a denial is one: the path was open before, and is open again.
type Control string

// The two controls of a denial.
const (
	Before Control = "before" // paths are open before something is to be denied
	After  Control = "after"  // with the policies gone, what they denied is open again
)

// Asked is one probe of a round with all that is known about it.
type Asked struct {
	Series   int           `json:"series"`
	Batch    int           `json:"batch"` // of questions that were put together, counted from 1 within the series
	Round    int           `json:"round"` // counted from 1 within the series; a batch may hold several
	At       time.Time     `json:"at"`
	Elapsed  wire.Millis   `json:"elapsed_ms"` // from the first question of the series until the client had answered all of the batch
	Family   Family        `json:"family"`
	Client   string        `json:"client"` // words of the matrix
	Server   string        `json:"server"`
	Twin     bool          `json:"twin,omitempty"` // asked of the Service's TCP twin, which proves nothing of SCTP: see Report.Twins
	Want     Word          `json:"want"`
	Path     string        `json:"path"` // who asked whom, with addresses and nodes
	Evidence Evidence      `json:"evidence"`
	Moved    wire.Counters `json:"moved,omitempty"` // in the client's namespace while the batch ran
}

// Series is a claim and how far its rounds have come. The same code follows a run and
// judges saved evidence again.
type Series struct {
	Claim
	Report Report
	Shared []Unfair          // what is wrong with the sharing
	twin   string            // how the TCP twin shares out, in words
	Hasty  bool              // a denial was waited for no longer than an open path took: later ones need the slower profile
	Lossy  bool              // what came to be wrong in the last round may be for lost packets
	First  int               // the first round in which all cells were right, counted from 1; 0 before there was one
	Lost   int               // handshakes that came to nothing, maybe for lost packets, after the table was right
	breath breath            // of all rounds
	late   bool              // all that was wrong in the last round began so late that hosts out of breath may be why
	resent map[string]bool   // clients of associations that came up only after something was sent again
	cells  map[place]*streak // since the first round in which all were right; nil before
}

// place is a cell of the claim.
type place struct {
	family      Family
	row, column string
}

// streak is how a cell has fared.
type streak struct {
	right, longest int // rounds in a row that it is, and was at most, right
	excused        int // times that it was wrong, maybe for lost packets
}

// mostExcused is how often one cell may be wrong for lost packets. Where packets cross four links
// that each lose 10 %, one COOKIE-ECHO in three is lost and two in a row once in eight
// handshakes: more than three of one cell are rare in the few rounds that a table takes, and a
// path that leads to nobody every other time seldom has the right rounds in a row before them.
const mostExcused = 3

// mostExcused is that for a series: one that is asked for as long as something takes has many
// rounds.
func (s *Series) mostExcused() int {
	if !s.AtOnce {
		return mostExcused
	}
	return max(mostExcused, s.Report.Rounds/4)
}

// NewSeries begins a series.
func NewSeries(c Claim) *Series {
	return &Series{Claim: c, resent: map[string]bool{}, Report: Report{
		ID: c.ID, State: Unsettled, Evidence: c.Evidence, Again: "with FOCUS=" + c.ID,
	}}
}

// Holding is how many rounds in a row every cell was right after one in which it was, -1 before
// all were.
func (s *Series) Holding() int {
	if s.cells == nil {
		return -1
	}
	least := -1
	for _, c := range s.cells {
		if least < 0 || c.longest-1 < least {
			least = c.longest - 1
		}
	}
	return max(least, 0)
}

// Missing is how many rounds there must be yet, all of them right, until the claim is shown.
func (s *Series) Missing() int {
	if s.cells == nil {
		return s.Hold + 1
	}
	most := 0
	for _, c := range s.cells {
		if c.longest <= s.Hold {
			most = max(most, s.Hold+1-c.right)
		}
	}
	if most == 0 && len(s.Report.Wrong()) > 0 {
		return 1 // every cell has been right often enough, and the last round was not
	}
	return most
}

// Settled says whether the claim is shown: the last round was right, and each cell as many times
// in a row as it is to be.
func (s *Series) Settled() bool { return len(s.Report.Wrong()) == 0 && s.Holding() >= s.Hold }

// Resent says whether an association came up only after something was sent again.
func (s *Series) Resent() bool { return len(s.resent) > 0 }

// Ended says whether no later round can change what the series amounts to: one was wrong, and
// not for lost packets, where all were right before or were to be right at once.
func (s *Series) Ended() bool {
	return (s.Report.State == Intermittent || s.Report.State == Late) && !s.Lossy
}

// Add judges the next batch, round by round. After one that ends the series, later ones change
// nothing.
func (s *Series) Add(asked []Asked) {
	doubts, halfway := doubtsOf(asked), halfwayOf(asked)
	s.share(asked)
	for len(asked) > 0 && !s.Ended() {
		n := 1
		for n < len(asked) && asked[n].Round == asked[0].Round {
			n++
		}
		s.add(asked[:n], doubts, halfway)
		asked = asked[n:]
	}
}

func (s *Series) add(round []Asked, doubts map[doubt]string, halfway map[string]string) {
	round, twins := apart(round)
	if len(twins) > 0 {
		s.Report.Twins = weigh(confined(s.Matrices, twins), twins, nil)
	}
	if len(round) == 0 { // the twins were asked alone
		return
	}
	s.Report.Rounds++
	s.Report.Results = weigh(s.Matrices, round, doubts)
	s.Report.Took = 0
	for _, a := range round {
		s.Report.Took = max(s.Report.Took, a.Elapsed.Duration())
		if a.Want == Word(Answered) {
			s.breath.add(a.Evidence)
		}
	}
	s.late = allWrong(round, func(a Asked) bool { return blameless(a.Evidence) })
	lossy := s.lossy(round) // also of a round that is right: what it shows is remembered
	s.Lossy = false
	switch right := len(s.Report.Wrong()) == 0; {
	case right && (s.tooHasty(round) || s.notDenied(round, halfway)): // it proves nothing, neither way
		s.Hasty, s.Report.State = true, Unsettled
	case right:
		s.Report.State = Held
		s.count()
	case s.cells != nil:
		s.Report.State = Intermittent
		s.Lossy = s.count() <= s.mostExcused() && lossy
	case s.AtOnce:
		s.Report.State, s.Lossy = Late, lossy
	}
}

// count notes which cells the last round has found right and which not, and returns how often
// the one that was wrong most often was.
func (s *Series) count() (most int) {
	if s.cells == nil {
		s.cells, s.First = map[place]*streak{}, s.Report.Rounds
	}
	for _, r := range s.Report.Results {
		for i, row := range r.Found {
			for j, found := range row {
				w, at := r.Want[i][j], place{r.Family, r.Rows[i].Word, r.Columns[j].Word}
				if w == NotAsked {
					continue
				}
				c := s.cells[at]
				if c == nil {
					c = &streak{}
					s.cells[at] = c
				}
				if w.Admits(found.Finding) {
					c.right++
					c.longest = max(c.longest, c.right)
					continue
				}
				c.right = 0
				c.excused++
				s.Lost++
				most = max(most, c.excused)
			}
		}
	}
	return most
}

// lossy says whether all that is wrong in a round may be for lost packets: an association that
// was to be had came to nothing after chunks of its handshake were sent again, and one of the
// same client that came up, then or in an earlier round, had to send again, too. An association
// that KilledLate tells of is such a one itself.
func (s *Series) lossy(round []Asked) bool {
	for _, a := range round {
		if seen := a.Evidence.Seen; seen != nil && (seen.Greeting != nil && sentAgain(a.Evidence) || cameUpLate(a.Evidence)) {
			s.resent[a.Client] = true
		}
	}
	return allWrong(round, func(a Asked) bool { return s.resent[a.Client] && BeganLate(a.Evidence, a.Moved) })
}

// allWrong says whether all that is wrong in a round was to be answered, and is so.
func allWrong(round []Asked, so func(Asked) bool) bool {
	return !slices.ContainsFunc(round, func(a Asked) bool {
		return !a.Want.Admits(Judge(a.Evidence)) && (a.Want != Word(Answered) || !so(a))
	})
}

// sentAgain says whether the client of an SCTP probe has sent a chunk more than once.
func sentAgain(e Evidence) bool {
	return outlastsTimer(e) || e.Probe.Proto == wire.SCTP && e.Seen != nil && e.Seen.Assoc != nil && e.Seen.Assoc.Retrans > 0
}

// outlastsTimer says whether chunks of an SCTP handshake were sent again: it took longer than
// the first timer.
func outlastsTimer(e Evidence) bool {
	return e.Probe.Proto == wire.SCTP && e.Seen != nil && time.Duration(e.Seen.Connect)*time.Microsecond >= e.Probe.Timers.RTOInitial.Duration()
}

// cameUpLate says whether an association came up after chunks of its handshake were sent again.
func cameUpLate(e Evidence) bool {
	return outlastsTimer(e) && e.Seen.Stage != wire.StageSocket && e.Seen.Stage != wire.StageConnect
}

// tooHasty calls broken each silence that was waited for no longer than the fastest path that
// its client has open beside it took to connect, and says whether there was one: a network or
// hosts that are so slow at the moment might yet have answered.
func (s *Series) tooHasty(round []Asked) bool {
	type asker struct {
		family Family
		client string
	}
	fastest := map[asker]time.Duration{}
	for _, a := range round {
		seen, at := a.Evidence.Seen, asker{a.Family, a.Client}
		if a.Want != Word(Answered) || a.Evidence.Probe.Proto != wire.SCTP || seen == nil || seen.Greeting == nil {
			continue
		}
		took := time.Duration(seen.Connect) * time.Microsecond
		if before, known := fastest[at]; !known || took < before {
			fastest[at] = took
		}
	}
	found := false
	for _, a := range round {
		took, window := fastest[asker{a.Family, a.Client}], a.Evidence.Probe.Timers.InitWindow()
		if f := Judge(a.Evidence); f.Outcome != Silent || a.Evidence.Probe.Proto != wire.SCTP || took <= window {
			continue
		}
		found = true
		for _, r := range s.Report.Results {
			if row, column, asks := r.cell(a); asks {
				r.Found[row][column].Finding = broken(wire.StageConnect, fmt.Sprintf("silent for %v, but a path that is open beside it took %v to connect", window, took.Round(time.Millisecond)))
			}
		}
	}
	return found
}

// notDenied calls broken each silence that is to be a denial of a client some of whose INITs were
// answered, and says whether there was one.
func (s *Series) notDenied(round []Asked, halfway map[string]string) bool {
	found := false
	for _, a := range round {
		why := halfway[a.Client]
		if f := Judge(a.Evidence); why == "" || !a.Want.Denies() || f.Outcome != Silent || a.Evidence.Probe.Proto != wire.SCTP {
			continue
		}
		found = true
		for _, r := range s.Report.Results {
			if row, column, asks := r.cell(a); asks {
				r.Found[row][column].Finding = broken(wire.StageConnect, why)
			}
		}
	}
	return found
}

// halfwayOf says of which clients INITs were answered in a batch although associations came to
// nothing in silence: fewer INITs expired than that takes, and COOKIE-ECHOs did. Such a path
// is one of hosts out of breath, and no denial.
func halfwayOf(asked []Asked) map[string]string {
	need, moved := map[string]int64{}, map[string]wire.Counters{}
	for _, a := range asked {
		if f := Judge(a.Evidence); a.Evidence.Seen != nil && a.Evidence.Probe.Proto == wire.SCTP && f.Outcome == Silent && f.Connecting {
			need[a.Client] += int64(a.Evidence.Probe.Timers.Inits())
			moved[a.Client] = a.Moved
		}
	}
	out := map[string]string{}
	for client, n := range need {
		if inits, cookies := moved[client][wire.T1InitExpireds], moved[client][wire.T1CookieExpireds]; inits < n && cookies > 0 {
			out[client] = fmt.Sprintf("silent, but an INIT was answered: only %d of %d expired, and %s", inits, n, count(int(cookies), "COOKIE-ECHO"))
		}
	}
	return out
}

// Conclusion is what the series amounts to: the ground on which it fails its spec and the
// text that says so, or nothing.
func (s *Series) Conclusion() (Ground, string) {
	switch {
	case len(s.Report.Wrong()) == 0 && len(s.Shared) > 0:
		return GroundFail, s.unfair()
	case s.Settled():
		return "", ""
	case len(s.Report.Wrong()) == 0:
		return GroundBroken, fmt.Sprintf("%s: the claim was not asked to the end: %d of %d rounds in a row", s.ID, s.Holding()+1, s.Hold+1)
	case s.late && s.breath.short() && s.Report.Ground() == GroundFail:
		return GroundBroken, fmt.Sprintf("%s: %s\n%s", s.ID, s.breath.text(), s.Report.Text())
	case len(s.Foreign) > 0 && s.Report.denies():
		return GroundUnsupported, fmt.Sprintf("%s: policies that are not the suite's stand in its namespaces and may deny what it asks for: %s\n%s", s.ID, strings.Join(s.Foreign, ", "), s.Report.Text())
	case s.Control == After:
		return GroundUnsupported, s.ID + ": the denials are not proven: without the policies, not all is open again\n" + s.Report.Text()
	case s.Control == Before && s.Report.Ground() == GroundFail:
		return GroundUnsupported, s.ID + ": no denial can be proven: not all was open before\n" + s.Report.Text()
	default:
		return s.Report.Ground(), s.Report.Text()
	}
}

// weigh judges the probes of a round. A silence that cost fewer INITs than it must have is
// no silence, and a refusal that nobody sent is none.
func weigh(matrices []Matrix, asked []Asked, doubts map[doubt]string) []Result {
	results := make([]Result, len(matrices))
	for i, m := range matrices {
		results[i] = Result{Matrix: m, Found: make([][]Cell, len(m.Rows))}
		for j := range m.Rows {
			results[i].Found[j] = make([]Cell, len(m.Columns))
		}
	}
	for _, a := range asked {
		f := Judge(a.Evidence)
		if why := doubts[doubt{a.Client, a.Evidence.Probe.Proto, f.Outcome}]; why != "" && f.Connecting {
			f = broken(f.Stage, why)
		}
		for i, m := range matrices {
			row, column, asks := m.cell(a)
			if !asks {
				continue
			}
			// Of several probes of one cell one that is wrong counts.
			if cell := &results[i].Found[row][column]; cell.Outcome == "" || m.Want[row][column].Admits(cell.Finding) {
				*cell = Cell{Finding: f, Path: a.Path}
			}
		}
	}
	for _, r := range results {
		r.blame()
	}
	return results
}

// cell is where a probe belongs in a matrix, if the matrix asks for it.
func (m Matrix) cell(a Asked) (row, column int, asks bool) {
	row = slices.IndexFunc(m.Rows, func(n Name) bool { return n.Word == a.Client })
	column = slices.IndexFunc(m.Columns, func(n Name) bool { return n.Word == a.Server })
	return row, column, m.Family == a.Family && row >= 0 && column >= 0 && m.Want[row][column] != NotAsked
}

// blame calls broken what was to be asked and was not.
func (r Result) blame() {
	for i, row := range r.Want {
		for j, w := range row {
			if w != NotAsked && r.Found[i][j].Outcome == "" {
				r.Found[i][j] = Cell{
					Finding: broken("", "it was not asked"),
					Path:    r.Rows[i].Word + " -> " + r.Columns[j].Word,
				}
			}
		}
	}
}

// doubt is an outcome of a protocol that a client reported more often than its kernel's
// counters allow.
type doubt struct {
	client  string
	proto   wire.Proto
	outcome Outcome
}

// doubtsOf says why the silences and the refusals of a client in a batch are no proof, where
// they are not.
func doubtsOf(asked []Asked) map[doubt]string {
	batches := map[string][]Evidence{}
	moved := map[string]wire.Counters{}
	for _, a := range asked {
		if a.Evidence.Seen != nil {
			batches[a.Client], moved[a.Client] = append(batches[a.Client], a.Evidence), a.Moved
		}
	}
	out := map[doubt]string{}
	for client, batch := range batches {
		out[doubt{client, wire.SCTP, Silent}] = CheckInits(batch, moved[client])
		out[doubt{client, wire.SCTP, Refused}] = CheckRefusals(batch, moved[client])
		out[doubt{client, wire.TCP, Silent}] = CheckTwins(batch, wire.TCP, moved[client])
		out[doubt{client, wire.TCP, Refused}] = out[doubt{client, wire.TCP, Silent}]
		out[doubt{client, wire.UDP, Silent}] = CheckDatagrams(batch, moved[client])
		out[doubt{client, wire.UDP, Refused}] = CheckTwins(batch, wire.UDP, moved[client])
	}
	return out
}

// Replay judges saved evidence again: the series of a spec, in order. The error names the
// line that cannot be read.
func Replay(r io.Reader) ([]*Series, error) { return ReplayEach(r, func(Asked) {}) }

// ReplayEach is Replay for somebody who also wants to see each probe, of all rounds. A
// series keeps its last round only: evidence may be larger than memory should be.
func ReplayEach(r io.Reader, each func(Asked)) ([]*Series, error) {
	var out []*Series
	var batch []Asked
	flush := func() {
		out[len(out)-1].Add(batch)
		batch = nil
	}
	dec := json.NewDecoder(r)
	for n := 1; ; n++ {
		var l Line
		switch err := dec.Decode(&l); {
		case err == io.EOF:
			if len(batch) > 0 {
				flush()
			}
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case l.Claim != nil && slices.ContainsFunc(l.Claim.Matrices, func(m Matrix) bool { return !m.whole() }):
			return nil, fmt.Errorf("line %d: a claim whose words are not those of its rows and columns", n)
		case l.Claim != nil:
			if len(batch) > 0 {
				flush()
			}
			out = append(out, NewSeries(*l.Claim))
		case l.Aside != nil:
			each(*l.Aside)
		case l.Asked == nil:
			return nil, fmt.Errorf("line %d: neither a claim nor a probe", n)
		case len(out) == 0 || l.Asked.Series != out[len(out)-1].Series:
			return nil, fmt.Errorf("line %d: a probe of series %d, whose claim does not stand before it", n, l.Asked.Series)
		default:
			if len(batch) > 0 && batch[0].Batch != l.Asked.Batch {
				flush()
			}
			each(*l.Asked)
			batch = append(batch, *l.Asked)
		}
	}
}

// Verdict is what the series of a spec amount to: the first that is wrong speaks for all, but
// for a Service that was asked again how it shares out its associations.
func Verdict(series []*Series) (Ground, string) {
	for i, s := range series {
		again := func(later *Series) bool { return later.Sharing != nil && later.Sharing.Service == s.Sharing.Service }
		if s.Sharing != nil && len(s.Report.Wrong()) == 0 && slices.ContainsFunc(series[i+1:], again) {
			continue
		}
		if ground, text := s.Conclusion(); ground != "" {
			return ground, text
		}
	}
	return "", ""
}
