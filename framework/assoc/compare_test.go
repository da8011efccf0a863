package assoc

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

// three messages on stream 1, of different sizes, and one on stream 2.
var sent = Sent{Nonce: "7f3a09", Messages: []wire.SendMessage{
	message(10, 1, 60), message(20, 1, 60), message(30, 1, 60), message(40, 2, 46),
}}

func message(size int, stream uint16, ppid uint32) wire.SendMessage {
	return wire.SendMessage{Message: wire.Message{Size: size, Stream: stream, PPID: ppid}}
}

// honest is what an end receives where nothing happens on the way.
func honest(s Sent) []wire.Event {
	out := []wire.Event{{Kind: wire.EventAssoc, State: "COMM_UP"}}
	for i, m := range s.Messages {
		out = append(out, event(s, i, m))
	}
	return append(out, wire.Event{Kind: wire.EventEOF})
}

func event(s Sent, i int, m wire.SendMessage) wire.Event {
	return wire.Event{
		Kind: wire.EventMessage, Size: m.Size, Digest: wire.Digest(s.payload(i)),
		Stream: m.Stream, PPID: m.PPID, Unordered: m.Unordered, Pieces: 1,
	}
}

func bytesOf(e wire.Event, b []byte) wire.Event {
	e.Size, e.Digest = len(b), wire.Digest(b)
	return e
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func([]wire.Event) []wire.Event
		want []string
	}{
		{"nothing", func(e []wire.Event) []wire.Event { return e }, nil},
		{"other streams first", func(e []wire.Event) []wire.Event { return swap(e, 3, 4) }, nil},
		{"missing", func(e []wire.Event) []wire.Event { return slices.Delete(e, 2, 3) }, []string{"message 1 (20 bytes, stream 1) is missing"}},
		{"twice", func(e []wire.Event) []wire.Event { return slices.Insert(e, 3, e[2]) }, []string{"message 1 (20 bytes, stream 1) came more than once"}},
		{
			"other bytes", func(e []wire.Event) []wire.Event { e[2].Digest = "00ff"; return e },
			[]string{"message 1 (20 bytes, stream 1) came with other bytes: digest 00ff instead of " + wire.Digest(sent.payload(1))},
		},
		{
			"cut", func(e []wire.Event) []wire.Event { e[2] = bytesOf(e[2], sent.payload(1)[:7]); return e },
			[]string{"message 1 (20 bytes, stream 1) was cut to 7 bytes"},
		},
		{"merged", func(e []wire.Event) []wire.Event {
			e[1] = bytesOf(e[1], append(sent.payload(0), sent.payload(1)...))
			return slices.Delete(e, 2, 3)
		}, []string{"message 0 (10 bytes, stream 1) to message 1 (20 bytes, stream 1) came merged into one of 30 bytes"}},
		{"split", func(e []wire.Event) []wire.Event {
			whole := e[3]
			e[3] = bytesOf(whole, sent.payload(2)[:11])
			return slices.Insert(e, 4, bytesOf(whole, sent.payload(2)[11:]))
		}, []string{"message 2 (30 bytes, stream 1) came split into 2"}},
		{
			"out of order", func(e []wire.Event) []wire.Event { return swap(e, 1, 2) },
			[]string{"message 0 (10 bytes, stream 1) came after message 1 (20 bytes, stream 1)"},
		},
		{"stream", func(e []wire.Event) []wire.Event { e[4].Stream = 0; return e }, []string{"message 3 (40 bytes, stream 2) came on stream 0"}},
		{
			"PPID", func(e []wire.Event) []wire.Event { e[4].PPID = 0x2e000000; return e },
			[]string{"message 3 (40 bytes, stream 2) came with PPID 771751936 instead of 46"},
		},
		{
			"flag", func(e []wire.Event) []wire.Event { e[4].Unordered = true; return e },
			[]string{"message 3 (40 bytes, stream 2) was sent with unordered false and came with true"},
		},
		{
			"a stranger", func(e []wire.Event) []wire.Event { return append(e, bytesOf(e[1], []byte("abc"))) },
			[]string{"3 bytes on stream 1 came that were not sent"},
		},
		{
			"not ended", func(e []wire.Event) []wire.Event {
				e[4].Cut = true
				e[4] = bytesOf(e[4], sent.payload(3)[:5])
				return e
			},
			[]string{"message 3 (40 bytes, stream 2) was cut to 5 bytes"},
		},
		{"nothing at all", func([]wire.Event) []wire.Event { return nil }, []string{
			"message 0 (10 bytes, stream 1) is missing", "message 1 (20 bytes, stream 1) is missing",
			"message 2 (30 bytes, stream 1) is missing", "and 1 more missing",
		}},
	} {
		if got := Compare(sent, c.harm(honest(sent))); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%q\nwant\n%q", c.name, got, c.want)
		}
	}
}

func swap(e []wire.Event, i, j int) []wire.Event {
	e[i], e[j] = e[j], e[i]
	return e
}

// Unordered messages may come at any place.
func TestUnorderedMessagesHaveNoOrder(t *testing.T) {
	s := Sent{Nonce: "7f3a09", Messages: slices.Clone(sent.Messages)}
	s.Messages[0].Unordered = true
	if got := Compare(s, swap(honest(s), 1, 3)); got[0] != "message 1 (20 bytes, stream 1) came after message 2 (30 bytes, stream 1)" || len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := Compare(s, swap(honest(s), 1, 2)); got != nil {
		t.Errorf("%q", got)
	}
}

// Payloads of one byte collide: they are told apart by stream and order.
func TestShortMessagesCollide(t *testing.T) {
	s := Sent{Nonce: "7f3a09"}
	for i := range 600 {
		s.Messages = append(s.Messages, message(1, uint16(i%3), 0))
	}
	if got := Compare(s, honest(s)); got != nil {
		t.Errorf("%q", got)
	}
}

func TestDeadPeer(t *testing.T) {
	b := DeadPeer(wire.Timers{RTOMax: 400, AssocMaxRetran: 4}, 200*time.Millisecond)
	if b.Limit != 4800*time.Millisecond || b.Exceeded(b.Limit+Slack) || !b.Exceeded(b.Limit+Slack+1) {
		t.Errorf("%v", b)
	}
	if want := "4.8s (6 heartbeats for assoc_maxrxt 4, each after interval 200ms + 1.5 * rto_max 400ms)"; b.String() != want {
		t.Errorf("%s\nwant %s", b, want)
	}
}
