// Package assoc judges what happened on one association: whether what one end received is
// what the other end sent, and when an end must have noticed what.
//
// It is pure: no clock, no network. It imports wire, and reach for its words, so that saved
// evidence is judged again by the code that followed the run.
package assoc

import (
	"fmt"
	"slices"

	"sctp.test/framework/wire"
)

// Sent is what one end passed to its kernel, in order. The bytes of message i are
// wire.Payload(Nonce, i, Size).
type Sent struct {
	Nonce    string
	Messages []wire.SendMessage
}

func (s Sent) payload(i int) []byte { return wire.Payload(s.Nonce, i, s.Messages[i].Size) }

// Compare tells in what the messages among events differ from those that were sent, a
// sentence for each kind of harm; nothing where all arrived once, whole, in order and as
// they were labelled.
func Compare(s Sent, events []wire.Event) []string {
	c := comparison{sent: s, got: Messages(events)}
	c.match()
	c.explainStrangers()
	c.labels()
	c.order()
	return c.sentences()
}

// Messages are the messages among events.
func Messages(events []wire.Event) []wire.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e wire.Event) bool { return e.Kind != wire.EventMessage })
}

// comparison is how far the messages have been accounted for.
type comparison struct {
	sent Sent
	got  []wire.Event

	from      []int // by what was got: the message it is, -1 for a stranger
	arrived   []int // by what was sent: how often
	strangers []int // what was got and is no message that was sent
	harm      []harm
}

// harm is one kind of difference and where it was seen.
type harm struct {
	kind     string
	examples []string
}

// mostExamples are told of one kind; the others are counted.
const mostExamples = 3

func (c *comparison) add(kind, format string, args ...any) {
	i := slices.IndexFunc(c.harm, func(h harm) bool { return h.kind == kind })
	if i < 0 {
		c.harm, i = append(c.harm, harm{kind: kind}), len(c.harm)
	}
	c.harm[i].examples = append(c.harm[i].examples, fmt.Sprintf(format, args...))
}

func (c *comparison) sentences() []string {
	var out []string
	for _, h := range c.harm {
		shown := h.examples
		if len(shown) > mostExamples {
			shown = shown[:mostExamples]
		}
		out = append(out, shown...)
		if more := len(h.examples) - len(shown); more > 0 {
			out = append(out, fmt.Sprintf("and %d more %s", more, h.kind))
		}
	}
	return out
}

// match finds the message that each arrival is. Short payloads may be the same bytes: then
// the one on the same stream is meant, the first that is still due, and where none is due
// any more it came again.
func (c *comparison) match() {
	known := map[string][]int{}
	for i := range c.sent.Messages {
		d := wire.Digest(c.sent.payload(i))
		known[d] = append(known[d], i)
	}
	c.arrived = make([]int, len(c.sent.Messages))
	c.from = make([]int, len(c.got))
	for k, e := range c.got {
		c.from[k] = -1
		candidates := known[e.Digest]
		switch i := c.choose(candidates, e); {
		case e.Cut, len(candidates) == 0:
			c.strangers = append(c.strangers, k)
		case i >= 0:
			c.from[k] = i
			c.arrived[i]++
		default:
			c.arrived[candidates[0]]++
			c.add("that came more than once", "%s came more than once", c.name(candidates[0]))
		}
	}
}

// choose is the best of the candidates that are still due, -1 where there is none.
func (c *comparison) choose(candidates []int, e wire.Event) int {
	best := -1
	for _, i := range candidates {
		m := c.sent.Messages[i]
		switch {
		case c.arrived[i] > 0:
		case m.Stream == e.Stream && m.PPID == e.PPID && m.Unordered == e.Unordered:
			return i
		case best < 0:
			best = i
		}
	}
	return best
}

// labels compares what goes with a message.
func (c *comparison) labels() {
	for k, i := range c.from {
		if i < 0 {
			continue
		}
		want, got := c.sent.Messages[i], c.got[k]
		if got.Stream != want.Stream {
			c.add("on the wrong stream", "%s came on stream %d", c.name(i), got.Stream)
		}
		if got.PPID != want.PPID {
			c.add("with a wrong PPID", "%s came with PPID %d instead of %d", c.name(i), got.PPID, want.PPID)
		}
		if got.Unordered != want.Unordered {
			c.add("whose unordered flag changed", "%s was sent with unordered %v and came with %v", c.name(i), want.Unordered, got.Unordered)
		}
	}
}

// order looks at each stream by itself: ordered messages must come in the order in which
// they were sent.
func (c *comparison) order() {
	last := map[uint16]int{}
	for _, i := range c.from {
		if i < 0 || c.sent.Messages[i].Unordered {
			continue
		}
		stream := c.sent.Messages[i].Stream
		before, any := last[stream]
		if any && i < before {
			c.add("out of order", "%s came after %s", c.name(i), c.name(before))
			continue
		}
		last[stream] = i
	}
}

// name is how a message is called: by its number, with what tells it from others.
func (c *comparison) name(i int) string {
	m := c.sent.Messages[i]
	return fmt.Sprintf("message %d (%d bytes, stream %d)", i, m.Size, m.Stream)
}
