package assoc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

// A wire that lies: what happens to one message of many must be told of that message, in the
// words for what happened, and of no other.

// lie changes what arrived of message i, which is event i, and says what must be told.
type lie struct {
	kind string
	tell func(r *rand.Rand, s Sent, e []wire.Event, i int) (events []wire.Event, want string)
}

var lies = []lie{
	{"missing", func(_ *rand.Rand, _ Sent, e []wire.Event, i int) ([]wire.Event, string) {
		return slices.Delete(e, i, i+1), "is missing"
	}},
	{"again at once", func(_ *rand.Rand, _ Sent, e []wire.Event, i int) ([]wire.Event, string) {
		return slices.Insert(e, i, e[i]), "came more than once"
	}},
	{"again at the end", func(_ *rand.Rand, _ Sent, e []wire.Event, i int) ([]wire.Event, string) {
		return append(e, e[i]), "came more than once"
	}},
	{"a bit turned", func(_ *rand.Rand, s Sent, e []wire.Event, i int) ([]wire.Event, string) {
		b := slices.Clone(s.payload(i))
		b[len(b)/2] ^= 1
		e[i] = bytesOf(e[i], b)
		return e, "came with other bytes"
	}},
	{"cut short", func(r *rand.Rand, s Sent, e []wire.Event, i int) ([]wire.Event, string) {
		n := 8 + r.IntN(s.Messages[i].Size-8)
		e[i] = bytesOf(e[i], s.payload(i)[:n])
		return e, fmt.Sprintf("was cut to %d bytes", n)
	}},
	{"split", func(r *rand.Rand, s Sent, e []wire.Event, i int) ([]wire.Event, string) {
		n := 8 + r.IntN(s.Messages[i].Size-16)
		rest := bytesOf(e[i], s.payload(i)[n:])
		e[i] = bytesOf(e[i], s.payload(i)[:n])
		return slices.Insert(e, i+1, rest), "came split into 2"
	}},
	{"on another stream", func(_ *rand.Rand, _ Sent, e []wire.Event, i int) ([]wire.Event, string) {
		e[i].Stream += 7
		return e, fmt.Sprintf("came on stream %d", e[i].Stream)
	}},
	{"with another PPID", func(_ *rand.Rand, _ Sent, e []wire.Event, i int) ([]wire.Event, string) {
		e[i].PPID++
		return e, fmt.Sprintf("came with PPID %d instead of %d", e[i].PPID, e[i].PPID-1)
	}},
	{"unordered", func(_ *rand.Rand, _ Sent, e []wire.Event, i int) ([]wire.Event, string) {
		e[i].Unordered = true
		return e, "was sent with unordered false and came with true"
	}},
}

// traffic are messages of different sizes on a few streams, and what an honest wire brings.
func traffic(r *rand.Rand, count int) (Sent, []wire.Event) {
	s := Sent{Nonce: fmt.Sprintf("%06x", r.Uint32()&0xffffff)}
	for i := range count {
		s.Messages = append(s.Messages, message(24+i+r.IntN(900), uint16(r.IntN(4)), 46+uint32(r.IntN(3))))
	}
	e := honest(s)
	return s, e[1 : len(e)-1]
}

func TestTheWireThatLies(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, e := traffic(r, 12)
		if got := Compare(s, e); got != nil {
			t.Fatalf("seed %d: an honest wire is said to have done this: %q", seed, got)
		}
		for _, l := range lies {
			i := r.IntN(len(s.Messages))
			events, want := l.tell(r, s, slices.Clone(e), i)
			got := Compare(s, events)
			if name := fmt.Sprintf("message %d (", i); len(got) != 1 || !strings.HasPrefix(got[0], name) || !strings.Contains(got[0], want) {
				t.Errorf("seed %d, message %d %s: told is %q, want %q", seed, i, l.kind, got, want)
			}
			if class, _ := Harm(s, events); class == "" {
				t.Errorf("seed %d, message %d %s: no harm is seen", seed, i, l.kind)
			}
		}
	}
}

// Streams may overtake each other in any way; within one the order is kept.
func TestStreamsMayOvertakeEachOther(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		s, e := traffic(r, 16)
		byStream := map[uint16][]wire.Event{}
		for _, one := range e {
			byStream[one.Stream] = append(byStream[one.Stream], one)
		}
		var mixed []wire.Event
		for len(mixed) < len(e) {
			for stream, left := range byStream {
				if len(left) > 0 && r.IntN(2) == 0 {
					mixed, byStream[stream] = append(mixed, left[0]), left[1:]
				}
			}
		}
		if got := Compare(s, mixed); got != nil {
			t.Errorf("seed %d: %q", seed, got)
		}
	}
}

// Something shorter that is not its beginning is not the message, cut: that is missing.
func TestSomethingElseInstead(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	s, e := traffic(r, 6)
	e[2] = bytesOf(e[2], []byte("eight by"))
	got := Compare(s, e)
	if len(got) != 2 || !strings.HasPrefix(got[0], "message 2 (") || !strings.HasSuffix(got[0], "is missing") || !strings.HasPrefix(got[1], "8 bytes on stream ") {
		t.Errorf("told is %q", got)
	}
	e[2] = bytesOf(e[2], s.payload(2)[1:]) // nor is its end
	if got := Compare(s, e); len(got) != 2 || !strings.HasSuffix(got[0], "is missing") {
		t.Errorf("told is %q", got)
	}
}

// Two lies are both told, each of its message.
func TestTwoLies(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s, e := traffic(r, 8)
	e[6].PPID++
	events := slices.Delete(e, 2, 3)
	got := Compare(s, events)
	if len(got) != 2 || !strings.HasPrefix(got[0], "message 2 (") || !strings.HasPrefix(got[1], "message 6 (") {
		t.Errorf("told is %q", got)
	}
}

// Three messages in one, and a message in three.
func TestMoreThanTwoPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	s, e := traffic(r, 6)
	whole := slices.Concat(s.payload(1), s.payload(2), s.payload(3))
	merged := append(slices.Clone(e[:1]), append([]wire.Event{bytesOf(e[1], whole)}, e[4:]...)...)
	if got := Compare(s, merged); len(got) != 1 || !strings.HasPrefix(got[0], "message 1 (") || !strings.HasSuffix(got[0], fmt.Sprintf("came merged into one of %d bytes", len(whole))) {
		t.Errorf("merged: %q", got)
	}
	p := s.payload(4)
	split := slices.Concat(slices.Clone(e[:4]), []wire.Event{bytesOf(e[4], p[:5]), bytesOf(e[4], p[5:9]), bytesOf(e[4], p[9:])}, e[5:])
	if got := Compare(s, split); len(got) != 1 || !strings.HasPrefix(got[0], "message 4 (") || !strings.HasSuffix(got[0], "came split into 3") {
		t.Errorf("split: %q", got)
	}
}

// Of one kind of harm the first few are told and the others counted.
func TestManyOfOneKind(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	s, e := traffic(r, 10)
	for i := range e {
		e[i].PPID += 100
	}
	got := Compare(s, e)
	if len(got) != mostExamples+1 || got[mostExamples] != "and 7 more with a wrong PPID" {
		t.Errorf("told is %q", got)
	}
}
