package reach

import (
	"fmt"
	"slices"
	"time"

	"sctp.test/framework/wire"
)

// Evidence is all that is known about one probe.
type Evidence struct {
	Probe    wire.Probe        `json:"probe"`
	Seen     *wire.Observation `json:"seen,omitempty"`       // nil when the client's agent did not reply
	Trouble  string            `json:"trouble,omitempty"`    // why Seen is nil, or why Records are not complete
	Records  []Witness         `json:"records,omitempty"`    // every server that recorded the nonce, intended or not
	Intended []Backend         `json:"intended,omitempty"`   // who may answer
	Source   bool              `json:"source,omitempty"`     // the server must see the address that the client has
	Reached  bool              `json:"reached,omitempty"`    // the kernel of the pod that was asked has answered INITs for which nobody listened there yet
	Stalled  wire.Millis       `json:"stalled_ms,omitempty"` // how long the client's process or a server's did not run meanwhile
}

// starved is how long a process must not have run for what it did not do in time to mean
// nothing.
const starved = 2000

// Backend is a listener that an address is to lead to.
type Backend struct {
	UID  string `json:"uid"`            // of the pod
	Port uint16 `json:"port,omitempty"` // 0: any
}

// intended says whether a record was made where the address is to lead to.
func (e Evidence) intended(w Witness) bool {
	return slices.ContainsFunc(e.Intended, func(b Backend) bool {
		return b.UID == w.Server.UID && (b.Port == 0 || b.Port == w.Record.Local.Port())
	})
}

// Witness is a server's record of a nonce.
type Witness struct {
	Server wire.Identity `json:"server"`
	Record wire.Record   `json:"record"`
}

// Finding is the judgement of one probe.
type Finding struct {
	Outcome    Outcome
	Stage      wire.Stage
	Connecting bool     // it ended at stage connect, so nothing was delivered
	Reason     string   // what the outcome rests on, for people
	Flaws      []string // of an answer that is not the one asked for
	Errno      string   // that ended it, "" for none
	By         wire.Identity
	Stray      bool // it was answered or recorded where the address does not lead to
	Masked     bool // the server saw another address than the client's, where that must not be
}

// errnoOutcome is what an error number means at stage connect.
var errnoOutcome = map[string]Outcome{
	"ETIMEDOUT":    Silent,
	"ECONNREFUSED": Refused,
	"ECONNRESET":   Refused,
	"ECONNABORTED": Refused,
	"EPIPE":        Refused,
	"EHOSTUNREACH": Unreachable,
	"ENETUNREACH":  Unreachable,
	"EHOSTDOWN":    Unreachable,
	"EPERM":        Unreachable, // a local packet filter that rejects in its output hook
	"EACCES":       Unreachable, // likewise, and routes of type prohibit
	"ENOPROTOOPT":  Unsupported, // ICMP protocol unreachable: the answering host has no SCTP
}

// socketOutcome is what an error number means before any packet was sent.
var socketOutcome = map[string]Outcome{
	"EPROTONOSUPPORT": Unsupported,
	"ESOCKTNOSUPPORT": Unsupported,
	"EACCES":          Unsupported, // a security policy forbids the socket
	"EPERM":           Unsupported,
}

// Judge turns evidence into a finding. It never guesses: what it cannot place is Broken.
func Judge(e Evidence) Finding {
	if e.Seen == nil {
		return broken("", "no observation: "+orElse(e.Trouble, "no reason given"))
	}
	f := fromClient(e)
	if e.Trouble != "" && f.Outcome != Unsupported && f.Outcome != Broken {
		return broken(e.Seen.Stage, "the servers' records could not be read: "+e.Trouble)
	}
	if f.Connecting && len(e.Records) > 0 {
		// TCP and UDP reach the server before the client knows; for SCTP it cannot be.
		f.Connecting, f.Stage = false, wire.StageEcho
		f.Reason += fmt.Sprintf(", but %s recorded the nonce: the way there is open", name(e.Records[0].Server))
	}
	if f.Connecting && f.Outcome == Refused && e.Reached {
		f.Connecting, f.Stage = false, wire.StageEcho
		f.Reason += ", by the pod's own kernel, for nobody listened yet: the way there is open"
	}
	return f
}

func fromClient(e Evidence) Finding {
	o := *e.Seen
	switch {
	case o.Nonce != e.Probe.Nonce:
		return broken(o.Stage, fmt.Sprintf("the agent answered for nonce %q", o.Nonce))
	case o.Damaged != nil:
		return damaged(o)
	case o.Ender == wire.EndedByAgent:
		return broken(o.Stage, "the agent could not go on: "+o.Detail)
	}
	switch o.Stage {
	case wire.StageSocket:
		return ended(o, byKernel(o, socketOutcome), "by the client's host")
	case wire.StageConnect:
		return connecting(e)
	case wire.StageSend, wire.StageEcho, wire.StageClose, wire.StageDone:
		if complete(e) {
			return answered(e)
		}
		return connected(e)
	default:
		return broken(o.Stage, fmt.Sprintf("unknown stage %q", o.Stage))
	}
}

// byKernel is what the error number means of a system call that ended a probe. Nobody
// else's error number means anything.
func byKernel(o wire.Observation, meaning map[string]Outcome) Outcome {
	if o.Ender != wire.EndedByKernel {
		return ""
	}
	return meaning[o.Errno]
}

// ended is the finding for a probe that came to an end before it was answered; who tells
// at which end, where the outcome is Unsupported.
func ended(o wire.Observation, outcome Outcome, who string) Finding {
	if outcome == "" {
		f := broken(o.Stage, "unexpected "+endText(o))
		f.Errno = o.Errno
		return f
	}
	f := Finding{Outcome: outcome, Stage: o.Stage, Errno: o.Errno, Reason: string(outcome)}
	if outcome == Unsupported {
		f.Reason += " " + who
	}
	f.Reason += ": " + endText(o)
	return f
}

// connecting judges a probe that ended before it was connected.
func connecting(e Evidence) Finding {
	o := *e.Seen
	outcome := byKernel(o, errnoOutcome)
	if o.Ender == wire.EndedByClock && e.Probe.Proto == wire.UDP {
		if e.Stalled >= starved {
			return e.stalled() // it may have had no chance to send, or the server none to record
		}
		outcome = Silent // UDP has no handshake that a kernel could give up
	}
	f := ended(o, outcome, "by the host that answered")
	took, window := time.Duration(o.Connect)*time.Microsecond, e.Probe.Timers.InitWindow()
	if f.Outcome == Silent && took < window*9/10 {
		return broken(o.Stage, fmt.Sprintf("gave up after %s, before the %v that asking takes", round(o.Connect), window))
	}
	f.Connecting = f.Outcome != Broken
	return f
}

// connected judges a probe that ended between the handshake and the last echo. Where the
// clock ended it, data was lost if the kernel sent some again (heartbeats can keep such an
// association alive for good) or if the server has the nonce; else the server's process
// was starved, which says nothing of the network; so it is, too, where a process is known
// not to have run.
func connected(e Evidence) Finding {
	o := *e.Seen
	outcome := byKernel(o, errnoOutcome)
	switch {
	case o.Ender == wire.EndedByClock && e.Stalled >= starved:
		return e.stalled()
	case o.Ender == wire.EndedByClock && (len(e.Records) > 0 || o.Assoc != nil && o.Assoc.Retrans > 0):
		outcome = Silent
	case o.Stage == wire.StageDone: // and yet not complete
		outcome = ""
	case o.Ender == wire.EndedByPeer:
		outcome = Refused
	case outcome == Unsupported:
		outcome = Unreachable // a host that shook hands has SCTP, whatever the network says now
	}
	f := ended(o, outcome, "")
	if f.Outcome != Broken {
		f.Reason = "connected, then " + f.Reason
	}
	return f
}

// stalled is the finding where a process that did not run may be to blame.
func (e Evidence) stalled() Finding {
	return broken(e.Seen.Stage, fmt.Sprintf("%s, while an agent's process did not run for %v", endText(*e.Seen), e.Stalled.Duration()))
}

// complete says whether the nonce and every message came back.
func complete(e Evidence) bool {
	return e.Seen.Greeting != nil && len(e.Seen.Echoes) >= len(e.Probe.Messages)
}

func answered(e Evidence) Finding {
	o, g := *e.Seen, e.Seen.Greeting
	f := Finding{Outcome: Answered, Stage: o.Stage, By: g.Server, Reason: "answered in " + round(o.Total)}
	flaw := func(format string, args ...any) { f.Flaws = append(f.Flaws, fmt.Sprintf(format, args...)) }
	if g.Nonce != e.Probe.Nonce {
		flaw("the nonce that came back is %q", g.Nonce)
	}
	if !slices.ContainsFunc(e.Intended, func(b Backend) bool { return b.UID == g.Server.UID }) {
		f.Stray = true
		flaw("answered by %s on %s, which is not behind that address", name(g.Server), g.Server.Node)
	}
	for _, w := range e.Records {
		switch {
		case e.intended(w):
		case w.Server.UID != g.Server.UID:
			f.Stray = true
			flaw("recorded by %s on %s too, which is not behind that address", name(w.Server), w.Server.Node)
		case len(f.Flaws) == 0:
			f.Stray = true
			flaw("answered at port %d of %s, which is not behind that address", w.Record.Local.Port(), name(w.Server))
		}
	}
	i := slices.IndexFunc(e.Records, func(w Witness) bool { return w.Server.UID == g.Server.UID })
	if i < 0 {
		flaw("%s did not record the nonce", name(g.Server))
	} else {
		f.Reason += fmt.Sprintf("; %s recorded nonce %s", name(g.Server), e.Probe.Nonce)
		f.Flaws = append(f.Flaws, differences("to the server", e.Probe, e.Records[i].Record.Messages)...)
		if seen := e.Records[i].Record.Peer.Addr(); e.Source && seen != o.Local.Addr() {
			f.Masked = true
			flaw("%s saw the client as %s, not as %s", name(g.Server), seen, o.Local.Addr())
		}
	}
	f.Flaws = append(f.Flaws, differences("back to the client", e.Probe, o.Echoes)...)
	if o.Ender != "" { // of the closing, which is for other claims to judge
		f.Reason += "; not ended in order: " + endText(o)
	}
	return f
}

// damaged judges a probe that got something else in place of its greeting. Somebody has
// answered, so it is no denial; nothing proves who, so it is no answer as claimed either.
func damaged(o wire.Observation) Finding {
	flaw := fmt.Sprintf("the greeting was damaged: %d bytes with digest %s came", o.Damaged.Size, o.Damaged.Digest)
	if o.Detail != "" {
		flaw += " (" + o.Detail + ")"
	}
	return Finding{Outcome: Answered, Stage: o.Stage, Reason: "answered in " + round(o.Total), Flaws: []string{flaw}}
}

func broken(stage wire.Stage, reason string) Finding {
	return Finding{Outcome: Broken, Stage: stage, Reason: reason}
}

func endText(o wire.Observation) string {
	text := orElse(o.Errno, "end without a reason")
	if o.Errno == "" && o.Ender != "" {
		text = "end by the " + string(o.Ender)
	}
	text += fmt.Sprintf(" at stage %s after %s", o.Stage, round(o.Total))
	if o.Detail != "" {
		text += " (" + o.Detail + ")"
	}
	return text
}

// round prints times the way people compare them: whole milliseconds, tenths of seconds.
func round(us wire.Micros) string {
	switch d := time.Duration(us) * time.Microsecond; {
	case d < time.Millisecond:
		return d.String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(100 * time.Millisecond).String()
	}
}

func name(s wire.Identity) string { return s.Namespace + "/" + s.Pod }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
