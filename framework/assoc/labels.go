package assoc

import (
	"fmt"
	"slices"
	"strings"

	"sctp.test/framework/wire"
)

// Streams expects the end to have so many streams each way.
type Streams struct {
	Out uint16 `json:"out"`
	In  uint16 `json:"in"`
}

func (x Streams) judge(k *known) *Fault {
	st := k.status(0)
	if st.OutStreams == x.Out && st.InStreams == x.In {
		return nil
	}
	f := wrongly("%s has %d outgoing and %d incoming streams, wanted %d and %d", k.of.Name, st.OutStreams, st.InStreams, x.Out, x.In)
	f.Class = StreamsChanged
	return f
}

// Agreed expects the ends to have agreed, when their association began, on what both had asked
// for.
type Agreed struct {
	Interleaving bool  `json:"interleaving,omitempty"` // I-DATA chunks (RFC 8260 section 2.2.1)
	Auth         []int `json:"auth,omitempty"`         // types of chunks that the peer wants authenticated (RFC 4895 section 3.2)
}

func (x Agreed) judge(k *known) *Fault {
	st := k.status(0)
	var lacks []string
	if x.Interleaving && !st.Interleaving {
		lacks = append(lacks, "user message interleaving (I-DATA chunks)")
	}
	for _, t := range x.Auth {
		if !slices.Contains(st.AuthChunks, t) {
			lacks = append(lacks, fmt.Sprintf("authenticated chunks of type %d (0 is DATA)", t))
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return wrongly("both ends asked for %s, and by the kernel of %s it was not agreed on with %s", strings.Join(lacks, " and "), k.of.Name, k.peer.Name)
}

// Overtakes expects what the end has received first to be of one stream, although a message of
// another was sent before and was still under way (RFC 8260 section 2.2).
type Overtakes struct {
	Stream uint16 `json:"stream"`
}

func (x Overtakes) judge(k *known) *Fault {
	messages := Messages(k.events(k.of))
	if len(messages) > 0 && messages[0].Stream == x.Stream {
		return nil
	}
	first := "nothing"
	if len(messages) > 0 {
		first = fmt.Sprintf("%d bytes on stream %d first", messages[0].Size, messages[0].Stream)
	}
	return wrongly("%s received %s: what was sent on stream %d has overtaken nothing, although both ends agreed to interleave messages", k.of.Name, first, x.Stream)
}

// Numbered expects the numbers of each stream to have gone up one by one from 0.
type Numbered struct{}

func (Numbered) judge(k *known) *Fault {
	next := map[uint16]uint16{}
	for _, m := range Messages(k.events(k.of)) {
		if m.SSN != next[m.Stream] {
			return wrongly("%s received stream sequence number %d on stream %d, wanted %d", k.of.Name, m.SSN, m.Stream, next[m.Stream])
		}
		next[m.Stream]++
	}
	return nil
}

// Renumbered expects the messages of the end's last receive to have these numbers, by their
// streams, after one of them was reset.
type Renumbered struct {
	Reset   uint16            `json:"reset"` // stream
	Numbers map[uint16]uint16 `json:"numbers"`
}

func (x Renumbered) judge(k *known) *Fault {
	for _, m := range Messages(k.last(wire.DoReceive).Reply.Events) {
		if want := x.Numbers[m.Stream]; m.SSN != want {
			return wrongly("after stream %d was reset %s received stream sequence number %d on stream %d, wanted %d", x.Reset, k.of.Name, m.SSN, m.Stream, want)
		}
	}
	return nil
}

// InParts expects what the end has received, above a size, to have come by partial delivery, in
// reads of which the first end although there is room for more and without MSG_EOR (RFC 6458
// section 8.1.21), and the rest in one read each.
type InParts struct {
	Above int `json:"above"` // bytes, for which the end's receive window has room
}

func (x InParts) judge(k *known) *Fault {
	large := 0
	for _, m := range Messages(k.events(k.of)) {
		switch {
		case m.Size <= x.Above && m.Pieces > 1:
			return wrongly("%s received %d bytes on stream %d in %d reads, wanted one", k.of.Name, m.Size, m.Stream, m.Pieces)
		case m.Size <= x.Above:
		case m.Partial == 0:
			return wrongly("%s received %d bytes on stream %d without partial delivery (reads: %d), although its receive window has room for %d",
				k.of.Name, m.Size, m.Stream, m.Pieces, x.Above)
		default:
			large++
		}
	}
	if large == 0 {
		return wrongly("%s received nothing above %d bytes, which alone is delivered in parts", k.of.Name, x.Above)
	}
	return nil
}

// Only expects the end's last receive to have brought messages, and all on one stream: it
// dropped a packet of another.
type Only struct {
	Stream  uint16 `json:"stream"`
	Dropped uint16 `json:"dropped"` // stream
}

func (x Only) judge(k *known) *Fault {
	messages := Messages(k.last(wire.DoReceive).Reply.Events)
	if len(messages) == 0 {
		return wrongly("one stream blocks another: nothing on stream %d was delivered to %s while a message on stream %d was missing", x.Stream, k.of.Name, x.Dropped)
	}
	for _, m := range messages {
		if m.Stream != x.Stream {
			return wrongly("%s received %d bytes on stream %d, whose packets it dropped", k.of.Name, m.Size, m.Stream)
		}
	}
	return nil
}

// Widens expects the end's congestion window to hold so many bytes.
type Widens struct {
	Window uint32 `json:"window"` // bytes
}

func (x Widens) judge(k *known) *Fault {
	if got := primary(k.status(0)).CWnd; got < x.Window {
		return wrongly("the congestion window of %s is %d bytes after %d messages, wanted %d", k.of.Name, got, len(k.sent(k.of).Messages), x.Window)
	}
	return nil
}

// primary is the path that an association uses.
func primary(st wire.SocketStatus) wire.PeerAddr {
	if len(st.Peers) == 0 {
		return wire.PeerAddr{}
	}
	return st.Peers[0]
}

// Refuses expects the end's kernel to have refused what was sent last.
type Refuses struct {
	Errno string `json:"errno"`
}

func (x Refuses) judge(k *known) *Fault {
	s := k.last(wire.DoSend)
	if s.Reply.Errno == x.Errno {
		return nil
	}
	var m wire.SendMessage
	if len(s.Op.Messages) > 0 {
		m = s.Op.Messages[0]
	}
	ended := "succeeded"
	if s.Reply.Errno != "" {
		ended = "failed with " + s.Reply.Errno
	}
	return wrongly("sending %d bytes on stream %d from %s %s, wanted %s", m.Size, m.Stream, k.of.Name, ended, x.Errno)
}

// Mortal expects every message of the end to have been either delivered to its peer or
// reported as given up, only mortal ones to have been given up, and at least one of them.
type Mortal struct{}

func (Mortal) judge(k *known) *Fault {
	gone, came := map[string]bool{}, map[string]bool{}
	for _, e := range k.events(k.of) {
		if e.Kind == wire.EventFailed {
			gone[e.Digest] = true
		}
	}
	for _, m := range Messages(k.events(k.peer)) {
		came[m.Digest] = true
	}
	sent := k.sent(k.of)
	for i, m := range sent.Messages {
		d := wire.Digest(sent.payload(i))
		what := fmt.Sprintf("message %d of %s (lifetime %d ms)", i, k.of.Name, m.Value)
		switch {
		case m.Policy == "" && gone[d]:
			return wrongly("message %d of %s, which had no lifetime, is reported as given up", i, k.of.Name)
		case came[d] && gone[d]:
			return wrongly("%s is reported as given up, and %s has received it", what, k.peer.Name)
		case !came[d] && !gone[d]:
			return wrongly("%s is not reported as given up, and %s has not received it", what, k.peer.Name)
		}
	}
	if len(gone) == 0 {
		return wrongly("none of the messages that were not to live was given up")
	}
	return nil
}
