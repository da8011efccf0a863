package reach

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// took sets the time that the attempt to connect has taken.
func took(d time.Duration) event {
	return func(e *Evidence) { e.Seen.Connect = wire.Micros(d.Microseconds()) }
}

func recordedBy(words ...string) event {
	return func(e *Evidence) {
		for _, w := range words {
			e.Records = append(e.Records, Witness{identity(w), wire.Record{Nonce: nonce, Messages: sent(e.Probe)}})
		}
	}
}

// lost is why records could not be read.
const lost = "agent x/server, after 10s: no reply"

func troubled(e *Evidence) { e.Trouble = lost }

func TestWhatTheServersSayAboutADenial(t *testing.T) {
	for _, c := range []struct {
		name       string
		happened   []event
		outcome    Outcome
		connecting bool
		reason     string
	}{
		{"nobody recorded it", []event{events["silent"]}, Silent, true, "silent: ETIMEDOUT at stage connect after 1.7s"},
		{"the intended server did", []event{events["silent"], recordedBy("x/server")}, Silent, false, "but x/server recorded the nonce: the way there is open"},
		{"another server did", []event{events["silent"], recordedBy("x/other")}, Silent, false, "but x/other recorded the nonce"},
		{"refused, yet recorded", []event{events["refused"], recordedBy("x/server")}, Refused, false, "but x/server recorded"},
		{"unreachable, yet recorded", []event{events["unreachable"], recordedBy("x/server")}, Unreachable, false, "but x/server recorded"},
		{"records not read, silent", []event{events["silent"], troubled}, Broken, false, "the servers' records could not be read: " + lost},
		{"records not read, refused", []event{events["refused"], troubled}, Broken, false, lost},
		{"records not read, answered", []event{events["answered"], troubled}, Broken, false, lost},
		{"records not read, stalled", []event{events["stalled"], troubled}, Broken, false, lost},
		{"records not read, nothing sent", []event{events["no-socket"], troubled}, Unsupported, false, "by the client's host"},
		{"records not read, broken before", []event{endedAt("connect", "agent", ""), troubled}, Broken, false, "the agent could not go on"},
	} {
		for _, proto := range protos {
			f := Judge(evidence(proto, c.happened...))
			if f.Outcome != c.outcome || f.Connecting != c.connecting || !strings.Contains(f.Reason, c.reason) {
				t.Errorf("%s, %s: %s, connecting %v, %q", c.name, proto, f.Outcome, f.Connecting, f.Reason)
			}
			if recorded := strings.Contains(f.Reason, "recorded the nonce"); recorded && f.Stage != wire.StageEcho {
				t.Errorf("%s, %s: the nonce arrived, but the stage is %s", c.name, proto, f.Stage)
			}
			if Denied.Admits(f) != c.connecting {
				t.Errorf("%s, %s: denied admits it: %v", c.name, proto, !c.connecting)
			}
		}
	}
}

// Who answers something else than a greeting has answered: that is a fault of the path or
// of the server, neither a denial nor a slip of the agent.
func TestDamagedGreeting(t *testing.T) {
	const flaw = "the greeting was damaged: 170 bytes with digest 00ff came (greeting of 170 bytes: not JSON)"
	late := func(e *Evidence) { // UDP waits for a better one, until nobody asks any more
		damaged := e.Seen.Damaged
		endedAt(wire.StageConnect, wire.EndedByClock, "ETIMEDOUT")(e)
		e.Seen.Damaged, e.Seen.Detail = damaged, "greeting of 170 bytes: not JSON"
	}
	for _, c := range []struct {
		name     string
		happened []event
	}{
		{"nobody recorded it", []event{events["damaged"]}},
		{"the intended server did", []event{events["damaged"], recordedBy("x/server")}},
		{"another server did", []event{events["damaged"], recordedBy("x/other")}},
		{"the clock ended it", []event{events["damaged"], late}},
	} {
		for _, proto := range protos {
			f := Judge(evidence(proto, c.happened...))
			if f.Outcome != Answered || f.Connecting || !slices.Equal(f.Flaws, []string{flaw}) {
				t.Errorf("%s, %s: %+v", c.name, proto, f)
			}
			for _, w := range words {
				if w != NotAsked && w.Admits(f) {
					t.Errorf("%s, %s: %s admits it", c.name, proto, w)
				}
			}
		}
	}
	if f := Judge(evidence(wire.SCTP, events["damaged"], troubled)); f.Outcome != Broken {
		t.Errorf("records not read: %+v", f)
	}
	other := func(e *Evidence) { e.Seen.Nonce = "000000" }
	if f := Judge(evidence(wire.SCTP, events["damaged"], other)); f.Outcome != Broken {
		t.Errorf("another probe's observation: %+v", f)
	}
}

// Heartbeats can keep an association alive whose data is lost: then the clock ends the
// probe, and it takes another sign to tell a lossy path from a starved process.
func TestTheClockAfterConnect(t *testing.T) {
	resent := func(e *Evidence) { e.Seen.Assoc = &wire.Assoc{Retrans: 9} }
	acked := func(e *Evidence) { e.Seen.Assoc = &wire.Assoc{} }
	for _, stage := range []wire.Stage{wire.StageSend, wire.StageEcho} {
		late := endedAt(stage, wire.EndedByClock, "")
		for _, c := range []struct {
			name     string
			happened []event
			want     Outcome
		}{
			{"data was sent again", []event{late, resent}, Silent},
			{"the server has the nonce", []event{late, acked, recordedBy("x/server")}, Silent},
			{"data was acknowledged and nobody read it", []event{late, acked}, Broken},
			{"nothing is known", []event{late}, Broken},
		} {
			if f := Judge(evidence(wire.SCTP, c.happened...)); f.Outcome != c.want || f.Connecting {
				t.Errorf("%s, %s: %+v, want %s", stage, c.name, f, c.want)
			}
		}
	}
}

// A UDP probe has no kernel that gives up: its denial is the clock's end, and rests on
// the servers' records alone.
func TestUDPDenial(t *testing.T) {
	unanswered := endedAt(wire.StageConnect, wire.EndedByClock, "ETIMEDOUT")
	if f := Judge(evidence(wire.UDP, unanswered)); !Denied.Admits(f) {
		t.Errorf("no datagram answered, none recorded: %+v", f)
	}
	if f := Judge(evidence(wire.UDP, unanswered, recordedBy("x/server"))); Denied.Admits(f) || f.Outcome != Silent {
		t.Errorf("recorded by the server: %+v", f)
	}
	for _, proto := range []wire.Proto{wire.SCTP, wire.TCP} {
		if f := Judge(evidence(proto, unanswered)); f.Outcome != Broken {
			t.Errorf("%s: a clock that ended connect proves nothing: %+v", proto, f)
		}
	}
}

func TestGaveUpTooEarly(t *testing.T) {
	for _, c := range []struct {
		what string
		took time.Duration
		want Outcome
	}{
		{"at once", 0, Broken},
		{"halfway", window / 2, Broken},
		{"just too early", window*9/10 - time.Millisecond, Broken},
		{"within the tolerance of timers", window * 9 / 10, Silent},
		{"in time", window, Silent},
		{"late, as on a starved node", 10 * window, Silent},
	} {
		for _, proto := range protos {
			ender := wire.EndedByKernel
			if proto == wire.UDP {
				ender = wire.EndedByClock
			}
			f := Judge(evidence(proto, endedAt(wire.StageConnect, ender, "ETIMEDOUT"), took(c.took)))
			if f.Outcome != c.want || f.Connecting != (c.want == Silent) {
				t.Errorf("%s %s: %+v", proto, c.what, f)
			}
		}
	}
	f := Judge(evidence(wire.SCTP, events["silent"], took(812*time.Millisecond)))
	if want := "gave up after 812ms, before the 1.65s that asking takes"; f.Reason != want {
		t.Errorf("the reason is %q, want %q", f.Reason, want)
	}
	// Only silence takes time: a refusal may come at once.
	if f := Judge(evidence(wire.SCTP, events["refused"], took(0))); f.Outcome != Refused {
		t.Errorf("refused at once: %+v", f)
	}
}

func TestBrokenSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name   string
		e      Evidence
		reason string
	}{
		{"no reply", evidence(wire.SCTP, events["no-reply"]), "no observation: agent x/stranger, after 21.3s: no reply"},
		{"no reply, no reason", evidence(wire.SCTP), "no observation: no reason given"},
		{
			"another probe's observation",
			evidence(wire.SCTP, events["answered"], func(e *Evidence) { e.Seen.Nonce = "000000" }),
			`the agent answered for nonce "000000"`,
		},
		{
			"the agent gave up",
			evidence(wire.SCTP, endedAt("echo", "agent", ""), func(e *Evidence) { e.Seen.Detail = "given up: session closed" }),
			"the agent could not go on: given up: session closed",
		},
		{"interrupted connect", evidence(wire.SCTP, endedAt("connect", "kernel", "EALREADY")), "unexpected EALREADY at stage connect"},
		{"no files left", evidence(wire.SCTP, endedAt("socket", "kernel", "EMFILE")), "unexpected EMFILE at stage socket after 52µs"},
		{"the clock", evidence(wire.SCTP, endedAt("connect", "clock", "")), "unexpected end by the clock at stage connect"},
		{"nobody", evidence(wire.SCTP, endedAt("connect", "", "")), "unexpected end without a reason at stage connect"},
		{"done without an echo", evidence(wire.SCTP, endedAt("done", "", "")), "unexpected end without a reason at stage done"},
		{"no stage", evidence(wire.SCTP, endedAt("", "", "")), `unknown stage ""`},
	} {
		f := Judge(c.e)
		if f.Outcome != Broken || f.Connecting || !strings.Contains(f.Reason, c.reason) {
			t.Errorf("%s: %s, connecting %v, %q, want %q", c.name, f.Outcome, f.Connecting, f.Reason, c.reason)
		}
		for _, w := range words {
			if w != NotAsked && w.Admits(f) {
				t.Errorf("%s: %s admits it", c.name, w)
			}
		}
	}
}

// At which end SCTP is missing decides which node a person looks at.
func TestUnsupportedNamesTheEnd(t *testing.T) {
	for event, want := range map[string]string{
		"no-socket":   "unsupported by the client's host: EPROTONOSUPPORT at stage socket after 52µs",
		"no-protocol": "unsupported by the host that answered: ENOPROTOOPT at stage connect after 1ms",
	} {
		if f := Judge(evidence(wire.SCTP, events[event])); f.Outcome != Unsupported || f.Reason != want {
			t.Errorf("%s: %s, %q, want %q", event, f.Outcome, f.Reason, want)
		}
	}
}

func TestReasonHasTheDetail(t *testing.T) {
	f := Judge(evidence(wire.SCTP, events["refused"], func(e *Evidence) { e.Seen.Detail = "connect 10.244.2.4:80" }))
	if want := "refused: ECONNREFUSED at stage connect after 1ms (connect 10.244.2.4:80)"; f.Reason != want {
		t.Errorf("%q, want %q", f.Reason, want)
	}
}

func TestReasonSaysThatItConnected(t *testing.T) {
	f := Judge(evidence(wire.SCTP, events["stalled"]))
	if want := "connected, then silent: ETIMEDOUT at stage echo after 1.7s"; f.Reason != want {
		t.Errorf("%q, want %q", f.Reason, want)
	}
}

// Saved evidence, read again, gives the same finding.
func TestEvidenceCanBeJudgedAgain(t *testing.T) {
	for name, happen := range events {
		e := evidence(wire.SCTP, happen)
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var again Evidence
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f, g := Judge(e), Judge(again); !reflect.DeepEqual(f, g) {
			t.Errorf("%s: judged %+v, and again %+v", name, f, g)
		}
	}
}

// A process that does not run says nothing of the network, whatever was recorded or sent
// again meanwhile.
func TestStarvedProcesses(t *testing.T) {
	for _, c := range []struct {
		name     string
		happened event
		stalled  wire.Millis
		outcome  Outcome
	}{
		{"the clock, all processes ran", endedAt("echo", wire.EndedByClock, ""), 0, Silent},
		{"the clock, a short stall", endedAt("echo", wire.EndedByClock, ""), 1999, Silent},
		{"the clock, a long one", endedAt("echo", wire.EndedByClock, ""), 2000, Broken},
		{"the kernel gave up on data", endedAt("echo", wire.EndedByKernel, "ETIMEDOUT"), 20_000, Silent},
		{"the kernel gave up on INITs", events["silent"], 20_000, Silent},
		{"answered all the same", events["answered"], 20_000, Answered},
	} {
		e := evidence(wire.SCTP, c.happened)
		if c.outcome != Answered && e.Seen.Stage == "echo" {
			recordedBy("x/server")(&e)
		}
		e.Stalled = c.stalled
		if f := Judge(e); f.Outcome != c.outcome {
			t.Errorf("%s: %s, want %s (%s)", c.name, f.Outcome, c.outcome, f.Reason)
		}
	}
}

// Where the client's address is to be kept, the server's record tells.
func TestSource(t *testing.T) {
	from := func(local, peer string) event {
		return func(e *Evidence) {
			e.Seen.Local = netip.MustParseAddrPort(local)
			e.Records[0].Record.Peer = netip.MustParseAddrPort(peer)
		}
	}
	for _, c := range []struct {
		name  string
		kept  bool
		event event
		flaw  string
	}{
		{"kept", true, from("10.244.1.6:40000", "10.244.1.6:40000"), ""},
		{"another port", true, from("10.244.1.6:40000", "10.244.1.6:51000"), ""},
		{"another address", true, from("10.244.1.6:40000", "10.89.0.11:40000"), "x/server saw the client as 10.89.0.11, not as 10.244.1.6"},
		{"another address, and nobody minds", false, from("10.244.1.6:40000", "10.89.0.11:40000"), ""},
	} {
		e := evidence(wire.SCTP, events["answered"], c.event)
		e.Source = c.kept
		if got := strings.Join(Judge(e).Flaws, "; "); got != c.flaw {
			t.Errorf("%s: flaws are %q, want %q", c.name, got, c.flaw)
		}
	}
}

// A refusal is a packet that somebody sent.
func TestCheckRefusals(t *testing.T) {
	sctp := func(names ...string) (out []Evidence) {
		for _, n := range names {
			out = append(out, evidence(wire.SCTP, events[n]))
		}
		return out
	}
	in := func(n int64) wire.Counters { return wire.Counters{wire.InSCTPPacks: n, wire.OutSCTPPacks: 100} }
	for _, c := range []struct {
		name  string
		batch []Evidence
		moved wire.Counters
		want  string
	}{
		{"nothing asked", nil, nil, ""},
		{"no refusal", sctp("answered", "silent", "no-socket", "no-reply"), nil, ""},
		{"one", sctp("refused"), in(1), ""},
		{"somebody else's packets come on top", sctp("refused"), in(60), ""},
		{"one that nobody sent", sctp("refused"), in(0), "1 attempt ended in a refusal, for which 1 SCTP packets must have come in, but only 0 came"},
		{"one of two", sctp("refused", "refused"), in(1), "2 attempts ended in a refusal, for which 2 SCTP packets must have come in, but only 1 came"},
		{"the packets were those of an answer", sctp("refused", "answered"), in(3), "1 attempt ended in a refusal, for which 4 SCTP packets must have come in, but only 3 came"},
		{"TCP has other counters", []Evidence{evidence(wire.TCP, events["refused"])}, nil, ""},
	} {
		if got := CheckRefusals(c.batch, c.moved); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What TCP and UDP say of a denial their kernels have counted, too.
func TestCheckTwins(t *testing.T) {
	all := func(proto wire.Proto, names ...string) (out []Evidence) {
		for _, n := range names {
			out = append(out, evidence(proto, events[n]))
		}
		return out
	}
	for _, c := range []struct {
		name  string
		proto wire.Proto
		batch []Evidence
		moved wire.Counters
		want  string
	}{
		{"nothing asked", wire.TCP, nil, nil, ""},
		{"nothing denied", wire.TCP, all(wire.TCP, "answered", "stalled", "no-socket", "no-reply"), nil, ""},
		{"silence and a refusal", wire.TCP, all(wire.TCP, "silent", "refused"), wire.Counters{wire.AttemptFails: 7}, ""},
		{"others beside them", wire.TCP, all(wire.TCP, "silent", "refused"), wire.Counters{wire.AttemptFails: 12}, ""},
		{"a silence that was given up early", wire.TCP, all(wire.TCP, "silent"), wire.Counters{wire.AttemptFails: 5}, "6 attempts over TCP came to nothing, but the kernel counted 5 failed attempts"},
		{"unreachable, which nobody counts", wire.TCP, all(wire.TCP, "unreachable"), nil, ""},
		{"silence that was not asked", wire.TCP, all(wire.TCP, "silent"), wire.Counters{wire.InSCTPPacks: 9}, "6 attempts over TCP came to nothing, but the kernel counted 0 failed attempts"},
		{"one of two refusals", wire.TCP, all(wire.TCP, "refused", "refused"), wire.Counters{wire.AttemptFails: 1}, "2 attempts over TCP came to nothing, but the kernel counted 1 failed attempt"},
		{"a refusal of UDP", wire.UDP, all(wire.UDP, "refused"), wire.Counters{wire.Unreachables: 1}, ""},
		{"a refusal of UDP over IPv6", wire.UDP, all(wire.UDP, "refused"), wire.Counters{wire.Unreachables6: 1}, ""},
		{"a refusal of UDP that nobody sent", wire.UDP, all(wire.UDP, "refused"), wire.Counters{wire.AttemptFails: 1}, "1 attempt over UDP came to nothing, but the kernel counted 0 ICMP errors"},
		{"silence over UDP, see CheckDatagrams", wire.UDP, all(wire.UDP, "silent"), nil, ""},
		{"those of another protocol", wire.TCP, append(all(wire.UDP, "refused"), all(wire.SCTP, "refused", "silent")...), nil, ""},
	} {
		if got := CheckTwins(c.batch, c.proto, c.moved); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCheckDatagrams(t *testing.T) {
	for _, c := range []struct {
		name  string
		proto wire.Proto
		what  string
		moved wire.Counters
		want  string
	}{
		{"an answer", wire.UDP, "answered", nil, ""},
		{"a silence", wire.UDP, "silent", wire.Counters{wire.UDPOut: 6}, ""},
		{"a silence over IPv6", wire.UDP, "silent", wire.Counters{wire.UDP6Out: 6}, ""},
		{"a silence, and others beside it", wire.UDP, "silent", wire.Counters{wire.UDPOut: 4, wire.UDP6Out: 4}, ""},
		{"a datagram too few", wire.UDP, "silent", wire.Counters{wire.UDPOut: 5}, "1 attempt over UDP ended in silence, which takes 6 datagrams, but only 5 were sent"},
		{"nothing was sent", wire.UDP, "silent", wire.Counters{wire.InSCTPPacks: 6}, "1 attempt over UDP ended in silence, which takes 6 datagrams, but only 0 were sent"},
		{"a refusal, which the first datagram may bring", wire.UDP, "refused", wire.Counters{wire.UDPOut: 1}, ""},
		{"a silence of another protocol", wire.TCP, "silent", nil, ""},
	} {
		if got := CheckDatagrams([]Evidence{evidence(c.proto, events[c.what])}, c.moved); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A process that did not run can make UDP silent by itself; of SCTP and TCP the kernel tells.
func TestStarvedUDP(t *testing.T) {
	for _, proto := range protos {
		ender, want := wire.EndedByKernel, Silent
		if proto == wire.UDP {
			ender, want = wire.EndedByClock, Broken
		}
		e := evidence(proto, endedAt(wire.StageConnect, ender, "ETIMEDOUT"))
		e.Stalled = starved
		f := Judge(e)
		if f.Outcome != want || Denied.Admits(f) != (want == Silent) {
			t.Errorf("%s: %s, connecting %v (%s)", proto, f.Outcome, f.Connecting, f.Reason)
		}
		if e.Stalled--; Judge(e).Outcome != Silent {
			t.Errorf("%s, a short stall: %+v", proto, Judge(e))
		}
	}
}

// The error number stays with the finding, for those who look for a cause.
func TestErrno(t *testing.T) {
	for _, errno := range []string{"ETIMEDOUT", "ECONNREFUSED", "EPROTONOSUPPORT", "ENOMEM", "ENOBUFS"} {
		if f := Judge(evidence(wire.SCTP, endedAt(wire.StageConnect, wire.EndedByKernel, errno))); f.Errno != errno {
			t.Errorf("of %s the finding says %q", errno, f.Errno)
		}
	}
	if f := Judge(evidence(wire.SCTP, events["answered"])); f.Errno != "" {
		t.Errorf("an answer ended with %s", f.Errno)
	}
}

func TestCheckInits(t *testing.T) {
	sctp := func(names ...string) (out []Evidence) {
		for _, n := range names {
			out = append(out, evidence(wire.SCTP, events[n]))
		}
		return out
	}
	twins := []Evidence{evidence(wire.TCP, events["silent"]), evidence(wire.UDP, endedAt("connect", "clock", "ETIMEDOUT"))}
	for _, c := range []struct {
		name  string
		batch []Evidence
		moved wire.Counters
		want  string
	}{
		{"nothing asked", nil, nil, ""},
		{"no silence", sctp("answered", "refused", "unreachable", "no-socket", "no-reply"), nil, ""},
		{"silence after the handshake takes no INIT", sctp("stalled"), nil, ""},
		{"one silence, all INITs", sctp("silent"), wire.Counters{wire.T1InitExpireds: 6}, ""},
		{"somebody else's INITs come on top", sctp("silent"), wire.Counters{wire.T1InitExpireds: 60}, ""},
		{"the cookie was lost, not the INIT", sctp("silent"), wire.Counters{wire.T1CookieExpireds: 6}, ""},
		{"first the INIT, then the cookie", sctp("silent"), wire.Counters{wire.T1InitExpireds: 2, wire.T1CookieExpireds: 6}, ""},
		{
			"one INIT too few", sctp("silent"),
			wire.Counters{wire.T1InitExpireds: 5},
			"1 attempt ended in silence, which takes 6 INITs, but only 5 INIT timers expired",
		},
		{
			"no counter moved", sctp("silent", "silent", "answered"), nil,
			"2 attempts ended in silence, which takes 12 INITs, but only 0 INIT timers expired",
		},
		{
			"enough for one of two", sctp("silent", "silent"),
			wire.Counters{wire.T1InitExpireds: 11},
			"2 attempts ended in silence, which takes 12 INITs, but only 11 INIT timers expired",
		},
		{
			"other counters do not count", sctp("silent"),
			wire.Counters{wire.OutSCTPPacks: 60, wire.Aborteds: 6, wire.T1InitExpireds: 1},
			"1 attempt ended in silence, which takes 6 INITs, but only 1 INIT timer expired",
		},
		{"TCP and UDP send none", twins, nil, ""},
	} {
		if got := CheckInits(c.batch, c.moved); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRound(t *testing.T) {
	for us, want := range map[wire.Micros]string{
		0: "0s", 320: "320µs", 1499: "1ms", 41_000: "41ms", 999_499: "999ms",
		1_650_000: "1.7s", 61_240_000: "1m1.2s",
	} {
		if got := round(us); got != want {
			t.Errorf("%d µs: %s, want %s", us, got, want)
		}
	}
}
