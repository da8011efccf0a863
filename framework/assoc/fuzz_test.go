package assoc

import (
	"bytes"
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
	f.Add([]byte(`[{"kind":"message","size":-1}]`))
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

// Whatever stands in associations.jsonl, it is refused or judged, and what is wrong is told of.
func FuzzReplay(f *testing.F) {
	for _, s := range scenes {
		w, _ := play(f, s.steps, s.of, s.peer, s.what)
		f.Add(linesOf(f, w))
	}
	for _, line := range []string{
		`{"walk":{"paths":[null]}}` + "\n" + `{"step":{"path":"p"}}`,
		`{"walk":{"paths":[{"path":"p"}]}}` + "\n" + `{"step":{"path":"p","end":1,"answered":1,"op":{"do":"send","messages":[{"size":1}]},"reply":{"sent":-1}}}` +
			"\n" + `{"expect":{"path":"p","at":2,"of":{"number":2},"peer":{"number":1},"kind":"intact","what":{}}}`,
		`{"walk":{"paths":[{"path":"p"}]}}` + "\n" + `{"step":{"path":"p","op":{"do":"send","messages":[{"size":-1}]}}}`,
		`{"walk":{"paths":[{"path":"p"}]}}` + "\n" + `{"expect":{"path":"p","kind":"gives-up","what":null}}`,
		`{"walk":{"paths":[{"path":"p"}]}}` + "\n" + `{"step":{"path":"p","end":1,"answered":1,"op":{"do":"dial"},"reply":{}}}` +
			"\n" + `{"expect":{"path":"p","at":2,"of":{"number":1},"kind":"gives-up","what":{}}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		walks, err := Replay(bytes.NewReader(raw))
		if err != nil || !sane(walks) {
			return
		}
		ground, text, elsewhere, err := Verdict(walks, nil)
		if (ground == "") != (text == "") && err == nil || err != nil && (ground != "" || text != "" || elsewhere) {
			t.Errorf("ground %q, text %q, elsewhere %v, %v", ground, text, elsewhere, err)
		}
		for _, w := range walks {
			_ = w.Times()
			if again, err := Replay(bytes.NewReader(linesOf(t, w))); err != nil || len(again) != 1 || len(again[0].Courses) != len(w.Courses) {
				t.Errorf("a walk is read again as %d, %v", len(again), err)
			}
		}
	})
}

// linesOf are the lines of a walk.
func linesOf(t testing.TB, w *Walk) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, l := range w.Lines() {
		if err := json.NewEncoder(&b).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// sane leaves out messages and timers that no agent takes.
func sane(walks []*Walk) bool {
	for _, w := range walks {
		for _, c := range w.Courses {
			for _, s := range c.steps {
				if s.Op.Timers != nil && s.Op.Timers.MaxInits > 1<<8 {
					return false
				}
				for _, m := range s.Op.Messages {
					if m.Size > 1<<16 {
						return false
					}
				}
			}
		}
	}
	return true
}
