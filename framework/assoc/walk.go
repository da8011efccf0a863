package assoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Walk is what was done on several paths side by side.
type Walk struct {
	ID       string    `json:"id"`              // of the spec
	Evidence string    `json:"evidence"`        // folder
	Aside    string    `json:"aside,omitempty"` // why it is no part of the verdict
	Courses  []*Course `json:"paths"`
}

// Found is a path with what is wrong on it.
type Found struct {
	*Course
	Fault
}

// Found are the paths that are not as claimed.
func (w *Walk) Found() (out []Found, err error) {
	for _, c := range w.Courses {
		f, err := c.Fault()
		if err != nil {
			return nil, err
		}
		if f != nil {
			out = append(out, Found{c, *f})
		}
	}
	return out, nil
}

// Line is a line of associations.jsonl: exactly one of its pointers is set. A walk comes
// first, then what happened on each of its paths.
type Line struct {
	Walk   *Walk     `json:"walk,omitempty"`
	Step   *Step     `json:"step,omitempty"`
	Expect *Expected `json:"expect,omitempty"`
}

// at is where a line stands in its course.
func (l Line) at() int {
	if l.Step != nil {
		return l.Step.Answered
	}
	return l.Expect.At
}

// unfit is why a line is none that a run writes, where it could not be judged.
func (l Line) unfit() error {
	switch {
	case l.Walk != nil && slices.Contains(l.Walk.Courses, nil):
		return errors.New("a path of the walk is none")
	case l.Step != nil && slices.ContainsFunc(l.Step.Op.Messages, func(m wire.SendMessage) bool { return m.Size < 0 }):
		return errors.New("a message has less than no bytes")
	}
	return nil
}

// Lines are the walk as Replay reads it.
func (w *Walk) Lines() []Line {
	out := []Line{{Walk: w}}
	for _, c := range w.Courses {
		c.mu.Lock()
		begin := len(out)
		for _, s := range c.over() {
			out = append(out, Line{Step: s})
		}
		for _, x := range c.expected {
			out = append(out, Line{Expect: x})
		}
		c.mu.Unlock()
		slices.SortFunc(out[begin:], func(a, b Line) int { return a.at() - b.at() })
	}
	return out
}

// Replay reads saved walks. The error names the line that cannot be read.
func Replay(r io.Reader) ([]*Walk, error) {
	var out []*Walk
	course := func(path string, family reach.Family) (*Course, error) {
		if len(out) > 0 {
			for _, c := range out[len(out)-1].Courses {
				if c.Path == path && c.Family == family {
					return c, nil
				}
			}
		}
		return nil, fmt.Errorf("%s (%s) is no path of the walk before it", path, family)
	}
	dec := json.NewDecoder(r)
	for n := 1; ; n++ {
		var l Line
		var c *Course
		err := dec.Decode(&l)
		if err == nil {
			err = l.unfit()
		}
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
		case l.Walk != nil:
			out = append(out, l.Walk)
		case l.Step != nil:
			if c, err = course(l.Step.Path, l.Step.Family); err == nil {
				c.steps = append(c.steps, l.Step)
			}
		case l.Expect != nil:
			if c, err = course(l.Expect.Path, l.Expect.Family); err == nil {
				c.expected = append(c.expected, l.Expect)
			}
		default:
			err = errors.New("neither a walk nor a step nor an expectation")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// kinds are the names of expectations in files.
var kinds = map[string]Expectation{
	"arrives": Arrives{}, "intact": Intact{}, "closes": Closes{}, "hears": Hears{}, "gathers": Gathers{},
	"connects": Connects{}, "restarts": Restarts{}, "unheard": Unheard{}, "gives-up": GivesUp{}, "accepted": Accepted{},
	"streams": Streams{}, "agreed": Agreed{}, "overtakes": Overtakes{}, "numbered": Numbered{}, "renumbered": Renumbered{}, "in-parts": InParts{}, "only": Only{}, "widens": Widens{}, "refuses": Refuses{}, "mortal": Mortal{},
	"learns": Learns{}, "gone": Gone{}, "quiet": Quiet{}, "beats": Beats{}, "one": One{}, "paths": Paths{}, "addresses": Addresses{},
	"elsewhere": Elsewhere{},
}

// plain is Expected as it is encoded, and saved is that with what is expected.
type plain Expected

type saved struct {
	plain
	Kind string          `json:"kind"`
	What json.RawMessage `json:"what"`
}

// MarshalJSON names the kind of expectation.
func (x *Expected) MarshalJSON() ([]byte, error) {
	what, err := json.Marshal(x.What)
	if err != nil {
		return nil, err
	}
	for kind, like := range kinds {
		if reflect.TypeOf(like) == reflect.TypeOf(x.What) {
			return json.Marshal(saved{plain(*x), kind, what})
		}
	}
	return nil, fmt.Errorf("%T has no name in files", x.What)
}

// UnmarshalJSON finds the expectation by its kind.
func (x *Expected) UnmarshalJSON(raw []byte) error {
	var s saved
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	like, known := kinds[s.Kind]
	if !known {
		return fmt.Errorf("nobody knows the expectation %q", s.Kind)
	}
	what := reflect.New(reflect.TypeOf(like))
	if err := json.Unmarshal(s.What, what.Interface()); err != nil {
		return err
	}
	*x = Expected(s.plain)
	x.What = what.Elem().Interface().(Expectation)
	return nil
}
