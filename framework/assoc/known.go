package assoc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// known is what sockets had told when something was expected of an end.
type known struct {
	of, peer End
	at       int
	asked    []*Step // all that had begun, in the order in which they began
	answered []*Step // of these, those with a reply, in the order of replies
	err      error   // what does not stand where it must
}

func (c *Course) known(x *Expected) *known {
	k := &known{of: x.Of, peer: x.Peer, at: x.At}
	for _, s := range c.steps {
		if s.Asked < x.At {
			k.asked = append(k.asked, s)
		}
	}
	for _, s := range c.over() {
		if s.Reply != nil && s.Answered < x.At {
			k.answered = append(k.answered, s)
		}
	}
	slices.SortFunc(k.asked, func(a, b *Step) int { return a.Asked - b.Asked })
	return k
}

// all are the steps of a kind with an end's socket.
func (k *known) all(end int, do wire.Verb) (out []*Step) {
	for _, s := range k.answered {
		if s.End == end && s.Op.Do == do {
			out = append(out, s)
		}
	}
	return out
}

// back is the last step of a kind but so many. One that there is not makes the judgement void.
func (k *known) back(n int, e End, do wire.Verb) *Step {
	all := k.all(e.Number, do)
	if len(all) <= n {
		k.err = fmt.Errorf("%d times %s of %s stand before it, wanted %d", len(all), do, e.Name, n+1)
		return &Step{Reply: &wire.SocketReply{Status: &wire.SocketStatus{}}, Op: wire.SocketOp{Timers: &wire.Timers{}}}
	}
	return all[len(all)-1-n]
}

func (k *known) last(do wire.Verb) *Step { return k.back(0, k.of, do) }

// status is what the kernel told of the end's association the last time but so many, which
// was to be alive.
func (k *known) status(n int) wire.SocketStatus {
	st := k.back(n, k.of, wire.DoStatus).Reply.Status
	if st == nil {
		k.err = fmt.Errorf("%s had no association to tell of", k.of.Name)
		return wire.SocketStatus{}
	}
	return *st
}

// since is by how much a counter of the end's association grew between its last two statuses.
func (k *known) since(counter string) int {
	return int(k.status(0).Stats[counter] - k.status(1).Stats[counter])
}

// sent is what an end had passed to its kernel. Of a step that is not over that is all.
func (k *known) sent(e End) Sent {
	var out Sent
	for _, s := range k.asked {
		if s.End != e.Number || s.Op.Do != wire.DoSend {
			continue
		}
		messages := s.Op.Messages
		if s.Reply != nil && s.Answered < k.at {
			messages = messages[:min(max(s.Reply.Sent, 0), len(messages))]
		}
		out.Nonce = s.Op.Nonce
		out.Messages = append(out.Messages, messages...)
	}
	return out
}

// events are everything that an end had been told.
func (k *known) events(e End) (out []wire.Event) {
	for _, s := range k.answered {
		for _, v := range s.Reply.Events {
			if s.End == e.Number || s.End == e.Hub && e.Hub != 0 && v.Assoc == e.Assoc {
				out = append(out, v)
			}
		}
	}
	return out
}

// wrong tells in what the messages that an end got differ from those its peer had sent.
func (k *known) wrong(of, peer End) []string { return Compare(k.sent(peer), k.events(of)) }

// harmed is a failure for messages that came to the end otherwise than its peer sent them,
// with the class of the harm and, where there is one, its sentence before the text.
func (k *known) harmed(format string, args ...any) *Fault {
	class, sentence := Harm(k.sent(k.peer), k.events(k.of))
	if sentence != "" {
		sentence += "; "
	}
	return &Fault{Ground: reach.GroundFail, Class: class, Text: sentence + fmt.Sprintf(format, args...)}
}

// short is for a receive that did not bring what it was to bring. Where the clock ended it
// and the sender's kernel has nothing outstanding, the packets came: either the agent did not
// read, or its kernel delivers nothing, for what came fits nothing (RFC 9260 section 6.6).
func (k *known) short(s *Step, got string) *Fault {
	r := s.Reply
	text := fmt.Sprintf("%s got %s in %v", k.of.Name, got, took(r))
	if last := len(r.Events) - 1; !r.Late && last >= 0 && r.Events[last].Kind != wire.EventMessage {
		text = fmt.Sprintf("%s was told %s and got %s in %v", k.of.Name, Describe(r.Events[last]), got, took(r))
	}
	full := text
	f := wrongly("%s", text)
	if wrong := k.wrong(k.of, k.peer); len(wrong) > 0 && k.peer.Number != 0 {
		full += ": " + strings.Join(wrong, "; ")
		f = k.harmed("%s", full)
	}
	if !r.Late {
		return f
	}
	for _, after := range k.all(k.peer.Number, wire.DoStatus) {
		st := after.Reply.Status
		if after.Asked < s.Answered || st == nil {
			continue
		}
		state := fmt.Sprintf("its peer is %s, unacknowledged chunks: %d, sent again: %d", st.State, st.Unacked, st.Stats["rtxchunks"])
		switch came := len(k.sent(k.peer).Messages) > 0 && st.Unacked == 0 && st.Stats["rtxchunks"] == 0; {
		case came && r.Unread:
			return &Fault{Ground: reach.GroundBroken, Text: "the agent has not read what came: " + text + "; " + state}
		case came:
			f = wrongly("messages were acknowledged and are not delivered, as if their numbers or flags were changed on the way; %s", full)
			f.Class = MessageDamaged
		}
		f.Text += "; " + state
		break
	}
	return f
}

// lost is for a chunk that the peer's kernel has sent and that did not have its effect on
// the end.
func (k *known) lost(chunk string, r *wire.SocketReply) *Fault {
	told := "was told nothing"
	switch last := len(r.Events) - 1; {
	case last < 0:
	case r.Events[last].Kind == wire.EventMessage:
		told = "got nothing after a " + Describe(r.Events[last])
	default:
		told = "was told " + Describe(r.Events[last]) + " last"
	}
	f := wrongly("the %s of %s had no effect on %s, which %s in %v", chunk, k.peer.Name, k.of.Name, told, took(r))
	f.Class = ChunkLost
	return f
}

// wrongly is a failure of the path.
func wrongly(format string, args ...any) *Fault {
	return &Fault{Ground: reach.GroundFail, Text: fmt.Sprintf(format, args...)}
}

// took is how long a step took on the agent's clock.
func took(r *wire.SocketReply) time.Duration {
	return (time.Duration(r.Ended-r.Begun) * time.Microsecond).Round(time.Millisecond)
}

// outcome is what a reply says of a call that did not work, for people.
func outcome(r *wire.SocketReply) string {
	if r.Late {
		done := "nothing"
		if n := r.Sent + len(Messages(r.Events)); n > 0 {
			done = fmt.Sprintf("%d messages and no more", n)
		}
		return fmt.Sprintf("%s within %v", done, took(r))
	}
	return fmt.Sprintf("%s (%s) after %v", r.Errno, r.Call, took(r))
}

// Describe tells of an event, for people.
func Describe(v wire.Event) string {
	parts := []string{string(v.Kind), v.State, v.Errno, v.Cause}
	if v.Kind == wire.EventAssoc && v.State != "" {
		parts = parts[1:] // COMM_LOST and the like stand for themselves
	}
	text := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
	switch v.Kind {
	case wire.EventMessage:
		text += fmt.Sprintf(" of %d bytes on stream %d, PPID %d", v.Size, v.Stream, v.PPID)
	case wire.EventPeerAddr:
		text += " " + v.Addr.String()
	}
	return text
}
