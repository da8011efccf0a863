package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
)

// registry holds the Case of each spec in the tree, by ID. The tree is built more than
// once in a process (Ginkgo previews it), so a Case may come again, but only the same one.
var registry = map[string]registered{}

type registered struct {
	Case
	text string
	at   string // file and line of the It
}

func init() { ginkgo.AddTreeConstructionNodeArgsTransformer(transform) }

// Limit is how long a spec may take that has no limit of its own, 0 for as long as it likes. It is
// no claim: a spec that does not end must not keep the others from being judged.
var Limit time.Duration

// transform lets It take a Case: it becomes labels, a prefix of the text, a limit, and the last
// priority where the spec touches more than its namespaces. An It without exactly one complete
// Case is an error of the tree, which stops the suite before it starts. So is a focus or
// a pending spec in the code: with one, specs would be left out without a word. So is a
// label that does not come from a Case.
func transform(node types.NodeType, offset ginkgo.Offset, text string, args []any) (string, []any, []error) {
	if err := checkDecorators(text, args); err != nil {
		return text, args, []error{err}
	}
	var cases []Case
	args = slices.DeleteFunc(slices.Clone(args), func(a any) bool {
		c, ok := a.(Case)
		if ok {
			cases = append(cases, c)
		}
		return ok
	})
	if node != types.NodeTypeIt {
		if len(cases) > 0 {
			return text, args, []error{fmt.Errorf("%q: only an It takes a spec.Case", text)}
		}
		return text, args, nil
	}
	if len(cases) != 1 {
		return text, args, []error{fmt.Errorf("%q: an It needs exactly one spec.Case, not %d", text, len(cases))}
	}
	c := cases[0].withDefaults()
	if err := c.Validate(); err != nil {
		return text, args, []error{err}
	}
	now := registered{c, text, types.NewCodeLocation(int(offset)).String()}
	if before, ok := registry[c.ID]; ok && (before.text != text || before.at != now.at) {
		return text, args, []error{fmt.Errorf("%s stands for two specs: %q at %s and %q at %s", c.ID, before.text, before.at, text, now.at)}
	}
	registry[c.ID] = now
	args = append(args, ginkgo.Label(c.Labels()...))
	if Limit > 0 && !slices.ContainsFunc(args, func(a any) bool { _, limited := a.(ginkgo.NodeTimeout); return limited }) {
		args = append(args, ginkgo.NodeTimeout(Limit))
	}
	if c.Alone() {
		args = append(args, last)
	}
	return c.ID + " " + text, args, nil
}

// last is the priority of specs that run alone: what they touch is nobody's any more then.
const last ginkgo.SpecPriority = -1

// checkDecorators refuses what would choose or bind specs behind the person's back.
func checkDecorators(text string, args []any) error {
	if slices.Contains(args, any(ginkgo.Focus)) || slices.Contains(args, any(ginkgo.Pending)) {
		return fmt.Errorf("%q: neither focused nor pending: choose specs with --focus", text)
	}
	if slices.Contains(args, any(ginkgo.Ordered)) {
		return fmt.Errorf("%q: ordered: a spec that fails would take the next ones with it", text)
	}
	if slices.ContainsFunc(args, again) {
		return fmt.Errorf("%q: a spec is judged once: what fails and passes then is a failure", text)
	}
	return checkLabels(text, args)
}

// again says whether a decorator lets a spec fail and pass.
func again(arg any) bool {
	switch arg.(type) {
	case ginkgo.FlakeAttempts, ginkgo.MustPassRepeatedly:
		return true
	}
	return false
}

// Of returns the Case of a spec that carries these labels; ok is false for a node that
// is no spec.
func Of(labels []string) (c Case, ok bool) {
	for _, l := range labels {
		if id, found := strings.CutPrefix(l, "Spec: "); found {
			r, known := registry[id]
			return r.Case, known
		}
	}
	return Case{}, false
}

// IDs lists the IDs of the tree in order. The tree must have been built.
func IDs() []string {
	var out []string
	for id := range registry {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Text is the text of the spec with this ID, without the ID.
func Text(id string) string { return registry[id].text }
