package diag

import (
	"testing"

	"sctp.test/framework/wire"
)

// unread is a symptom whose servers' counters nobody could read.
func unread(s *Symptom) { s.Again.Server = nil }

func ladderOf(passed, lost []int) change {
	return func(s *Symptom) { s.Passed, s.Lost = passed, lost }
}

// shows is what a symptom must say of a fact.
type shows string

const (
	yesIs  shows = "yes"
	noIs   shows = "no"
	opened shows = "nobody asked"
)

// Each fact is shown, shown not to be so, and left open where nobody asked, by what it names
// and by nothing beside it. All others of the symptom stay as they are.
func TestWhatIsAFact(t *testing.T) {
	for _, c := range []struct {
		fact    fact
		name    string
		symptom Symptom
		want    shows
	}{
		{wantsAnswer, "answered is wanted", symptom(), yesIs},
		{wantsAnswer, "denied is wanted", symptom(denied), noIs},
		{wantsAnswer, "refused is wanted, which denies, too", symptom(refusal), noIs},
		{overSCTP, "SCTP", symptom(), yesIs},
		{overSCTP, "UDP", symptom(over(wire.UDP)), noIs},
		{underPolicy, "a policy", symptom(policy), yesIs},
		{underPolicy, "a policy that is gone", symptom(gone), noIs},
		{deniesBeside, "a path beside it is denied", symptom(policy, beside), yesIs},
		{deniesBeside, "a policy, and no path that it denies", symptom(policy), noIs},
		{tellsApart, "a rule for SCTP", symptom(policy, apart), yesIs},
		{tellsApart, "no rule of a protocol", symptom(policy), noIs},
		{lifted, "a policy that is gone", symptom(gone), yesIs},
		{lifted, "a policy that stands", symptom(policy), noIs},
		{translated, "a NodePort", symptom(through(NodePort, "b")), yesIs},
		{translated, "a load balancer's address", symptom(through(LoadBalancer, "b")), yesIs},
		{translated, "a pod", symptom(), noIs},
		{translated, "a hostPort, which no Service has", symptom(through(HostPort, "b")), noIs},
		{hostPort, "a hostPort", symptom(through(HostPort, "b")), yesIs},
		{hostPort, "a NodePort", symptom(through(NodePort, "b")), noIs},

		{noSocket, "no protocol at socket(2)", symptom(again(ended("socket", "EPROTONOSUPPORT"))), yesIs},
		{noSocket, "no permission at socket(2)", symptom(again(ended("socket", "EACCES"))), noIs},
		{noSocket, "no protocol at connect(2)", symptom(again(ended("connect", "ENOPROTOOPT"))), noIs},
		{noPermission, "no permission at socket(2)", symptom(again(ended("socket", "EPERM"))), yesIs},
		{noPermission, "no protocol at socket(2)", symptom(again(ended("socket", "ESOCKTNOSUPPORT"))), noIs},
		{noProtocol, "no protocol at connect(2)", symptom(again(ended("connect", "ENOPROTOOPT"))), yesIs},
		{noProtocol, "no protocol at socket(2)", symptom(again(ended("socket", "EPROTONOSUPPORT"))), noIs},
		{brokenOff, "an ABORT after the handshake", symptom(again(ended("send", "ECONNRESET"))), yesIs},
		{brokenOff, "no way after the handshake", symptom(again(ended("echo", "EHOSTUNREACH"))), yesIs},
		{brokenOff, "silence after the handshake", symptom(again(ended("echo", "ETIMEDOUT"))), noIs},
		{noMemory, "no memory", symptom(again(ended("connect", "ENOMEM"))), yesIs},
		{noMemory, "another error of ours", symptom(again(ended("connect", "EALREADY"))), noIs},
		{harnessFails, "an error of ours", symptom(again(ended("connect", "EALREADY"))), yesIs},
		{harnessFails, "silence", symptom(), noIs},

		{silent, "a time-out", symptom(), yesIs},
		{silent, "a time-out once connected", symptom(again(ended("echo", "ETIMEDOUT"))), noIs},
		{refused, "a refusal", symptom(aborted), yesIs},
		{refused, "a reset once connected", symptom(again(ended("echo", "ECONNRESET"))), noIs},
		{noRoute, "no route", symptom(again(ended("connect", "ENETUNREACH"))), yesIs},
		{noRoute, "no route once connected", symptom(again(ended("echo", "ENETUNREACH"))), noIs},
		{connectedOnce, "a time-out once connected", symptom(again(ended("echo", "ETIMEDOUT"))), yesIs},
		{connectedOnce, "a time-out", symptom(), noIs},
		{connectedOnce, "an answer", symptom(answered), noIs},

		{answers, "an answer", symptom(answered), yesIs},
		{answers, "a time-out", symptom(), noIs},
		{deniedNow, "denied as it is to be", symptom(denied), yesIs},
		{deniedNow, "refused, which denies, too", symptom(denied, aborted), yesIs},
		{deniedNow, "silent where a refusal is to be", symptom(refusal), noIs},
		{deniedNow, "silent where an answer is to be", symptom(), noIs},
		{deniedNow, "answered where nothing is to be", symptom(denied, answered), noIs},
		{flawed, "an answer from elsewhere", symptom(again(answeredBy(other))), yesIs},
		{flawed, "an answer as it should be", symptom(answered), noIs},
		{fromElsewhere, "an answer from elsewhere", symptom(again(answeredBy(other))), yesIs},
		{fromElsewhere, "an answer as it should be", symptom(answered), noIs},
		{fromElsewhere, "a damaged answer, which names nobody", symptom(again(damaged())), noIs},
		{masked, "another client's address", symptom(again(masqueraded())), yesIs},
		{masked, "the client's own address", symptom(answered), noIs},

		{clientHeard, "packets came to the client", symptom(client(wire.InSCTPPacks, 1)), yesIs},
		{clientHeard, "none came", symptom(), noIs},
		{clientHeard, "they were not TCP's", symptom(client(wire.InSCTPPacks, 1), over(wire.TCP)), noIs},
		{clientBadSums, "bad checksums came to the client", symptom(client(wire.ChecksumErrors, 1)), yesIs},
		{clientBadSums, "good ones came", symptom(client(wire.InSCTPPacks, 1)), noIs},
		{clientStray, "packets of no association came to the client", symptom(client(wire.OutOfBlues, 1)), yesIs},
		{clientStray, "packets of one came", symptom(client(wire.InSCTPPacks, 1)), noIs},
		{cookieLost, "COOKIE-ECHOs expired", symptom(client(wire.T1CookieExpireds, 1)), yesIs},
		{cookieLost, "INITs expired", symptom(), noIs},
		{partly, "some of several", symptom(func(s *Symptom) { s.Partly = true }), yesIs},
		{partly, "all of several, or one", symptom(), noIs},
		{rejected, "ICMP came", symptom(client(wire.Unreachables, 1)), yesIs},
		{rejected, "ICMPv6 came", symptom(client(wire.Unreachables6, 1)), yesIs},
		{rejected, "none came", symptom(), noIs},
		{serverHeard, "packets came to the server", symptom(heardOf), yesIs},
		{serverHeard, "none came", symptom(), noIs},
		{serverHeard, "its counters could not be read", symptom(unread), opened},
		{serverHeard, "they were not TCP's", symptom(heardOf, over(wire.TCP)), noIs},
		{serverSpoke, "the server sent packets", symptom(spoke), yesIs},
		{serverSpoke, "it sent none", symptom(heardOf), noIs},
		{serverBadSums, "bad checksums came to the server", symptom(atServer(wire.ChecksumErrors, 1)), yesIs},
		{serverBadSums, "good ones came", symptom(heardOf), noIs},
		{serverStray, "packets of no association came to the server", symptom(atServer(wire.OutOfBlues, 1)), yesIs},
		{serverStray, "packets of one came", symptom(heardOf), noIs},

		{directAnswers, "the pod answers", symptom(direct), yesIs},
		{directAnswers, "it does not", symptom(directNot), noIs},
		{directAnswers, "it was not asked", symptom(), opened},
		{tcpAnswers, "TCP answers", symptom(tcp), yesIs},
		{tcpAnswers, "it does not", symptom(tcpDead), noIs},
		{tcpAnswers, "it was not asked", symptom(udpDead), opened},
		{twinsDead, "neither answers", symptom(tcpDead, udpDead), yesIs},
		{twinsDead, "TCP does not and UDP was not asked", symptom(tcpDead), yesIs},
		{twinsDead, "TCP answers", symptom(tcp, udpDead), noIs},
		{twinsDead, "neither was asked", symptom(), opened},
		{smallPass, "a threshold", symptom(ladderOf([]int{1, 1000}, []int{1300, 1400})), yesIs},
		{smallPass, "no threshold", symptom(ladderOf([]int{1, 1400}, []int{1000})), noIs},
		{smallPass, "nothing passes", symptom(ladderOf(nil, []int{1, 1000})), noIs},
		{smallPass, "no sizes were tried", symptom(), opened},
	} {
		holds, asked := facts(c.symptom)[c.fact]
		got := map[bool]shows{true: yesIs, false: noIs}[holds]
		if !asked {
			got = opened
		}
		if got != c.want {
			t.Errorf("%q with %s: %s, want %s", c.fact, c.name, got, c.want)
		}
	}
}

// The table asks for nothing that no test shows both ways, and every fact is asked for.
func TestEveryFactIsAskedFor(t *testing.T) {
	asked := map[fact]bool{}
	for _, r := range table {
		for _, c := range r.when {
			asked[c.fact] = true
		}
	}
	for f := range facts(symptom(tcp, direct, ladderOf([]int{1}, nil))) {
		if !asked[f] {
			t.Errorf("no row asks whether %q", f)
		}
	}
}
