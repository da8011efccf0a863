package assoc

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

var (
	client = End{Name: "x/client@1 on a", Number: 1}
	server = End{Name: "x/server@1 on b", Number: 2}
)

// noon is when scenes begin; each step is asked a second after the one before.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// did is a step of an end with its reply, or, where that is nil, with trouble.
func did(e End, op wire.SocketOp, r *wire.SocketReply) *Step {
	s := &Step{End: e.Number, Agent: "x/client@1", Node: "a", Op: op, Reply: r}
	if e.Number != client.Number {
		s.Agent, s.Node = "x/server@1", "b"
	}
	return s
}

// The scenes are made of these. Times are in microseconds.
func dialled(r wire.SocketReply) *Step {
	return did(client, wire.SocketOp{Do: wire.DoDial, Timers: &wire.Timers{RTOInitial: 150, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5}}, &r)
}

func accepted(r wire.SocketReply) *Step { return did(server, wire.SocketOp{Do: wire.DoAccept}, &r) }

func told(e End, events ...wire.Event) *Step {
	return did(e, wire.SocketOp{Do: wire.DoReceive}, &wire.SocketReply{Begun: 1000, Ended: 3_001_000, Events: events})
}

func showed(e End, st wire.SocketStatus) *Step {
	return did(e, wire.SocketOp{Do: wire.DoStatus}, &wire.SocketReply{Status: &st})
}

// three are the messages of most scenes.
var three = []wire.SendMessage{
	{Message: wire.Message{Size: 10, PPID: 60}},
	{Message: wire.Message{Size: 20, Stream: 1}},
	{Message: wire.Message{Size: 30}},
}

func passed(e End, messages ...wire.SendMessage) *Step {
	return did(e, wire.SocketOp{Do: wire.DoSend, Nonce: "7f3a09", Messages: messages}, &wire.SocketReply{Sent: len(messages)})
}

// arrivals are messages as they come.
func arrivals(messages ...wire.SendMessage) (out []wire.Event) {
	sent := Sent{"7f3a09", messages}
	numbers := map[uint16]uint16{}
	for i, m := range messages {
		out = append(out, wire.Event{
			Kind: wire.EventMessage, Size: m.Size, Digest: wire.Digest(sent.payload(i)), Stream: m.Stream, SSN: numbers[m.Stream], PPID: m.PPID,
		})
		numbers[m.Stream]++
	}
	return out
}

func change(state string) wire.Event {
	return wire.Event{Kind: wire.EventAssoc, State: state, At: 2_001_000}
}

// play lets steps happen on the path of a walk, and then something be expected.
func play(t testing.TB, steps []*Step, of, peer End, what Expectation) (*Walk, *Fault) {
	t.Helper()
	c := &Course{Path: "x/client@1 10.0.0.2 on a -> x/server@1:80 10.0.0.1:80 on b", Family: reach.IPv4}
	w := &Walk{ID: "ASC-99", Evidence: "_artifacts/ASC-99", Courses: []*Course{c, {Path: "another", Family: reach.IPv4}}}
	for i, s := range steps {
		s := *s
		s.At = noon.Add(time.Duration(i) * time.Second)
		var err error
		if s.Trouble != "" {
			err = errors.New(s.Trouble)
		}
		c.Ask(&s)
		if f := c.Answer(&s, s.Reply, err); f != nil {
			return w, f
		}
	}
	if what == nil {
		return w, nil
	}
	f, err := c.Expect(of, peer, what)
	if err != nil {
		t.Fatal(err)
	}
	return w, f
}

// filed is a walk as its file has it.
func filed(t testing.TB, w *Walk) *Walk {
	t.Helper()
	var b strings.Builder
	for _, l := range w.Lines() {
		if err := json.NewEncoder(&b).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	out, err := Replay(strings.NewReader(b.String()))
	if err != nil || len(out) != 1 {
		t.Fatalf("%d walks, %v", len(out), err)
	}
	return out[0]
}

// verdict is what a walk amounts to.
func verdict(t *testing.T, w *Walk) string {
	t.Helper()
	_, text, _, err := Verdict([]*Walk{w}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
