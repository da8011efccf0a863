package assoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Arrives expects the end's last receive to have brought so many messages, or an event.
type Arrives struct {
	Messages int            `json:"messages,omitempty"`
	Event    wire.EventKind `json:"event,omitempty"`
	State    string         `json:"state,omitempty"` // of the event, "" for any
}

// Short says whether a receive did not bring it.
func (x Arrives) Short(r *wire.SocketReply) bool {
	if x.Event == "" {
		return len(Messages(r.Events)) < x.Messages
	}
	return !slices.ContainsFunc(r.Events, x.Is)
}

// Is says whether an event is the one that is expected.
func (x Arrives) Is(v wire.Event) bool {
	return v.Kind == x.Event && (x.State == "" || v.State == x.State)
}

func (x Arrives) judge(k *known) *Fault {
	s := k.last(wire.DoReceive)
	switch {
	case !x.Short(s.Reply):
		return nil
	case x.Event == "":
		return k.short(s, fmt.Sprintf("%d of %d messages", len(Messages(s.Reply.Events)), x.Messages))
	default:
		return k.short(s, "no "+Describe(wire.Event{Kind: x.Event, State: x.State}))
	}
}

// Intact expects the end to have received what its peer has sent: all of it, once, whole, in
// order, and as it was labelled.
type Intact struct{}

func (Intact) judge(k *known) *Fault {
	if wrong := k.wrong(k.of, k.peer); len(wrong) > 0 {
		return k.harmed("what %s sent did not come to %s as it was: %s", k.peer.Name, k.of.Name, strings.Join(wrong, "; "))
	}
	return nil
}

// Closes expects the end's last receive to have ended with the end of file that follows on
// its peer's SHUTDOWN.
type Closes struct{}

// Short says whether a receive did not end so.
func (Closes) Short(r *wire.SocketReply) bool {
	last := len(r.Events) - 1
	return last < 0 || r.Events[last].Kind != wire.EventEOF
}

func (x Closes) judge(k *known) *Fault {
	s := k.last(wire.DoReceive)
	switch {
	case !x.Short(s.Reply):
		return nil
	case len(k.wrong(k.of, k.peer)) > 0: // what was to come before it did not
		return k.short(s, "no end of file after the SHUTDOWN of "+k.peer.Name)
	case slices.ContainsFunc(s.Reply.Events, Arrives{Event: wire.EventShutdown}.Is):
		return wrongly("%s got the SHUTDOWN of %s, and no end of file after it in %v", k.of.Name, k.peer.Name, took(s.Reply))
	default:
		return k.lost("SHUTDOWN", s.Reply)
	}
}

// Hears expects the end's last receive to have brought the event that a chunk of its peer
// brings about.
type Hears struct {
	Chunk  string         `json:"chunk"`
	Event  wire.EventKind `json:"event,omitempty"`  // "" is a change of the association
	State  string         `json:"state,omitempty"`  // of the event, "" for any
	Reason string         `json:"reason,omitempty"` // of the upper layer; "" for any
}

// in is where a receive has brought it, and -1 where it has not.
func (x Hears) in(r *wire.SocketReply) int {
	return slices.IndexFunc(r.Events, Arrives{Event: cmp.Or(x.Event, wire.EventAssoc), State: x.State}.Is)
}

func (x Hears) judge(k *known) *Fault {
	r := k.last(wire.DoReceive).Reply
	i := x.in(r)
	if i < 0 {
		return k.lost(x.Chunk, r)
	}
	if v := r.Events[i]; x.Reason != "" && v.Cause != x.Reason {
		return wrongly("%s was aborted with the reason %q (cause code %d), wanted %q", k.of.Name, v.Cause, v.Error, x.Reason)
	}
	return nil
}

// Gathers expects the last receive of a one-to-many socket to have brought so many messages
// of each of its associations, and none of another.
type Gathers struct {
	Each int    `json:"each"`
	Ends []Pair `json:"ends"`
}

// Pair is both ends of one association.
type Pair struct{ Of, Peer End }

func (x Gathers) judge(k *known) *Fault {
	r := k.last(wire.DoReceive).Reply
	for _, v := range r.Events {
		mine := func(p Pair) bool { return p.Of.Assoc == v.Assoc }
		if v.Kind == wire.EventMessage && !slices.ContainsFunc(x.Ends, mine) {
			return wrongly("the one-to-many socket of %s received a %s of association %d, which is not one of its own", k.of.Name, Describe(v), v.Assoc)
		}
	}
	got, want := len(Messages(r.Events)), x.Each*len(x.Ends)
	if got >= want {
		return nil
	}
	f := wrongly("the one-to-many socket of %s got %d of %d messages in %v", k.of.Name, got, want, took(r))
	for _, p := range x.Ends {
		for _, wrong := range k.wrong(p.Of, p.Peer) {
			f.Text += fmt.Sprintf("; of port %d: %s", k.back(0, p.Peer, wire.DoDial).Reply.Local.Port(), wrong)
		}
	}
	return f
}

// Elsewhere is what no socket has told: the path ends, and nobody can judge it again.
type Elsewhere struct {
	Ground reach.Ground `json:"ground"`
	Text   string       `json:"text"`
}

func (x Elsewhere) judge(*known) *Fault {
	return &Fault{Ground: x.Ground, Text: x.Text, Elsewhere: true}
}
