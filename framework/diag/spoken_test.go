package diag

import (
	"strings"
	"testing"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// spokenOf is a symptom as specs make them when they have found something.
func spokenOf(c Class, changes ...change) Symptom {
	s := Symptom{
		Family: reach.IPv4, Client: "x/client", ClientNode: "a", Server: "svc/web:80", Kind: ClusterIP, Node: "a", ServerNode: "b",
		Address: "10.96.0.5:80", Want: reach.Word(reach.Answered), Found: c,
		Meanwhile: &Ends{
			Client: wire.Counters{wire.OutSCTPPacks: 20, wire.InSCTPPacks: 17},
			Server: wire.Counters{wire.OutSCTPPacks: 18, wire.InSCTPPacks: 20, wire.OutOfBlues: 1},
		},
	}
	for _, c := range changes {
		c(&s)
	}
	return s
}

// askedAlone lets a symptom be asked again, with what comes of it.
func askedAlone(t Trial) change {
	return func(s *Symptom) {
		t.Client, t.Server = wire.Counters{wire.OutSCTPPacks: 6}, wire.Counters{}
		s.Again = t
	}
}

func said(text string) change { return func(s *Symptom) { s.Said = text } }

// onItsOwn is what is found on no path.
func onItsOwn(s *Symptom) { *s = Symptom{Found: s.Found, Said: s.Said, ServerNode: "b"} }

// named is what is found of a name, which has no address and is asked for in every family.
func named(s *Symptom) { s.Address, s.Family, s.Meanwhile = "", "", nil }

// spokenCases are things that specs find, one for each row and more where more is said.
var spokenCases = []struct {
	name    string
	symptom Symptom
}{
	{"a pod that gets nothing", spokenOf(ServiceUneven, said("x/other on b got none"), askedAlone(answeredBy(server)), direct, tcp)},
	{"a client that wanders", spokenOf(ServiceNotSticky, said("x/client was sent to several servers"), askedAlone(answeredBy(server)), direct, tcp)},
	{"an object that changed", spokenOf(APIChangesProtocol, said("Service web port sctp has \"TCP\""), onItsOwn)},
	{"a name without a record", spokenOf(NamesWrong, said("web.sctp-x.svc has no A (ipv4) record: NXDOMAIN"), named)},
	{"a few of a thousand", spokenOf(AssociationsFail, said("12 of 500 associations did not work"), askedAlone(answeredBy(server)), direct, tcp)},
	{"a few of a thousand, and all that follow", spokenOf(AssociationsFail, said("12 of 500 associations did not work"), askedAlone(ended("connect", "ETIMEDOUT")), direct, tcp)},
	{"an end that waits", spokenOf("end-not-told", said("x/client on a was not told in 4s"))},
	{"something else", spokenOf(AssociationWrong, said("x/client on a has 3 associations, wanted 1"))},
	{"bad checksums", spokenOf(BadChecksum, said("3 SCTP packets with a bad checksum came to x/server on node b"), onItsOwn)},
	{"associations that are left", spokenOf(AssociationLeft, said("1 association of x/server on node b is still established 10s after the last probe"), onItsOwn)},
	{"no association, and probes are answered again", spokenOf("connect-failed", said("ETIMEDOUT"), askedAlone(answeredBy(server)), direct, tcp)},
	{"no association, and no probe is answered any more", spokenOf("connect-failed", said("ETIMEDOUT"), askedAlone(ended("connect", "ETIMEDOUT")), direct, tcp)},
	{"an ABORT that does not come", spokenOf("chunk-lost", said("the ABORT of x/client on a did not come"))},
	{"a message that does not come", spokenOf("data-lost", said("got 1 of 2 messages"))},
	{"a big message that does not come", spokenOf("size-black-hole", said("messages of up to 1000 bytes arrive and those of 1400 do not"))},
	{"a message that is another", spokenOf("message-damaged", said("message 1 came with PPID 0 instead of 60"))},
	{"fewer streams", spokenOf("streams-changed", said("x/client on a has 1 outgoing and 5 incoming streams, wanted 10 and 5"))},
	{"a pod that cannot be asked any more", spokenOf("end-not-told", said("x/client on a was not told in 4s"), func(s *Symptom) { s.Meanwhile = &Ends{} })},
}

// What specs have found themselves is told like what the table says: with nodes, the path, its
// family, what both ends counted, and a place to look at; and first.
func TestSpoken(t *testing.T) {
	reached := map[Class]bool{}
	for _, c := range spokenCases {
		causes := Explain([]Symptom{c.symptom})
		first := causes[0]
		reached[c.symptom.Found] = true
		if first.Class != string(c.symptom.Found) || first.Look == "" || len(first.Facts) != 1 || strings.ContainsAny(first.Look, "\n") {
			t.Errorf("%s: badly told: %+v", c.name, first)
			continue
		}
		wants := []string{c.symptom.Said}
		if c.symptom.Client != "" {
			wants = append(wants, "x/client on a -> svc/web:80")
		}
		if c.symptom.Meanwhile != nil {
			wants = append(wants, "10.96.0.5:80 (ipv4)", "counted in both pods meanwhile: ", "client ")
		}
		for _, want := range wants {
			if !strings.Contains(first.Facts[0], want) {
				t.Errorf("%s: the facts do not tell of %q: %s", c.name, want, first.Facts[0])
			}
		}
		if c.symptom.Found != APIChangesProtocol && !strings.Contains(first.Sentence, "node") {
			t.Errorf("%s: %q names no node", c.name, first.Sentence)
		}
		if strings.Contains(first.Sentence+first.Facts[0], reach.Complaint) {
			t.Errorf("%s: it reads as if the table had said it: %+v", c.name, first)
		}
	}
	for _, class := range Spoken() {
		if !reached[Class(class)] {
			t.Errorf("nothing is told of %s", class)
		}
	}
	if got := found(Symptom{Found: "no-such-class"}); got.class != "unexplained" {
		t.Errorf("a class that nobody knows is %s", got.class)
	}
}

// Whoever shares out associations as EndpointSlices tell it to is not to blame.
func TestUnevenAsListed(t *testing.T) {
	first := Explain([]Symptom{spokenOf(ServiceUneven, said("x/other on b got none"), askedAlone(answeredBy(server)), direct, tcp, unlist)})[0]
	if first.Class != "endpoints-wrong" || !strings.HasSuffix(first.Sentence, "list no port for SCTP (ipv4): the service proxy of node a cannot know better") || len(first.Facts) != 1 {
		t.Errorf("%+v", first)
	}
}

// Where a path that a spec has found wrong is wrong again, what the table says of that stands
// after it, and the facts stand once.
func TestSpokenAndAskedAgain(t *testing.T) {
	wrong := spokenOf("connect-failed", askedAlone(ended("connect", "ETIMEDOUT")), direct, tcp)
	right := spokenOf("streams-changed")
	causes := Explain([]Symptom{right, wrong, wrong})
	var classes []string
	facts := 0
	for _, c := range causes {
		classes = append(classes, c.Class)
		facts += len(c.Facts)
	}
	if got := strings.Join(classes, " "); got != "streams-changed connect-failed service-no-rule" || facts != 3 {
		t.Errorf("the causes are %s, with %d facts", got, facts)
	}
	lost := spokenOf("connect-failed", askedAlone(Trial{Evidence: evidence()}))
	if causes := Explain([]Symptom{lost}); len(causes) != 2 || causes[1].Class != string(notAsked) {
		t.Errorf("what could not be asked again is told as %+v", causes)
	}
}

// Several of one kind are told of in one sentence.
func TestSpokenOfSeveral(t *testing.T) {
	for _, c := range spokenCases {
		elsewhere := c.symptom
		elsewhere.ClientNode, elsewhere.Node, elsewhere.ServerNode = "c", "c", "d"
		cause := Explain([]Symptom{c.symptom, elsewhere})[0]
		if len(cause.Facts) != 2 || strings.Contains(cause.Sentence+cause.Look, "%!") {
			t.Errorf("%s: badly told of two: %+v", c.name, cause)
		}
	}
}

func TestSpokenCanBeSaved(t *testing.T) {
	for _, c := range spokenCases {
		saved(t, c.name, c.symptom)
	}
}
