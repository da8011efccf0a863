package assoc

import (
	"testing"

	"sctp.test/framework/wire"
)

func TestHarm(t *testing.T) {
	sent := Sent{Nonce: "7f3a09"}
	for _, size := range []int{1, 1000, 1200, 64} {
		sent.Messages = append(sent.Messages, wire.SendMessage{Message: wire.Message{Size: size}})
	}
	arrive := func(which ...int) (out []wire.Event) {
		for _, i := range which {
			out = append(out, wire.Event{Kind: wire.EventMessage, Size: sent.Messages[i].Size, Digest: wire.Digest(sent.payload(i))})
		}
		return out
	}
	cut := arrive(0, 1, 2, 3)
	cut[1].Digest = "00ff"
	for _, c := range []struct {
		name   string
		events []wire.Event
		class  string
	}{
		{"all arrived", arrive(0, 1, 2, 3), ""},
		{"the biggest is missing", arrive(0, 1, 3), SizeBlackHole},
		{"one in the middle is missing", arrive(0, 2, 3), DataLost},
		{"none arrived", nil, DataLost},
		{"other bytes", cut, MessageDamaged},
		{"twice", arrive(0, 1, 2, 3, 3), MessageDamaged},
	} {
		if class, sentence := Harm(sent, c.events); class != c.class || (sentence == "") != (class == "" || class == MessageDamaged) {
			t.Errorf("%s: %q, %q, want %q", c.name, class, sentence, c.class)
		}
	}
}

// What every path has room for is not lost for its size, although a stream that stops at a lost
// message lets only smaller ones through where messages grow.
func TestSizeIsNoReasonBelowWhatEveryPathTakes(t *testing.T) {
	for size, want := range map[int]string{150: DataLost, always: DataLost, always + 1: SizeBlackHole} {
		sent := Sent{Nonce: "7f3a09", Messages: []wire.SendMessage{{Message: wire.Message{Size: 140}}, {Message: wire.Message{Size: size}}}}
		came := []wire.Event{{Kind: wire.EventMessage, Size: 140, Digest: wire.Digest(sent.payload(0))}}
		if class, sentence := Harm(sent, came); class != want {
			t.Errorf("%d bytes are missing: %q, %q, want %q", size, class, sentence, want)
		}
	}
}
