package assoc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Complaint stands in the first line of every failure that rests on paths of a walk.
const Complaint = "; seen on "

// Verdict is what saved walks of a spec amount to: the ground on which the first that is not
// as claimed fails it, and the text that says so, or nothing. Elsewhere says whether anything
// of it can not be judged again; causes are what was found out about it.
func Verdict(walks []*Walk, causes []reach.Cause) (ground reach.Ground, text string, elsewhere bool, err error) {
	for _, w := range walks {
		if w.Aside != "" {
			continue
		}
		found, err := w.Found()
		if err != nil {
			return "", "", false, err
		}
		if len(found) > 0 {
			ground, text = w.Text(found, causes)
			return ground, text, slices.ContainsFunc(found, func(f Found) bool { return f.Elsewhere }), nil
		}
	}
	return "", "", false, nil
}

// Worst is the fault that the first line is about: one on ground fail where there is any,
// for that cannot be undone by another.
func Worst(found []Found) *Found {
	i := slices.IndexFunc(found, func(f Found) bool { return f.Ground == reach.GroundFail })
	return &found[max(i, 0)]
}

// mostFaults are told in full.
const mostFaults = 4

// Text is the failure for people: the worst fault and its path in the first line, behind what
// captures saw, or else, where an association did not come up, what asking such paths again has shown; then every path with what was done
// on it, and the causes.
func (w *Walk) Text(found []Found, causes []reach.Cause) (reach.Ground, string) {
	first := Worst(found)
	seen := ""
	for _, s := range first.Seen {
		seen += s + "; "
	}
	if i := slices.IndexFunc(causes, func(c reach.Cause) bool { return c.Asked }); first.Class == ConnectFailed && seen == "" && i >= 0 {
		seen = causes[i].Lead()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s%s%s%s%d of %d paths: %s (%s)\n", w.ID, seen, first.Text, first.beside(), Complaint, len(found), len(w.Courses), first.Path, first.Family)
	for i, f := range found {
		if i == mostFaults {
			fmt.Fprintf(&b, "\n  and %d more, see associations.jsonl\n", len(found)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s (%s): %s%s\n", f.Path, f.Family, f.Text, f.beside())
		f.tell(&b)
	}
	b.WriteString(reach.Told(causes))
	if first.Unseen != "" {
		fmt.Fprintf(&b, "  no whole capture: %s\n", first.Unseen)
	}
	fmt.Fprintf(&b, "  evidence: %s      again: with FOCUS=%s\n", w.Evidence, w.ID)
	return first.Ground, b.String()
}

// beside goes on with what became of the TCP twin of a path, where one was kept.
func (c *Course) beside() string {
	if c.Beside == "" {
		return ""
	}
	return "; " + c.Beside
}

// mostSteps and mostEvents are told of a path that failed: the last ones.
const (
	mostSteps  = 12
	mostEvents = 4
)

// tell writes what was done on the path, with times since the first step.
func (c *Course) tell(b *strings.Builder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	steps := c.over()
	for _, s := range steps[max(0, len(steps)-mostSteps):] {
		fmt.Fprintf(b, "    %6.3fs %-14s %s%s\n", s.At.Sub(steps[0].At).Seconds(), s.Agent, s.Op.Do, s.summary())
	}
}

// summary is what came of a step, in a few words.
func (s *Step) summary() string {
	switch {
	case s.Reply == nil:
		return ": " + s.Trouble
	case failed(s.Reply):
		return ": " + outcome(s.Reply)
	}
	var parts []string
	for _, n := range []int{len(s.Op.Messages), len(Messages(s.Reply.Events))} {
		switch n {
		case 0:
		case 1:
			parts = append(parts, "1 message")
		default:
			parts = append(parts, fmt.Sprintf("%d messages", n))
		}
	}
	notes := slices.DeleteFunc(slices.Clone(s.Reply.Events), func(v wire.Event) bool { return v.Kind == wire.EventMessage })
	for _, v := range notes[max(0, len(notes)-mostEvents):] {
		parts = append(parts, Describe(v))
	}
	if st := s.Reply.Status; st != nil {
		parts = append(parts, st.State)
	}
	parts = append(parts, fmt.Sprintf("%v", (time.Duration(s.Reply.Ended-s.Reply.Begun)*time.Microsecond).Round(100*time.Microsecond)))
	return ": " + strings.Join(parts, ", ")
}
