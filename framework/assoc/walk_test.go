package assoc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Of several things that are wrong on a path the first ends it, whatever it is.
func TestTheFirstFaultCounts(t *testing.T) {
	bad := &Step{Agent: "x/client@1", Node: "a", Must: reach.GroundFail, Op: wire.SocketOp{Do: wire.DoSet}, Reply: &wire.SocketReply{Errno: "EINVAL"}}
	for _, c := range []struct {
		name string
		do   func(*Course)
		want string
	}{
		{"a step before", func(c *Course) {
			s := *bad
			c.Ask(&s)
			c.Answer(&s, s.Reply, nil)
			_, _ = c.Expect(End{}, End{}, Elsewhere{reach.GroundFail, "late"})
		}, "could not set"},
		{"a step that ended after", func(c *Course) {
			s := *bad
			c.Ask(&s)
			_, _ = c.Expect(End{}, End{}, Elsewhere{reach.GroundFail, "soon"})
			c.Answer(&s, s.Reply, nil)
		}, "soon"},
		{"of two expectations", func(c *Course) {
			_, _ = c.Expect(End{}, End{}, Elsewhere{reach.GroundFail, "one"})
			_, _ = c.Expect(End{}, End{}, Elsewhere{reach.GroundBroken, "two"})
		}, "one"},
		{"of two steps", func(c *Course) {
			s, first := *bad, *bad
			first.Op.Do = wire.DoShutdown
			c.Ask(&s)
			c.Ask(&first)
			c.Answer(&first, first.Reply, nil)
			c.Answer(&s, s.Reply, nil)
		}, "could not shutdown"},
		{"trouble", func(c *Course) {
			s := Step{Op: wire.SocketOp{Do: wire.DoSend}}
			c.Ask(&s)
			c.Answer(&s, nil, errors.New("no stream"))
		}, "could not send: no stream"},
	} {
		course := &Course{Path: "p", Family: reach.IPv4}
		c.do(course)
		for _, course := range []*Course{course, filed(t, &Walk{Courses: []*Course{course}}).Courses[0]} {
			if f, err := course.Fault(); err != nil || f == nil || !strings.Contains(f.Text, c.want) {
				t.Errorf("%s: %+v, %v; want %q", c.name, f, err, c.want)
			}
		}
	}
}

// What is expected is judged by what was known then: messages whose sending had begun count,
// and what was sent or came later does not.
func TestWhatWasKnownThen(t *testing.T) {
	c := &Course{Path: "p", Family: reach.IPv4}
	take := func(s *Step) {
		c.Ask(s)
		c.Answer(s, s.Reply, nil)
	}
	take(passed(client, three[0]))
	take(told(server, arrivals(three[0])...))
	expect := func(what Expectation, want string) {
		t.Helper()
		f, err := c.Expect(server, client, what)
		if err != nil || (f == nil) != (want == "") || f != nil && !strings.Contains(f.Text, want) {
			t.Errorf("%+v, %v; want %q", f, err, want)
		}
	}
	expect(Intact{}, "")
	second := passed(client, three[1])
	second.Op.First = 1
	reply := second.Reply
	second.Reply = nil
	c.Ask(second)
	expect(Intact{}, "message 1 (20 bytes, stream 1) is missing")
	c.Answer(second, reply, nil)
	take(told(server, arrivals(three[:2]...)[1]))
	expect(Intact{}, "")
	third := passed(client, three[2])
	third.Reply.Sent = 0 // the kernel refused it
	take(third)
	expect(Intact{}, "")
	again := told(server, arrivals(three[:2]...)...)
	reply = again.Reply
	again.Reply = nil
	c.Ask(again)
	expect(Intact{}, "")
	c.Answer(again, reply, nil)
	faults := 0
	for _, x := range filed(t, &Walk{Courses: []*Course{c}}).Courses[0].expected {
		if f, _ := c.judge(x); f != nil {
			faults++
		}
	}
	if faults != 1 {
		t.Errorf("judged again, %d of the expectations are wrong", faults)
	}
}

// An end that shares a socket has its own of what came there, and all that comes to the
// socket which it is given later.
func TestSharedSockets(t *testing.T) {
	hub, mine := End{Name: "hub", Number: 1}, End{Name: "mine", Number: 2, Hub: 1, Assoc: 7}
	peer := End{Name: "peer", Number: 3}
	got := arrivals(three...)
	for i := range got {
		got[i].Assoc = 7
	}
	stranger := got[0]
	stranger.Assoc = 8
	for name, c := range map[string]struct {
		steps []*Step
		want  string
	}{
		"all":         {[]*Step{passed(peer, three...), told(hub, got[0], stranger, got[1]), told(mine, got[2])}, ""},
		"another's":   {[]*Step{passed(peer, three...), told(hub, stranger, got[1]), told(mine, got[2])}, "message 0 (10 bytes, stream 0) is missing"},
		"one too few": {[]*Step{passed(peer, three...), told(hub, got[0], got[1])}, "message 2 (30 bytes, stream 0) is missing"},
	} {
		if _, f := play(t, c.steps, mine, peer, Intact{}); (f == nil) != (c.want == "") || f != nil && !strings.Contains(f.Text, c.want) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestMessagesThatWereAllDelivered(t *testing.T) {
	_, f := play(t, []*Step{passed(client, three[0], mortal), told(server, arrivals(three[0], mortal)...)}, client, server, Mortal{})
	if f == nil || f.Text != "none of the messages that were not to live was given up" {
		t.Errorf("%+v", f)
	}
}

// The first line is about a path that fails, where there is one; captures come before; and
// of many paths a few are told.
func TestText(t *testing.T) {
	w := &Walk{ID: "ASC-99", Evidence: "there"}
	for i := range 6 {
		c := &Course{Path: fmt.Sprintf("path %d", i), Family: reach.IPv6}
		ground := reach.GroundBroken
		if i == 2 {
			ground, c.Seen, c.Unseen = reach.GroundFail, []string{"ABORT left the client pod, never left node a"}, "node b is gone"
			c.Beside = "its TCP twin lived on, messages echoed: 9"
		}
		if i < 5 {
			_, _ = c.Expect(End{}, End{}, Elsewhere{ground, fmt.Sprintf("fault %d", i)})
		}
		w.Courses = append(w.Courses, c)
	}
	ground, text, elsewhere, err := Verdict([]*Walk{{Aside: "once more", Courses: w.Courses}, filed(t, w)}, nil)
	if ground != reach.GroundFail || !elsewhere || err != nil {
		t.Errorf("%s, elsewhere %v, %v", ground, elsewhere, err)
	}
	const want = "ASC-99: ABORT left the client pod, never left node a; fault 2; its TCP twin lived on, messages echoed: 9; seen on 5 of 6 paths: path 2 (ipv6)\n" +
		"\n  path 0 (ipv6): fault 0\n\n  path 1 (ipv6): fault 1\n\n  path 2 (ipv6): fault 2; its TCP twin lived on, messages echoed: 9\n\n  path 3 (ipv6): fault 3\n" +
		"\n  and 1 more, see associations.jsonl\n  no whole capture: node b is gone\n  evidence: there      again: with FOCUS=ASC-99\n"
	if text != want {
		t.Errorf("it says\n%s\nwant\n%s", text, want)
	}
}

// What asking a path again has shown leads the first line, unless captures show more. What the spec
// itself has found is there already.
func TestTheCauseLeads(t *testing.T) {
	causes := []reach.Cause{{Sentence: "an association does not come up"}, {Sentence: "the service proxy of node a leads nowhere", Asked: true}}
	for want, seen := range map[string][]string{
		"ASC-99: the service proxy of node a leads nowhere; x/client@1 on a could not connect": nil,
		"ASC-99: INIT left the client pod; x/client@1 on a could not connect":                  {"INIT left the client pod"},
	} {
		c := &Course{Path: "a path", Family: reach.IPv4, Seen: seen}
		dial := dialled(wire.SocketReply{Errno: "ETIMEDOUT"})
		c.Ask(dial)
		_ = c.Answer(dial, dial.Reply, nil)
		_, _ = c.Expect(client, server, Connects{To: "x/server"})
		if _, text, _, err := Verdict([]*Walk{{ID: "ASC-99", Courses: []*Course{c}}}, causes); !strings.HasPrefix(text, want) || err != nil {
			t.Errorf("it says %q, %v; want %q", text, err, want)
		}
	}
}

// What an expectation rests on must be there, or nothing can be said of it.
func TestWhatDoesNotStandThere(t *testing.T) {
	w, _ := play(t, []*Step{dialled(wire.SocketReply{}), showed(client, wire.SocketStatus{OutStreams: 1})}, client, server, Streams{Out: 1})
	for name, change := range map[string]func(*Course){
		"no status":           func(c *Course) { c.steps = c.steps[:1] },
		"a status of nothing": func(c *Course) { c.steps[1].Reply.Status = nil },
		"a connect by nobody": func(c *Course) { c.expected[0].What, c.expected[0].Of = GivesUp{}, server },
		"one without timers":  func(c *Course) { c.expected[0].What, c.steps[0].Op.Timers = GivesUp{}, nil },
		"one status, not two": func(c *Course) { c.expected[0].What = Beats{time.Second} },
		"no time between":     func(c *Course) { c.expected[0].What, c.steps[0].Op.Timers = Beats{}, &wire.Timers{} },
	} {
		file := filed(t, w)
		change(file.Courses[0])
		if _, _, _, err := Verdict([]*Walk{file}, nil); err == nil || !strings.Contains(err.Error(), "expectation 5") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that is none is refused, with the line.
func TestReplayRefuses(t *testing.T) {
	const walk = `{"walk":{"id":"ASC-99","paths":[{"path":"p","family":"ipv4"}]}}` + "\n"
	for _, file := range []string{
		walk + "{}",
		walk + "nothing",
		`{"step":{"path":"p","family":"ipv4"}}`,
		walk + `{"step":{"path":"p","family":"ipv6"}}`,
		walk + `{"expect":{"path":"q","family":"ipv4","kind":"gone","what":{}}}`,
		walk + `{"expect":{"path":"p","family":"ipv4","kind":"gone and away","what":{}}}`,
		walk + `{"expect":{"path":"p","family":"ipv4","kind":"streams","what":[]}}`,
	} {
		if walks, err := Replay(strings.NewReader(file)); err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%v, %v: %s", walks, err, file)
		}
	}
	if walks, err := Replay(strings.NewReader(walk + walk)); err != nil || len(walks) != 2 {
		t.Errorf("%v, %v", walks, err)
	}
	if _, err := (&Expected{What: unnamed{}}).MarshalJSON(); err == nil {
		t.Error("a kind without a name is saved")
	}
}

type unnamed struct{ Elsewhere }

// The lines of a path stand in the order in which things were over.
func TestLinesInOrder(t *testing.T) {
	c := &Course{Path: "p"}
	first := passed(client, three[0])
	c.Ask(first)
	second := passed(server, three[0])
	c.Ask(second)
	c.Answer(second, second.Reply, nil)
	_, _ = c.Expect(client, server, Numbered{})
	c.Answer(first, first.Reply, nil)
	var at []int
	for _, l := range (&Walk{Courses: []*Course{c}}).Lines()[1:] {
		at = append(at, l.at())
	}
	if !slices.Equal(at, []int{3, 4, 5}) {
		t.Errorf("they are %v", at)
	}
}

// A step that is under way has not failed, and stands in no file.
func TestAStepUnderWay(t *testing.T) {
	c := &Course{Path: "p"}
	c.Ask(&Step{Must: reach.GroundFail, Op: wire.SocketOp{Do: wire.DoReceive}})
	if f, err := c.Fault(); f != nil || err != nil {
		t.Errorf("%+v, %v", f, err)
	}
	if lines := (&Walk{Courses: []*Course{c}}).Lines(); len(lines) != 1 {
		t.Errorf("%d lines", len(lines))
	}
}
