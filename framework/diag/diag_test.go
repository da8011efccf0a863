package diag

import (
	"encoding/json"
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

func denied(s *Symptom)    { s.Want = reach.Denied }
func policy(s *Symptom)    { s.Policies = []string{"policy/deny-ingress.yaml"} }
func tcp(s *Symptom)       { t := answeredBy(server); s.TCP = &t }
func tcpDead(s *Symptom)   { t := ended("connect", "ETIMEDOUT"); s.TCP = &t }
func direct(s *Symptom)    { t := answeredBy(server); s.Direct = &t }
func directNot(s *Symptom) { t := ended("connect", "ETIMEDOUT"); s.Direct = &t }
func udpDead(s *Symptom) {
	t := ended("echo", "")
	t.Evidence.Seen.Ender = wire.EndedByClock
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
	{"the agent is gone", symptom(func(s *Symptom) { s.Again.Evidence.Seen = nil }), "not-asked", "the suite could not ask"},
	{"no module at the client", symptom(again(ended("socket", "EPROTONOSUPPORT"))), "no-sctp-on-client-node", "SCTP is not available on node a"},
	{"no permission at the client", symptom(again(ended("socket", "EACCES"))), "sctp-forbidden", "a security policy of node a forbids SCTP sockets"},
	{"no module at the server", symptom(again(ended("connect", "ENOPROTOOPT"))), "no-sctp-on-server-node", "the host that answered on node b has no SCTP"},
	{"a policy that TCP heeds", symptom(answered, denied, policy, tcpDead), "policy-ignores-sctp", "node b denies TCP and lets SCTP pass"},
	{"a policy that nobody heeds", symptom(answered, denied, policy, tcp), "policy-not-enforced", "nobody enforces the policy for servers on node b"},
	{"a policy, and TCP was not asked", symptom(answered, denied, policy), "policy-not-enforced", "nobody enforces the policy"},
	{"a port that should be closed", symptom(answered, denied), "answered-without-server", "something answers where nothing should"},
	{"another pod", symptom(again(answeredBy(other)), through(ClusterIP, "a")), "wrong-backend", "the service proxy of node a sends SCTP to a pod that is not behind the address"},
	{"a changed message", symptom(answered, func(s *Symptom) { s.Again.Evidence.Records = nil }), "message-damaged", "messages change on the way (node a to node b)"},
	{"a damaged greeting, which names nobody", symptom(again(damaged())), "message-damaged", "messages change on the way (node a to node b)"},
	{"it works now", symptom(answered), "intermittent", "comes and goes"},
	{"a policy that admits", symptom(policy), "policy-denies-allowed", "the policy admits it, and the policy engine for servers on node b does not"},
	{"bad checksums there", symptom(heardOf, atServer(wire.ChecksumErrors, 6)), "bad-checksum", "packets from node a come to other nodes with a bad SCTP checksum"},
	{"bad checksums back", symptom(heardOf, spoke, client(wire.InSCTPPacks, 6), client(wire.ChecksumErrors, 6)), "bad-checksum", "packets from node b come to other nodes with a bad SCTP checksum"},
	{"big messages", symptom(again(ended("echo", "ETIMEDOUT")), func(s *Symptom) { s.Passed, s.Lost = []int{1, 1000}, []int{1300, 1400} }), "size-black-hole", "single messages of 1000 bytes pass and those of 1300 do not"},
	{"any message", symptom(again(ended("echo", "ETIMEDOUT"))), "data-lost", "associations come up and their DATA or SACK chunks are lost"},
	{"a wrong port of the pod", symptom(aborted, heardOf, atServer(wire.OutOfBlues, 1), through(ClusterIP, "a")), "service-wrong-port", "the service proxy of node a leads to a port of the pod where nobody listens"},
	{"a closed port", symptom(aborted, heardOf, atServer(wire.OutOfBlues, 1)), "port-closed", "nobody listens on that port"},
	{"no room for more", symptom(aborted, heardOf), "accept-queue-full", "refuses the association although somebody listens"},
	{"the node answers", symptom(aborted, client(wire.InSCTPPacks, 1), through(NodePort, "b")), "service-node-answers", "node b refuses the association by itself"},
	{"somebody refuses", symptom(aborted, client(wire.InSCTPPacks, 1)), "refused-on-the-way", "somebody on the way refuses SCTP"},
	{"a hostPort that nobody maps", symptom(through(HostPort, "b"), aborted, direct), "host-port-not-mapped", "node b does not lead its hostPort to the pod for SCTP"},
	{"no endpoints", symptom(client("IcmpInDestUnreachs", 6), through(ClusterIP, "a"), direct), "service-rejects", "the service proxy of node a rejects SCTP"},
	{"a packet filter that rejects", symptom(client("Icmp6InDestUnreachs", 6)), "rejected-by-icmp", "rejects SCTP with ICMP"},
	{"replies from another address", symptom(heardOf, spoke, client(wire.InSCTPPacks, 6), client(wire.OutOfBlues, 6), through(ClusterIP, "a")), "reply-from-elsewhere", "node a does not translate them back"},
	{"cookies", symptom(heardOf, spoke, client(wire.InSCTPPacks, 1), client(wire.T1CookieExpireds, 6)), "cookie-lost", "the COOKIE-ECHO after it is lost"},
	{"the way back", symptom(heardOf, spoke, tcp), "reply-lost", "SCTP reaches the server and its replies are lost (node a to node b)"},
	{"everything, through a Service", symptom(through(ClusterIP, "a"), tcpDead, udpDead, directNot), "network-down", "not SCTP's fault"},
	{"everything, to a pod", symptom(tcpDead, udpDead), "network-down", "not SCTP's fault"},
	{"a Service without a rule", symptom(through(NodePort, "b"), tcp, direct), "service-no-rule", "the service proxy of node b has no working rule for SCTP (the pod's address and the TCP twin work)"},
	{"a Service for nobody", symptom(through(ClusterIP, "a"), tcpDead, direct), "service-down", "TCP as little as SCTP"},
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
	if want := "the logs of the service proxies (kube-proxy) on nodes b, c, and its rules for 10.96.0.5:80"; causes[0].Look != want {
		t.Errorf("look at %q", causes[0].Look)
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
		raw, err := json.Marshal(c.symptom)
		if err != nil {
			t.Fatal(err)
		}
		var back Symptom
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(Explain([]Symptom{back}), Explain([]Symptom{c.symptom})) {
			t.Errorf("%s is explained otherwise when it was saved", c.name)
		}
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
