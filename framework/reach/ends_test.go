package reach

import (
	"strings"
	"testing"

	"sctp.test/framework/wire"
)

// ends says what an end without an answer means. Every end that no line speaks of is
// broken. A star after the outcome: nothing was delivered, so it can be a denial.
const ends = `
	stage    ender   errno            proto  outcome

	socket   kernel  EPROTONOSUPPORT  any    unsupported
	socket   kernel  ESOCKTNOSUPPORT  any    unsupported
	socket   kernel  EACCES           any    unsupported
	socket   kernel  EPERM            any    unsupported

	connect  kernel  ETIMEDOUT        any    silent*
	connect  kernel  ECONNREFUSED     any    refused*
	connect  kernel  ECONNRESET       any    refused*
	connect  kernel  ECONNABORTED     any    refused*
	connect  kernel  EPIPE            any    refused*
	connect  kernel  EHOSTUNREACH     any    unreachable*
	connect  kernel  ENETUNREACH      any    unreachable*
	connect  kernel  EHOSTDOWN        any    unreachable*
	connect  kernel  EPERM            any    unreachable*
	connect  kernel  EACCES           any    unreachable*
	connect  kernel  ENOPROTOOPT      any    unsupported*
	connect  clock   ETIMEDOUT        udp    silent*

	send     kernel  ETIMEDOUT        any    silent
	send     kernel  ECONNREFUSED     any    refused
	send     kernel  ECONNRESET       any    refused
	send     kernel  ECONNABORTED     any    refused
	send     kernel  EPIPE            any    refused
	send     kernel  EHOSTUNREACH     any    unreachable
	send     kernel  ENETUNREACH      any    unreachable
	send     kernel  EHOSTDOWN        any    unreachable
	send     kernel  EPERM            any    unreachable
	send     kernel  EACCES           any    unreachable
	send     kernel  ENOPROTOOPT      any    unreachable
	send     peer    none             any    refused

	echo     kernel  ETIMEDOUT        any    silent
	echo     kernel  ECONNREFUSED     any    refused
	echo     kernel  ECONNRESET       any    refused
	echo     kernel  ECONNABORTED     any    refused
	echo     kernel  EPIPE            any    refused
	echo     kernel  EHOSTUNREACH     any    unreachable
	echo     kernel  ENETUNREACH      any    unreachable
	echo     kernel  EHOSTDOWN        any    unreachable
	echo     kernel  EPERM            any    unreachable
	echo     kernel  EACCES           any    unreachable
	echo     kernel  ENOPROTOOPT      any    unreachable
	echo     peer    none             any    refused

	close    kernel  ETIMEDOUT        any    silent
	close    kernel  ECONNREFUSED     any    refused
	close    kernel  ECONNRESET       any    refused
	close    kernel  ECONNABORTED     any    refused
	close    kernel  EPIPE            any    refused
	close    kernel  EHOSTUNREACH     any    unreachable
	close    kernel  ENETUNREACH      any    unreachable
	close    kernel  EHOSTDOWN        any    unreachable
	close    kernel  EPERM            any    unreachable
	close    kernel  EACCES           any    unreachable
	close    kernel  ENOPROTOOPT      any    unreachable
	close    peer    none             any    refused
`

// end is a line of ends without its outcome.
type end struct {
	stage wire.Stage
	ender wire.Ender
	errno string
	proto wire.Proto
}

var protos = []wire.Proto{wire.SCTP, wire.TCP, wire.UDP}

func readEnds(t *testing.T) map[end]string {
	t.Helper()
	out := map[end]string{}
	for _, line := range strings.Split(ends, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "stage" {
			continue
		}
		e := end{wire.Stage(f[0]), wire.Ender(f[1]), f[2], wire.Proto(f[3])}
		for _, p := range protos {
			if f[3] == "any" || wire.Proto(f[3]) == p {
				e.proto = p
				out[e] = f[4]
			}
		}
	}
	return out
}

func TestEveryEnd(t *testing.T) {
	want := readEnds(t)
	stages := []wire.Stage{"socket", "connect", "send", "echo", "close", "done", "", "elsewhere"}
	errnos := map[wire.Ender][]string{
		wire.EndedByKernel: {
			"none", "ETIMEDOUT", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "EPERM",
			"EACCES", "ENOPROTOOPT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EALREADY", "EISCONN", "EINTR", "EMFILE", "EADDRNOTAVAIL", "errno 600",
		},
		wire.EndedByPeer:  {"none"},
		wire.EndedByClock: {"none", "ETIMEDOUT"},
		wire.EndedByAgent: {"none", "ETIMEDOUT", "ECONNREFUSED"},
		"":                {"none", "ETIMEDOUT", "ECONNREFUSED"},
		"somebody":        {"none", "ETIMEDOUT", "ECONNREFUSED"},
	}
	checked := 0
	for _, stage := range stages {
		for ender, list := range errnos {
			for _, errno := range list {
				for _, proto := range protos {
					e := end{stage, ender, errno, proto}
					expect, listed := want[e]
					if !listed {
						expect = "broken"
					} else {
						checked++
					}
					checkEnd(t, e, expect)
				}
			}
		}
	}
	// "connect clock none" over UDP is no line: the agent always says ETIMEDOUT there.
	if checked != len(want) {
		t.Errorf("%d of %d lines were checked", checked, len(want))
	}
}

func checkEnd(t *testing.T, e end, expect string) {
	t.Helper()
	if e.stage == wire.StageConnect && e.ender == wire.EndedByClock && e.proto == wire.UDP && e.errno == "none" {
		return
	}
	errno := strings.Replace(e.errno, "none", "", 1)
	f := Judge(evidence(e.proto, endedAt(e.stage, e.ender, errno), took(window)))
	outcome, star := strings.CutSuffix(expect, "*")
	if string(f.Outcome) != outcome || f.Connecting != star {
		t.Errorf("%+v: %s, connecting %v, want %s (%s)", e, f.Outcome, f.Connecting, expect, f.Reason)
	}
	if f.Stage != e.stage {
		t.Errorf("%+v: found at stage %q", e, f.Stage)
	}
	if f.Reason == "" || strings.Contains(f.Reason, "  ") {
		t.Errorf("%+v: the reason is %q", e, f.Reason)
	}
	if len(f.Flaws) > 0 || f.By != (wire.Identity{}) {
		t.Errorf("%+v: flaws %v of an answer by %v that there was not", e, f.Flaws, f.By)
	}
}
