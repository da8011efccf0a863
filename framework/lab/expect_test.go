package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

const openTable = `
	          x/server:80  x/server:81
	x/client  answered     answered
`

const halfDenied = `
	          x/server:80  x/server:81
	x/client  answered     denied
`

// claim settles a table, as Expect does.
func claim(t *testing.T, l *Lab, table string) reach.Report {
	t.Helper()
	matrices, err := l.matrices(table)
	if err != nil {
		t.Fatal(err)
	}
	r := l.settle(t.Context(), reach.Claim{Hold: holdRounds, Matrices: matrices}, greetingOnly).Report
	if len(r.Wrong()) == 0 {
		l.remember(matrices)
	}
	return r
}

// port81 is a network that does something to everything for port 81.
func port81(errno string) func(*bench, *agent, wire.Probe) string {
	return func(b *bench, from *agent, p wire.Probe) string {
		if p.Target.Port() == 81 {
			return errno
		}
		return b.open(from, p)
	}
}

// from lets a network behave otherwise from a number of batches on.
func from(batch int, otherwise func(*bench, *agent, wire.Probe) string) func(*bench, *agent, wire.Probe) string {
	return func(b *bench, a *agent, p wire.Probe) string {
		if b.batches >= batch {
			return otherwise(b, a, p)
		}
		return b.open(a, p)
	}
}

// afterFirst lets a network behave otherwise after the first round.
func afterFirst(otherwise func(*bench, *agent, wire.Probe) string) func(*bench, *agent, wire.Probe) string {
	return func(b *bench, a *agent, p wire.Probe) string {
		if b.batches > 1 || p.Delay > 0 {
			return otherwise(b, a, p)
		}
		return b.open(a, p)
	}
}

func TestSettle(t *testing.T) {
	dropped := port81("ETIMEDOUT")
	tests := []struct {
		name    string
		network func(*bench, *agent, wire.Probe) string
		lies    func(*agent, wire.Request, *wire.Reply)
		late    func(*agent, wire.Request) time.Duration
		table   string
		state   reach.State
		rounds  int // 0 is not looked at
		ground  reach.Ground
		wrong   reach.Outcome
	}{
		{name: "open and claimed to be", network: (*bench).open, table: openTable, state: reach.Held, rounds: 4},
		{name: "denied and claimed to be", network: dropped, table: halfDenied, state: reach.Held, rounds: 4},
		{name: "refused is denied too", network: port81("ECONNREFUSED"), table: halfDenied, state: reach.Held, rounds: 4},
		{name: "denied from the second round on", network: afterFirst(dropped), table: halfDenied, state: reach.Held, rounds: 5},
		{name: "denied after a while", network: from(3, dropped), table: halfDenied, state: reach.Held, rounds: 12},
		{name: "never denied", network: (*bench).open, table: halfDenied, state: reach.Unsettled, ground: reach.GroundFail, wrong: reach.Answered},
		{name: "never open", network: dropped, table: openTable, state: reach.Unsettled, ground: reach.GroundFail, wrong: reach.Silent},
		{name: "closed while it should hold", network: from(2, dropped), table: openTable, state: reach.Intermittent, rounds: 2, ground: reach.GroundFail, wrong: reach.Silent},
		{name: "a node without SCTP", network: port81("EPROTONOSUPPORT"), table: openTable, state: reach.Unsettled, rounds: 2, ground: reach.GroundUnsupported, wrong: reach.Unsupported},
		{name: "a node without SCTP denies nothing", network: port81("EPROTONOSUPPORT"), table: halfDenied, state: reach.Unsettled, rounds: 4, ground: reach.GroundUnsupported, wrong: reach.Unsupported},
		{name: "an agent that dies when it is asked", network: port81(gone), table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken},
		{name: "an agent that is killed in the middle", network: from(2, port81(gone)), table: openTable, state: reach.Intermittent, rounds: 2, ground: reach.GroundBroken, wrong: reach.Broken},
		{name: "an agent that is killed while a denial holds", network: from(2, port81(gone)), table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken},
		{name: "an errno that nobody knows", network: port81("EBADMSG"), table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken},
		{
			name: "silence that was not asked for", network: dropped, table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			lies: func(_ *agent, _ wire.Request, r *wire.Reply) {
				if r.Batch != nil {
					r.Batch.Counters = nil // the INITs never left
				}
			},
		},
		{
			name: "a client that says refused whatever happens", network: func(*bench, *agent, wire.Probe) string { return "ETIMEDOUT" }, table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			lies: func(_ *agent, _ wire.Request, r *wire.Reply) {
				if r.Batch == nil {
					return
				}
				for i, o := range r.Batch.Observations {
					r.Batch.Observations[i] = wire.Observation{Nonce: o.Nonce, Stage: wire.StageConnect, Ender: wire.EndedByKernel, Errno: "ECONNREFUSED"}
				}
				r.Batch.Counters = nil // no packet has left
			},
		},
		{
			name: "a client that says answered whatever happens", network: dropped, table: openTable, state: reach.Unsettled, ground: reach.GroundFail, wrong: reach.Answered,
			lies: func(_ *agent, _ wire.Request, r *wire.Reply) {
				if r.Batch == nil {
					return
				}
				for i, o := range r.Batch.Observations {
					r.Batch.Observations[i] = wire.Observation{Nonce: o.Nonce, Stage: wire.StageDone, Greeting: &wire.Greeting{Nonce: o.Nonce, Server: wire.Identity{UID: "uid-1"}}}
				}
			},
		},
		{
			name: "an agent that drops its last line", network: dropped, table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			lies: func(_ *agent, q wire.Request, r *wire.Reply) {
				if q.Batch != nil {
					r.ID = 0 // nobody waits for that one
				}
			},
		},
		{
			name: "an exec that stalls for a minute", network: dropped, table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			late: func(_ *agent, q wire.Request) time.Duration {
				if q.Batch != nil {
					return time.Minute
				}
				return 0
			},
		},
		{
			name: "an exec that stalls while records are read", network: dropped, table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			late: func(_ *agent, q wire.Request) time.Duration {
				if q.Records != nil {
					return 2 * askLimit
				}
				return 0
			},
		},
		{
			name: "a pod that gets no processor", network: (*bench).open, table: openTable, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			lies: func(_ *agent, _ wire.Request, r *wire.Reply) {
				if r.Batch == nil {
					return
				}
				for i, o := range r.Batch.Observations {
					r.Batch.Observations[i] = wire.Observation{Nonce: o.Nonce, Stage: wire.StageEcho, Ender: wire.EndedByClock, Assoc: &wire.Assoc{Retrans: 1}}
				}
				r.Stalled = 5000
			},
		},
		{
			name: "a reply to half the questions", network: dropped, table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			lies: func(_ *agent, _ wire.Request, r *wire.Reply) {
				if r.Batch != nil {
					r.Batch.Observations = r.Batch.Observations[:1]
				}
			},
		},
		{
			name: "records that cannot be read", network: dropped, table: halfDenied, state: reach.Unsettled, ground: reach.GroundBroken, wrong: reach.Broken,
			lies: func(_ *agent, q wire.Request, r *wire.Reply) {
				if q.Records != nil {
					r.Error = "out of memory"
				}
			},
		},
		{
			name: "a server that records nothing", network: (*bench).open, table: openTable, state: reach.Unsettled, ground: reach.GroundFail, wrong: reach.Answered,
			lies: func(_ *agent, _ wire.Request, r *wire.Reply) { r.Records = nil },
		},
		{
			name: "a denial that the server has on record", network: dropped, table: halfDenied, state: reach.Unsettled, ground: reach.GroundFail, wrong: reach.Silent,
			lies: func(_ *agent, q wire.Request, r *wire.Reply) {
				if q.Records != nil {
					r.Records = nil
					for _, n := range q.Records.Nonces {
						r.Records = append(r.Records, wire.Record{Nonce: n, Proto: wire.SCTP})
					}
				}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80,81", "x/client@2")
				l.families = l.families[:1]
				table := strings.NewReplacer("x/server", "x/server@1", "x/client", "x/client@2").Replace(tt.table)
				claim(t, l, AllAnswered)
				b.batches = 0
				b.change(tt.network)
				b.mu.Lock()
				b.lies, b.late = tt.lies, tt.late
				b.mu.Unlock()
				r := claim(t, l, table)
				if r.State != tt.state || tt.rounds > 0 && r.Rounds != tt.rounds {
					t.Errorf("%s after %d rounds, want %s after %d", r.State, r.Rounds, tt.state, tt.rounds)
				}
				wrong := r.Wrong()
				if (tt.wrong == "") != (len(wrong) == 0) {
					t.Fatalf("wrong are %+v", wrong)
				}
				if len(wrong) > 0 && (wrong[len(wrong)-1].Outcome != tt.wrong || r.Ground() != tt.ground) {
					t.Errorf("%s on the ground %s, want %s on %s\n%s", wrong[len(wrong)-1].Outcome, r.Ground(), tt.wrong, tt.ground, r.Text())
				}
				if limit := l.run.Patience + 2*askLimit; r.Took > limit {
					t.Errorf("it took %v", r.Took)
				}
			})
		})
	}
}

// The twins of SCTP have no kernel that says how often it has asked: what they say of
// denials needs other witnesses.
func TestTwins(t *testing.T) {
	uncounted := func(_ *agent, _ wire.Request, r *wire.Reply) {
		if r.Batch != nil {
			r.Batch.Counters = nil
		}
	}
	recorded := func(_ *agent, q wire.Request, r *wire.Reply) {
		if q.Records != nil {
			for _, n := range q.Records.Nonces {
				if !slices.ContainsFunc(r.Records, func(known wire.Record) bool { return known.Nonce == n }) {
					r.Records = append(r.Records, wire.Record{Nonce: n})
				}
			}
		}
	}
	starved := func(_ *agent, q wire.Request, r *wire.Reply) {
		if q.Records != nil {
			r.Stalled = 3000
		}
	}
	for _, tt := range []struct {
		name, proto, errno string
		lies               func(*agent, wire.Request, *wire.Reply)
		wrong              reach.Outcome // "" where the denial holds
		connecting         bool
	}{
		{"silent", "tcp", "ETIMEDOUT", nil, "", true},
		{"refused", "tcp", "ECONNREFUSED", nil, "", true},
		{"silent", "udp", "ETIMEDOUT", nil, "", true},
		{"refused", "udp", "ECONNREFUSED", nil, "", true},
		{"silent, and the kernel has not asked", "tcp", "ETIMEDOUT", uncounted, reach.Broken, false},
		{"refused, and the kernel knows nothing of it", "tcp", "ECONNREFUSED", uncounted, reach.Broken, false},
		{"refused, and no ICMP error came", "udp", "ECONNREFUSED", uncounted, reach.Broken, false},
		{"silent, and recorded", "tcp", "ETIMEDOUT", recorded, reach.Silent, false},
		{"silent, and recorded", "udp", "ETIMEDOUT", recorded, reach.Silent, false},
		{"silent, and the server was starved", "udp", "ETIMEDOUT", starved, reach.Broken, false},
		{"silent, and the server was starved, whose kernel was not", "tcp", "ETIMEDOUT", starved, "", true},
	} {
		t.Run(tt.proto+" "+tt.name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80/"+tt.proto+",81/"+tt.proto, "x/client@2")
				claim(t, l, AllAnswered)
				b.change(port81(tt.errno))
				b.lie(tt.lies)
				r := claim(t, l, strings.ReplaceAll("x/server@1:80/PROTO x/server@1:81/PROTO\nx/client@2 answered denied\n", "PROTO", tt.proto))
				wrong := r.Wrong()
				if (tt.wrong == "") != (len(wrong) == 0) {
					t.Fatalf("%s: %s", r.State, r.Text())
				}
				for _, p := range wrong {
					if p.Outcome != tt.wrong || p.Connecting != tt.connecting {
						t.Errorf("%s, connecting %v: %s", p.Outcome, p.Connecting, p.Reason)
					}
				}
			})
		})
	}
}

// A pod that chance leads to seldom is met, and the deleted agent is called by its word.
func TestManyTimes(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/short@2:80", "y/client@1")
		claim(t, l, AllAnswered)
		short := l.member("x/short@2")
		strayed := 0
		b.change(func(b *bench, a *agent, p wire.Probe) string {
			if at := netip.AddrPortFrom(short.addrs[reach.IPv4], 80); p.Target.Addr().Is4() {
				b.virtual = map[netip.AddrPort]netip.AddrPort{}
				if strayed++; strayed == manyTimes/2 {
					b.virtual[p.Target] = at
				}
			}
			return b.open(a, p)
		})
		l.drop(t.Context(), short)
		l.times = manyTimes
		r := claim(t, l, "x/server@1:80\ny/client@1 answered\n")
		if r.State != reach.Held || r.Rounds != 1+1+holdRounds {
			t.Errorf("%s after %d rounds: %s", r.State, r.Rounds, r.Text())
		}
		first := l.evidence[len(l.evidence)-(1+1+holdRounds)*manyTimes*2:]
		found := false
		for _, line := range first {
			if f := reach.Judge(line.Asked.Evidence); f.Stray {
				found = f.By.Pod == "short@2"
			}
		}
		if !found {
			t.Error("nobody was sent to the deleted pod, or it is not called by its word")
		}
	})
}

// Every server is asked what it has recorded, whoever was meant.
func TestEveryServerIsAWitness(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80,81", "x/other@2:80", "x/client@2")
		claim(t, l, AllAnswered)
		b.change(port81("ETIMEDOUT"))
		b.mu.Lock()
		b.lies = func(a *agent, q wire.Request, r *wire.Reply) {
			if q.Records != nil && a.identity.UID == l.member("x/other@2").uid {
				for _, n := range q.Records.Nonces {
					if _, honest := b.agents[0].records[n]; !honest {
						r.Records = append(r.Records, wire.Record{Nonce: n, Proto: wire.SCTP})
					}
				}
			}
		}
		b.mu.Unlock()
		r := claim(t, l, "x/server@1:80 x/server@1:81\nx/client@2 answered denied\n")
		if len(r.Wrong()) != 2 || !strings.Contains(r.Text(), "but x/other@2 recorded the nonce") {
			t.Errorf("a denial that another server has on record is\n%s", r.Text())
		}
	})
}

func TestMatrices(t *testing.T) {
	tests := []struct {
		name, table, want string // "" is no error
	}{
		{"all", AllAnswered, ""},
		{"open", openTable, ""},
		{"a denial of what was never seen open", halfDenied, "table line 2: ipv4: x/client to x/server:81 is to be denied, but the spec never saw it answered: no denial without a control"},
		{"each word of denial", strings.Replace(halfDenied, "denied", "refused", 1), "table line 2: ipv4: x/client to x/server:81 is to be denied, but the spec never saw it answered: no denial without a control"},
		{"an unknown server", strings.ReplaceAll(openTable, "81", "82"), `table line 1: "x/server:82" is no server of this spec; the nearest is "x/server:80"`},
		{"an unknown word", strings.Replace(openTable, "answered", "answred", 1), `table line 2: "answred" is no word for a cell; the nearest is "answered"`},
		{"nothing", "", "the table is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				_, err := b.lab(t, "x/server:80,81", "x/client").matrices(tt.table)
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
					t.Errorf("error is %v\nwant %s", err, tt.want)
				}
			})
		})
	}
}

// What was seen open may be denied; what was denied must be seen open at the end.
func TestControls(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80,81", "x/client")
		claim(t, l, AllAnswered)
		if len(l.asked) != 4 || len(l.controls) != 0 {
			t.Fatalf("after all was answered: asked %v, controls %v", l.asked, l.controls)
		}
		b.change(port81("ETIMEDOUT"))
		claim(t, l, halfDenied)
		denied := pair{reach.IPv4, "x/client", "x/server:81"}
		if len(l.controls) != 2 || !l.controls[denied] {
			t.Errorf("after the denial the controls are %v", l.controls)
		}
		b.change((*bench).open)
		claim(t, l, AllAnswered)
		if len(l.controls) != 0 {
			t.Errorf("after it was open again the controls are %v", l.controls)
		}
	})
}

func TestLasting(t *testing.T) {
	l := &Lab{targets: map[string]target{"x/server:80": {kind: diag.Pod}, "svc/echo:80": {}}}
	place := func(o reach.Outcome, at wire.Stage, server string) reach.Place {
		return reach.Place{Column: reach.Name{Word: server}, Cell: reach.Cell{Finding: reach.Finding{Outcome: o, Stage: at}}}
	}
	socket := place(reach.Unsupported, wire.StageSocket, "svc/echo:80")
	pod := place(reach.Unsupported, wire.StageConnect, "x/server:80")
	for name, tt := range map[string]struct {
		wrong []reach.Place
		want  bool
	}{
		"the client's host":                  {[]reach.Place{socket}, true},
		"the server's host":                  {[]reach.Place{socket, pod}, true},
		"a node that has no rules yet":       {[]reach.Place{socket, place(reach.Unsupported, wire.StageConnect, "svc/echo:80")}, false},
		"something else beside it":           {[]reach.Place{pod, place(reach.Silent, wire.StageConnect, "x/server:80")}, false},
		"an agent that may answer next time": {[]reach.Place{place(reach.Broken, "", "x/server:80")}, false},
	} {
		if l.lasting(tt.wrong) != tt.want {
			t.Errorf("%s lasts: %v", name, !tt.want)
		}
	}
}

// A handshake that is slow makes later denials wait longer before they are believed.
func TestSlowPathsTakeTheSlowerProfile(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80,!79", "x/client")
		p := pair{reach.IPv4, "x/client", "x/server:80"}
		if got := l.timers(p, reach.Denied, asking{}); got != denyTimers {
			t.Errorf("at first denials take %+v", got)
		}
		b.lies = func(_ *agent, _ wire.Request, r *wire.Reply) {
			if r.Batch != nil {
				for i := range r.Batch.Observations {
					r.Batch.Observations[i].Connect = wire.Micros((slowConnect + 1).Microseconds() + 1)
				}
			}
		}
		claim(t, l, AllAnswered)
		if got := l.timers(p, reach.Denied, asking{holding: true}); got != denySlowTimers {
			t.Errorf("then denials take %+v", got)
		}
		never := pair{reach.IPv4, "x/client", "x/server:79"}
		if got := l.timers(never, reach.Denied, asking{holding: true}); got != denySlowTimers {
			t.Errorf("and for a port that is never to be seen open %+v", got)
		}
		b.lies = nil
		claim(t, l, AllAnswered)
		if got := l.timers(p, reach.Denied, asking{slowly: true}); got != denySlowTimers {
			t.Errorf("and after a hasty round %+v", got)
		}
		if got := l.timers(p, reach.Denied, asking{holding: true}); got != denyTimers {
			t.Errorf("and once it was fast %+v", got)
		}
		if got := l.timers(p, reach.Word(reach.Answered), asking{}); got != openTimers {
			t.Errorf("and answers, while they settle, %+v", got)
		}
		for _, ask := range []asking{{holding: true}, {slowly: true}} {
			if got := l.timers(p, reach.Word(reach.Answered), ask); got != holdTimers {
				t.Errorf("and answers that hold, or are slow, %+v", got)
			}
		}
	})
	for name, tt := range map[string]struct {
		timers wire.Timers
		inits  int
		window time.Duration
	}{
		"deny": {denyTimers, 6, 1650 * time.Millisecond}, "deny slowly": {denySlowTimers, 6, 4400 * time.Millisecond}, "open": {openTimers, 2, 4 * time.Second}, "hold": {holdTimers, 6, 12 * time.Second},
	} {
		if tt.timers.Inits() != tt.inits || tt.timers.InitWindow() != tt.window {
			t.Errorf("%s: %d INITs in %v", name, tt.timers.Inits(), tt.timers.InitWindow())
		}
	}
}

// Where paths become slow while a denial is asked for, it is asked again for longer.
func TestAHastyRoundIsFollowedBySlowerOnes(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80,81", "x/client")
		claim(t, l, AllAnswered)
		b.change(port81("ETIMEDOUT"))
		b.lies = func(_ *agent, _ wire.Request, r *wire.Reply) {
			if r.Batch != nil {
				for i := range r.Batch.Observations {
					r.Batch.Observations[i].Connect = max(r.Batch.Observations[i].Connect, wire.Micros((denyTimers.InitWindow()+1).Microseconds()+1))
				}
			}
		}
		if r := claim(t, l, halfDenied); r.State != reach.Held || r.Rounds != 2*(1+holdRounds) {
			t.Errorf("%s", r.Text())
		}
	})
}

// Where packets are lost a table that was right is asked again, and not for ever.
func TestALossyRoundIsFollowedByOthers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		last  int // batch that loses an association
		state reach.State
	}{
		{"for a moment", 2, reach.Held},
		{"for ever", 1 << 20, reach.Intermittent},
	} {
		on(t, func(t *testing.T, b *bench) {
			b.Patience = 30 * time.Second
			l := b.lab(t, "x/server:80,81", "x/client")
			b.change(func(b *bench, from *agent, p wire.Probe) string {
				if b.batches > 1 && b.batches <= tt.last {
					return port81("ETIMEDOUT")(b, from, p)
				}
				return b.open(from, p)
			})
			b.lies = func(_ *agent, _ wire.Request, r *wire.Reply) {
				if r.Batch != nil {
					for i := range r.Batch.Observations {
						r.Batch.Observations[i].Connect = max(r.Batch.Observations[i].Connect, wire.Micros(holdTimers.RTOInitial)*1000)
					}
				}
			}
			begun := time.Now()
			r := claim(t, l, AllAnswered)
			if took := time.Since(begun); r.State != tt.state || took > b.Patience {
				t.Errorf("%s: after %v\n%s", tt.name, took, r.Text())
			}
		})
	}
}

// Hosts that are out of breath are asked for less at the same time.
func TestHostsOutOfBreathAreAskedGently(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		b.Patience = 30 * time.Second
		l := b.lab(t, "x/server:80,81", "x/client")
		b.change(func(b *bench, from *agent, p wire.Probe) string {
			if b.batches == 1 {
				return port81("ETIMEDOUT")(b, from, p)
			}
			return b.open(from, p)
		})
		var atOnce, asked []int
		b.lies = func(_ *agent, r wire.Request, reply *wire.Reply) {
			if r.Batch == nil {
				return
			}
			atOnce, asked = append(atOnce, r.Batch.AtOnce), append(asked, len(r.Batch.Probes))
			for i := range reply.Batch.Observations {
				reply.Batch.Observations[i].Connect = wire.Micros(holdTimers.RTOInitial)*1000 + 1
			}
		}
		if r := claim(t, l, AllAnswered); r.State != reach.Held || atOnce[0] != 0 || slices.Contains(atOnce[1:], 0) || slices.Max(asked) > asked[0] {
			t.Errorf("asked %v, %v at once: %s", asked, atOnce, r.Text())
		}
	})
}

// Of many at the same time, others are asked for in the place of a few associations that were late
// and died of it, once, where a kernel has counted what was sent again; and the report tells how
// many.
func TestLateAssociationsOfManyHaveOthersInTheirPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		batches, each int // that fail, and how many of each
		stage         wire.Stage
		errno         string
		counter       string // of three chunks that were sent again; empty for none
		replaced      bool
		fails         bool
	}{
		"dead, once":                        {1, 1, wire.StageEcho, "ETIMEDOUT", wire.T1InitExpireds, true, false},
		"dead, and again":                   {2, 1, wire.StageEcho, "ETIMEDOUT", wire.T1InitExpireds, true, true},
		"dead, and nothing was sent again":  {1, 1, wire.StageEcho, "ETIMEDOUT", "", false, true},
		"more than few are dead":            {1, 2, wire.StageEcho, "ETIMEDOUT", wire.T1InitExpireds, false, true},
		"no way for a COOKIE-ECHO":          {1, 1, wire.StageConnect, "ENETUNREACH", wire.T1CookieExpireds, true, false},
		"no way for an INIT":                {1, 1, wire.StageConnect, "ENETUNREACH", wire.T1InitExpireds, false, true},
		"no answer to a second COOKIE-ECHO": {1, 1, wire.StageConnect, "ETIMEDOUT", wire.T1CookieExpireds, true, false},
		"no answer to any INIT":             {1, 1, wire.StageConnect, "ETIMEDOUT", wire.T1InitExpireds, false, true},
	} {
		on(t, func(t *testing.T, b *bench) {
			l := b.lab(t, "x/server@*:80", "x/client@2")
			l.families = []reach.Family{reach.IPv4}
			batches := 0
			b.lie(func(_ *agent, r wire.Request, reply *wire.Reply) {
				if reply.Batch == nil || r.Batch.AtOnce != 12 || batches == tt.batches {
					return
				}
				batches++
				if tt.counter != "" {
					reply.Batch.Counters[tt.counter] = 3
				}
				for i := range tt.each {
					o := &reply.Batch.Observations[i]
					o.Greeting, o.Echoes, o.Stage, o.Ender, o.Errno = nil, nil, tt.stage, wire.EndedByKernel, tt.errno
					if tt.stage == wire.StageConnect {
						server, _ := b.behind(r.Batch.Probes[i])
						delete(server.records, o.Nonce)
					}
					o.Connect = wire.Micros(r.Batch.Probes[i].Timers.InitWindow().Microseconds())
				}
			})
			failed := failing(func() { l.Churn(running{t.Context()}, onePath, 12, 12) })
			told := slices.ContainsFunc(b.entries, func(e string) bool { return strings.Contains(e, "1 of 12 associations came to nothing after chunks") })
			if failed != tt.fails || told != tt.replaced {
				t.Errorf("%s: failed is %v, and the report has %q", name, failed, b.entries)
			}
		})
	}
}

// What is saved is judged again, to the same words.
func TestEvidenceIsSaved(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server:80,81", "x/client")
		claim(t, l, AllAnswered)
		b.change(port81("ETIMEDOUT"))
		r := claim(t, l, openTable)
		if err := l.save(); err != nil {
			t.Fatal(err)
		}
		probes, err := os.Open(filepath.Join(l.folder(), "probes.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = probes.Close() }()
		series, err := reach.Replay(probes)
		if err != nil || len(series) != 2 {
			t.Fatalf("%d series, %v", len(series), err)
		}
		if again := series[0].Report; len(again.Wrong()) > 0 || again.Rounds != holdRounds+1 {
			t.Errorf("what was open is judged again as\n%s", again.Text())
		}
		ground, text := reach.Verdict(series)
		if ground != reach.GroundFail || text != r.Text() || !strings.HasPrefix(text, "POL-99: ") {
			t.Errorf("judged again: %s\n%s\nand before\n%s", ground, text, r.Text())
		}
	})
}
