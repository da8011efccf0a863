package capture

import (
	"cmp"
	"fmt"
	"strings"
)

// Causes of ABORT and ERROR, by RFC 9260 section 3.3.10.
var causeNames = map[uint16]string{
	1: "invalid stream", 2: "missing parameter", 3: "stale cookie", 4: "out of resource", 5: "unresolvable address",
	6: "unrecognised chunk", 7: "invalid parameter", 8: "unrecognised parameters", 9: "no user data",
	10: "cookie while shutting down", 11: "restart with new addresses", 12: "aborted by the user", 13: "protocol violation",
}

func causes(b []byte) string {
	var words []string
	each(b, func(kind uint16, _ []byte) {
		words = append(words, cmp.Or(causeNames[kind], fmt.Sprintf("cause %d", kind)))
	})
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// Codes of "destination unreachable", by RFC 792, 1122 and 1812, and by RFC 4443,
// which also has those of "parameter problem".
var (
	unreachable4 = map[uint8]string{
		0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
		9: "network administratively prohibited", 10: "host administratively prohibited", 13: "administratively prohibited",
	}
	unreachable6 = map[uint8]string{
		0: "no route", 1: "administratively prohibited", 2: "beyond the scope of the source", 3: "address unreachable",
		4: "port unreachable", 5: "source address failed a policy", 6: "route rejected",
	}
	parameter6 = map[uint8]string{0: "erroneous header", 1: "unrecognised next header", 2: "unrecognised option"}
)

// reason is what an ICMP error says, such as "icmp port unreachable".
func (e icmp) reason() string {
	name := "icmp"
	var said string
	if e.v6 {
		name = "icmp6"
		switch e.kind {
		case 1:
			said = unreachable6[e.code]
		case 2:
			said = fmt.Sprintf("packet too big, mtu %d", e.field)
		case 3:
			said = "time exceeded"
		case 4:
			said = parameter6[e.code]
		}
	} else {
		switch {
		case e.kind == 3 && e.code == 4:
			said = fmt.Sprintf("fragmentation needed, mtu %d", e.field&0xffff)
		case e.kind == 3:
			said = unreachable4[e.code]
		case e.kind == 11:
			said = "time exceeded"
		case e.kind == 12:
			said = "parameter problem"
		}
	}
	return name + " " + cmp.Or(said, fmt.Sprintf("type %d code %d", e.kind, e.code))
}

func (e icmp) text() string {
	if !e.recognised {
		return e.reason()
	}
	return fmt.Sprintf("%s about %s > %s %s", e.reason(), e.quoted.from, e.quoted.to, e.quoted.text(true))
}
