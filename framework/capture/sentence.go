package capture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// String says in a sentence how far the INIT came, what was done to it, and what became
// of its answer.
func (t Trail) String() string {
	clauses := []string{t.forth()}
	switch {
	case t.Rewritten.IsValid():
		clauses = append(clauses, fmt.Sprintf("%s rewrote %s to %s", t.there.doer(t.RewrittenAt), t.Target, t.Rewritten))
	case t.untouched():
		clauses = append(clauses, fmt.Sprintf("node %s did not rewrite %s", t.rewriter(), t.Target))
	}
	if t.Strayed != (Hop{}) {
		clauses = append(clauses, "it went astray and "+course{to: "a pod of node " + t.Strayed.Node}.verb(t.Strayed))
	}
	if t.Answer != "" {
		clauses = append(clauses, t.home())
	}
	for _, l := range t.Lost {
		clauses = append(clauses, l.String())
	}
	return strings.Join(append(clauses, t.Shortcomings...), "; ")
}

// rewriter is the node whose proxy has to replace the address of a Service: the first one
// that the packet comes to, or the one whose port was asked.
func (t Trail) rewriter() string { return cmp.Or(t.Via, t.ClientNode) }

// untouched says whether the INIT was seen to pass the rewriter as it was.
func (t Trail) untouched() bool {
	if t.Rewritten.IsValid() || !t.Server.IsValid() || t.Server.Addr() == t.Target.Addr() {
		return false
	}
	behind := slices.IndexFunc(t.there.hops, func(h Hop) bool {
		return h.Node == t.rewriter() && (h.Side == ToWire || h.Side == ToPod)
	})
	return behind >= 0 && t.there.index(t.Reached) >= behind || t.Strayed.Node == t.rewriter()
}

// forth is about the INIT.
func (t Trail) forth() string {
	if t.Tag == 0 {
		var from string
		switch {
		case !t.Client.IsValid(): // it had no socket
		case t.Client.Port() == 0:
			from = " from " + t.Client.Addr().String()
		default:
			from = " from " + t.Client.String()
		}
		return fmt.Sprintf("no INIT%s to %s was seen on node %s", from, t.Target, t.ClientNode)
	}
	said := "INIT " + t.there.passed(0, t.Reached)
	if t.Answer == "" && t.there.whole(t.Reached) {
		said += "; no answer was seen from there"
	}
	return said
}

// home is about the answer.
func (t Trail) home() string {
	said := fmt.Sprintf("%s answered %s", t.back.doer(t.AnsweredAt), t.Answer)
	if t.Answer != chunkNames[chunkInitAck] {
		said += fmt.Sprintf(" as %s", t.AnsweredFrom)
	}
	start := t.back.index(t.AnsweredAt)
	switch {
	case t.back.whole(t.Back):
		said += ", which came back to " + t.back.to
	case start >= 0:
		said += ", which " + t.back.passed(start, t.Back)
	}
	if t.BackFrom.IsValid() {
		said += fmt.Sprintf(" as %s, whom it did not ask", t.BackFrom)
	}
	return said
}

// whole says whether a packet that was last seen at a hop went all the way.
func (c course) whole(last Hop) bool {
	return len(c.hops) > 0 && last == c.hops[len(c.hops)-1]
}

// passed tells the hops from the start-th to the last one that was seen, and the one after
// it, which was not.
func (c course) passed(start int, last Hop) string {
	if len(c.hops) == 0 {
		return "was seen, but nobody watched its way"
	}
	var clauses []string
	var before string // the verb of the clause before
	for _, h := range c.hops[start : c.index(last)+1] {
		verb, object, _ := strings.Cut(c.verb(h), " ")
		if verb == before {
			clauses[len(clauses)-1] += " and " + object
			continue
		}
		clauses, before = append(clauses, verb+" "+object), verb
	}
	if next := c.index(last) + 1; next < len(c.hops) {
		clauses = append(clauses, "never "+c.verb(c.hops[next]))
	}
	return strings.Join(clauses, ", ")
}

// verb is what it means to be seen at a hop.
func (c course) verb(h Hop) string {
	switch h.Side {
	case FromPod:
		return "left " + c.from
	case ToWire:
		return "left node " + h.Node
	case FromWire:
		return "reached node " + h.Node
	}
	return "reached " + c.to
}

// doer is who must have done to a packet what is seen of it at a hop for the first time.
func (c course) doer(h Hop) string {
	place := c.index(h)
	switch {
	case place < 0:
		return "somebody"
	case h.Side == FromPod:
		return c.from
	case h.Side == FromWire && place > 0:
		return fmt.Sprintf("somebody between nodes %s and %s", c.hops[place-1].Node, h.Node)
	case h.Side == FromWire:
		return "somebody before node " + h.Node
	}
	return "node " + h.Node
}
