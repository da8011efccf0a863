package assoc

import (
	"encoding/json"
	"testing"

	"sctp.test/framework/wire"
)

// Whatever an agent says that it has received, the judge does not panic, and it finds fault
// with fewer messages than were sent.
func FuzzCompare(f *testing.F) {
	sent := Sent{Nonce: "n", Messages: []wire.SendMessage{{Message: wire.Message{Size: 3}}, {Message: wire.Message{Size: 5, Stream: 1, PPID: 60}}}}
	for n := range 3 {
		var events []wire.Event
		for i := range n {
			m := sent.Messages[i]
			events = append(events, wire.Event{Kind: wire.EventMessage, Size: m.Size, Digest: wire.Digest(sent.payload(i)), Stream: m.Stream, PPID: m.PPID})
		}
		raw, err := json.Marshal(events)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var events []wire.Event
		if json.Unmarshal(raw, &events) != nil {
			return
		}
		if wrong := Compare(sent, events); len(wrong) == 0 && len(Messages(events)) != len(sent.Messages) {
			t.Errorf("%d messages are as good as %d", len(Messages(events)), len(sent.Messages))
		}
		Harm(sent, events)
	})
}
