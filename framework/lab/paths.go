package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
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
	text     string    // who to whom, with addresses and nodes
	others   *crowd
	class    string // of what befell its messages, where the judge can tell

	mu    sync.Mutex
	steps []step // what was done on it, for the failure
	made  int    // sockets that have got a name
}

// step is one line of associations.jsonl: what an agent was asked and what it said.
type step struct {
	At      time.Time         `json:"at"`
	Path    string            `json:"path"`
	Family  reach.Family      `json:"family"`
	Agent   string            `json:"agent"`
	Op      wire.SocketOp     `json:"op"`
	Reply   *wire.SocketReply `json:"reply,omitempty"`
	Trouble string            `json:"trouble,omitempty"` // why there is no reply
}

// fault is why a path is not as claimed.
type fault struct {
	path   *Path
	ground reach.Ground
	text   string
	seen   string // what captures show of it
}

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
	faults, err := l.onPaths(ctx, paths, do)
	if len(faults) > 0 && ctx.Err() == nil {
		l.witness(ctx, faults, do)
	}
	l.tellOfFaults(ctx, faults, len(paths), err)
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
		series := l.settle(ctx, reach.Claim{Matrices: matrices}, greetingOnly, 0)
		if ctx.Err() == nil && len(series.Report.Wrong()) > 0 {
			l.fail(ctx, series, greetingOnly)
		}
		l.tellOfTwins(series)
	}
	return paths
}

// tellOfFaults fails the spec for what went wrong on so many paths, or for an error of ours.
func (l *Lab) tellOfFaults(ctx context.Context, faults []fault, paths int, err error) {
	ginkgo.GinkgoHelper()
	switch {
	case ctx.Err() != nil: // Ginkgo tells of interrupts itself
	case len(faults) > 0:
		if class := worstOf(faults).path.class; class != "" {
			l.enter(spec.ClassEntry, class)
		}
		l.conclude(ctx, worstGround(faults), l.faultText(faults, paths))
	case err != nil:
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
}

// onPaths does something on paths whose servers' ports are freed before and whose sockets
// are gone afterwards.
func (l *Lab) onPaths(ctx context.Context, paths []*Path, do func(context.Context, *Path)) ([]fault, error) {
	if err := l.takeOver(ctx, paths); err != nil {
		return nil, err
	}
	faults := walk(ctx, paths, &crowd{left: len(paths)}, do)
	return faults, l.tidy(ctx, paths)
}

// tidy keeps the steps of paths and closes their sockets.
func (l *Lab) tidy(ctx context.Context, paths []*Path) error {
	for _, p := range paths {
		l.steps = append(l.steps, p.steps...)
	}
	clear(l.listening)
	return l.eachMember(func(m *member) error { return resetSockets(ctx, m) })
}

// walk does something on every path at the same time. What fails ends its own path only.
func walk(ctx context.Context, paths []*Path, all *crowd, do func(context.Context, *Path)) []fault {
	var mu sync.Mutex
	var faults []fault
	var wg sync.WaitGroup
	for _, p := range paths {
		p.others = all
		wg.Go(func() {
			defer all.leave()
			if f := caught(func() { do(ctx, p) }); f != nil {
				mu.Lock()
				defer mu.Unlock()
				faults = append(faults, *f)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(faults, func(a, b fault) int { return slices.Index(paths, a.path) - slices.Index(paths, b.path) })
	return faults
}

// caught runs a part of a spec until it returns or a path ends.
func caught(do func()) (f *fault) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case fault:
			f = &v
		default:
			panic(v)
		}
	}()
	do()
	return nil
}

// Together runs parts of what a spec does on one path side by side.
func (p *Path) Together(parts ...func()) {
	faults := make([]*fault, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() { faults[i] = caught(part) })
	}
	wg.Wait()
	for _, f := range faults {
		if f != nil {
			panic(*f)
		}
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
				p.text = fmt.Sprintf("%s %s on %s -> %s %s %s", p.pair.client, p.client.addrs[p.family], p.client.node,
					p.server, p.target.addrs[p.family], p.target.where())
				out = append(out, p)
			}
		}
	}
	return out
}

// anew is the path as it was before anything was done on it.
func (p *Path) anew() *Path {
	return &Path{pair: p.pair, lab: p.lab, number: p.number, client: p.client, target: p.target, backends: p.backends, text: p.text}
}

// echoing says whether every path still ends at an echo server.
func (l *Lab) echoing(paths []*Path) bool {
	return !slices.ContainsFunc(paths, func(p *Path) bool {
		return slices.ContainsFunc(p.backends, func(m *member) bool { return !slices.Contains(l.open[m], p.endpoint(m)) })
	})
}

// takeOver closes the echo servers at the ends of paths.
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

// Fail ends the path's part of the spec: it is not as claimed.
func (p *Path) Fail(format string, args ...any) { p.end(reach.GroundFail, format, args...) }

// Broken ends the path's part of the spec: the suite could not do what it had to.
func (p *Path) Broken(format string, args ...any) { p.end(reach.GroundBroken, format, args...) }

// String names the path in reports.
func (p *Path) String() string {
	return fmt.Sprintf("%s -> %s (%s)", p.pair.client, p.server, p.family)
}

// FailAs is Fail with the class of what is wrong, for reports and fault tests.
func (p *Path) FailAs(class, format string, args ...any) {
	p.class = class
	p.end(reach.GroundFail, format, args...)
}

func (p *Path) end(ground reach.Ground, format string, args ...any) {
	panic(fault{path: p, ground: ground, text: fmt.Sprintf(format, args...)})
}

// ask takes one step with a socket of an agent. What the kernel says is in the reply; an
// agent that does not say it ends the path.
func (p *Path) ask(ctx context.Context, m *member, op wire.SocketOp) *wire.SocketReply {
	s := step{At: time.Now(), Path: p.text, Family: p.family, Agent: m.word, Op: op}
	ctx, cancel := context.WithTimeoutCause(ctx, op.Patience.Duration()+askLimit, fmt.Errorf("the agent was given %v", op.Patience.Duration()+askLimit))
	defer cancel()
	reply, err := m.agent.Ask(ctx, wire.Request{Socket: &op})
	if err == nil && reply.Socket == nil {
		err = fmt.Errorf("agent %s answered something else", m.word)
	}
	s.Reply = reply.Socket
	if err != nil {
		s.Trouble = err.Error()
	}
	p.mu.Lock()
	p.steps = append(p.steps, s)
	p.mu.Unlock()
	if err != nil {
		p.end(reach.GroundBroken, "%s on %s could not %s: %v", m.word, m.node, op.Do, err)
	}
	return reply.Socket
}

// saveSteps writes every step and its reply.
func (l *Lab) saveSteps() error {
	if len(l.steps) == 0 {
		return nil
	}
	var lines strings.Builder
	enc := json.NewEncoder(&lines)
	for _, s := range l.steps {
		if err := enc.Encode(s); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(l.folder(), "associations.jsonl"), []byte(lines.String()), 0o644)
}
