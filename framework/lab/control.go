package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// matrices resolves a table and refuses denials that nothing proves.
func (l *Lab) matrices(table string) ([]reach.Matrix, error) {
	var out []reach.Matrix
	if table == AllAnswered {
		out = reach.Everything(reach.Names{Clients: l.plainClients(), Servers: l.openServers()}, l.families, reach.Word(reach.Answered))
	} else {
		t, err := reach.Parse(strings.Trim(table, "\n"))
		if err != nil {
			return nil, err
		}
		if out, err = t.Resolve(l.names, l.families); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(out, func(m reach.Matrix) bool { return m.Asked() > 0 }) {
		return nil, errors.New("the table asks nothing")
	}
	for _, m := range out {
		if err := l.mayClaim(m); err != nil {
			return nil, err
		}
	}
	return out, l.besideDenials(out)
}

// besideDenials refuses a table that denies and, in the same family and protocol, claims no
// answer: only a path that is open in the same rounds shows that the protocol was not down
// while they held.
func (l *Lab) besideDenials(matrices []reach.Matrix) error {
	type kind struct {
		family reach.Family
		proto  wire.Proto
	}
	open, denied := map[kind]bool{}, map[kind]string{}
	var kinds []kind
	for _, m := range matrices {
		for i, row := range m.Want {
			for j, w := range row {
				k := kind{m.Family, l.targets[m.Columns[j].Word].proto}
				open[k] = open[k] || w == reach.Word(reach.Answered)
				if w.Denies() && denied[k] == "" {
					denied[k] = fmt.Sprintf("%s%s: the table denies %s", m.Line(i, j), m.Family, strings.ToUpper(string(k.proto)))
					kinds = append(kinds, k)
				}
			}
		}
	}
	for _, k := range kinds {
		if !open[k] {
			return errors.New(denied[k] + " and claims no answer: no denial without a path that is open beside it")
		}
	}
	return nil
}

// mayClaim refuses what cannot be asked, and denials that nothing proves.
func (l *Lab) mayClaim(m reach.Matrix) error {
	for i, row := range m.Want {
		for j, w := range row {
			p := pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}
			if w != reach.NotAsked && !l.targets[p.server].addrs[p.family].IsValid() {
				return fmt.Errorf("%s%s: %s has no address there", m.Line(i, j), p.family, p.server)
			}
			if w.Denies() && !l.controlled(m, i, j) {
				return fmt.Errorf("%s%s: %s to %s is to be denied, but the spec never saw it answered: no denial without a control", m.Line(i, j), p.family, p.client, p.server)
			}
		}
	}
	return nil
}

// controlled says whether something proves that a denial in a matrix is one. The usual
// control is the same pair, seen answered. A closed port has its neighbour, another port of
// the same pod that the same client reaches; an agent or a Service that comes late is to be
// reached later; beside a Service that is gone its client must reach something in the same
// table.
func (l *Lab) controlled(m reach.Matrix, row, column int) bool {
	p := pair{m.Family, m.Rows[row].Word, m.Columns[column].Word}
	t := l.targets[p.server]
	switch {
	case t.closed:
		for other := range l.asked {
			if o := l.targets[other.server]; other.family == p.family && other.client == p.client && o.pod == t.pod {
				return true
			}
		}
		return slices.Contains(m.Want[row], reach.Word(reach.Answered))
	case t.gone:
		return l.asked[p] && slices.Contains(m.Want[row], reach.Word(reach.Answered))
	case l.siblings[p.server] != "":
		sibling := slices.IndexFunc(m.Columns, func(n reach.Name) bool { return n.Word == l.siblings[p.server] })
		return sibling >= 0 && m.Want[row][sibling] == reach.Word(reach.Answered)
	default:
		return l.asked[p] || l.late[p.client] || l.late[p.server] || l.late[agentOf(p.server)]
	}
}

// ControlBy says that denials at a server are proven by the same client's reaching a sibling
// of it in the same table, where that server itself is never to be reached from there.
func (l *Lab) ControlBy(server, sibling string) { l.siblings[server] = sibling }

// agentOf is the agent's part of a server's word: x/server@2 of x/server@2:80/tcp.
func agentOf(server string) string {
	agent, _, _ := strings.Cut(server, ":")
	return agent
}

// remember keeps what a held table said, as control for later denials.
func (l *Lab) remember(matrices []reach.Matrix) {
	for _, m := range matrices {
		for i, row := range m.Want {
			for j, w := range row {
				p := pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}
				switch {
				case w == reach.Word(reach.Answered):
					l.asked[p] = true
					delete(l.controls, p)
				case w.Denies() && l.siblings[p.server] == "" && !l.targets[p.server].closed && !l.targets[p.server].gone:
					l.controls[p] = true
				}
			}
		}
	}
}

// control proves, after the policies are lifted, that what was denied is open again: else
// it may have been down for a reason of its own, and the denial proves nothing. It returns
// what fails the spec.
func (l *Lab) control(ctx context.Context) string {
	if len(l.controls) == 0 {
		return ""
	}
	all := reach.Everything(l.names, l.families, reach.NotAsked)
	for _, m := range all {
		for i := range m.Want {
			for j := range m.Want[i] {
				if l.controls[pair{m.Family, m.Rows[i].Word, m.Columns[j].Word}] {
					m.Want[i][j] = reach.Word(reach.Answered)
				}
			}
		}
	}
	series := l.settle(ctx, reach.Claim{Control: reach.After, Matrices: all}, greetingOnly) // once is proof that it can be reached
	if ctx.Err() != nil || len(series.Report.Wrong()) == 0 {
		return ""
	}
	return l.told(ctx, series, greetingOnly)
}
