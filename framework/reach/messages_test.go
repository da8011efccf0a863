package reach

import (
	"slices"
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

func TestAnswered(t *testing.T) {
	at := func(stage wire.Stage, ender wire.Ender, errno string) event {
		return func(e *Evidence) { e.Seen.Stage, e.Seen.Ender, e.Seen.Errno = stage, ender, errno }
	}
	ok := events["answered"]
	for _, c := range []struct {
		name     string
		happened []event
		flaws    []string // a part of each, in order
	}{
		{"flawless", []event{ok}, nil},
		{"one of several servers", []event{ok, func(e *Evidence) { e.Intended = []Backend{{UID: "a"}, {UID: identity("x/server").UID}, {UID: "b"}} }}, nil},
		{"an intended server recorded it too", []event{ok, recordedBy("x/other"), func(e *Evidence) {
			e.Intended = append(e.Intended, Backend{UID: identity("x/other").UID})
		}}, nil},
		{"wrong server", []event{events["wrong-server"]}, []string{"answered by x/other on node-c, which is not behind that address"}},
		{"nobody was intended", []event{ok, func(e *Evidence) { e.Intended = nil }}, []string{"answered by x/server on node-a, which is not behind that address"}},
		{"wrong port", []event{ok, func(e *Evidence) { e.Intended = []Backend{{UID: identity("x/server").UID, Port: 81}} }}, []string{"answered at port 80 of x/server, which is not behind that address"}},
		{"not recorded", []event{events["unrecorded"]}, []string{"x/server did not record the nonce"}},
		{"recorded by another only", []event{events["unrecorded"], recordedBy("x/client")}, []string{
			"recorded by x/client on node-b too, which is not behind that address", "x/server did not record the nonce",
		}},
		{"recorded by an outsider too", []event{ok, recordedBy("x/client")}, []string{"recorded by x/client on node-b too"}},
		{"wrong nonce came back", []event{ok, func(e *Evidence) { e.Seen.Greeting.Nonce = "000000" }}, []string{`the nonce that came back is "000000"`}},
		{"two flaws at once", []event{events["wrong-server"], func(e *Evidence) { e.Records = nil }}, []string{"not behind that address", "x/other did not record"}},
		{"shutdown unanswered", []event{ok, at("close", "kernel", "ETIMEDOUT")}, nil},
		{"reset at the end", []event{ok, at("close", "kernel", "ECONNRESET")}, nil},
		{"end of file at the end", []event{ok, at("close", "peer", "")}, nil},
		{"the clock ended the closing", []event{ok, at("close", "clock", "")}, nil},
	} {
		for _, proto := range protos {
			f := Judge(evidence(proto, c.happened...))
			if f.Outcome != Answered || f.Connecting {
				t.Errorf("%s, %s: %+v", c.name, proto, f)
			}
			compare(t, c.name+", "+string(proto), f.Flaws, c.flaws)
			if Word(Answered).Admits(f) != (len(c.flaws) == 0) || Denied.Admits(f) {
				t.Errorf("%s, %s: answered admits it: %v, denied: %v", c.name, proto, Word(Answered).Admits(f), Denied.Admits(f))
			}
		}
	}
}

func TestAnswerNamesBothWitnesses(t *testing.T) {
	f := Judge(evidence(wire.SCTP, events["answered"]))
	if want := "answered in 41ms; x/server recorded nonce 7f3a09"; f.Reason != want {
		t.Errorf("the reason is %q, want %q", f.Reason, want)
	}
	if f.By != identity("x/server") || f.Stage != wire.StageDone {
		t.Errorf("answered by %+v at stage %s", f.By, f.Stage)
	}
	f = Judge(evidence(wire.SCTP, events["answered"], func(e *Evidence) {
		e.Seen.Stage, e.Seen.Ender, e.Seen.Total = wire.StageClose, wire.EndedByClock, 8_041_000
	}))
	if want := "answered in 8s; x/server recorded nonce 7f3a09; not ended in order: end by the clock at stage close after 8s"; f.Reason != want {
		t.Errorf("the reason is %q, want %q", f.Reason, want)
	}
}

// A greeting alone is no answer where messages were to be echoed.
func TestIncompleteIsNotAnswered(t *testing.T) {
	for name, cut := range map[string]event{
		"no greeting":      func(e *Evidence) { e.Seen.Greeting = nil },
		"one echo lacking": func(e *Evidence) { e.Seen.Echoes = e.Seen.Echoes[:1] },
		"no echo":          func(e *Evidence) { e.Seen.Echoes = nil },
	} {
		e := evidence(wire.SCTP, events["answered"], cut, func(e *Evidence) {
			e.Seen.Stage, e.Seen.Ender, e.Seen.Errno = wire.StageEcho, wire.EndedByKernel, "ETIMEDOUT"
		})
		if f := Judge(e); f.Outcome != Silent || f.Connecting || f.Stage != wire.StageEcho {
			t.Errorf("%s: %+v", name, f)
		}
	}
	e := evidence(wire.SCTP, func(e *Evidence) { e.Probe.Messages = nil }, events["answered"])
	if f := Judge(e); !Word(Answered).Admits(f) {
		t.Errorf("a greeting is all that was asked for, and it came: %+v", f)
	}
}

// What arrives is written as index/stream in the order of arrival; "-" is the hole that a
// server keeps for a datagram that did not come.
func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name    string
		proto   wire.Proto
		streams []uint16 // of the messages that are sent
		arrived string
		want    []string // a part of each sentence
	}{
		{"nothing was sent", wire.SCTP, nil, "", nil},
		{"all in order", wire.SCTP, []uint16{0, 1, 2}, "0/0 1/1 2/2", nil},
		{"streams overtake each other", wire.SCTP, []uint16{0, 1, 0, 1}, "1/1 0/0 3/1 2/0", nil},
		{"order lost within a stream", wire.SCTP, []uint16{0, 0}, "1/0 0/0", []string{"message 0 changed", "message 1 changed"}},
		{"last missing", wire.SCTP, []uint16{0, 0, 0}, "0/0 1/0", []string{"1 of 3 messages is missing"}},
		{"two missing", wire.SCTP, []uint16{0, 1, 2}, "0/0", []string{"2 of 3 messages are missing"}},
		{"none came", wire.SCTP, []uint16{0, 1}, "", []string{"2 of 2 messages are missing"}},
		{"one too many", wire.SCTP, []uint16{0}, "0/0 0/0", []string{"1 message too many"}},
		{"two too many", wire.SCTP, []uint16{0}, "0/0 0/0 0/0", []string{"2 messages too many"}},
		{"moved to another stream", wire.SCTP, []uint16{0, 3}, "0/0 1/2", []string{"message 1 changed on the way there: stream 2 instead of 3"}},
		{"TCP has no streams", wire.TCP, []uint16{0, 3}, "0/0 1/0", nil},
		{"UDP, a hole", wire.UDP, []uint16{0, 0, 0}, "0/0 - 2/0", []string{"1 of 3 messages is missing"}},
		{"UDP, all in place", wire.UDP, []uint16{0, 0, 0}, "0/0 1/0 2/0", nil},
	} {
		p := wire.Probe{Proto: c.proto, Nonce: nonce}
		for i, s := range c.streams {
			p.Messages = append(p.Messages, wire.Message{Size: 10 + i, Stream: s, PPID: 46 + uint32(i)})
		}
		compare(t, c.name, differences("there", p, arrivals(p, c.arrived)), c.want)
	}
}

func arrivals(p wire.Probe, text string) (out []wire.Echo) {
	for _, word := range strings.Fields(text) {
		if word == "-" {
			out = append(out, wire.Echo{})
			continue
		}
		index, stream := int(word[0]-'0'), uint16(word[2]-'0')
		e := sent(p)[index]
		e.Stream = stream
		out = append(out, e)
	}
	return out
}

// Every property of a message is compared, both ways.
func TestEveryChangeIsSeen(t *testing.T) {
	for what, change := range map[string]func(*wire.Echo){
		"size 999 instead of 1000": func(e *wire.Echo) { e.Size-- },
		"digest 0000000000000000 instead of " + sent(probe(wire.SCTP))[1].Digest: func(e *wire.Echo) { e.Digest = "0000000000000000" },
		"stream 7 instead of 1":                       func(e *wire.Echo) { e.Stream = 7 },
		"PPID 771751936 instead of 47":                func(e *wire.Echo) { e.PPID = 0x2e000000 },
		"stream 9 instead of 1, PPID 1 instead of 47": func(e *wire.Echo) { e.Stream, e.PPID = 9, 1 },
	} {
		f := Judge(evidence(wire.SCTP, events["answered"], func(e *Evidence) { change(&e.Seen.Echoes[1]) }))
		compare(t, what+" in an echo", f.Flaws, []string{"message 1 changed on the way back to the client: " + what})
		f = Judge(evidence(wire.SCTP, events["answered"], func(e *Evidence) { change(&e.Records[0].Record.Messages[1]) }))
		compare(t, what+" in a record", f.Flaws, []string{"message 1 changed on the way to the server: " + what})
	}
}

// compare checks that each sentence contains its part.
func compare(t *testing.T, name string, got, parts []string) {
	t.Helper()
	same := slices.EqualFunc(got, parts, strings.Contains)
	if !same {
		t.Errorf("%s:\n got %q\nwant %q", name, got, parts)
	}
}
