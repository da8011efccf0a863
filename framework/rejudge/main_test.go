package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sctp.test/framework/assoc"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// evidence of one cell that is to be answered, and of what came back.
func evidence(errno string) []reach.Line {
	server := wire.Identity{UID: "3c1f", Namespace: "x", Pod: "server", Node: "b"}
	client, column := reach.Name{Word: "x/client", Node: 1}, reach.Name{Word: "x/server:80", Node: 2}
	e := reach.Evidence{
		Probe:    wire.Probe{Proto: wire.SCTP, Nonce: "7f3a09", Timers: wire.Timers{RTOInitial: 150, MaxInitTimeout: 300}},
		Seen:     &wire.Observation{Nonce: "7f3a09", Stage: wire.StageConnect, Ender: wire.EndedByKernel, Errno: errno},
		Intended: []reach.Backend{{UID: server.UID}},
	}
	if errno == "" {
		e.Seen = &wire.Observation{Nonce: "7f3a09", Stage: wire.StageDone, Greeting: &wire.Greeting{Nonce: "7f3a09", Server: server}}
		e.Records = []reach.Witness{{Server: server, Record: wire.Record{Nonce: "7f3a09"}}}
	}
	want := reach.Word(reach.Answered)
	m := reach.Matrix{Family: reach.IPv4, Rows: []reach.Name{client}, Columns: []reach.Name{column}, Want: [][]reach.Word{{want}}}
	return []reach.Line{
		{Claim: &reach.Claim{ID: "POD-02", Series: 1, Evidence: "_artifacts/POD-02", Matrices: []reach.Matrix{m}}},
		{Asked: &reach.Asked{Series: 1, Round: 1, Elapsed: 1200, Family: reach.IPv4, Client: client.Word, Server: column.Word, Want: want, Path: "x/client -> x/server:80", Evidence: e, Moved: wire.Counters{wire.InSCTPPacks: 1}}},
	}
}

const refused = `POD-02: 1 of 1 path is not as claimed (ipv4, 1 round in 1.2s, not settled)

               x/server:80
    x/client   REFUSED      want answered
`

// What the verdicts of the tests rest on.
var (
	onTables  = reach.Basis{Ground: reach.GroundFail, Rests: reach.OnTables}
	onPaths   = reach.Basis{Ground: reach.GroundFail, Rests: reach.OnPaths}
	onOther   = reach.Basis{Ground: reach.GroundFail, Rests: reach.OnOther}
	onNothing = reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnNothing}
)

// save writes a spec's folder below root.
func save(t *testing.T, root, id string, lines []reach.Line, verdictText string, was reach.Basis) {
	t.Helper()
	folder := filepath.Join(root, id)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range lines {
		if err := json.NewEncoder(&b).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{probes: b.String()}
	if verdictText != "" {
		files[verdict] = verdictText
		raw, err := json.Marshal(was)
		if err != nil {
			t.Fatal(err)
		}
		files[basis] = string(raw)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// text is what the judge says of some lines.
func text(t *testing.T, lines []reach.Line) string {
	t.Helper()
	s := reach.NewSeries(*lines[0].Claim)
	s.Add([]reach.Asked{*lines[1].Asked})
	_, text := s.Conclusion()
	return text
}

func TestRejudge(t *testing.T) {
	good, bad := evidence(""), evidence("ECONNREFUSED")
	for name, c := range map[string]struct {
		lines   []reach.Line
		verdict string
		was     reach.Basis
		status  int
		says    string
	}{
		"a pass":                          {good, "", reach.Basis{}, exitSame, "POD-02: as claimed, in 1 series and 0 walks"},
		"a spec without tables":           {nil, "", reach.Basis{}, exitSame, "POD-02: it has neither tables nor paths"},
		"a failure":                       {bad, text(t, bad), onTables, exitSame, "POD-02: fail again: POD-02: 1 of 1 path is not as claimed"},
		"a failure of something else":     {good, "POD-02: its paths are as claimed, but 2 SCTP packets with a bad checksum came\n", onOther, exitSame, "not judged again is what it rests on: POD-02: its paths"},
		"something else, and a failure":   {bad, "POD-02: its paths are as claimed, but 2 SCTP packets with a bad checksum came\n", onOther, exitOther, `judged again it is "fail"`},
		"another ground":                  {bad, text(t, bad), reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnTables}, exitOther, `the run said "error"`},
		"a share that is none any more":   {good, "POD-02: svc/web:80 shares out its associations wrongly\n", onTables, exitOther, `judged again it is ""`},
		"a spec that was cut off":         {bad[:1], "a timeout occurred\n", onNothing, exitSame, "did not come to its end: a timeout occurred"},
		"a pass without a probe":          {bad[:1], "", reach.Basis{}, exitOther, "not asked to the end: 0 of 1 rounds"},
		"a pass that was no pass":         {bad, "", reach.Basis{}, exitOther, `judged again it is "fail"`},
		"a failure that was none":         {good, refused, onTables, exitOther, `judged again it is ""`},
		"a failure that was another one":  {bad, strings.Replace(refused, "REFUSED", "SILENT", 1), onTables, exitOther, `judged again it is "fail"`},
		"evidence that was tampered with": {bad[1:], "", reach.Basis{}, exitBadInput, ""},
		"evidence that is none":           {[]reach.Line{{}}, "", reach.Basis{}, exitBadInput, ""},
	} {
		root := t.TempDir()
		save(t, root, "POD-02", c.lines, c.verdict, c.was)
		for _, folder := range []string{root, filepath.Join(root, "POD-02")} {
			var out strings.Builder
			status, err := run([]string{folder}, &out)
			if status != c.status || !strings.Contains(out.String(), c.says) || (err != nil) != (c.status == exitBadInput) {
				t.Errorf("%s: status %d, %v\n%s", name, status, err, out.String())
			}
		}
	}
}

// A verdict without the file that says what it rests on is none that can be compared.
func TestAVerdictWithoutItsBasis(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"not there":  os.Remove,
		"unreadable": func(file string) error { return os.WriteFile(file, []byte("fail"), 0o644) },
	} {
		root, bad := t.TempDir(), evidence("ECONNREFUSED")
		save(t, root, "POD-02", bad, text(t, bad), onTables)
		if err := spoil(filepath.Join(root, "POD-02", basis)); err != nil {
			t.Fatal(err)
		}
		if status, err := run([]string{root}, &strings.Builder{}); status != exitBadInput || err == nil || !strings.Contains(err.Error(), basis) {
			t.Errorf("%s: status %d, %v", name, status, err)
		}
	}
}

// What was found out about a failure is explained again, too: the first line names the same
// cause, and other symptoms are another verdict.
func TestSymptomsAreExplainedAgain(t *testing.T) {
	lines := evidence("ECONNREFUSED")
	symptom := diag.Symptom{
		Family: reach.IPv4, Client: "x/client", ClientNode: "a", Server: "x/server:80", Kind: diag.Pod, Node: "b", ServerNode: "b", Address: "10.244.2.4:80",
		Want: reach.Word(reach.Answered), Again: diag.Trial{
			Evidence: lines[1].Asked.Evidence, Client: wire.Counters{wire.InSCTPPacks: 1}, Server: wire.Counters{wire.InSCTPPacks: 1, wire.OutOfBlues: 1},
		},
	}
	s := reach.NewSeries(*lines[0].Claim)
	s.Add([]reach.Asked{*lines[1].Asked})
	s.Report.Causes = diag.Explain([]diag.Symptom{symptom})
	_, before := s.Conclusion()
	if !strings.HasPrefix(before, "POD-02: the pod of x/server:80 on node b is reached, and nobody listens on that port; 1 of 1 path is not as claimed") {
		t.Fatalf("the run said %s", before)
	}
	other := symptom
	other.Again.Server = wire.Counters{}
	for name, c := range map[string]struct {
		saved  any
		status int
	}{
		"the same":   {[]diag.Symptom{symptom}, exitSame},
		"others":     {[]diag.Symptom{other}, exitOther},
		"none":       {[]diag.Symptom{}, exitOther},
		"unreadable": {"silence", exitBadInput},
	} {
		root := t.TempDir()
		save(t, root, "POD-02", lines, before, onTables)
		raw, err := json.Marshal(c.saved)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "POD-02", symptoms), raw, 0o644); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if status, err := run([]string{root}, &out); status != c.status {
			t.Errorf("%s: status %d, %v\n%s", name, status, err, out.String())
		}
	}
}

// walked is the evidence of one path on which a message was sent and came, or came otherwise,
// and the verdict on it with its causes.
func walked(t *testing.T, ppid uint32, causes []reach.Cause, more ...assoc.Expectation) (file, said string) {
	t.Helper()
	course := &assoc.Course{Path: "x/client@1 10.0.0.2 on a -> x/server@1:80 10.0.0.1:80 on b", Family: reach.IPv4}
	m := wire.SendMessage{Message: wire.Message{Size: 10, PPID: 60}}
	for _, s := range []assoc.Step{
		{End: 1, Agent: "x/client@1", Op: wire.SocketOp{Do: wire.DoSend, Nonce: "7f", Messages: []wire.SendMessage{m}}, Reply: &wire.SocketReply{Sent: 1}},
		{End: 2, Agent: "x/server@1", Op: wire.SocketOp{Do: wire.DoReceive}, Reply: &wire.SocketReply{
			Events: []wire.Event{{Kind: wire.EventMessage, Size: 10, PPID: ppid, Digest: wire.Digest(wire.Payload("7f", 0, 10))}},
		}},
	} {
		course.Ask(&s)
		course.Answer(&s, s.Reply, nil)
	}
	for _, x := range append([]assoc.Expectation{assoc.Intact{}}, more...) {
		if _, err := course.Expect(assoc.End{Name: "server", Number: 2}, assoc.End{Name: "client", Number: 1}, x); err != nil {
			t.Fatal(err)
		}
	}
	w := &assoc.Walk{ID: "POD-02", Evidence: "_artifacts/POD-02", Courses: []*assoc.Course{course}}
	var b strings.Builder
	for _, l := range w.Lines() {
		if err := json.NewEncoder(&b).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	_, said, _, err := assoc.Verdict([]*assoc.Walk{w}, causes)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), said
}

// What sockets told is judged again, too, and a file that tells something else is another
// verdict.
func TestAssociationsAreJudgedAgain(t *testing.T) {
	good, _ := walked(t, 60, nil)
	bad, failure := walked(t, 0, nil)
	other, told := walked(t, 60, nil, assoc.Elsewhere{Ground: reach.GroundBroken, Text: "the pod could not be deleted"})
	for name, c := range map[string]struct {
		file, verdict string
		was           reach.Basis
		status        int
		says          string
	}{
		"a pass":                     {good, "", reach.Basis{}, exitSame, "POD-02: as claimed, in 1 series and 1 walks"},
		"a failure":                  {bad, failure, onPaths, exitSame, "POD-02: fail again: POD-02: what client sent did not come"},
		"an event that was altered":  {strings.Replace(good, `"ppid":60}]}}}`, `"ppid":1}]}}}`, 1), "", reach.Basis{}, exitOther, ""},
		"one that was lost":          {dropEvents(t, good), "", reach.Basis{}, exitOther, "is missing"},
		"another alteration":         {strings.Replace(bad, `"size":10,"ppid":60`, `"size":10,"ppid":61`, 1), failure, onPaths, exitOther, "instead of 61"},
		"a pass that was no pass":    {bad, "", reach.Basis{}, exitOther, `judged again it is "fail"`},
		"a failure that was none":    {good, failure, onPaths, exitOther, `judged again it is ""`},
		"a failure without evidence": {"", failure, onPaths, exitOther, `judged again it is ""`},
		"what no socket told":        {other, told, reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnPaths}, exitSame, "POD-02: not judged again is what no socket has told: POD-02: the pod could not be deleted"},
		"no longer what it told":     {strings.Replace(other, `"ppid":60`, `"ppid":61`, 1), told, reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnPaths}, exitOther, ""},
		"other words of it":          {strings.Replace(other, "be deleted", "be reached", 1), told, reach.Basis{Ground: reach.GroundBroken, Rests: reach.OnPaths}, exitOther, "be reached"},
		"something else":             {good, "POD-02: its paths are as claimed, but 2 SCTP packets with a bad checksum came\n", onOther, exitSame, "not judged again is what it rests on: POD-02: its paths"},
		"an interruption":            {strings.Replace(bad, `"evidence"`, `"aside":"interrupted","evidence"`, 1), "Timedout\n", onNothing, exitSame, "did not come to its end: Timedout"},
		"no lines":                   {"nothing", failure, onPaths, exitBadInput, ""},
		"an end that did nothing":    {strings.Replace(good, `"kind":"intact"`, `"kind":"streams"`, 1), "", reach.Basis{}, exitBadInput, ""},
	} {
		root := t.TempDir()
		save(t, root, "POD-02", evidence(""), c.verdict, c.was)
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(root, "POD-02", associations), []byte(c.file), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var out strings.Builder
		if status, err := run([]string{root}, &out); status != c.status || !strings.Contains(out.String(), c.says) || (err != nil) != (c.status == exitBadInput) {
			t.Errorf("%s: status %d, %v\n%s", name, status, err, out.String())
		}
	}
}

// dropEvents takes what was received out of a file.
func dropEvents(t *testing.T, file string) string {
	t.Helper()
	before, rest, found := strings.Cut(file, `,"events":[`)
	_, after, ended := strings.Cut(rest, "]")
	if !found || !ended {
		t.Fatal(file)
	}
	return before + after
}

// Of a run with several specs each has a line, and one that differs is enough.
func TestSeveralSpecs(t *testing.T) {
	root := t.TempDir()
	bad := evidence("ECONNREFUSED")
	save(t, root, "POD-01", evidence(""), "", reach.Basis{})
	save(t, root, "POD-02", bad, text(t, bad), onTables)
	var out strings.Builder
	if status, err := run([]string{root}, &out); status != exitSame || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("status %d, %v\n%s", status, err, out.String())
	}
	save(t, root, "POD-03", bad, "", reach.Basis{})
	if status, _ := run([]string{root}, &out); status != exitOther {
		t.Errorf("with one that differs: status %d", status)
	}
}

func TestBadInput(t *testing.T) {
	for _, args := range [][]string{nil, {"a", "b"}, {t.TempDir()}, {"/nowhere"}} {
		if status, err := run(args, &strings.Builder{}); status != exitBadInput || err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %d, %v", args, status, err)
		}
	}
}

// Whatever a spec has found, its causes come from what it has found out: beside other symptoms
// stands another verdict.
func TestFindingsAreExplainedAgain(t *testing.T) {
	symptom := diag.Symptom{
		Family: reach.IPv4, Client: "x/client@1", ClientNode: "a", Server: "x/server@1:80", Kind: diag.Pod, Node: "b", ServerNode: "b", Address: "10.0.0.1:80",
		Found: assoc.MessageDamaged, Meanwhile: &diag.Ends{Client: wire.Counters{wire.OutSCTPPacks: 6}, Server: wire.Counters{}},
	}
	bad, failure := walked(t, 0, diag.Explain([]diag.Symptom{symptom}))
	other := symptom
	other.Meanwhile = &diag.Ends{Client: wire.Counters{wire.OutSCTPPacks: 7}, Server: wire.Counters{}}
	for name, c := range map[string]struct {
		saved  diag.Symptom
		status int
	}{
		"the same": {symptom, exitSame},
		"others":   {other, exitOther},
	} {
		root := t.TempDir()
		save(t, root, "POD-02", evidence(""), failure, onPaths)
		raw, err := json.Marshal([]diag.Symptom{c.saved})
		if err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string][]byte{associations: []byte(bad), symptoms: raw} {
			if err := os.WriteFile(filepath.Join(root, "POD-02", file), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var out strings.Builder
		if status, err := run([]string{root}, &out); status != c.status || err != nil {
			t.Errorf("%s: %d, %v\n%s", name, status, err, out.String())
		}
	}
}

// So it is with a Service that shares out its associations wrongly.
func TestSharesAreExplainedAgain(t *testing.T) {
	lines := evidence("")
	lines[0].Claim.Sharing = &reach.Sharing{Service: "x/server:80", Spread: []string{"x/nobody"}}
	s := reach.NewSeries(*lines[0].Claim)
	s.Add([]reach.Asked{*lines[1].Asked})
	found := []diag.Symptom{{Family: reach.IPv4, Client: "x/client", ClientNode: "a", Server: "x/server:80", Kind: diag.ClusterIP, Node: "a", Address: "10.96.0.5:80", Found: diag.ServiceUneven}}
	s.Report.Causes = diag.Explain(found)
	ground, said := s.Conclusion()
	if ground != reach.GroundFail || !strings.Contains(said, "x/nobody got none") || !strings.Contains(said, "  cause: the service proxy of node a") {
		t.Fatalf("the run said %s", said)
	}
	root := t.TempDir()
	save(t, root, "POD-02", lines, said, onTables)
	raw, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "POD-02", symptoms), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if status, err := run([]string{root}, &out); status != exitSame || err != nil {
		t.Errorf("%d, %v\n%s", status, err, out.String())
	}
}
