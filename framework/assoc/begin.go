package assoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/wire"
)

// Connects expects the end's connect to have worked.
type Connects struct {
	To    string `json:"to"`
	After *End   `json:"after,omitempty"` // the first that was tried in its place
}

func (x Connects) judge(k *known) *Fault {
	s := k.last(wire.DoDial)
	if !failed(s.Reply) {
		return nil
	}
	if x.After != nil {
		first := k.back(0, *x.After, wire.DoDial)
		return wrongly("%s could not connect to %s again and again in %v; last try: %s", k.of.Name, x.To, (s.At.Sub(first.At) + took(s.Reply)).Round(time.Millisecond), outcome(s.Reply)).as(ConnectFailed)
	}
	return wrongly("%s could not connect to %s: %s", k.of.Name, x.To, outcome(s.Reply)).as(ConnectFailed)
}

// Restarts expects the end to have begun again from the port of a former association.
type Restarts struct{}

func (Restarts) judge(k *known) *Fault {
	if s := k.last(wire.DoDial); failed(s.Reply) {
		return wrongly("%s could not begin again from port %d, from which its peer still has an association: %s", s.Agent, s.Op.Local.Port(), outcome(s.Reply)).as(ConnectFailed)
	}
	return nil
}

// Unheard expects the end's connect to have failed, for nobody listens.
type Unheard struct{}

func (Unheard) judge(k *known) *Fault {
	if k.last(wire.DoDial).Reply.Errno == "" {
		return wrongly("a connect succeeded although nobody listens")
	}
	return nil
}

// GivesUp expects the end's connect to have ended when all its INITs were used up, and not
// before.
type GivesUp struct{}

func (GivesUp) judge(k *known) *Fault {
	s := k.last(wire.DoDial)
	t, took := s.Op.Timers, took(s.Reply)
	if t == nil {
		k.err = fmt.Errorf("the connect of %s had no timers", k.of.Name)
		return nil
	}
	if window := t.InitWindow(); s.Reply.Errno != "ETIMEDOUT" || took < window*9/10 || took > window+Slack {
		return wrongly("a connect that was to stay unanswered ended with %s after %v, wanted ETIMEDOUT %s",
			cmp.Or(s.Reply.Errno, "an association"), took, inTime(*t))
	}
	return nil
}

// Accepted expects the end to be in the accept queue of one of the agents that were asked:
// its peer's handshake is over.
type Accepted struct {
	To string `json:"to"` // what the peer connected to
}

func (x Accepted) judge(k *known) *Fault {
	client := k.back(0, k.peer, wire.DoDial).Agent
	var asked []string
	for _, s := range k.all(k.of.Number, wire.DoAccept) {
		switch {
		case s.Reply.Errno != "":
			return wrongly("%s could not accept the association that %s has: %s", s.Agent, client, outcome(s.Reply)).as(ConnectFailed)
		case !s.Reply.Late:
			return nil
		}
		asked = append(asked, s.Agent)
	}
	return wrongly("%s is connected to %s, and none of these has accepted the association: %s", client, x.To, strings.Join(slices.Compact(asked), ", ")).as(ConnectFailed)
}
