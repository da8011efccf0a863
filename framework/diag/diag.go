// Package diag names causes. From what was seen when a wrong path was asked again alone,
// beside its TCP and UDP twins and straight at the pod, it says in one sentence what is
// broken and where to look next.
//
// Its table is data, and it is pure like the judge: saved symptoms are explained again to
// the same words. It knows no cluster.
package diag

import (
	"cmp"
	"slices"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Symptom is one wrong path and what asking it again has shown.
type Symptom struct {
	Family     reach.Family `json:"family"`
	Client     string       `json:"client"` // word of the table
	ClientNode string       `json:"clientNode"`
	Server     string       `json:"server"` // word of the table
	Kind       Kind         `json:"kind"`
	Node       string       `json:"node"`       // that translates the address; of a pod's own, the pod's
	ServerNode string       `json:"serverNode"` // of the pod behind the address
	Address    string       `json:"address"`    // and port that were asked
	Want       reach.Word   `json:"want"`
	Policies   []string     `json:"policies,omitempty"` // that the spec has applied
	Lifted     []string     `json:"lifted,omitempty"`   // that it has deleted again, where the path was denied while they stood
	Egress     bool         `json:"egress,omitempty"`   // all of these policies are of egress only

	Found     Class  `json:"found,omitempty"`     // what the spec itself has found, before the table is asked
	Said      string `json:"said,omitempty"`      // what it says of that
	Meanwhile *Ends  `json:"meanwhile,omitempty"` // what moved at both ends while it found that

	// Denied says that, in the same table, an engine that is known to keep paths closed admits this
	// path's client, over the same protocol and family, where the policies deny it.
	Denied bool `json:"denied,omitempty"`
	// Apart says that the policies speak of SCTP: what they say of a path need not hold for its
	// TCP twin.
	Apart bool `json:"apart,omitempty"`

	// Itself says that the client's own pod is behind the address: what it counts is of both ends.
	Itself bool `json:"itself,omitempty"`

	// Partly says that the path was asked several times at once, and that some of these
	// associations were answered and others were not.
	Partly bool `json:"partly,omitempty"`

	// Unlisted says that by the EndpointSlices of the Service that the path leads through a proxy
	// can lead to none of the pods that it is to lead to, and Overlisted that it leads to something
	// else by them. Service proxies know nothing else of its pods.
	Unlisted   string `json:"unlisted,omitempty"`
	Overlisted string `json:"overlisted,omitempty"`

	Again  Trial  `json:"again"`            // the same path, with nobody else asking
	Direct *Trial `json:"direct,omitempty"` // straight to the pod, for an address that is not a pod's
	TCP    *Trial `json:"tcp,omitempty"`    // the same address kind, port and pods over TCP
	UDP    *Trial `json:"udp,omitempty"`

	Passed []int  `json:"passed,omitempty"` // sizes in bytes of single messages that were echoed
	Lost   []int  `json:"lost,omitempty"`   // and of those that were not
	Trail  string `json:"trail,omitempty"`  // how far packets came, where captures were made

	Trouble []string `json:"trouble,omitempty"` // what could not be asked, and why
}

// Kind says what sort of address a path leads to.
type Kind string

// The kinds of addresses.
const (
	Pod       Kind = "pod"
	ClusterIP Kind = "ClusterIP"
	NodePort  Kind = "NodePort"

	LoadBalancer Kind = "LoadBalancer"
	ExternalIP   Kind = "external IP" // of a Service
	HostPort     Kind = "hostPort"    // of a pod, on its node
)

// Ends is what moved at both ends of a path. What could not be read is nil.
type Ends struct {
	Client wire.Counters `json:"client"`
	Server wire.Counters `json:"server"` // summed over the pods behind the address
}

// Trial is one probe with what moved at both ends while it ran.
type Trial struct {
	Evidence reach.Evidence `json:"evidence"`
	Client   wire.Counters  `json:"client"`
	Server   wire.Counters  `json:"server"` // summed over the pods behind the address; nil where it could not be read
}

// made says whether the trial was made at all: of what specs find, not all is asked again.
func (t Trial) made() bool { return t.Evidence.Probe.Proto != "" }

// answered says whether the trial got its nonce and all messages back.
func (t Trial) answered() bool { return reach.Judge(t.Evidence).Outcome == reach.Answered }

// notAsked is the class of paths that could not be asked again.
const notAsked Class = "not-asked"

// Explain names the causes of what is wrong: first what the spec has found itself, in its
// order, then what the table says of paths that were asked again, that of the most paths
// first, and of as many what a counter shows. What no row of the table fits is called
// unexplained, with the facts.
func Explain(symptoms []Symptom) []reach.Cause {
	var kinds []kind
	for _, s := range symptoms {
		for _, r := range rows(s) {
			i := slices.IndexFunc(kinds, func(k kind) bool { return k.row.class == r.class && k.row.rank() == r.rank() })
			if i < 0 {
				i, kinds = len(kinds), append(kinds, kind{row: r})
			}
			kinds[i].alike = append(kinds[i].alike, s)
		}
	}
	slices.SortStableFunc(kinds, func(a, b kind) int {
		if a.row.rank() != byTable || b.row.rank() != byTable {
			return cmp.Compare(a.row.rank(), b.row.rank())
		}
		return cmp.Or(cmp.Compare(len(b.alike), len(a.alike)), cmp.Compare(a.row.guess(), b.row.guess()))
	})
	var out []reach.Cause
	for _, k := range kinds {
		out = append(out, k.cause())
	}
	return out
}

// kind is a row and the symptoms that it is said of.
type kind struct {
	row   row
	alike []Symptom
}

// cause is what is said of them. The facts of what a spec has found stand there, and are not
// said again.
func (k kind) cause() reach.Cause {
	c := reach.Cause{Class: string(k.row.class), Sentence: k.row.says(k.alike), Look: k.row.look(k.alike)}
	c.Asked = k.row.rank() == byTable && k.row.class != unexplained.class
	for _, s := range k.alike {
		if s.Found == "" || k.row.rank() == bySpec {
			c.Facts = append(c.Facts, s.Facts())
		}
	}
	return c
}

// The order of causes by who names them.
const (
	bySpec = iota
	byTable
	byNobody // it tells of the asking again, not of what was wrong
)

func (r row) rank() int {
	switch {
	case r.class == notAsked:
		return byNobody
	case r.when == nil && r.class != unexplained.class:
		return bySpec
	}
	return byTable
}

// guess is 0 where a counter names the cause itself, and 1 where it is concluded: packets with a
// bad checksum are not translated either (conntrack calls them INVALID), which looks like a
// service proxy without rules.
func (r row) guess() int {
	if slices.Contains(r.when, yes(serverBadSums)) || slices.Contains(r.when, yes(clientBadSums)) {
		return 0
	}
	return 1
}

// rows are those of a symptom: what the spec has found, and what the table says of a path
// that is not answered when it is asked again.
func rows(s Symptom) []row {
	if s.Found == "" {
		return []row{classify(s)}
	}
	out := []row{found(s)}
	if s.Again.made() && !s.Again.answered() {
		out = append(out, classify(s))
	}
	return out
}

// classify returns the row of a symptom.
func classify(s Symptom) row { return fit(facts(s)) }

// fit returns the first row whose conditions all hold.
func fit(known map[fact]bool) row {
	for _, r := range table {
		if !slices.ContainsFunc(r.when, func(c condition) bool { holds, asked := known[c.fact]; return !asked || holds != c.holds }) {
			return r
		}
	}
	return unexplained
}
