package diag

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

const nonce = "7f3a09"

var (
	timers = wire.Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5, AssocMaxRetran: 6}
	server = wire.Identity{UID: "3c1f", Namespace: "x", Pod: "server", Node: "b"}
	other  = wire.Identity{UID: "4d2e", Namespace: "x", Pod: "other", Node: "b"}
)

// change makes a symptom of an ordinary silent one.
type change func(*Symptom)

// symptom is silence from a to b, of which nothing else is known, and what the changes make of it.
func symptom(changes ...change) Symptom {
	s := Symptom{
		Family: reach.IPv4, Client: "x/client", ClientNode: "a", Server: "x/server:80", Kind: Pod, Node: "b", ServerNode: "b",
		Address: "10.244.2.4:80", Want: reach.Word(reach.Answered), Again: ended("connect", "ETIMEDOUT"),
	}
	s.Again.Client = wire.Counters{wire.OutSCTPPacks: 6, wire.T1InitExpireds: 6}
	s.Again.Server = wire.Counters{}
	for _, c := range changes {
		c(&s)
	}
	return s
}

func evidence() reach.Evidence {
	return reach.Evidence{Probe: wire.Probe{Proto: wire.SCTP, Nonce: nonce, Timers: timers}, Intended: []reach.Backend{{UID: server.UID}}}
}

func ended(stage wire.Stage, errno string) Trial {
	e := evidence()
	e.Seen = &wire.Observation{Nonce: nonce, Stage: stage, Ender: wire.EndedByKernel, Errno: errno, Connect: 1_650_000, Total: 1_650_000}
	return Trial{Evidence: e}
}

func answeredBy(by wire.Identity) Trial {
	e := evidence()
	e.Seen = &wire.Observation{Nonce: nonce, Stage: wire.StageDone, Total: 2_300, Greeting: &wire.Greeting{Nonce: nonce, Server: by}}
	e.Records = []reach.Witness{{Server: by, Record: wire.Record{Nonce: nonce}}}
	return Trial{Evidence: e}
}

func masqueraded() Trial {
	t := answeredBy(server)
	t.Evidence.Source, t.Evidence.Seen.Local = true, netip.MustParseAddrPort("10.244.1.7:40000")
	t.Evidence.Records[0].Record.Peer = netip.MustParseAddrPort("10.89.0.11:40000")
	return t
}

func damaged() Trial {
	t := ended("echo", "")
	t.Evidence.Seen.Ender, t.Evidence.Seen.Damaged = wire.EndedByAgent, &wire.Echo{Size: 170, Digest: "00ff"}
	return t
}

func again(t Trial) change {
	return func(s *Symptom) { t.Client, t.Server = s.Again.Client, s.Again.Server; s.Again = t }
}

func client(name string, n int64) change { return func(s *Symptom) { s.Again.Client[name] = n } }
func atServer(name string, n int64) change {
	return func(s *Symptom) { s.Again.Server[name] = n }
}

func through(k Kind, node string) change {
	return func(s *Symptom) { s.Kind, s.Node, s.Server, s.Address = k, node, "svc/web:80", "10.96.0.5:80" }
}

func over(p wire.Proto) change {
	return func(s *Symptom) { s.Again.Evidence.Probe.Proto = p }
}

func denied(s *Symptom)  { s.Want = reach.Denied }
func refusal(s *Symptom) { s.Want = reach.Word(reach.Refused) }
func byClock(s *Symptom) { s.Again.Evidence.Seen.Ender = wire.EndedByClock }
func policy(s *Symptom)  { s.Policies = []string{"policy/deny-ingress.yaml"} }
func beside(s *Symptom)  { s.Denied = true }
func apart(s *Symptom)   { s.Apart = true }
func outward(s *Symptom) { s.Egress = true }
func gone(s *Symptom)    { s.Lifted = []string{"policy/deny-ingress.yaml"} }
func unlist(s *Symptom)  { s.Unlisted = "the EndpointSlices of web in x list no port for SCTP" }
func overlist(s *Symptom) {
	s.Overlisted = "the EndpointSlices of web in x list as ready what must not be an endpoint: 10.9.9.9"
}
func itself(s *Symptom)    { s.Itself = true }
func tcp(s *Symptom)       { t := answeredBy(server); s.TCP = &t }
func tcpDead(s *Symptom)   { t := ended("connect", "ETIMEDOUT"); s.TCP = &t }
func direct(s *Symptom)    { t := answeredBy(server); s.Direct = &t }
func directNot(s *Symptom) { t := ended("connect", "ETIMEDOUT"); s.Direct = &t }
func udpDead(s *Symptom) {
	t := ended("connect", "ETIMEDOUT")
	t.Evidence.Probe.Proto, t.Evidence.Seen.Ender = wire.UDP, wire.EndedByClock
	s.UDP = &t
}

var (
	answered = again(answeredBy(server))
	aborted  = again(ended("connect", "ECONNREFUSED"))
	heardOf  = atServer(wire.InSCTPPacks, 6)
	spoke    = atServer(wire.OutSCTPPacks, 6)
)

// example is a symptom with what it must be called.
type example struct {
	name     string
	symptom  Symptom
	class    Class
	sentence string
}

var cases = []example{
	{"the agent is gone", symptom(func(s *Symptom) { s.Again.Evidence.Seen = nil }), "not-asked", "the cause is not known, for the suite could not ask again"},
	{"an interrupted connect, which is ours", symptom(again(ended("connect", "EALREADY"))), "not-asked", "the cause is not known, for the suite could not ask again"},
	{"a connect that was there already", symptom(again(ended("connect", "EISCONN"))), "not-asked", "the cause is not known, for the suite could not ask again"},
	{"a refusal that the clock ended", symptom(again(ended("connect", "ECONNREFUSED")), byClock), "not-asked", "the cause is not known, for the suite could not ask again"},
	{"no memory for a socket", symptom(again(ended("socket", "ENOBUFS"))), "no-memory", "the kernel of node a has no memory for an association"},
	{"no memory for an association", symptom(again(ended("connect", "ENOMEM")), tcp), "no-memory", "the kernel of node a has no memory for an association"},
	{"no module at the client, of type seqpacket", symptom(again(ended("socket", "ESOCKTNOSUPPORT"))), "no-sctp-on-client-node", "SCTP is not available on node a"},
	{"no module at the client, behind a Service", symptom(again(ended("socket", "EPROTONOSUPPORT")), through(ClusterIP, "a"), tcp), "no-sctp-on-client-node", "SCTP is not available on node a"},
	{"no capability at the client", symptom(again(ended("socket", "EPERM"))), "sctp-forbidden", "pods on node a may not open SCTP sockets"},
	{"no module at the client", symptom(again(ended("socket", "EPROTONOSUPPORT"))), "no-sctp-on-client-node", "SCTP is not available on node a"},
	{"no permission at the client", symptom(again(ended("socket", "EACCES"))), "sctp-forbidden", "pods on node a may not open SCTP sockets"},
	{"no module at the server", symptom(again(ended("connect", "ENOPROTOOPT"))), "no-sctp-on-server-node", "a host without SCTP answers for node b"},
	{"a policy that TCP heeds", symptom(answered, denied, policy, tcpDead), "policy-ignores-sctp", "node b denies TCP and lets SCTP pass"},
	{"a policy that is heeded on other paths, and that admits SCTP only", symptom(answered, denied, policy, beside, tcpDead), "policy-admits-denied", "the policy engine for servers on node b admits a path that the policy denies, though it denies others"},
	{"a policy that admits SCTP only, on no other path", symptom(answered, denied, policy, apart, tcpDead), "policy-admits-denied", "admits a path that the policy denies, though it denies TCP there"},
	{"a policy for egress that nobody heeds", symptom(answered, denied, policy, outward, tcp), "policy-not-enforced", "what the policy denies for clients on node a is answered"},
	{"a policy that nobody heeds behind a NodePort of another node", symptom(answered, denied, policy, tcp, through(NodePort, "a")), "policy-not-enforced", "what the policy denies for servers on node b is answered"},
	{"a policy that nobody heeds", symptom(answered, denied, policy, tcp), "policy-not-enforced", "what the policy denies for servers on node b is answered"},
	{"a policy, and TCP was not asked", symptom(answered, denied, policy), "policy-not-enforced", "what the policy denies for servers"},
	{"a policy that says refused, and nobody heeds", symptom(answered, refusal, policy, tcp), "policy-not-enforced", "what the policy denies for servers"},
	{"a port that should be closed", symptom(answered, denied), "answered-without-server", "something answers at x/server:80 on node b where nothing should"},
	{"a Service that is to lead nowhere, by what the control plane lists", symptom(answered, denied, through(NodePort, "b"), overlist), "endpoints-wrong", "the service proxy of node b cannot know better"},
	{"a Service that is to lead nowhere", symptom(answered, denied, through(NodePort, "b")), "service-leads-on", "the service proxy of node b leads to a pod where the Service must lead nowhere"},
	{"a policy that let something pass, though TCP is open", symptom(denied, policy, tcp), "policy-leaks", "the policy engine for servers on node b let a path pass that it denies when asked again"},
	{"a policy that lets pass, and rejects", symptom(aborted, denied, policy), "policy-leaks", "let a path pass that it denies"},
	{"a policy that let TCP pass", symptom(denied, policy, over(wire.TCP)), "policy-leaks", "let a path pass that it denies"},
	{"a denial that came late", symptom(denied, tcp), "intermittent", "asked again it is denied, as it must be (node a to node b)"},
	{"a rejection that became a silence", symptom(refusal, policy, tcp), "sctp-dropped", "SCTP is dropped before it reaches the server"},
	{"a client behind another address", symptom(again(masqueraded())), "client-address-lost", "the server sees another address than its client's (node a to node b)"},
	{"a policy that is gone", symptom(gone, tcpDead, udpDead), "policy-lingers", "the policy engine for servers on node b still enforces a policy that is gone"},
	{"a pod that is gone, behind a Service", symptom(answered, through(ClusterIP, "a"), direct, func(s *Symptom) { s.Partly = true }), "service-stale", "the service proxy of node a leads some associations to a pod that answers and others nowhere"},
	{"a path that failed and is answered, by what the control plane lists", symptom(answered, through(ClusterIP, "a"), direct, overlist), "endpoints-wrong", "list as ready what must not be an endpoint: 10.9.9.9 (ipv4): the service proxy of node a cannot know better"},
	{"TCP to nowhere, by what the control plane lists", symptom(over(wire.TCP), through(ClusterIP, "a"), direct, unlist), "endpoints-wrong", "the service proxy of node a cannot know better"},
	{"a Service that is to lead nowhere and lists too little", symptom(answered, denied, through(NodePort, "b"), unlist), "service-leads-on", "the service proxy of node b leads to a pod where the Service must lead nowhere"},
	{"some of several are answered, by what the control plane lists", symptom(answered, through(ClusterIP, "a"), direct, overlist, func(s *Symptom) { s.Partly = true }), "endpoints-wrong", "the service proxy of node a cannot know better"},
	{"another pod that the control plane lists", symptom(again(answeredBy(other)), through(ClusterIP, "a"), overlist), "endpoints-wrong", "the service proxy of node a cannot know better"},
	{"another pod", symptom(again(answeredBy(other)), through(ClusterIP, "a")), "wrong-backend", "the service proxy of node a leads to a pod, or a port of one, that is not behind the address"},
	{"another pod at a pod's address", symptom(again(answeredBy(other))), "wrong-backend", "another pod answers at the address of x/server:80 on node b"},
	{"nobody listens, and the Service leads there", symptom(aborted, heardOf, atServer(wire.OutOfBlues, 1), through(ClusterIP, "a"), directNot), "port-closed", "the pod of svc/web:80 on node b is reached, and nobody listens"},
	{"a policy that admits a Service's port, and the pod is closed, too", symptom(policy, through(ClusterIP, "a"), directNot), "policy-denies-allowed", "the policy engine for servers on node b denies a path that the policy admits"},
	{"a policy that admits, and a Service without a rule", symptom(policy, through(ClusterIP, "a"), direct, tcp), "service-no-rule", "the service proxy of node a has no working rule for SCTP"},
	{"a host without SCTP behind a Service", symptom(again(ended("connect", "ENOPROTOOPT")), through(ClusterIP, "a")), "no-sctp-on-server-node", "a host without SCTP answers for node b"},
	{"a changed message", symptom(answered, func(s *Symptom) { s.Again.Evidence.Records = nil }), "message-damaged", "the answer is not what it must be: x/server did not record the nonce (between nodes a and b)"},
	{"a damaged greeting, which names nobody", symptom(again(damaged())), "message-damaged", "the answer is not what it must be: the greeting was damaged: 170 bytes with digest 00ff came (between nodes a and b)"},
	{"it works now", symptom(answered), "intermittent", "the path failed, and asked again it is answered"},
	{"a policy that admits", symptom(policy), "policy-denies-allowed", "the policy engine for servers on node b denies a path that the policy admits"},
	{"a policy that admits TCP", symptom(policy, over(wire.TCP)), "policy-denies-allowed", "denies a path that the policy admits"},
	{"TCP that is silent, though SCTP packets came for others", symptom(heardOf, over(wire.TCP)), "not-sctp", "TCP fails (node a to node b): not SCTP's fault"},
	{"TCP alone through a Service", symptom(over(wire.TCP), through(ClusterIP, "a"), direct), "service-down", "the service proxy leads nowhere for TCP on node a (the pod's address works)"},
	{"UDP that is refused through a Service", symptom(aborted, over(wire.UDP), through(ClusterIP, "a")), "not-sctp", "UDP fails (node a to node b)"},
	{"TCP that works now", symptom(answered, over(wire.TCP)), "intermittent", "the path failed, and asked again it is answered"},
	{"TCP through a Service to another pod", symptom(again(answeredBy(other)), over(wire.TCP), through(ClusterIP, "a")), "wrong-backend", "the service proxy of node a leads to a pod, or a port of one, that is not behind the address"},
	{"no way there", symptom(again(ended("connect", "EHOSTUNREACH")), tcp), "no-route", "there is no route to the server (node a to node b)"},
	{"bad checksums there", symptom(heardOf, atServer(wire.ChecksumErrors, 6)), "bad-checksum", "SCTP packets from node a arrive with a bad checksum"},
	{"bad checksums back", symptom(heardOf, spoke, client(wire.InSCTPPacks, 6), client(wire.ChecksumErrors, 6)), "bad-checksum", "SCTP packets from node b arrive with a bad checksum"},
	{"big messages", symptom(again(ended("echo", "ETIMEDOUT")), func(s *Symptom) { s.Passed, s.Lost = []int{1, 1000}, []int{1300, 1400} }), "size-black-hole", "single messages of 1000 bytes pass and those of 1300 do not"},
	{"any message", symptom(again(ended("echo", "ETIMEDOUT"))), "data-lost", "associations come up and their DATA or SACK chunks are lost"},
	{"any size, and some were tried", symptom(again(ended("echo", "ETIMEDOUT")), func(s *Symptom) { s.Lost = []int{1, 1000, 1400} }), "data-lost", "their DATA or SACK chunks are lost"},
	{"sizes without a threshold", symptom(again(ended("echo", "ETIMEDOUT")), func(s *Symptom) { s.Passed, s.Lost = []int{1, 1400}, []int{1000} }), "data-lost", "their DATA or SACK chunks are lost"},
	{"reset after the handshake", symptom(again(ended("send", "ECONNRESET")), heardOf, spoke), "data-lost", "associations come up and break off, as where DATA"},
	{"unreachable after the handshake", symptom(again(ended("echo", "EHOSTUNREACH"))), "data-lost", "associations come up"},
	{"a wrong port of the pod", symptom(aborted, heardOf, atServer(wire.OutOfBlues, 1), through(ClusterIP, "a"), direct), "service-wrong-port", "the service proxy of node a leads to a port of the pod where nobody listens"},
	{"a closed port", symptom(aborted, heardOf, atServer(wire.OutOfBlues, 1)), "port-closed", "the pod of x/server:80 on node b is reached, and nobody listens on that port"},
	{"no room for more", symptom(aborted, heardOf), "accept-queue-full", "associations are refused although x/server:80 on node b listens, as by a full accept queue"},
	{"the node answers", symptom(aborted, client(wire.InSCTPPacks, 1), through(NodePort, "b")), "service-node-answers", "associations are refused before they reach a pod: the service proxy of node b does not translate"},
	{"the node answers, to TCP as well", symptom(aborted, client(wire.InSCTPPacks, 1), through(NodePort, "b"), direct, tcpDead), "service-down", "neither for SCTP nor for TCP"},
	{"the node answers, and lets TCP through", symptom(aborted, client(wire.InSCTPPacks, 1), through(NodePort, "b"), direct, tcp), "service-node-answers", "the service proxy of node b does not translate"},
	{"somebody refuses", symptom(aborted, client(wire.InSCTPPacks, 1)), "refused-on-the-way", "another host refuses associations before they reach the server (node a to node b)"},
	{"a hostPort that nobody maps", symptom(through(HostPort, "b"), aborted, direct), "host-port-not-mapped", "node b does not lead its hostPort to the pod for SCTP"},
	{"no endpoints, and the control plane knows of none", symptom(client("IcmpInDestUnreachs", 6), through(ClusterIP, "a"), direct, unlist), "endpoints-wrong", "the EndpointSlices of web in x list no port for SCTP (ipv4): the service proxy of node a cannot know better"},
	{"another port in the control plane", symptom(aborted, heardOf, atServer(wire.OutOfBlues, 1), through(ClusterIP, "a"), direct, unlist), "endpoints-wrong", "the service proxy of node a cannot know better"},
	{"rejects of both protocols", symptom(client("IcmpInDestUnreachs", 6), through(ClusterIP, "a"), direct, tcpDead), "service-down", "neither for SCTP nor for TCP"},
	{"no endpoints", symptom(client("IcmpInDestUnreachs", 6), through(ClusterIP, "a"), direct), "service-rejects", "the service proxy of node a rejects SCTP"},
	{"a packet filter that rejects", symptom(client("Icmp6InDestUnreachs", 6)), "rejected-by-icmp", "rejects SCTP with ICMP"},
	{"replies from another address", symptom(heardOf, spoke, client(wire.InSCTPPacks, 6), client(wire.OutOfBlues, 6), through(ClusterIP, "a")), "reply-from-elsewhere", "node a does not translate them back"},
	{"replies from another address than a load balancer's", symptom(heardOf, spoke, client(wire.InSCTPPacks, 6), client(wire.OutOfBlues, 6), through(LoadBalancer, "")), "reply-from-elsewhere", "the node that answers for svc/web:80 does not translate them back"},
	{"bad checksums before all else", symptom(heardOf, atServer(wire.ChecksumErrors, 6), tcp, direct, through(ClusterIP, "a")), "bad-checksum", "SCTP packets from node a arrive"},
	{"replies to the pod's own address", symptom(heardOf, spoke, client(wire.InSCTPPacks, 6), client(wire.OutOfBlues, 6)), "reply-from-elsewhere", "replies belong to none of the client's associations (node b to node a)"},
	{"cookies", symptom(heardOf, spoke, client(wire.InSCTPPacks, 1), client(wire.T1CookieExpireds, 6)), "cookie-lost", "the COOKIE-ECHO or its COOKIE-ACK is lost (between nodes a and b)"},
	{"the way back", symptom(heardOf, spoke, tcp), "reply-lost", "SCTP reaches the server and its replies are lost (node b to node a)"},
	{"the way to itself, where its own INITs are no replies", symptom(itself, spoke, tcpDead, direct, through(ClusterIP, "a")), "service-down", "the service proxy of node a leads nowhere, neither for SCTP nor for TCP"},
	{"everything, through a Service", symptom(through(ClusterIP, "a"), tcpDead, udpDead, directNot), "network-down", "not SCTP's fault"},
	{"everything, to a pod", symptom(tcpDead, udpDead), "network-down", "not SCTP's fault"},
	{"everything but UDP", symptom(tcpDead, func(s *Symptom) { u := answeredBy(server); s.UDP = &u }), "network-down", "neither SCTP nor TCP gets through: not SCTP's fault"},
	{"the pod and nothing through its Service", symptom(through(ClusterIP, "a"), tcpDead, udpDead, direct), "service-down", "neither for SCTP nor for TCP"},
	{"protocol 132, through a Service", symptom(through(ClusterIP, "a"), tcp, directNot), "sctp-dropped", "SCTP is dropped before it reaches the server, TCP is not"},
	{"a load balancer without a rule", symptom(through(LoadBalancer, "b"), tcp, direct), "service-no-rule", "the service proxy of node b has no working rule for SCTP"},
	{"a Service without a rule", symptom(through(NodePort, "b"), tcp, direct), "service-no-rule", "the service proxy of node b has no working rule for SCTP (the pod's address and the TCP twin work)"},
	{"a Service for nobody", symptom(through(ClusterIP, "a"), tcpDead, direct), "service-down", "neither for SCTP nor for TCP"},
	{"protocol 132", symptom(tcp), "sctp-dropped", "SCTP is dropped before it reaches the server, TCP is not (node a to node b)"},
	{"protocol 132 on one node", symptom(tcp, func(s *Symptom) { s.ClientNode = "b" }), "sctp-dropped", "(within node b)"},
	{"nothing is known", symptom(), "unexplained", "no known cause"},
}

func TestTable(t *testing.T) {
	for _, c := range cases {
		causes := Explain([]Symptom{c.symptom})
		if len(causes) != 1 || causes[0].Class != string(c.class) || !strings.Contains(causes[0].Sentence, c.sentence) {
			t.Errorf("%s: %+v\nwant %s, %q", c.name, causes, c.class, c.sentence)
			continue
		}
		if strings.Contains(causes[0].Sentence+causes[0].Look, "%!") || causes[0].Look == "" || len(causes[0].Facts) != 1 {
			t.Errorf("%s: badly written: %+v", c.name, causes[0])
		}
	}
}

// Each row is the first that fits for some case, else it can never be said.
func TestEveryRowIsReached(t *testing.T) {
	for i, r := range table {
		if !slices.ContainsFunc(cases, func(c example) bool { return reflect.DeepEqual(classify(c.symptom).when, r.when) }) {
			t.Errorf("row %d, %s, explains no case", i, r.class)
		}
	}
}

// certain is a set of facts that a row's conditions describe, and nothing else.
func certain(r row) map[fact]bool {
	known := map[fact]bool{}
	for _, c := range r.when {
		known[c.fact] = c.holds
	}
	return known
}

// A row that says more than one further up is never reached: then the table is in the wrong
// order. Nothing but the row's own facts is known here.
func TestRowsDoNotShadowEachOther(t *testing.T) {
	for i, r := range table {
		if got := fit(certain(r)); !reflect.DeepEqual(got.when, r.when) {
			t.Errorf("row %d, %s, is shadowed by %s", i, r.class, got.class)
		}
	}
}

// Each condition counts: where it is known not to hold, or nobody knows, the row is not what
// is said.
func TestEveryConditionCounts(t *testing.T) {
	for i, r := range table {
		for _, c := range r.when {
			known := certain(r)
			known[c.fact] = !c.holds
			if got := fit(known); reflect.DeepEqual(got.when, r.when) {
				t.Errorf("row %d, %s, although not %q", i, r.class, c.fact)
			}
			delete(known, c.fact)
			if got := fit(known); reflect.DeepEqual(got.when, r.when) {
				t.Errorf("row %d, %s, although nobody knows whether %q", i, r.class, c.fact)
			}
		}
	}
}

// What nobody asked about explains nothing.
func TestNothingIsKnown(t *testing.T) {
	if got := fit(map[fact]bool{}); got.class != "unexplained" {
		t.Errorf("nothing known is %s", got.class)
	}
}

// A person is sent somewhere: every sentence names a node, every line of facts the path, its
// family and SCTP's packets of both ends, and there is always a place to look at next.
func TestEverySentenceLeadsSomewhere(t *testing.T) {
	for _, c := range cases {
		cause := Explain([]Symptom{c.symptom})[0]
		if c.class != "not-asked" && !strings.Contains(cause.Sentence, "node") {
			t.Errorf("%s: %q names no node", c.name, cause.Sentence)
		}
		wants := []string{c.symptom.Client + " on " + c.symptom.ClientNode, c.symptom.Server, c.symptom.Address, "(" + string(c.symptom.Family) + ")"}
		if c.symptom.Again.Evidence.Probe.Proto == wire.SCTP {
			wants = append(wants, "client sent ", "server received ")
		}
		if c.symptom.Itself {
			wants = append(wants[:len(wants)-1], "at both ends")
		}
		for _, want := range wants {
			if !strings.Contains(cause.Facts[0], want) {
				t.Errorf("%s: the facts do not tell of %q: %s", c.name, want, cause.Facts[0])
			}
		}
		if strings.HasSuffix(cause.Look, ".") || strings.Contains(cause.Look, "\n") {
			t.Errorf("%s: look at %q, which stands in a line of its own", c.name, cause.Look)
		}
	}
}

// All that can be said, as it is said: the files are for people to read, too.
func TestGoldenSentences(t *testing.T) {
	var table, spoken strings.Builder
	for _, c := range cases {
		tell(&table, c.name, c.symptom)
	}
	for _, c := range spokenCases {
		tell(&spoken, c.name, c.symptom)
	}
	golden(t, "testdata/causes.txt", table.String())
	golden(t, "testdata/spoken.txt", spoken.String())
}

func tell(b *strings.Builder, name string, s Symptom) {
	fmt.Fprintln(b, name)
	for _, cause := range Explain([]Symptom{s}) {
		fmt.Fprintf(b, "  %s: %s\n", cause.Class, cause.Sentence)
		for _, f := range cause.Facts {
			fmt.Fprintf(b, "    %s\n", f)
		}
		fmt.Fprintf(b, "    look at: %s\n", cause.Look)
	}
}

func golden(t *testing.T, file, text string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(text, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(lines)) {
		if i >= len(got) || i >= len(lines) || got[i] != lines[i] {
			t.Fatalf("from line %d of %s on something else is said: %q; UPDATE=yes go test writes it", i+1, file, got[min(i, len(got)-1)])
		}
	}
}

// Several of one kind are told of in one sentence, which agrees with their number.
func TestSentencesForSeveral(t *testing.T) {
	for _, c := range cases {
		elsewhere := c.symptom
		elsewhere.ClientNode, elsewhere.Node, elsewhere.ServerNode, elsewhere.Server = "c", "d", "d", "x/other:80"
		if seen := c.symptom.Again.Evidence.Seen; seen != nil && seen.Greeting != nil {
			there := *seen
			there.Greeting = &wire.Greeting{Nonce: nonce, Server: seen.Greeting.Server}
			there.Greeting.Server.Node = "d"
			elsewhere.Again.Evidence.Seen = &there
		}
		causes := Explain([]Symptom{c.symptom, elsewhere})
		if len(causes) != 1 || len(causes[0].Facts) != 2 || strings.Contains(causes[0].Sentence+causes[0].Look, "%!") {
			t.Errorf("%s: %+v", c.name, causes)
			continue
		}
		one := Explain([]Symptom{c.symptom})[0].Sentence
		if c.class != "not-asked" && causes[0].Sentence == one {
			t.Errorf("%s: said of two is %q", c.name, one)
		}
	}
}

// One engine that denies too much is found among the paths that run through it.
func TestWhoDenies(t *testing.T) {
	path := func(from, to string) Symptom {
		return symptom(gone, tcpDead, udpDead, func(s *Symptom) { s.ClientNode, s.ServerNode, s.Node = from, to, to })
	}
	for want, ss := range map[string][]Symptom{
		"engine for servers on node b still":      {path("b", "b"), path("b", "a"), path("a", "b")},
		"engines for servers on nodes a, b still": {path("b", "a"), path("a", "b")},
		"engines for servers on nodes b, c still": {path("b", "b"), path("a", "c")},
	} {
		if got := Explain(ss)[0].Sentence; !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

// The size from which messages are lost is told of each kind of path.
func TestSizes(t *testing.T) {
	s := symptom(again(ended("echo", "ETIMEDOUT")), func(s *Symptom) { s.Passed, s.Lost = []int{1, 500, 1000}, []int{1100, 1200} })
	want := "single messages of 1000 bytes pass and those of 1100 do not: packets above a size are lost without a word (between nodes a and b)"
	if got := Explain([]Symptom{s})[0].Sentence; got != want {
		t.Errorf("said is %q, want %q", got, want)
	}
	if got := s.Facts(); !strings.Contains(got, "single messages, by bytes: 1 500 1000 pass, 1100 1200 do not") {
		t.Errorf("facts are %s", got)
	}
}

// What could not be asked, and how far packets came, stands beside the facts.
func TestTroubleAndTrailAreTold(t *testing.T) {
	s := symptom(tcp)
	s.Trail, s.Trouble = "INIT left the client pod and node a, never reached node b", []string{"no UDP twin: forbidden"}
	if got := s.Facts(); !strings.HasSuffix(got, "; TCP: answered in 2.3ms; INIT left the client pod and node a, never reached node b; no UDP twin: forbidden") {
		t.Errorf("facts are %s", got)
	}
}

// Where the servers' counters could not be read, nothing is said that rests on them.
func TestUnknownIsNeitherYesNorNo(t *testing.T) {
	for _, c := range cases {
		blind := c.symptom
		blind.Again.Server = nil
		for _, cond := range classify(blind).when {
			if slices.Contains([]fact{serverHeard, serverSpoke, serverBadSums, serverStray}, cond.fact) {
				t.Errorf("%s: explained by %q, which nobody knows", c.name, cond.fact)
			}
		}
	}
}

// Paths that share a cause are told in one sentence, the cause of most paths first.
func TestCausesAreGrouped(t *testing.T) {
	rule := func(node string) Symptom { return symptom(through(NodePort, node), tcp, direct) }
	causes := Explain([]Symptom{symptom(answered), rule("b"), rule("c"), rule("b")})
	if len(causes) != 2 || causes[0].Class != "service-no-rule" || len(causes[0].Facts) != 3 {
		t.Fatalf("causes are %+v", causes)
	}
	if want := "the service proxies of nodes b, c have no working rule for SCTP (the pod's address and the TCP twin work)"; causes[0].Sentence != want {
		t.Errorf("said is %q", causes[0].Sentence)
	}
	if want := "the log of the service proxy (kube-proxy) on nodes b, c, and its rules for 10.96.0.5:80; packet filters on the way there that know TCP only"; causes[0].Look != want {
		t.Errorf("look at %q", causes[0].Look)
	}
	gone := symptom(func(s *Symptom) { s.Again.Evidence.Seen = nil })
	if causes := Explain([]Symptom{gone, gone, gone, symptom(answered)}); len(causes) != 2 || causes[0].Class != "intermittent" {
		t.Errorf("what could not be asked again comes first: %+v", causes)
	}
	bad := symptom(heardOf, atServer(wire.ChecksumErrors, 6), tcp, direct, through(ClusterIP, "a"))
	if causes := Explain([]Symptom{rule("b"), bad}); causes[0].Class != "bad-checksum" {
		t.Errorf("of as many what a counter shows is not first: %+v", causes)
	}
	if Explain(nil) != nil {
		t.Error("causes of nothing")
	}
}

func TestFacts(t *testing.T) {
	s := symptom(through(ClusterIP, "a"), tcp, direct, client("IcmpInDestUnreachs", 2))
	want := "x/client on a -> svc/web:80 10.96.0.5:80 (ipv4) asked again alone: silent (ETIMEDOUT at stage connect); " +
		"client sent 6 SCTP packets and received 0 (IcmpInDestUnreachs +2); server received 0 and sent 0; " +
		"straight to the pod: answered in 2.3ms; TCP: answered in 2.3ms"
	if got := s.Facts(); got != want {
		t.Errorf("facts are\n%s\nwant\n%s", got, want)
	}
}

// Saved symptoms are explained again to the same words.
func TestSymptomsCanBeSaved(t *testing.T) {
	for _, c := range cases {
		saved(t, c.name, c.symptom)
	}
}

func saved(t *testing.T, name string, s Symptom) {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Symptom
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(Explain([]Symptom{back}), Explain([]Symptom{s})) {
		t.Errorf("%s is explained otherwise when it was saved", name)
	}
}

func TestClassesAreSlugs(t *testing.T) {
	seen := map[Class]bool{}
	for _, c := range Classes() {
		if seen[c] || strings.Trim(string(c), "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("class %q", c)
		}
		seen[c] = true
	}
}
