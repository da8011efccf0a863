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

	Again  Trial  `json:"again"`            // the same path, with nobody else asking
	Direct *Trial `json:"direct,omitempty"` // SCTP straight to the pod, for an address that is not a pod's
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

// Trial is one probe with what moved at both ends while it ran.
type Trial struct {
	Evidence reach.Evidence `json:"evidence"`
	Client   wire.Counters  `json:"client"`
	Server   wire.Counters  `json:"server"` // summed over the pods behind the address; nil where it could not be read
}

// answered says whether the trial got its nonce and all messages back.
func (t Trial) answered() bool { return reach.Judge(t.Evidence).Outcome == reach.Answered }

// notAsked is the class of paths that could not be asked again.
const notAsked Class = "not-asked"

// Explain names the causes of wrong paths, that of the most paths first. What no row of
// the table fits is called Unexplained, with the facts.
func Explain(symptoms []Symptom) []reach.Cause {
	byClass := map[Class][]Symptom{}
	var order []Class
	for _, s := range symptoms {
		c := classify(s).class
		if _, known := byClass[c]; !known {
			order = append(order, c)
		}
		byClass[c] = append(byClass[c], s)
	}
	slices.SortStableFunc(order, func(a, b Class) int {
		switch {
		case a == notAsked: // it tells of the asking again, not of what was wrong
			return 1
		case b == notAsked:
			return -1
		}
		return cmp.Compare(len(byClass[b]), len(byClass[a]))
	})
	var out []reach.Cause
	for _, c := range order {
		alike := byClass[c]
		row := classify(alike[0])
		cause := reach.Cause{Class: string(c), Sentence: row.says(alike), Look: row.look(alike)}
		for _, s := range alike {
			cause.Facts = append(cause.Facts, s.Facts())
		}
		out = append(out, cause)
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
