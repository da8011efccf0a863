package assoc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/wire"
)

// Learns expects the end's last receive to have told within a bound that its association is
// over.
type Learns struct {
	Within Bound     `json:"within"`
	Since  time.Time `json:"since,omitzero"` // that the other end is gone; zero is the beginning of the receive
}

func (x Learns) judge(k *known) *Fault {
	end, waited := x.told(k)
	after := "after " + waited.String()
	if !x.Since.IsZero() {
		after = waited.String() + " after it was"
	}
	switch {
	case end == nil && waited < x.Within.Limit:
		k.err = fmt.Errorf("%s listened for %v, which is too short to judge %v", k.of.Name, waited, x.Within)
	case end == nil:
		return wrongly("%s was not told in %v that its peer is gone, wanted within %v", k.of.Name, waited, x.Within).as(EndNotTold)
	case x.Within.Exceeded(waited):
		return wrongly("%s was told that its peer is gone (%s) %s, wanted within %v", k.of.Name, Describe(*end), after, x.Within).as(EndNotTold)
	}
	return nil
}

// told is the event that the end has learned it by, if it has, and when.
func (x Learns) told(k *known) (*wire.Event, time.Duration) {
	s := k.last(wire.DoReceive)
	end, waited := Over(s.Reply)
	if !x.Since.IsZero() {
		waited = s.At.Sub(x.Since) + waited
	}
	return end, waited.Round(time.Millisecond)
}

// Over is the first event that tells an end that its association is over, and how long the
// step had waited for it.
func Over(r *wire.SocketReply) (*wire.Event, time.Duration) {
	i := slices.IndexFunc(r.Events, func(v wire.Event) bool {
		return v.State == "COMM_LOST" || v.Kind == wire.EventShutdown || v.Kind == wire.EventEOF || v.Kind == wire.EventError
	})
	if i < 0 {
		return nil, took(r)
	}
	return &r.Events[i], (time.Duration(r.Events[i].At-r.Begun) * time.Microsecond).Round(time.Millisecond)
}

// Gone expects the kernel to have no association of the end any more.
type Gone struct{}

func (Gone) judge(k *known) *Fault {
	if st := k.last(wire.DoStatus).Reply.Status; st != nil {
		return wrongly("%s still has the association after its end: it is %s", k.of.Name, st.State)
	}
	return nil
}

// Quiet expects the end's last receive to have told nothing but the beginning of its
// association.
type Quiet struct{}

func (Quiet) judge(k *known) *Fault {
	for _, v := range k.last(wire.DoReceive).Reply.Events {
		switch v.State {
		case "COMM_UP", "ADDR_CONFIRMED":
		case "ADDR_UNREACHABLE", "COMM_LOST":
			return wrongly("%s was idle and was told %s: its HEARTBEATs are not answered, or its peer is gone", k.of.Name, Describe(v)).as(ChunkLost)
		default:
			return wrongly("%s was idle and was told %s", k.of.Name, Describe(v))
		}
	}
	return nil
}

// Beats expects heartbeats to have gone as often as the timers of the connect ask for, and their
// answers to have come, while the end was idle between its last two statuses, and its path to be
// active. Its peer must send none: the kernel counts what answers them with those that went.
type Beats struct {
	Interval time.Duration `json:"interval"` // of the heartbeats
}

// answers is how many of them show that heartbeats are answered. Some may be lost, and are missed
// by nobody as long as the path stays active.
const answers = 2

func (x Beats) judge(k *known) *Fault {
	idle, each := x.idle(k)
	out, in := k.since("octrlchunks"), k.since("ictrlchunks")
	want := max(int((idle-Slack)/each.Limit), answers)
	if p := primary(k.status(0)); p.State != "ACTIVE" || out < want || in < answers {
		return wrongly("%s was idle for %v: its peer's address %s is %s, %d HEARTBEATs went and %d HEARTBEAT-ACKs came, wanted ACTIVE and at least %d and %d, for one goes at least every %v",
			k.of.Name, idle, p.Addr, p.State, out, in, want, answers, each)
	}
	return nil
}

// idle is how long the end was, and how long it may take from one heartbeat to the next. Both
// ends have the timers of the connect.
func (x Beats) idle(k *known) (time.Duration, Bound) {
	by := k.of
	if len(k.all(by.Number, wire.DoDial)) == 0 {
		by = k.peer
	}
	var t wire.Timers
	if dial := k.back(0, by, wire.DoDial); dial.Op.Timers != nil {
		t = *dial.Op.Timers
	} else {
		k.err = fmt.Errorf("the connect of %s had no timers", by.Name)
	}
	each := heartbeat(t, x.Interval)
	if each.Limit <= 0 {
		k.err = fmt.Errorf("heartbeats of %s have no time between them", k.of.Name)
		each.Limit = 1
	}
	return took(k.last(wire.DoReceive).Reply), each
}

// One expects the end to have been told of the beginning of one association.
type One struct{}

func (One) judge(k *known) *Fault {
	begun := map[int32]bool{}
	for _, v := range k.events(k.of) {
		if v.State == "COMM_UP" {
			begun[v.Assoc] = true
		}
	}
	if len(begun) != 1 {
		return wrongly("%s has %d associations, wanted 1", k.of.Name, len(begun))
	}
	return nil
}

// Paths expects the end's paths to some addresses to be in a state.
type Paths struct {
	State  string       `json:"state"`
	Addrs  []netip.Addr `json:"addrs"`
	Within Bound        `json:"within"` // that it was waited for
	Since  time.Time    `json:"since"`
}

// Other tells of the paths that a status shows in another state.
func (x Paths) Other(st wire.SocketStatus) (out []string) {
	for _, a := range x.Addrs {
		if i := slices.IndexFunc(st.Peers, func(p wire.PeerAddr) bool { return p.Addr == a }); i < 0 {
			out = append(out, a.String()+" is not listed")
		} else if st.Peers[i].State != x.State {
			out = append(out, a.String()+" is "+st.Peers[i].State)
		}
	}
	return out
}

func (x Paths) judge(k *known) *Fault {
	if other := x.Other(k.status(0)); len(other) > 0 {
		return wrongly("of the paths of %s, %s, wanted %s within %v", k.of.Name, strings.Join(other, ", "), x.State, x.Within)
	}
	return nil
}

// Addresses expects the end to know exactly these addresses of itself and of its peer.
type Addresses struct {
	Own  []netip.Addr `json:"own"`
	Peer []netip.Addr `json:"peer"`
}

func (x Addresses) judge(k *known) *Fault {
	st := k.status(0)
	var theirs []netip.Addr
	for _, p := range st.Peers {
		theirs = append(theirs, p.Addr)
	}
	if !same(st.Local, x.Own) || !same(theirs, x.Peer) {
		return wrongly("%s has the addresses %v and its peer %v, wanted %v and %v", k.of.Name, st.Local, theirs, x.Own, x.Peer)
	}
	return nil
}

// same compares addresses without their order.
func same(a, b []netip.Addr) bool {
	a, b = slices.SortedFunc(slices.Values(a), netip.Addr.Compare), slices.SortedFunc(slices.Values(b), netip.Addr.Compare)
	return slices.Equal(a, b)
}
