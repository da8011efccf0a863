package lab

import (
	"cmp"
	"context"
	"slices"

	"sctp.test/framework/assoc"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// found gives symptoms the class that the spec has found itself.
func found(class diag.Class, symptoms []diag.Symptom) []diag.Symptom {
	for i := range symptoms {
		symptoms[i].Found = class
	}
	return symptoms
}

// readings are what agents had counted before and after something.
type readings struct{ before, after map[*member]wire.Counters }

// moved is what moved at both ends of a path between the readings.
func (r readings) moved(client *member, servers []*member) *diag.Ends {
	return &diag.Ends{Client: r.of(client), Server: r.of(servers...)}
}

// of is the sum over some agents, nil where one of them could not be read, or there is none.
func (r readings) of(members ...*member) wire.Counters {
	var sum wire.Counters
	for _, m := range members {
		d := moved(r.before[m], r.after[m])
		if d == nil {
			return nil
		}
		if sum == nil {
			sum = wire.Counters{}
		}
		for name, n := range d {
			sum[name] += n
		}
	}
	return sum
}

// count reads what both ends of paths have counted since the spec took their ports.
func count(ctx context.Context, paths []*Path) {
	after, _ := paths[0].lab.run.fleet.counters(ctx) // what cannot be read is told of as such
	for _, p := range paths {
		p.moved = readings{p.before, after}.moved(p.client, p.backends)
	}
}

// symptomsOf tells of the paths on which associations went wrong: of the one that the first
// line is about, and of others that differ from those before in class, family or nodes.
func (l *Lab) symptomsOf(ctx context.Context, paths []*Path, found []assoc.Found) []diag.Symptom {
	type kind struct {
		class    diag.Class
		family   reach.Family
		from, to string
	}
	seen := map[kind]bool{}
	var out []diag.Symptom
	for _, f := range append([]assoc.Found{*assoc.Worst(found)}, found...) {
		if f.Ground != reach.GroundFail || len(out) == diagnosePaths {
			continue
		}
		p := paths[slices.IndexFunc(paths, func(p *Path) bool { return p.course == f.Course })]
		s := p.symptom(diag.Class(cmp.Or(f.Class, string(diag.AssociationWrong))))
		k := kind{s.Found, s.Family, s.ClientNode, s.ServerNode}
		if seen[k] {
			continue
		}
		seen[k] = true
		if s.Found == assoc.ConnectFailed {
			s = l.probed(ctx, p, s)
			if s.Partly = p.partly; s.Partly && len(s.Trouble) == 0 {
				s.Found = "" // the table knows better: the path is one that leads to several pods
			}
		}
		out = append(out, s)
	}
	return out
}

// symptom tells of the path, and not of what probes find there.
func (p *Path) symptom(found diag.Class) diag.Symptom {
	s := p.lab.place(asked{pair: p.pair, want: reach.Word(reach.Answered)}, p.client, p.target)
	s.Found, s.Meanwhile, s.ServerNode = found, p.moved, p.target.node
	if len(p.backends) > 0 {
		s.ServerNode = p.backends[0].node
	}
	return s
}

// probed asks a path on which no association came up by an ordinary probe, beside its twins and straight
// at the pod, as a path of a table is asked. Its echo servers are opened again for that.
func (l *Lab) probed(ctx context.Context, p *Path, s diag.Symptom) diag.Symptom {
	behind := l.behind(l.targets[p.server])
	if len(behind) == 0 || l.member(p.pair.client) == nil {
		return s // nobody is left to ask, or to be asked
	}
	for _, m := range behind {
		if err := l.listen(ctx, m, port{number: p.target.port, proto: wire.SCTP}); err != nil {
			s.Trouble = append(s.Trouble, "not asked again: "+err.Error())
			return s
		}
	}
	again := l.askAgain(ctx, []asked{{pair: p.pair, want: reach.Word(reach.Answered)}}, greetingOnly)[0]
	again.Found, again.Meanwhile = s.Found, s.Meanwhile
	return again
}
