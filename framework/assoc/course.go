package assoc

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Step is what an agent was asked to do with a socket, and what it said.
type Step struct {
	At       time.Time         `json:"at"` // when it was asked
	Path     string            `json:"path"`
	Family   reach.Family      `json:"family"`
	Agent    string            `json:"agent"`
	Node     string            `json:"node"`
	End      int               `json:"end,omitempty"`  // whose socket it is; 0 is a listener's
	Must     reach.Ground      `json:"must,omitempty"` // on which the path ends where the kernel does not do it
	Asked    int               `json:"asked"`          // by the count of its course
	Answered int               `json:"answered"`       // likewise; 0 is not yet
	Op       wire.SocketOp     `json:"op"`
	Reply    *wire.SocketReply `json:"reply,omitempty"`
	Trouble  string            `json:"trouble,omitempty"` // why there is no reply
}

// noSCTP are the error numbers with which only a kernel without SCTP answers (socket(2)).
var noSCTP = []string{"EPROTONOSUPPORT", "ESOCKTNOSUPPORT"}

// spelled are the verbs that do not speak for themselves.
var spelled = map[wire.Verb]string{
	wire.DoDial: "connect", wire.DoAccept: "accept an association", wire.DoSend: "send", wire.DoReceive: "receive",
	wire.DoSet: "set socket options", wire.DoStatus: "read the status of its association",
}

// fault is what is wrong with a step by itself: nobody answered it, or the kernel did not do
// what it must.
func (s *Step) fault() *Fault {
	what := fmt.Sprintf("%s on %s could not %s: ", s.Agent, s.Node, cmp.Or(spelled[s.Op.Do], string(s.Op.Do)))
	switch {
	case s.Answered == 0:
		return nil
	case s.Reply == nil:
		return &Fault{Ground: reach.GroundBroken, Text: what + s.Trouble, At: s.Answered}
	case slices.Contains(noSCTP, s.Reply.Errno):
		return &Fault{Ground: reach.GroundUnsupported, Text: fmt.Sprintf("SCTP is not available on node %s, see MOD-01: %s", s.Node, what+outcome(s.Reply)), At: s.Answered}
	case s.Must != "" && failed(s.Reply):
		return &Fault{Ground: s.Must, Text: what + outcome(s.Reply), At: s.Answered}
	}
	return nil
}

// failed says whether a call did not work.
func failed(r *wire.SocketReply) bool { return r.Errno != "" || r.Late }

// End is one end of an association: a socket or, of a one-to-many socket, one of its
// associations.
type End struct {
	Name   string `json:"name"`            // in failures
	Number int    `json:"number"`          // counted from 1 on the path
	Hub    int    `json:"hub,omitempty"`   // the end whose socket it shares, or has shared
	Assoc  int32  `json:"assoc,omitempty"` // what the shared socket calls it
}

// Fault is why a path is not as claimed.
type Fault struct {
	Ground    reach.Ground
	Class     string // of what befell the path, where the judge can tell
	Text      string
	At        int  // by the count of the course
	Elsewhere bool // no socket has told of it
}

// Course is what happened on a path: steps with sockets, and what was expected of them.
// Everything gets a number when it begins and when it is over, from one count: what is
// expected is judged by what was known then.
type Course struct {
	Path   string       `json:"path"` // who to whom, with addresses and nodes
	Family reach.Family `json:"family"`
	Seen   []string     `json:"seen,omitempty"`   // what captures show of it
	Unseen string       `json:"unseen,omitempty"` // why they show no more
	Beside string       `json:"beside,omitempty"` // what became of its TCP twin

	mu       sync.Mutex
	steps    []*Step
	expected []*Expected
	count    int
}

// over are the steps that are not under way, in the order in which they ended.
func (c *Course) over() []*Step {
	out := slices.DeleteFunc(slices.Clone(c.steps), func(s *Step) bool { return s.Answered == 0 })
	slices.SortFunc(out, func(a, b *Step) int { return a.Answered - b.Answered })
	return out
}

func (c *Course) next() int {
	c.count++
	return c.count
}

// Ask begins a step, and Answer ends it and says what is wrong with it by itself.
func (c *Course) Ask(s *Step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Path, s.Family, s.Asked = c.Path, c.Family, c.next()
	c.steps = append(c.steps, s)
}

// Answer ends a step that Ask has begun.
func (c *Course) Answer(s *Step, reply *wire.SocketReply, err error) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Reply, s.Answered = reply, c.next()
	if err != nil {
		s.Trouble = err.Error()
	}
	return s.fault()
}

// Expected is what was expected of an end, when.
type Expected struct {
	Path   string       `json:"path"`
	Family reach.Family `json:"family"`
	At     int          `json:"at"` // by the count of the course
	Of     End          `json:"of,omitzero"`
	Peer   End          `json:"peer,omitzero"`
	What   Expectation  `json:"-"` // see MarshalJSON
}

// Expectation is what can be expected of an end. All of them are in this package, so that
// files can be judged like runs.
type Expectation interface {
	// judge says what is wrong, if anything, by what was known.
	judge(k *known) *Fault
}

// Expect notes what is expected of an end now, and judges it.
func (c *Course) Expect(of, peer End, what Expectation) (*Fault, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := &Expected{Path: c.Path, Family: c.Family, At: c.next(), Of: of, Peer: peer, What: what}
	c.expected = append(c.expected, x)
	return c.judge(x)
}

func (c *Course) judge(x *Expected) (*Fault, error) {
	k := c.known(x)
	f := x.What.judge(k)
	if k.err != nil {
		return nil, fmt.Errorf("%s (%s), expectation %d: %w", c.Path, c.Family, x.At, k.err)
	}
	if f != nil {
		f.At = x.At
	}
	return f, nil
}

// Fault is the first thing that is wrong on the path.
func (c *Course) Fault() (first *Fault, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.steps {
		if f := s.fault(); f != nil && (first == nil || f.At < first.At) {
			first = f
		}
	}
	for _, x := range c.expected {
		if first != nil && first.At < x.At {
			continue
		}
		f, err := c.judge(x)
		if err != nil {
			return nil, err
		}
		if f != nil {
			first = f
		}
	}
	return first, nil
}
