package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// doorLock lets one path at a time through a listener.
type doorLock struct{ sync.Mutex }

// Receive waits for so many messages and returns them.
func (e *End) Receive(ctx context.Context, messages int) []wire.Event {
	r := e.Read(ctx, wire.Until{Messages: messages}, patienceFor(messages))
	got := assoc.Messages(r.Events)
	if len(got) < messages {
		e.short(ctx, r, fmt.Sprintf("%d of %d messages", len(got), messages))
	}
	return got
}

// Await waits for an event and returns it.
func (e *End) Await(ctx context.Context, kind wire.EventKind, state string) wire.Event {
	r := e.Read(ctx, wire.Until{Event: kind, State: state}, stepPatience)
	i := slices.IndexFunc(r.Events, func(v wire.Event) bool { return v.Kind == kind && (state == "" || v.State == state) })
	if i < 0 {
		e.short(ctx, r, "no "+strings.TrimSpace(string(kind)+" "+state))
	}
	return r.Events[i]
}

// short ends the path because a receive did not bring what it was to bring. Where the clock
// ended it and the sender's kernel has nothing outstanding, the packets came and it is the
// agent that did not read.
func (e *End) short(ctx context.Context, r *wire.SocketReply, got string) {
	took := time.Duration(r.Ended-r.Begun) * time.Microsecond
	text := fmt.Sprintf("%s got %s in %v", e, got, took.Round(time.Millisecond))
	if e.other != nil {
		if wrong := e.wrong(); len(wrong) > 0 {
			text = e.harm() + text + ": " + strings.Join(wrong, "; ")
		}
	}
	if !r.Late {
		if last := len(r.Events) - 1; last >= 0 && r.Events[last].Kind != wire.EventMessage {
			text += "; then " + describe(r.Events[last])
		}
		e.Path.Fail("%s", text)
	}
	ground := reach.GroundFail
	if e.other != nil {
		if st := e.other.Do(ctx, wire.SocketOp{Do: wire.DoStatus}).Status; st != nil {
			text += fmt.Sprintf("; its peer is %s with %d chunks unacknowledged and %d sent again", st.State, st.Unacked, st.Stats["rtxchunks"])
			if len(e.other.Sent.Messages) > 0 && st.Unacked == 0 && st.Stats["rtxchunks"] == 0 {
				ground = reach.GroundBroken
			}
		}
	}
	e.Path.end(ground, "%s", text)
}

// ReceivedAll fails the path unless this end has received what its peer has sent: all of
// it, once, whole, in order, and as it was labelled.
func (e *End) ReceivedAll() {
	if wrong := e.wrong(); len(wrong) > 0 {
		e.Path.Fail("%swhat %s sent did not come to %s as it was: %s", e.harm(), e.other, e, strings.Join(wrong, "; "))
	}
}

// harm notes the class of what befell the messages to this end, and returns it in words for
// the beginning of a line.
func (e *End) harm() string {
	e.Path.mu.Lock()
	sent := e.other.Sent
	e.Path.mu.Unlock()
	class, sentence := assoc.Harm(sent, e.Events)
	e.Path.class = class
	if sentence == "" {
		return ""
	}
	return sentence + "; "
}

// Finish shuts the association down from this end and fails the path unless both ends see
// the orderly end and this end's peer has received everything.
func (e *End) Finish(ctx context.Context) {
	e.Shutdown(ctx)
	r := e.other.Read(ctx, wire.Until{Event: wire.EventEOF}, stepPatience)
	if last := len(r.Events) - 1; r.Late || last < 0 || r.Events[last].Kind != wire.EventEOF {
		if len(e.other.wrong()) > 0 { // what was to come before it did not
			e.other.short(ctx, r, "no end of file after the SHUTDOWN of "+e.String())
		}
		e.lost("SHUTDOWN", e.other, r)
	}
	e.other.ReceivedAll()
	if r := e.Read(ctx, wire.Until{Event: wire.EventAssoc, State: "SHUTDOWN_COMP"}, stepPatience); !has(r, "SHUTDOWN_COMP") {
		e.other.lost("SHUTDOWN-ACK", e, r)
	}
}

// Aborted waits until this end is told that its peer has aborted the association, and
// returns what it is told.
func (e *End) Aborted(ctx context.Context) wire.Event {
	r := e.Read(ctx, wire.Until{Event: wire.EventAssoc, State: "COMM_LOST"}, stepPatience)
	if !has(r, "COMM_LOST") {
		e.other.lost("ABORT", e, r)
	}
	return r.Events[slices.IndexFunc(r.Events, func(v wire.Event) bool { return v.State == "COMM_LOST" })]
}

// has says whether a receive brought an event with some state.
func has(r *wire.SocketReply, state string) bool {
	return slices.ContainsFunc(r.Events, func(v wire.Event) bool { return v.State == state })
}

// lost ends the path because a chunk that this end's kernel has sent did not have its effect
// on the other end.
func (e *End) lost(chunk string, to *End, r *wire.SocketReply) {
	took := (time.Duration(r.Ended-r.Begun) * time.Microsecond).Round(time.Millisecond)
	told := "was told of nothing"
	if last := len(r.Events) - 1; last >= 0 {
		told = "was told last of " + describe(r.Events[last])
	}
	e.Path.class = assoc.ChunkLost
	e.Path.Fail("the %s of %s did not come to %s, which %s in %v", chunk, e, to, told, took)
}

// describe tells of an event, for people.
func describe(v wire.Event) string {
	text := string(v.Kind)
	for _, s := range []string{v.State, v.Errno, v.Cause} {
		if s != "" {
			text += " " + s
		}
	}
	switch v.Kind {
	case wire.EventMessage:
		text += fmt.Sprintf(" of %d bytes on stream %d, PPID %d", v.Size, v.Stream, v.PPID)
	case wire.EventPeerAddr:
		text += " " + v.Addr.String()
	}
	return text
}

// mostSteps and mostEvents are told of a path that failed: the last ones.
const (
	mostSteps  = 12
	mostEvents = 4
)

// tell writes what was done on the path, with times since the first step.
func (p *Path) tell(b *strings.Builder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	steps := p.steps[max(0, len(p.steps)-mostSteps):]
	for _, s := range steps {
		fmt.Fprintf(b, "    %6.3fs %-14s %s%s\n", s.At.Sub(p.steps[0].At).Seconds(), s.Agent, s.Op.Do, s.summary())
	}
}

// summary is what came of a step, in a few words.
func (s step) summary() string {
	switch {
	case s.Reply == nil:
		return ": " + s.Trouble
	case s.Reply.Errno != "" || s.Reply.Late:
		return ": " + outcome(s.Reply)
	}
	var parts []string
	if n := len(s.Op.Messages); n > 0 {
		parts = append(parts, fmt.Sprintf("%d messages", n))
	}
	if n := len(assoc.Messages(s.Reply.Events)); n > 0 {
		parts = append(parts, fmt.Sprintf("%d messages", n))
	}
	notes := slices.DeleteFunc(slices.Clone(s.Reply.Events), func(v wire.Event) bool { return v.Kind == wire.EventMessage })
	for _, v := range notes[max(0, len(notes)-mostEvents):] {
		parts = append(parts, describe(v))
	}
	if st := s.Reply.Status; st != nil {
		parts = append(parts, st.State)
	}
	parts = append(parts, fmt.Sprintf("%v", (time.Duration(s.Reply.Ended-s.Reply.Begun)*time.Microsecond).Round(100*time.Microsecond)))
	return ": " + strings.Join(parts, ", ")
}
