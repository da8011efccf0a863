package lab

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Path is a way from a client to a server of the spec in one family, on which a spec opens
// associations and looks at both of their ends.
type Path struct {
	pair
	lab      *Lab
	number   int // among those of OnEach
	client   *member
	target   target
	backends []*member // the pods that it may lead to
	others   *crowd
	bereft   bool                      // of a pod that it has ended itself
	partly   bool                      // of its attempts to associate again some came to an end and others did not
	course   *assoc.Course             // what was done on it
	before   map[*member]wire.Counters // of all agents, when the sockets of the spec began
	moved    *diag.Ends                // since then, where a path of the walk has ended

	mu   sync.Mutex
	made int // ends
}

// fault ends a path. What it says stands in the course, too.
type fault struct{ *assoc.Fault }

// OnEach does something on every path that a table says is answered, side by side. First
// it finds them all open by ordinary probes, so that a path that leads nowhere is told of
// with its diagnosis; then the echo servers of the table leave their ports to the spec.
// When all are done every socket is closed, and what went wrong fails the spec.
func (l *Lab) OnEach(ctx ginkgo.SpecContext, table string, do func(context.Context, *Path)) {
	ginkgo.GinkgoHelper()
	paths := l.openPaths(ctx, table)
	if l.run.rehearsing() {
		return
	}
	w, found, err := l.onPaths(ctx, paths, do)
	if len(found) > 0 && ctx.Err() == nil {
		l.witness(ctx, assoc.Worst(found), paths, do)
	}
	l.tellOfFaults(ctx, w, paths, found, err)
}

// openPaths finds every path of a table open by ordinary probes.
func (l *Lab) openPaths(ctx ginkgo.SpecContext, table string) []*Path {
	ginkgo.GinkgoHelper()
	l.expected = true
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	paths := l.paths(matrices)
	if l.echoing(paths) {
		series := l.settle(ctx, reach.Claim{Matrices: matrices}, greetingOnly)
		if ctx.Err() == nil && len(series.Report.Wrong()) > 0 {
			l.fail(ctx, series, greetingOnly)
		}
		l.tellOfTwins(series)
	}
	return paths
}

// tellOfFaults fails the spec for what went wrong on paths, or for an error of ours.
func (l *Lab) tellOfFaults(ctx context.Context, w *assoc.Walk, paths []*Path, found []assoc.Found, err error) {
	ginkgo.GinkgoHelper()
	if l.redialled > 0 {
		l.Measured("%d connects came to nothing after packets were lost, and were tried again", l.redialled)
		l.redialled = 0
	}
	if len(found) == 0 && err == nil {
		for _, times := range w.Times() {
			l.Measured("%s", times)
		}
	}
	switch {
	case ctx.Err() != nil: // Ginkgo tells of interrupts itself
		w.Aside = "interrupted"
	case len(found) > 0:
		ground, text := w.Text(found, l.causes(l.symptomsOf(ctx, paths, found)))
		ginkgo.Fail(l.record(ctx, reach.Basis{Ground: ground, Rests: reach.OnPaths}, text))
	case err != nil:
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
}

// onPaths does something on paths whose servers' ports are freed before and whose sockets
// are gone afterwards.
func (l *Lab) onPaths(ctx context.Context, paths []*Path, do func(context.Context, *Path)) (*assoc.Walk, []assoc.Found, error) {
	w := l.walkOf(paths)
	if err := l.takeOver(ctx, paths); err != nil {
		return w, nil, err
	}
	found, err := walk(ctx, w, paths, &crowd{left: len(paths)}, do)
	return w, found, cmp.Or(err, l.tidy(ctx, w))
}

// walkOf is what will have been done on paths, as it is kept.
func (l *Lab) walkOf(paths []*Path) *assoc.Walk {
	w := &assoc.Walk{ID: l.id, Evidence: l.folder()}
	for _, p := range paths {
		w.Courses = append(w.Courses, p.course)
	}
	return w
}

// tidy keeps what was done on paths and closes their sockets.
func (l *Lab) tidy(ctx context.Context, w *assoc.Walk) error {
	l.walks = append(l.walks, w)
	clear(l.listening)
	return l.eachMember(func(m *member) error { return resetSockets(ctx, m) })
}

// walk does something on every path at the same time. What fails ends its own path only. What
// is wrong is found by the judge that finds it in files, and only where a path has ended.
func walk(ctx context.Context, w *assoc.Walk, paths []*Path, all *crowd, do func(context.Context, *Path)) ([]assoc.Found, error) {
	var ended atomic.Int32
	var mu sync.Mutex
	var ours []string // what ended paths and stands in no course
	var wg sync.WaitGroup
	for _, p := range paths {
		p.others = all
		wg.Go(func() {
			defer all.leave()
			f := caught(func() { do(ctx, p) })
			if f == nil {
				return
			}
			ended.Add(1)
			if f.At == 0 {
				mu.Lock()
				defer mu.Unlock()
				ours = append(ours, fmt.Sprintf("%v: %s", p, f.Text))
			}
		})
	}
	wg.Wait()
	if ended.Load() == 0 {
		return nil, nil
	}
	count(ctx, paths)
	found, err := w.Found()
	if len(ours) > 0 { // what else is wrong may come of it
		slices.Sort(ours)
		return nil, fmt.Errorf("%d paths ended: %s", ended.Load(), strings.Join(ours, "; "))
	}
	if err == nil && len(found) < int(ended.Load()) {
		err = fmt.Errorf("%d paths ended, and their courses show what is wrong on %d", ended.Load(), len(found))
	}
	return found, err
}

// caught runs a part of a spec until it returns or a path ends. A mistake of ours ends the path,
// too, and not the process, which has a cluster to clean up.
func caught(do func()) (f *fault) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case fault:
			f = &v
		default:
			f = &fault{&assoc.Fault{Ground: reach.GroundBroken, Text: fmt.Sprintf("a panic: %v\n%s", v, debug.Stack())}}
		}
	}()
	do()
	return nil
}

// Together runs parts of what a spec does on one path side by side. The path ends by what
// went wrong first.
func (p *Path) Together(parts ...func()) {
	faults := make([]*fault, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() { faults[i] = caught(part) })
	}
	wg.Wait()
	faults = slices.DeleteFunc(faults, func(f *fault) bool { return f == nil })
	if len(faults) > 0 {
		panic(*slices.MinFunc(faults, func(a, b *fault) int { return a.At - b.At }))
	}
}

// paths are the cells of matrices that are asked.
func (l *Lab) paths(matrices []reach.Matrix) []*Path {
	var out []*Path
	for _, m := range matrices {
		for i, client := range m.Rows {
			for j, server := range m.Columns {
				if m.Want[i][j] == reach.NotAsked {
					continue
				}
				p := &Path{
					pair: pair{m.Family, client.Word, server.Word}, lab: l, number: len(out),
					client: l.member(client.Word), target: l.targets[server.Word], backends: l.behind(l.targets[server.Word]),
				}
				p.course = &assoc.Course{Family: p.family, Path: fmt.Sprintf("%s %s on %s -> %s %s %s", p.pair.client, p.client.addrs[p.family], p.client.node,
					p.server, p.target.addrs[p.family], p.target.where())}
				out = append(out, p)
			}
		}
	}
	return out
}

// anew is the path as it was before anything was done on it.
func (p *Path) anew() *Path {
	course := &assoc.Course{Path: p.course.Path, Family: p.family}
	return &Path{pair: p.pair, lab: p.lab, number: p.number, client: p.client, target: p.target, backends: p.backends, course: course}
}

// echoing says whether every path still ends at an echo server.
func (l *Lab) echoing(paths []*Path) bool {
	return !slices.ContainsFunc(paths, func(p *Path) bool {
		return slices.ContainsFunc(p.backends, func(m *member) bool { return !slices.Contains(l.open[m], p.endpoint(m)) })
	})
}

// takeOver closes the echo servers at the ends of paths, and notes what agents have counted.
func (l *Lab) takeOver(ctx context.Context, paths []*Path) error {
	for _, p := range paths {
		for _, m := range p.backends {
			for _, e := range l.echoServers(p, m) {
				if _, err := m.ask(ctx, wire.Request{Close: &e}); err != nil {
					return err
				}
				l.open[m] = slices.DeleteFunc(l.open[m], func(o wire.Endpoint) bool { return o == e })
			}
		}
	}
	before, _ := l.run.fleet.counters(ctx) // what cannot be asked now is told of where it is missed
	for _, p := range paths {
		p.before = before
	}
	return nil
}

// echoServers are an agent's at the port where a path ends, in every family: a socket of the
// spec may have addresses of more than the path's.
func (l *Lab) echoServers(p *Path, m *member) []wire.Endpoint {
	return slices.DeleteFunc(slices.Clone(l.open[m]), func(o wire.Endpoint) bool {
		return o.Proto != wire.SCTP || o.Addr.Port() != p.target.port
	})
}

// listensAt notes how an address is to be listened at and returns how it was, "" for not.
func (l *Lab) listensAt(at netip.AddrPort, how string) (before string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, l.listening[at] = l.listening[at], how
	return before
}

// endpoint is where an agent at the end of the path listens.
func (p *Path) endpoint(m *member) wire.Endpoint {
	return wire.Endpoint{Proto: wire.SCTP, Addr: netip.AddrPortFrom(m.addrs[p.family], p.target.port)}
}

func resetSockets(ctx context.Context, m *member) error {
	_, err := m.ask(ctx, wire.Request{Socket: &wire.SocketOp{Do: wire.DoReset}})
	return err
}

// Fail ends the path's part of the spec for what no socket has told: it is not as claimed.
func (p *Path) Fail(format string, args ...any) { p.end(reach.GroundFail, format, args...) }

// Broken ends the path's part of the spec: the suite could not do what it had to.
func (p *Path) Broken(format string, args ...any) { p.end(reach.GroundBroken, format, args...) }

// String names the path in reports.
func (p *Path) String() string {
	return fmt.Sprintf("%s -> %s (%s)", p.pair.client, p.server, p.family)
}

func (p *Path) end(ground reach.Ground, format string, args ...any) {
	p.expect(assoc.End{}, assoc.End{}, assoc.Elsewhere{Ground: ground, Text: fmt.Sprintf(format, args...)})
}

// expect ends the path unless what was expected of an end is so.
func (p *Path) expect(of, peer assoc.End, what assoc.Expectation) {
	f, err := p.course.Expect(of, peer, what)
	if err != nil {
		f = &assoc.Fault{Ground: reach.GroundBroken, Text: err.Error()}
	}
	if f != nil {
		panic(fault{f})
	}
}

// ask takes one step with a socket of an agent. What the kernel says is in the reply; an
// agent that does not say it ends the path, and so does what the kernel must do and does not.
func (p *Path) ask(ctx context.Context, m *member, s assoc.Step) *wire.SocketReply {
	op := s.Op
	s.At, s.Agent, s.Node = time.Now().Round(0), m.word, m.node // by the clock that files have
	p.course.Ask(&s)
	ctx, cancel := context.WithTimeoutCause(ctx, op.Patience.Duration()+askLimit, fmt.Errorf("the agent was given %v", op.Patience.Duration()+askLimit))
	defer cancel()
	reply, err := m.agent.Ask(ctx, wire.Request{Socket: &op})
	if err == nil && reply.Socket == nil {
		err = fmt.Errorf("agent %s answered something else", m.word)
	}
	if f := p.course.Answer(&s, reply.Socket, err); f != nil {
		panic(fault{f})
	}
	return reply.Socket
}
