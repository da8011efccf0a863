package lab

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

const bothNodes = "ipv4:\nx/server@same:80 x/server@other:80\nx/client@* answered answered"

// onBench runs a part of a spec on the paths from both nodes to a server on the first, and
// returns what is wrong with the failure that it makes. Judged from its file it is the same.
func onBench(t *testing.T, b *bench, do func(context.Context, *Path)) (l *Lab, found []assoc.Found, text string) {
	t.Helper()
	l = b.lab(t, "x/server@1:80", "x/client@*")
	matrices, err := l.matrices(bothNodes)
	if err != nil {
		t.Fatal(err)
	}
	paths := l.paths(matrices)
	if len(paths) != 2 || !l.echoing(paths) {
		t.Fatalf("%d paths", len(paths))
	}
	w, found, err := l.onPaths(t.Context(), paths, do)
	if err != nil {
		t.Fatal(err)
	}
	if l.echoing(paths) {
		t.Error("the echo server is still there")
	}
	if len(found) > 0 {
		_, text = w.Text(found, nil)
	}
	if _, again, _, err := assoc.Verdict(saved(t, l), nil); err != nil || again != text {
		t.Errorf("judged again (%v) it is\n%s\nand was\n%s", err, again, text)
	}
	return l, found, text
}

// saved are the walks of a spec as its file has them.
func saved(t *testing.T, l *Lab) []*assoc.Walk {
	t.Helper()
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(l.folder(), "associations.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	walks, err := assoc.Replay(file)
	if err != nil {
		t.Fatal(err)
	}
	return walks
}

// talk is what most specs do: an association, messages both ways, an orderly end.
func talk(ctx context.Context, p *Path) {
	c, s := p.Associate(ctx, Sockets{})
	messages := []wire.SendMessage{{Message: wire.Message{Size: 10}}, {Message: wire.Message{Size: 20, Stream: 1, PPID: 60}}}
	p.Together(
		func() { c.Send(ctx, messages...) }, func() { s.Send(ctx, messages...) },
		func() { c.Receive(ctx, 2) }, func() { s.Receive(ctx, 2) },
	)
	c.ReceivedAll()
	c.Finish(ctx)
}

func TestOnPaths(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l, _, text := onBench(t, b, talk)
		if text != "" {
			t.Error(text)
		}
		raw, err := os.ReadFile(filepath.Join(l.folder(), "associations.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		verbs := map[wire.Verb]int{}
		for line := range strings.Lines(string(raw)) {
			var l assoc.Line
			if err := json.Unmarshal([]byte(line), &l); err != nil || l.Step != nil && (l.Step.Path == "" || l.Step.Reply == nil) {
				t.Errorf("%v: %s", err, line)
			}
			if l.Step != nil {
				verbs[l.Step.Op.Do]++
			}
		}
		if verbs[wire.DoListen] != 1 || verbs[wire.DoDial] != 2 || verbs[wire.DoSend] != 4 || verbs[wire.DoShutdown] != 2 {
			t.Errorf("steps are %v", verbs)
		}
	})
}

// A server whose ends are peeled off listens anew, with a one-to-many socket.
func TestPeeledServers(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l, _, text := onBench(t, b, func(ctx context.Context, p *Path) {
			p.Associate(ctx, Sockets{})
			p.Meet(ctx)
			p.Associate(ctx, Sockets{Peeled: true})
		})
		many := map[bool]int{}
		for _, line := range saved(t, l)[0].Lines() {
			if line.Step != nil && line.Step.Op.Do == wire.DoListen {
				many[line.Step.Op.Many]++
			}
		}
		if text != "" || many[false] != 1 || many[true] != 1 {
			t.Errorf("listeners are %v\n%s", many, text)
		}
	})
}

// The first line says who saw what, on which path and how many there are; then what was done.
func TestFaults(t *testing.T) {
	cut := func(e []wire.Event) []wire.Event { e[1].PPID = 0; return e }
	for name, c := range map[string]struct {
		prepare func(*bench)
		ground  reach.Ground
		want    []string
	}{
		"a changed label": {func(b *bench) { b.harms = cut }, reach.GroundFail, []string{
			"POL-99: what x/server@1 on a sent did not come to x/client@1 on a as it was: " +
				"message 1 (20 bytes, stream 1) came with PPID 0 instead of 60; seen on 2 of 2 paths: x/client@1",
			"  x/client@2 10.0.0.4 on b -> x/server@1:80 10.0.0.1:80 on a (ipv4): what",
			"x/client@2     dial: ",
		}},
		"a message too few": {func(b *bench) { b.harms, b.unacked = func(e []wire.Event) []wire.Event { return e[:1] }, 1 }, reach.GroundFail, []string{
			" got 0 of 2 messages in 20.1s: message 0 (10 bytes, stream 0) is missing; message 1 (20 bytes, stream 1) is missing; its peer is ESTABLISHED, unacknowledged chunks: 1, sent again: 0; seen on 2 of 2 paths: x/client@1",
		}},
		"an agent that does not read": {func(b *bench) { b.harms, b.dozes = func(e []wire.Event) []wire.Event { return e[:1] }, true }, reach.GroundBroken, []string{
			"POL-99: the agent has not read what came: x/",
			" got 0 of 2 messages in 20.1s; its peer is ESTABLISHED, unacknowledged chunks: 0, sent again: 0; seen", // at either end
		}},
		"nobody accepts": {func(b *bench) { b.swallows = true }, reach.GroundFail, []string{
			"POL-99: x/client@1 is connected to x/server@1:80, and none of these has accepted the association: x/server@1; seen on 2 of 2 paths: ",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				c.prepare(b)
				_, found, text := onBench(t, b, talk)
				if len(found) != 2 || assoc.Worst(found).Ground != c.ground {
					t.Fatalf("%d faults: %+v", len(found), found)
				}
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("the failure does not say %q:\n%s", want, text)
					}
				}
			})
		})
	}
}

// A chunk that is lost is named, whatever becomes of the sockets.
func TestLostChunks(t *testing.T) {
	for want, do := range map[string]func(context.Context, *Path){
		"the SHUTDOWN of x/client@1 on a had no effect on x/server@1 on a, which was told nothing in 20s": talk,
		"the ABORT of x/client@1 on a had no effect on x/server@1 on a, which was told nothing in 20s": func(ctx context.Context, p *Path) {
			c, s := p.Associate(ctx, Sockets{})
			c.Abort(ctx, "")
			s.Aborted(ctx, "")
		},
	} {
		on(t, func(t *testing.T, b *bench) {
			b.deaf = true
			_, found, text := onBench(t, b, do)
			if len(found) != 2 || found[0].Class != assoc.ChunkLost || assoc.Worst(found).Ground != reach.GroundFail {
				t.Fatalf("%d faults: %+v", len(found), found)
			}
			if !strings.Contains(text, want) {
				t.Errorf("the failure does not say %q:\n%s", want, text)
			}
		})
	}
}

// A path that fails ends alone, and those who wait for it go on.
func TestMeet(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		var met []string
		_, found, _ := onBench(t, b, func(ctx context.Context, p *Path) {
			if p.number == 0 {
				p.Fail("%d is enough", 1)
			}
			p.Meet(ctx)
			met = append(met, p.pair.client)
		})
		if len(found) != 1 || found[0].Text != "1 is enough" || !found[0].Elsewhere || !slices.Equal(met, []string{"x/client@2"}) {
			t.Errorf("faults %+v, met %v", found, met)
		}
	})
}

// However a path ends, the first thing that went wrong on it is told.
func TestHowPathsEnd(t *testing.T) {
	bound := assoc.Bound{Limit: time.Second, Why: "it is a test"}
	for want, do := range map[string]func(context.Context, *bench, *Path){
		"x/client@1 on a was not told in 23s that its peer is gone, wanted within 1s (it is a test); seen on 2 of 2 paths: x/client@1": func(ctx context.Context, _ *bench, p *Path) {
			c, _ := p.Associate(ctx, Sockets{})
			c.LearnsWithin(ctx, bound)
		},
		"x/client@1 on a was not told in 1m58s that its peer is gone, wanted within 1s (it is a test); seen": func(ctx context.Context, _ *bench, p *Path) {
			c, _ := p.Associate(ctx, Sockets{})
			c.LearnsOf(ctx, bound, func(ctx context.Context) time.Time {
				await(ctx, time.Now().Add(5*time.Second))
				return time.Now()
			})
		},
		"x/client@1 on a could not connect to x/server@1:80 again and again in 5.25s; last try: ECONNREFUSED (connect: connection refused) after 0s; seen on 1 of 2 paths: x/client@1": func(ctx context.Context, b *bench, p *Path) {
			p.Associate(ctx, Sockets{})
			p.Meet(ctx)
			if p.number == 0 { // whoever waits at the door stops the clock
				b.mu.Lock()
				clear(b.doors)
				b.mu.Unlock()
				p.Reassociate(ctx, Sockets{}, 1)
			}
		},
		": sooner; seen": func(ctx context.Context, _ *bench, p *Path) {
			p.Together(
				func() { await(ctx, time.Now().Add(time.Second)); p.Fail("later") },
				func() { p.Fail("sooner") },
			)
		},
		"x/client@1 on a got no RESTART in 20s; its peer is ESTABLISHED, unacknowledged chunks: 0, sent again: 0; seen": func(ctx context.Context, _ *bench, p *Path) {
			c, _ := p.Associate(ctx, Sockets{})
			c.Await(ctx, wire.EventAssoc, "RESTART")
		},
	} {
		on(t, func(t *testing.T, b *bench) {
			_, found, text := onBench(t, b, func(ctx context.Context, p *Path) { do(ctx, b, p) })
			if len(found) == 0 || !strings.Contains(text, want) {
				t.Errorf("the failure does not say %q:\n%s", want, text)
			}
		})
	}
}

// A mistake of ours on a path is told, and does not end the process.
func TestPanicOnAPath(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client@2")
		matrices, err := l.matrices(onePath)
		if err != nil {
			t.Fatal(err)
		}
		paths := l.paths(matrices)
		found, err := walk(t.Context(), l.walkOf(paths), paths, &crowd{left: len(paths)}, func(_ context.Context, p *Path) {
			p.Together(func() {}, func() { panic("a slip") })
		})
		if len(found) > 0 || err == nil || !strings.Contains(err.Error(), "x/client@2 -> x/server@1:80 (ipv4): a panic: a slip\ngoroutine") {
			t.Errorf("found %v, %v", found, err)
		}
	})
}

// A connect is tried again where packets are lost on other associations and it had to send
// again itself; what is refused at once, or where nothing is lost, is not.
func TestLostConnects(t *testing.T) {
	o := Sockets{}
	long := o.timers().RTOInitial.Duration()
	for name, tt := range map[string]struct {
		lossy bool
		errno string
		took  time.Duration
		want  bool
	}{
		"refused after it was sent again":         {true, "ECONNREFUSED", long, true},
		"given up":                                {true, "ETIMEDOUT", 6 * long, true},
		"refused at once":                         {true, "ECONNREFUSED", long / 2, false},
		"refused late, and nothing is lost":       {false, "ECONNREFUSED", long, false},
		"given up, and nothing is lost":           {false, "ETIMEDOUT", 6 * long, false},
		"another error":                           {true, "EHOSTUNREACH", long, false},
		"an association that took a second chunk": {true, "", long, false},
	} {
		p := &Path{lab: &Lab{lossy: tt.lossy}}
		if got := p.lost(&wire.SocketReply{Errno: tt.errno, Ended: wire.Micros(tt.took.Microseconds())}, o); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
