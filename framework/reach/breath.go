package reach

import (
	"fmt"
	"slices"
	"time"

	"sctp.test/framework/wire"
)

// breath is how long the handshakes of SCTP took that came about, of as many associations as
// there were. Hosts that cannot keep up answer an INIT later than its client waits before it
// sends another. The second draws another INIT-ACK, connection tracking keeps the tag of that
// one, and what follows the first is lost: associations fail that no network has harmed.
//
// An INIT that is lost here and there makes single handshakes long. Half of them are long where
// hosts, or all of the network, are.
type breath struct {
	took []time.Duration
	late int // of these, those that took longer than the wait for an INIT's answer
}

// add notes a probe.
func (b *breath) add(e Evidence) {
	if e.Probe.Proto != wire.SCTP || e.Seen == nil || e.Seen.Greeting == nil {
		return
	}
	took := time.Duration(e.Seen.Connect) * time.Microsecond
	b.took = append(b.took, took)
	if took > e.Probe.Timers.RTOInitial.Duration() {
		b.late++
	}
}

// short says whether most handshakes took longer than clients waited for an INIT's answer.
func (b breath) short() bool { return 2*b.late > len(b.took) }

// text says why an association that came to nothing then tells nothing of a network.
func (b breath) text() string {
	took := slices.Sorted(slices.Values(b.took))
	return fmt.Sprintf("%d of %d associations that came about took %v or longer to connect: hosts this slow make clients send INITs again, which kills associations that pass connection tracking, or do not answer in time at all, and nothing is known of the network",
		b.late, len(took), took[len(took)-b.late].Round(time.Millisecond))
}

// Excuse says why nothing is known of a network from probes of which all were to be answered and
// some were not, and nothing where there is no such excuse.
func Excuse(probes []Evidence) string {
	var b breath
	for _, e := range probes {
		if b.add(e); !Word(Answered).Admits(Judge(e)) && !blameless(e) {
			return ""
		}
	}
	if !b.short() {
		return ""
	}
	return b.text()
}

// blameless says whether what came of a probe that was to be answered may be for want of breath,
// or is no news of a network anyway.
func blameless(e Evidence) bool {
	f := Judge(e)
	return f.Outcome == Broken || BeganLate(e, nil) || e.Probe.Proto != wire.SCTP && f.Outcome == Silent && f.Connecting
}

// OutOfBreath says whether hosts answer so late that most associations which came about had sent
// their INITs again. Who asks them for less at the same time is answered sooner.
func (s *Series) OutOfBreath() bool { return s.breath.short() }

// KilledLate says whether an association came up after chunks of its handshake were sent again,
// and then came to nothing: the answer to its second INIT, with another tag, passed connection
// tracking when it was up already.
func KilledLate(e Evidence) bool {
	f := Judge(e)
	return (f.Outcome == Silent || f.Outcome == Refused) && cameUpLate(e)
}

// BeganLate says whether an association came to nothing, before it was up or right after, when
// chunks of its handshake had been sent again. Connection tracking forgets a handshake
// (nf_conntrack_sctp_timeout_cookie_wait and _cookie_echoed, 3 s); a COOKIE-ECHO that is sent later
// is of no association it knows: it is not translated, and dropped, refused or has no way to go.
// An answer that there is no way counts only where the client's kernel, by what moved there, has
// sent a COOKIE-ECHO again.
func BeganLate(e Evidence, moved wire.Counters) bool {
	f := Judge(e)
	came := f.Outcome == Silent || f.Outcome == Refused || f.Outcome == Unreachable && moved[wire.T1CookieExpireds] > 0
	return KilledLate(e) || came && f.Connecting && sentAgain(e)
}
