package reach

import (
	"fmt"
	"slices"
	"strings"
)

// rule is a pattern of wrong cells that people have learned to read. The list is data:
// a new pattern is a new element, and each has a golden text in the tests.
type rule struct {
	holds func(r Report, wrong []Place) bool
	text  func(r Report, wrong []Place) string
}

var rules = []rule{
	{ // nodes first: where a host has no SCTP nothing else can be learned
		holds: every(func(p Place) bool { return p.Outcome == Unsupported }),
		text:  say("a host without SCTP stands at one end of each of these paths, see MOD-01"),
	},
	{
		holds: every(func(p Place) bool { return p.Outcome == Broken }),
		text:  say("the suite could not ask; this says nothing about the cluster's SCTP"),
	},
	{
		holds: func(r Report, _ []Place) bool { return r.State == Intermittent },
		text:  say("every path was as claimed in an earlier round: this comes and goes"),
	},
	{
		holds: func(r Report, wrong []Place) bool { return leaks(wrong) && len(wrong) == denialsTo(r, anywhere) },
		text:  say("nothing is denied: it looks as if there were no policy at all"),
	},
	{
		holds: func(r Report, wrong []Place) bool {
			node := wrong[0].Column.Node
			there := func(n Name) bool { return n.Node == node }
			return node != 0 && leaks(wrong) && same(wrong, columnNode) && len(wrong) == denialsTo(r, there) && len(wrong) < denialsTo(r, anywhere)
		},
		text: func(_ Report, wrong []Place) string {
			return fmt.Sprintf("nothing is denied to servers on the node of %s, while other nodes deny", wrong[0].Column.Word)
		},
	},
	{
		holds: portOnly,
		text: func(_ Report, wrong []Place) string {
			return fmt.Sprintf("the port is enforced, and %s gets past the peer selector", strings.Join(clients(wrong), ", "))
		},
	},
	{
		holds: func(r Report, wrong []Place) bool {
			return distinct(r.Results, func(res Result) Family { return res.Family }) > 1 && same(wrong, family)
		},
		text: func(_ Report, wrong []Place) string { return fmt.Sprintf("only %s is affected", wrong[0].Family) },
	},
	{ // of one wrong path its own line tells where it begins and leads to
		holds: func(r Report, wrong []Place) bool {
			return several(r, func(m Matrix) int { return len(m.Rows) }) && same(wrong, rowWord) && !same(wrong, columnWord)
		},
		text: func(_ Report, wrong []Place) string {
			return fmt.Sprintf("every wrong path begins at %s", wrong[0].Row.Word)
		},
	},
	{
		holds: func(r Report, wrong []Place) bool {
			return several(r, func(m Matrix) int { return len(m.Columns) }) && same(wrong, columnWord) && !same(wrong, rowWord)
		},
		text: func(_ Report, wrong []Place) string {
			return fmt.Sprintf("every wrong path leads to %s", wrong[0].Column.Word)
		},
	},
}

// clients are those of some places, each once.
func clients(places []Place) []string {
	var out []string
	for _, p := range places {
		out = append(out, rowWord(p))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// What places are compared by.
func family(p Place) Family     { return p.Family }
func rowWord(p Place) string    { return p.Row.Word }
func columnWord(p Place) string { return p.Column.Word }
func columnNode(p Place) int    { return p.Column.Node }

// hints are the sentences of all rules that hold.
func hints(r Report) []string {
	wrong := r.Wrong()
	if len(wrong) == 0 {
		return nil
	}
	var out []string
	for _, rule := range rules {
		if rule.holds(r, wrong) {
			out = append(out, rule.text(r, wrong))
		}
	}
	return out
}

func say(text string) func(Report, []Place) string {
	return func(Report, []Place) string { return text }
}

func every(is func(Place) bool) func(Report, []Place) bool {
	return func(_ Report, wrong []Place) bool {
		return !slices.ContainsFunc(wrong, func(p Place) bool { return !is(p) })
	}
}

// leaks says whether every wrong cell is a denial that was answered.
func leaks(wrong []Place) bool {
	return every(func(p Place) bool { return p.Want.Denies() && p.Outcome == Answered })(Report{}, wrong)
}

// portOnly says whether leaks happen on a port that the policy opens for somebody, and
// none on a port that it opens for nobody.
func portOnly(r Report, wrong []Place) bool {
	if !leaks(wrong) {
		return false
	}
	var closedHeld bool
	for _, res := range r.Results {
		for j := range res.Columns {
			leaked, opened := false, false
			for i := range res.Rows {
				opened = opened || res.Want[i][j] == Word(Answered)
				leaked = leaked || (res.Want[i][j].Denies() && res.Found[i][j].Outcome == Answered)
			}
			if leaked && !opened {
				return false
			}
			closedHeld = closedHeld || (!leaked && !opened)
		}
	}
	return closedHeld
}

func same[T comparable](wrong []Place, key func(Place) T) bool {
	return distinct(wrong, key) == 1
}

func distinct[E any, T comparable](list []E, key func(E) T) int {
	seen := map[T]bool{}
	for _, e := range list {
		seen[key(e)] = true
	}
	return len(seen)
}

// several says whether some matrix of r has more than one of what is counted, without
// which "every wrong path" would say nothing.
func several(r Report, size func(Matrix) int) bool {
	return slices.ContainsFunc(r.Results, func(res Result) bool { return size(res.Matrix) > 1 })
}

func anywhere(Name) bool { return true }

// denialsTo counts the cells that expect a denial of some servers.
func denialsTo(r Report, server func(Name) bool) int {
	n := 0
	for _, res := range r.Results {
		for _, row := range res.Want {
			for j, w := range row {
				if w.Denies() && server(res.Columns[j]) {
					n++
				}
			}
		}
	}
	return n
}
