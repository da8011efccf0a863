package diag

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// fact is something that a symptom shows, or shows not to be so, or leaves open.
type fact string

// What symptoms can show. The names are those of the decision table.
const (
	wantsAnswer   fact = "an answer is wanted"
	overSCTP      fact = "the path is SCTP's"
	underPolicy   fact = "a policy applies"
	deniesBeside  fact = "a policy denies other paths beside it"
	tellsApart    fact = "the policies speak of SCTP"
	translated    fact = "the address is a Service's"
	unlisted      fact = "EndpointSlices do not list what the Service is to lead to"
	overlisted    fact = "EndpointSlices list what the Service must not lead to"
	hostPort      fact = "the address is a hostPort"
	noSocket      fact = "the client's kernel has no SCTP"
	noPermission  fact = "the client may not open an SCTP socket"
	noProtocol    fact = "the answering host has no SCTP"
	noRoute       fact = "the network says that there is no way"
	answers       fact = "asked again it is answered"
	deniedNow     fact = "asked again it is denied as it is to be"
	flawed        fact = "the answer is not what was asked for"
	fromElsewhere fact = "another pod answered"
	masked        fact = "the server saw another address than the client's"
	lifted        fact = "a policy that denied it is gone"
	silent        fact = "nothing came back"
	refused       fact = "an ABORT came back"
	notLet        fact = "nothing came back, or an ABORT"
	connectedOnce fact = "connected, then lost"
	brokenOff     fact = "it was not silence that ended it"
	clientHeard   fact = "the client received SCTP packets"
	serverHeard   fact = "the server received SCTP packets"
	serverSpoke   fact = "the server sent SCTP packets"
	serverBadSums fact = "the server counted bad checksums"
	clientBadSums fact = "the client counted bad checksums"
	serverStray   fact = "the server received packets of no association"
	clientStray   fact = "the client received packets of no association"
	cookieLost    fact = "the INIT was answered and the COOKIE was not"
	partly        fact = "of several associations at once some are answered"
	rejected      fact = "ICMP said that there is no way"
	directAnswers fact = "the pod's own address answers"
	tcpAnswers    fact = "the TCP twin answers"
	twinsDead     fact = "neither TCP nor UDP is answered"
	smallPass     fact = "small messages pass and big ones do not"
	noMemory      fact = "the client's kernel had no memory"
	harnessFails  fact = "the suite could not ask"
)

// condition is a fact that must be shown to hold, or not to.
type condition struct {
	fact  fact
	holds bool
}

func yes(f fact) condition { return condition{f, true} }
func no(f fact) condition  { return condition{f, false} }

// facts are what s shows. What is not in the map was not asked.
func facts(s Symptom) map[fact]bool {
	f := reach.Judge(s.Again.Evidence)
	seen := s.Again.Evidence.Seen
	client, server := s.Again.Client, s.Again.Server
	sctp := s.Again.Evidence.Probe.Proto == wire.SCTP
	if !sctp { // what SCTP's counters say is of other paths
		client = nil
		if server != nil {
			server = wire.Counters{}
		}
	}
	out := map[fact]bool{
		wantsAnswer:   !s.Want.Denies(),
		overSCTP:      sctp,
		underPolicy:   len(s.Policies) > 0,
		deniesBeside:  s.Denied,
		tellsApart:    s.Apart,
		translated:    s.Kind != Pod && s.Kind != HostPort,
		unlisted:      s.Unlisted != "",
		overlisted:    s.Overlisted != "",
		hostPort:      s.Kind == HostPort,
		noSocket:      f.Outcome == reach.Unsupported && f.Stage == wire.StageSocket && !forbidden(f.Errno),
		noPermission:  f.Outcome == reach.Unsupported && f.Stage == wire.StageSocket && forbidden(f.Errno),
		noProtocol:    f.Outcome == reach.Unsupported && f.Stage != wire.StageSocket,
		noRoute:       f.Outcome == reach.Unreachable && f.Connecting,
		answers:       f.Outcome == reach.Answered,
		deniedNow:     s.Want.Denies() && s.Want.Admits(f),
		flawed:        len(f.Flaws) > 0,
		fromElsewhere: f.Outcome == reach.Answered && f.Stray && seen.Damaged == nil,
		masked:        f.Masked,
		lifted:        len(s.Lifted) > 0,
		silent:        f.Outcome == reach.Silent && f.Connecting,
		refused:       f.Outcome == reach.Refused && f.Connecting,
		notLet:        (f.Outcome == reach.Silent || f.Outcome == reach.Refused) && f.Connecting,
		connectedOnce: f.Outcome != reach.Answered && f.Outcome != reach.Broken && f.Outcome != reach.Unsupported && !f.Connecting,
		brokenOff:     f.Outcome != reach.Silent,
		noMemory:      Scarce(f),
		harnessFails:  f.Outcome == reach.Broken,
		clientHeard:   client[wire.InSCTPPacks] > 0,
		clientBadSums: client[wire.ChecksumErrors] > 0,
		clientStray:   client[wire.OutOfBlues] > 0,
		cookieLost:    client[wire.T1CookieExpireds] > 0,
		partly:        s.Partly,
		rejected:      client[wire.Unreachables]+client[wire.Unreachables6] > 0,
	}
	if server != nil {
		out[serverHeard] = server[wire.InSCTPPacks] > 0
		if !s.Itself { // its INITs are no replies
			out[serverSpoke] = server[wire.OutSCTPPacks] > 0
		}
		out[serverBadSums] = server[wire.ChecksumErrors] > 0
		out[serverStray] = server[wire.OutOfBlues] > 0
	}
	if s.Direct != nil {
		out[directAnswers] = s.Direct.answered()
	}
	if s.TCP != nil {
		out[tcpAnswers] = s.TCP.answered()
		out[twinsDead] = !s.TCP.answered() && (s.UDP == nil || !s.UDP.answered())
	}
	if len(s.Passed)+len(s.Lost) > 0 {
		out[smallPass] = len(s.Passed) > 0 && len(s.Lost) > 0 && slices.Max(s.Passed) < slices.Min(s.Lost)
	}
	return out
}

// forbidden says whether socket(2) was refused by a security policy.
func forbidden(errno string) bool { return errno == "EACCES" || errno == "EPERM" }

// Scarce says whether the client's kernel ran out of memory: that is no answer of the
// network's, and yet the node's fault and not ours.
func Scarce(f reach.Finding) bool {
	return f.Outcome == reach.Broken && (f.Errno == "ENOMEM" || f.Errno == "ENOBUFS")
}

// Facts is what the symptom rests on, in one line with its counters.
func (s Symptom) Facts() string {
	var parts []string
	if s.Said != "" {
		parts = append(parts, s.Said)
	}
	if s.Meanwhile != nil {
		parts = append(parts, "counted in both pods meanwhile: "+s.Meanwhile.counted())
	}
	parts = append(parts, s.again()...)
	for _, t := range []struct {
		what  string
		trial *Trial
	}{{"straight to the pod", s.Direct}, {"TCP", s.TCP}, {"UDP", s.UDP}} {
		if t.trial != nil {
			parts = append(parts, t.what+": "+short(*t.trial))
		}
	}
	if len(s.Passed)+len(s.Lost) > 0 {
		parts = append(parts, "single messages, by bytes: "+sizesOf(s.Passed)+" pass, "+sizesOf(s.Lost)+" do not")
	}
	if s.Trail != "" {
		parts = append(parts, s.Trail)
	}
	parts = append(parts, s.Trouble...)
	return s.path() + strings.Join(parts, "; ")
}

// sizesOf lists sizes, or says that there are none.
func sizesOf(sizes []int) string {
	if len(sizes) == 0 {
		return "none"
	}
	return strings.Trim(fmt.Sprint(sizes), "[]")
}

// path is who asked whom, for the beginning of a line; "" where what is wrong is no path.
func (s Symptom) path() string {
	if s.Client == "" {
		return ""
	}
	text := fmt.Sprintf("%s on %s -> %s", s.Client, s.ClientNode, s.Server)
	if s.Address != "" {
		text += " " + s.Address
	}
	if s.Family != "" {
		text += fmt.Sprintf(" (%s)", s.Family)
	}
	if s.Found != "" {
		text += ":"
	}
	return text + " "
}

// again is what asking again has shown at both ends, if it was done. SCTP's counters say
// nothing of other protocols.
func (s Symptom) again() []string {
	switch {
	case !s.Again.made() && s.Found != "":
		return nil
	case s.Again.Evidence.Probe.Proto != wire.SCTP:
		return []string{"asked again alone: " + short(s.Again)}
	}
	counted := Ends{s.Again.Client, s.Again.Server}.counted()
	if s.Itself {
		counted = Ends{Client: s.Again.Client}.counted() + ", at both ends, for it is behind the address itself"
	}
	return []string{"asked again alone: " + short(s.Again), counted}
}

// counted is how many packets went and came at both ends.
func (e Ends) counted() string {
	text := "the client's counters could not be read"
	if e.Client != nil {
		text = "client sent " + packets(e.Client)
	}
	if e.Server != nil {
		text += "; server received " + heard(e.Server)
	}
	return text
}

// short is what became of a trial, in a few words.
func short(t Trial) string {
	f := reach.Judge(t.Evidence)
	switch seen := t.Evidence.Seen; {
	case seen == nil:
		return f.Reason
	case f.Outcome == reach.Answered && len(f.Flaws) > 0:
		return "answered, but " + f.Flaws[0]
	case f.Outcome == reach.Answered:
		return fmt.Sprintf("answered in %v", (time.Duration(seen.Total) * time.Microsecond).Round(time.Millisecond/10))
	case seen.Errno == "":
		return fmt.Sprintf("%s at stage %s", f.Outcome, f.Stage)
	default:
		return fmt.Sprintf("%s (%s at stage %s)", f.Outcome, seen.Errno, f.Stage)
	}
}

func packets(c wire.Counters) string {
	text := fmt.Sprintf("%d SCTP packets and received %d", c[wire.OutSCTPPacks], c[wire.InSCTPPacks])
	return text + extras(c)
}

func heard(c wire.Counters) string {
	return fmt.Sprintf("%d and sent %d", c[wire.InSCTPPacks], c[wire.OutSCTPPacks]) + extras(c)
}

// extras are the counters that only trouble moves.
func extras(c wire.Counters) string {
	var out []string
	for _, name := range []string{wire.ChecksumErrors, wire.OutOfBlues, wire.Aborteds, wire.T1CookieExpireds, wire.Unreachables, wire.Unreachables6} {
		if c[name] > 0 {
			out = append(out, fmt.Sprintf("%s +%d", name, c[name]))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}
