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
	Seen     *wire.Observation `json:"seen,omitempty"`     // nil when the client's agent did not reply
	Trouble  string            `json:"trouble,omitempty"`  // why Seen is nil, or why Records are not complete
	Records  []Witness         `json:"records,omitempty"`  // every server that recorded the nonce, intended or not
	Intended []string          `json:"intended,omitempty"` // UIDs of the pods that may answer
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
	By         wire.Identity
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
	if e.Trouble != "" && f.Outcome != Unsupported {
		return broken(e.Seen.Stage, "the servers' records could not be read: "+e.Trouble)
	}
	if f.Connecting && len(e.Records) > 0 {
		// TCP and UDP reach the server before the client knows; for SCTP it cannot be.
		f.Connecting, f.Stage = false, wire.StageEcho
		f.Reason += fmt.Sprintf(", but %s recorded the nonce: the way there is open", name(e.Records[0].Server))
	}
	return f
}

func fromClient(e Evidence) Finding {
	o := *e.Seen
	f := Finding{Stage: o.Stage, Reason: endText(o)}
	switch {
	case o.Nonce != e.Probe.Nonce:
		return broken(o.Stage, fmt.Sprintf("the agent answered for nonce %s", o.Nonce))
	case o.Ender == wire.EndedByAgent:
		return broken(o.Stage, "the agent could not go on: "+o.Detail)
	case o.Stage == wire.StageSocket:
		f.Outcome = socketOutcome[o.Errno]
	case o.Stage == wire.StageConnect:
		return connecting(e, f)
	case complete(e):
		return answered(e)
	case o.Errno == "ETIMEDOUT", o.Ender == wire.EndedByClock:
		f.Outcome = Silent
	default:
		f.Outcome = errnoOutcome[o.Errno]
		if o.Ender == wire.EndedByPeer {
			f.Outcome = Refused
		}
	}
	if f.Outcome == "" {
		return broken(o.Stage, "unexpected "+endText(o))
	}
	return f
}

// connecting judges a probe that ended before it was connected.
func connecting(e Evidence, f Finding) Finding {
	o := *e.Seen
	f.Connecting = true
	if o.Ender == wire.EndedByClock && e.Probe.Proto == wire.UDP {
		f.Outcome = Silent // UDP has no handshake that a kernel could give up
		return f
	}
	f.Outcome = errnoOutcome[o.Errno]
	if o.Ender != wire.EndedByKernel || f.Outcome == "" {
		return broken(o.Stage, "unexpected "+endText(o))
	}
	took, window := time.Duration(o.Connect)*time.Microsecond, e.Probe.Timers.InitWindow()
	if f.Outcome == Silent && e.Probe.Proto == wire.SCTP && took < window*9/10 {
		return broken(o.Stage, fmt.Sprintf("the kernel gave up after %v, before the %v its INITs need", took, window))
	}
	return f
}

// complete says whether the nonce and every message came back.
func complete(e Evidence) bool {
	return e.Seen.Greeting != nil && len(e.Seen.Echoes) >= len(e.Probe.Messages)
}

func answered(e Evidence) Finding {
	g := e.Seen.Greeting
	f := Finding{Outcome: Answered, Stage: e.Seen.Stage, By: g.Server}
	f.Reason = "answered in " + round(e.Seen.Total)
	flaw := func(format string, args ...any) { f.Flaws = append(f.Flaws, fmt.Sprintf(format, args...)) }
	if g.Nonce != e.Probe.Nonce {
		flaw("the nonce that came back is %s", g.Nonce)
	}
	if !slices.Contains(e.Intended, g.Server.UID) {
		flaw("answered by %s on %s, which is not behind that address", name(g.Server), g.Server.Node)
	}
	i := slices.IndexFunc(e.Records, func(w Witness) bool { return w.Server.UID == g.Server.UID })
	if i < 0 {
		flaw("%s did not record the nonce", name(g.Server))
	} else {
		f.Reason += fmt.Sprintf("; %s recorded nonce %s", name(g.Server), e.Probe.Nonce)
		f.Flaws = append(f.Flaws, differences("to the server", e.Probe, e.Records[i].Record.Messages)...)
	}
	f.Flaws = append(f.Flaws, differences("back to the client", e.Probe, e.Seen.Echoes)...)
	return f
}

// differences compares messages with what was asked to be sent, one sentence for each
// that did not arrive as it was.
func differences(way string, p wire.Probe, got []wire.Echo) []string {
	var out []string
	for i, m := range p.Messages {
		if i >= len(got) {
			out = append(out, fmt.Sprintf("%d of %d messages are missing on the way %s", len(p.Messages)-i, len(p.Messages), way))
			break
		}
		want := wire.Echo{Size: m.Size, Digest: wire.Digest(wire.Payload(p.Nonce, i, m.Size))}
		if p.Proto == wire.SCTP {
			want.Stream, want.PPID = m.Stream, m.PPID
		}
		if got[i] != want {
			out = append(out, fmt.Sprintf("message %d changed on the way %s: %s instead of %s", i, way, describe(got[i]), describe(want)))
		}
	}
	if len(got) > len(p.Messages) {
		out = append(out, fmt.Sprintf("%d messages too many on the way %s", len(got)-len(p.Messages), way))
	}
	return out
}

// CheckInits looks whether the kernel of the client sent as many INITs as silence must
// have cost. A shortfall means that some silence was never asked: it returns a sentence
// that says so, else "".
//
// SctpT1InitExpireds counts every INIT that was followed by no answer in its time; other
// sockets of the namespace can only add to it.
func CheckInits(evidence []Evidence, moved wire.Counters) string {
	var silent int
	var need int64
	for _, e := range evidence {
		if f := Judge(e); e.Probe.Proto == wire.SCTP && f.Outcome == Silent && f.Connecting {
			silent++
			need += int64(e.Probe.Timers.Inits())
		}
	}
	if got := moved[wire.T1InitExpireds]; got < need {
		return fmt.Sprintf("%d attempts ended in silence, which takes %d INITs, but only %d timers of INITs expired", silent, need, got)
	}
	return ""
}

func broken(stage wire.Stage, reason string) Finding {
	return Finding{Outcome: Broken, Stage: stage, Reason: reason}
}

func endText(o wire.Observation) string {
	text := orElse(o.Errno, "end by the "+string(o.Ender))
	text += fmt.Sprintf(" at stage %s after %s", o.Stage, round(o.Total))
	if o.Detail != "" {
		text += " (" + o.Detail + ")"
	}
	return text
}

func describe(e wire.Echo) string {
	return fmt.Sprintf("%d bytes, digest %s, stream %d, PPID %d", e.Size, e.Digest, e.Stream, e.PPID)
}

// round prints times the way people compare them: whole milliseconds, tenths of seconds.
func round(us wire.Micros) string {
	d := time.Duration(us) * time.Microsecond
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

func name(s wire.Identity) string { return s.Namespace + "/" + s.Pod }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
