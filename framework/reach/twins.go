package reach

import (
	"fmt"
	"slices"
	"strings"
)

// NotSCTP stands in every failure that TCP shares.
const NotSCTP = "not SCTP's fault"

// apart splits a round into the probes of its claim and those of TCP twins.
func apart(round []Asked) (own, twins []Asked) {
	for _, a := range round {
		if a.Twin {
			twins = append(twins, a)
		} else {
			own = append(own, a)
		}
	}
	return own, twins
}

// confined are matrices in which nothing is wanted but what was asked.
func confined(matrices []Matrix, asked []Asked) []Matrix {
	var out []Matrix
	for _, m := range matrices {
		c := m
		c.Want = nil
		for i, row := range m.Want {
			kept := slices.Repeat([]Word{NotAsked}, len(row))
			for j, w := range row {
				if slices.ContainsFunc(asked, func(a Asked) bool {
					return a.Family == m.Family && a.Client == m.Rows[i].Word && a.Server == m.Columns[j].Word
				}) {
					kept[j] = w
				}
			}
			c.Want = append(c.Want, kept)
		}
		if c.Asked() > 0 {
			out = append(out, c)
		}
	}
	return out
}

// WrongTwins lists the cells in which TCP is not as SCTP is claimed to be.
func (r Report) WrongTwins() []Place {
	var out []Place
	for _, res := range r.Twins {
		out = append(out, res.Wrong()...)
	}
	return out
}

// shared counts the wrong cells whose TCP twin was asked, and of these those in which it is
// wrong too.
func (r Report) shared() (asked, wrong int) {
	failed := r.WrongTwins()
	for _, p := range r.Wrong() {
		for _, t := range r.Twins {
			row, column := slices.Index(t.Rows, p.Row), slices.Index(t.Columns, p.Column)
			if t.Family == p.Family && row >= 0 && column >= 0 && t.Want[row][column] != NotAsked {
				asked++
			}
		}
		if slices.ContainsFunc(failed, func(t Place) bool { return t.Family == p.Family && t.Row == p.Row && t.Column == p.Column }) {
			wrong++
		}
	}
	return asked, wrong
}

// excuse is the part of the first line that says that TCP fares no better.
func (r Report) excuse() string {
	asked, wrong := r.shared()
	if asked == 0 || wrong < asked || strings.Contains(r.cause(), NotSCTP) {
		return ""
	}
	return "TCP fares no better: " + NotSCTP + "; "
}

// twinText says how TCP fares on the wrong paths, "" where it was not asked.
func (r Report) twinText() string {
	switch asked, wrong := r.shared(); {
	case asked == 0:
		return ""
	case wrong == 0:
		return fmt.Sprintf("TCP is as claimed on %s", those(asked))
	case wrong == asked:
		p := r.WrongTwins()[0]
		return fmt.Sprintf("TCP is wrong on %s, too: %s: %s", those(asked), p.Path, p.Reason)
	default:
		return fmt.Sprintf("TCP is wrong, too, on %d of %s", wrong, those(asked))
	}
}

func those(paths int) string {
	if paths == 1 {
		return "that path"
	}
	return fmt.Sprintf("those %d paths", paths)
}
