package lab

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

const bothNodes = "ipv4:\nx/server@same:80 x/server@other:80\nx/client@* answered answered"

// onBench runs a part of a spec on the paths from both nodes to a server on the first.
func onBench(t *testing.T, b *bench, do func(context.Context, *Path)) (*Lab, []fault) {
	t.Helper()
	l := b.lab(t, "x/server@1:80", "x/client@*")
	matrices, err := l.matrices(bothNodes)
	if err != nil {
		t.Fatal(err)
	}
	paths := l.paths(matrices)
	if len(paths) != 2 || !l.echoing(paths) {
		t.Fatalf("%d paths", len(paths))
	}
	faults, err := l.onPaths(t.Context(), paths, do)
	if err != nil {
		t.Fatal(err)
	}
	if l.echoing(paths) {
		t.Error("the echo server is still there")
	}
	return l, faults
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
		l, faults := onBench(t, b, talk)
		if len(faults) != 0 {
			t.Errorf("%s", l.faultText(faults, 2))
		}
		if err := l.save(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(l.folder(), "associations.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		verbs := map[wire.Verb]int{}
		for line := range strings.Lines(string(raw)) {
			var s step
			if err := json.Unmarshal([]byte(line), &s); err != nil || s.Path == "" || s.Reply == nil {
				t.Errorf("%v: %s", err, line)
			}
			verbs[s.Op.Do]++
		}
		if verbs[wire.DoListen] != 1 || verbs[wire.DoDial] != 2 || verbs[wire.DoSend] != 4 || verbs[wire.DoShutdown] != 2 {
			t.Errorf("steps are %v", verbs)
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
			"POL-99: x/client@1 10.0.0.2 on a -> x/server@1:80 10.0.0.1:80 on a (ipv4): what x/server@1 on a sent did not come to x/client@1 on a as it was: " +
				"message 1 (20 bytes, stream 1) came with PPID 0 instead of 60; seen on 2 of 2 paths\n",
			"  x/client@2 10.0.0.4 on b -> x/server@1:80 10.0.0.1:80 on a (ipv4): what",
			"x/client@2     dial: ",
		}},
		"a message too few": {func(b *bench) { b.harms, b.unacked = func(e []wire.Event) []wire.Event { return e[:1] }, 1 }, reach.GroundFail, []string{
			" got 0 of 2 messages in 20.1s: message 0 (10 bytes, stream 0) is missing; message 1 (20 bytes, stream 1) is missing; its peer is ESTABLISHED with 1 chunks unacknowledged and 0 sent again; seen on 2 of 2 paths\n",
		}},
		"an agent that does not read": {func(b *bench) { b.harms = func(e []wire.Event) []wire.Event { return e[:1] } }, reach.GroundBroken, []string{
			"with 0 chunks unacknowledged",
		}},
		"nobody accepts": {func(b *bench) { b.swallows = true }, reach.GroundFail, []string{
			"(ipv4): x/client@1 is connected to x/server@1:80, but x/server@1 has accepted nothing; seen on 2 of 2 paths\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				c.prepare(b)
				l, faults := onBench(t, b, talk)
				if len(faults) != 2 || worstGround(faults) != c.ground {
					t.Fatalf("%d faults: %+v", len(faults), faults)
				}
				text := l.faultText(faults, 2)
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
		"the SHUTDOWN of x/client@1 on a did not come to x/server@1 on a, which was told of nothing in 20s": talk,
		"the ABORT of x/client@1 on a did not come to x/server@1 on a, which was told of nothing in 20s": func(ctx context.Context, p *Path) {
			c, s := p.Associate(ctx, Sockets{})
			c.Abort(ctx, "")
			s.Aborted(ctx)
		},
	} {
		on(t, func(t *testing.T, b *bench) {
			b.deaf = true
			l, faults := onBench(t, b, do)
			if len(faults) != 2 || faults[0].path.class != assoc.ChunkLost || worstGround(faults) != reach.GroundFail {
				t.Fatalf("%d faults: %+v", len(faults), faults)
			}
			if text := l.faultText(faults, 2); !strings.Contains(text, want) {
				t.Errorf("the failure does not say %q:\n%s", want, text)
			}
		})
	}
}

// What captures show stands before everything else.
func TestSeenComesFirst(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l, faults := onBench(t, b, func(_ context.Context, p *Path) { p.Fail("no") })
		worstOf(faults).seen = "ABORT left the client pod, never left node a; "
		if text := l.faultText(faults, 2); !strings.HasPrefix(text, "POL-99: ABORT left the client pod, never left node a; x/client@1 ") {
			t.Errorf("told is %s", text)
		}
	})
}

// A path that fails ends alone, and those who wait for it go on.
func TestMeet(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		var met []string
		_, faults := onBench(t, b, func(ctx context.Context, p *Path) {
			if p.number == 0 {
				p.Fail("%d is enough", 1)
			}
			p.Meet(ctx)
			met = append(met, p.pair.client)
		})
		if len(faults) != 1 || faults[0].text != "1 is enough" || !slices.Equal(met, []string{"x/client@2"}) {
			t.Errorf("faults %+v, met %v", faults, met)
		}
	})
}

func TestFailBeatsBroken(t *testing.T) {
	if got := worstGround([]fault{{ground: reach.GroundBroken}, {ground: reach.GroundFail}}); got != reach.GroundFail {
		t.Errorf("%s", got)
	}
}
