package reach

import (
	"fmt"
	"strings"

	"sctp.test/framework/wire"
)

// CheckInits looks whether the kernel of the client sent as many INITs as silence must
// have cost. A shortfall means that some silence was never asked: it returns a sentence
// that says so, else "".
//
// SctpT1InitExpireds counts every INIT that was followed by no answer in its time, and
// SctpT1CookieExpireds every COOKIE-ECHO, of which the kernel sends as many where only
// the INIT came through. Other sockets of the namespace can only add to them.
func CheckInits(evidence []Evidence, moved wire.Counters) string {
	var silent int
	var need int64
	for _, e := range evidence {
		if f := Judge(e); e.Probe.Proto == wire.SCTP && f.Outcome == Silent && f.Connecting {
			silent++
			need += int64(e.Probe.Timers.Inits())
		}
	}
	if got := moved[wire.T1InitExpireds] + moved[wire.T1CookieExpireds]; got < need {
		return fmt.Sprintf("%s ended in silence, which takes %d INITs, but only %s expired", count(silent, "attempt"), need, count(int(got), "INIT timer"))
	}
	return ""
}

// packetsOfAnAnswer is how many packets an answered probe receives at the least: INIT-ACK,
// COOKIE-ACK, and the greeting.
const packetsOfAnAnswer = 3

// CheckRefusals looks whether the client received as many packets as its refusals must have
// brought: each is an ABORT that somebody sent. A shortfall means that some refusal was made
// up: it returns a sentence that says so, else "". Other sockets of the namespace can only
// add to what was received.
func CheckRefusals(evidence []Evidence, moved wire.Counters) string {
	refused, need := 0, 0
	for _, e := range evidence {
		switch f := Judge(e); {
		case e.Probe.Proto != wire.SCTP:
		case f.Outcome == Refused:
			refused++
			need++
		case f.Outcome == Answered:
			need += packetsOfAnAnswer
		}
	}
	if got := int(moved[wire.InSCTPPacks]); refused > 0 && got < need {
		return fmt.Sprintf("%s ended in a refusal, for which %d SCTP packets must have come in, but only %d came", count(refused, "attempt"), need, got)
	}
	return ""
}

// CheckTwins looks whether the kernel of the client has seen as many attempts of TCP, or
// refusals of UDP, come to nothing as the observations say: a TCP attempt that is given up
// or turned away counts as failed, a silent probe makes as many of them as SCTP sends INITs,
// and a datagram is refused by an ICMP error. A shortfall means that some of them were made
// up: it returns a sentence that says so, else "". Other sockets of the namespace can only add.
func CheckTwins(evidence []Evidence, proto wire.Proto, moved wire.Counters) string {
	need := 0
	for _, e := range evidence {
		switch f := Judge(e); {
		case e.Probe.Proto != proto || !f.Connecting:
		case f.Outcome == Refused:
			need++
		case f.Outcome == Silent && proto == wire.TCP:
			need += e.Probe.Timers.Inits()
		}
	}
	got, what := moved[wire.AttemptFails], "failed attempt"
	if proto == wire.UDP {
		got, what = moved[wire.Unreachables]+moved[wire.Unreachables6], "ICMP error"
	}
	if int(got) < need {
		return fmt.Sprintf("%s over %s came to nothing, but the kernel counted %s", count(need, "attempt"), strings.ToUpper(string(proto)), count(int(got), what))
	}
	return ""
}

// CheckDatagrams looks whether the client sent as many datagrams as its silences over UDP
// took, as many for each as SCTP sends INITs. A shortfall means that some silence was made
// up: it returns a sentence that says so, else "". Other sockets of the namespace can only add.
func CheckDatagrams(evidence []Evidence, moved wire.Counters) string {
	silent, need := 0, 0
	for _, e := range evidence {
		if f := Judge(e); e.Probe.Proto == wire.UDP && f.Outcome == Silent && f.Connecting {
			silent++
			need += e.Probe.Timers.Inits()
		}
	}
	if got := int(moved[wire.UDPOut] + moved[wire.UDP6Out]); got < need {
		return fmt.Sprintf("%s over UDP ended in silence, which takes %d datagrams, but only %d were sent", count(silent, "attempt"), need, got)
	}
	return ""
}
