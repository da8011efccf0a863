package assoc

import (
	"fmt"
	"time"

	"sctp.test/framework/wire"
)

// Bound is a time within which an end must notice something, and how it comes about.
type Bound struct {
	Limit time.Duration
	Why   string
}

// String is the bound as it stands in a failure.
func (b Bound) String() string { return fmt.Sprintf("%v (%s)", b.Limit, b.Why) }

// DeadPeer is how long an idle end may take to give up a peer that has vanished, where its
// heartbeats are interval apart and all its paths are one.
//
// A heartbeat leaves every interval plus RTO, give or take half an RTO (RFC 9260 section
// 8.3). The first one that is not answered is only missed by the next; each one missed is
// an error; and one more expiry finds their number at AssocMaxRetran (section 8.1). So the
// association is given up at the latest at expiry AssocMaxRetran+2.
func DeadPeer(t wire.Timers, interval time.Duration) Bound {
	return heartbeats(t, interval, "assoc_maxrxt", t.AssocMaxRetran)
}

// PathState is how long an idle end may take to find a path dead, where its heartbeats are
// interval apart and as many as pathMaxRetrans may be missed, or alive again, where as many are
// lost (RFC 9260 sections 8.2 and 8.3; the heartbeats are those of DeadPeer).
func PathState(t wire.Timers, interval time.Duration, pathMaxRetrans int) Bound {
	return heartbeats(t, interval, "spp_pathmaxrxt", pathMaxRetrans)
}

// heartbeats is how long as many of them take as find out what an option allows to be missed.
func heartbeats(t wire.Timers, interval time.Duration, option string, retrans int) Bound {
	each := heartbeat(t, interval)
	return Bound{time.Duration(retrans+2) * each.Limit, fmt.Sprintf("%d heartbeats for %s %d, each after %s", retrans+2, option, retrans, each.Why)}
}

// heartbeat is how long an idle end may take from one to the next.
func heartbeat(t wire.Timers, interval time.Duration) Bound {
	return Bound{interval + t.RTOMax.Duration()*3/2, fmt.Sprintf("interval %v + 1.5 * rto_max %v", interval, t.RTOMax.Duration())}
}

// Slack is what scheduling may add to a bound: the kernel's timers fire late and the
// agents get the processor late, never early.
const Slack = 2 * time.Second

// Exceeded says whether a time is over the bound and its slack.
func (b Bound) Exceeded(took time.Duration) bool { return took > b.Limit+Slack }
