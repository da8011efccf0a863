package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Sockets says how the two ends of an association are opened. The zero value is two
// one-to-one sockets with calmTimers.
type Sockets struct {
	Timers wire.Timers   // of both ends
	Client []wire.Option // before the association begins
	Server []wire.Option
	Many   bool   // the client's socket is one-to-many
	Dual   bool   // both ends have their pod's addresses of every family, not that of the path alone
	Port   uint16 // the client's; 0 is the kernel's choice

	Everywhere bool // the server listens at the wildcard, and so lists every address it has
}

func (o Sockets) timers() *wire.Timers {
	if o.Timers == (wire.Timers{}) {
		return &calmTimers
	}
	return &o.Timers
}

// calmTimers wait as long for an acknowledgement as the RFC advises (RFC 9260 section 16):
// hosts that are slow must not be made slower by sending everything twice; for INITs see
// openTimers. Data that is never acknowledged ends the association after 1+2+2+2+2+2+2 seconds.
var calmTimers = wire.Timers{RTOInitial: 2000, RTOMin: 1000, RTOMax: 2000, MaxInitTimeout: 2000, MaxInits: 5, AssocMaxRetran: 6}

// End is one end of an association. Its methods end the path when they do not get what
// they are for.
type End struct {
	Path   *Path
	Local  netip.AddrPort
	Peer   netip.AddrPort // as this end knows it
	Sent   assoc.Sent
	Events []wire.Event // everything received so far
	Buffer int          // bytes read by one system call; 0 is the agent's choice

	member *member
	socket string
	assoc  int32
	other  *End
}

// stepPatience is for what comes after a handshake. Data that is never acknowledged ends
// the association by calmTimers before that, so that it is the kernel that ends a step.
// perMessage is added where a step has many messages: hosts may be slow.
const (
	stepPatience = 20 * time.Second
	perMessage   = 50 * time.Millisecond
)

// patienceFor is for a step with so many messages.
func patienceFor(messages int) time.Duration {
	return stepPatience + time.Duration(messages)*perMessage
}

// Associate opens an association on the path and returns both of its ends.
func (p *Path) Associate(ctx context.Context, o Sockets) (client, server *End) {
	door := p.door()
	door.Lock() // who accepts must be sure whom
	defer door.Unlock()
	p.listen(ctx, o)
	client, r := p.Dial(ctx, o)
	if r.Errno != "" || r.Late {
		p.FailAs(assoc.ConnectFailed, "%s could not connect to %s: %s", p.pair.client, p.server, outcome(r))
	}
	server = p.Accept(ctx)
	client.other, server.other = server, client
	return client, server
}

// door is what paths to the same server share.
func (p *Path) door() *doorLock {
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	key := fmt.Sprintf("%s:%d %s", p.backends[0].word, p.target.port, p.family)
	if p.lab.doors[key] == nil {
		p.lab.doors[key] = &doorLock{}
	}
	return p.lab.doors[key]
}

// Listen opens the server's port at every agent that the path may lead to, where it is not
// open already with the same options.
func (p *Path) Listen(ctx context.Context, o Sockets) {
	door := p.door()
	door.Lock()
	defer door.Unlock()
	p.listen(ctx, o)
}

func (p *Path) listen(ctx context.Context, o Sockets) {
	for _, m := range p.backends {
		at := p.endpoint(m).Addr
		how, local := fmt.Sprint(*o.timers(), o.Server, o.Dual, o.Everywhere), at
		if o.Everywhere {
			local = p.lab.everywhere(at)
		}
		switch p.lab.listensAt(at, how) {
		case how:
			continue
		case "":
		default: // associations that it has accepted live on
			p.ask(ctx, m, wire.SocketOp{Do: wire.DoClose, Socket: listener(at)})
		}
		r := p.ask(ctx, m, wire.SocketOp{Do: wire.DoListen, Socket: listener(at), Local: local, Also: p.also(m, o), Timers: o.timers(), Options: o.Server})
		if r.Errno != "" {
			p.lab.listensAt(at, "") // the next path must not take it for open
			p.end(reach.GroundBroken, "%s on %s cannot listen: %s", m.word, m.node, outcome(r))
		}
	}
}

// everywhere is the wildcard with the port of an address: that of both families where pods
// have both.
func (l *Lab) everywhere(at netip.AddrPort) netip.AddrPort {
	if at.Addr().Is4() && len(l.families) == 1 {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())
}

// listener is the name of the socket that listens at an address.
func listener(at netip.AddrPort) string { return "listener " + at.String() }

// also are the addresses of an agent that its sockets have beside that of the path.
func (p *Path) also(m *member, o Sockets) []netip.Addr {
	var out []netip.Addr
	for f, a := range m.addrs {
		if o.Dual && f != p.family {
			out = append(out, a)
		}
	}
	return out
}

// Dial connects the client to the path's target; the reply says what came of it.
func (p *Path) Dial(ctx context.Context, o Sockets) (*End, *wire.SocketReply) {
	return p.dial(ctx, o, p.target.addrs[p.family])
}

func (p *Path) dial(ctx context.Context, o Sockets, target netip.AddrPort) (*End, *wire.SocketReply) {
	e := &End{Path: p, member: p.client, socket: p.name("client")}
	op := wire.SocketOp{
		Do: wire.DoDial, Socket: e.socket, Many: o.Many, Local: netip.AddrPortFrom(p.client.addrs[p.family], o.Port),
		Also: p.also(p.client, o), Target: target, Timers: o.timers(), Options: o.Client,
		Patience: wire.Millis((2*o.timers().InitWindow() + stepPatience).Milliseconds()),
	}
	r := p.ask(ctx, e.member, op)
	e.take(r)
	return e, r
}

// Accept returns the server's end of the association that was begun last: after the
// client's handshake it stands in the accept queue of one of the agents.
func (p *Path) Accept(ctx context.Context) *End {
	for _, m := range p.backends {
		e := &End{Path: p, member: m, socket: p.name("server")}
		r := p.ask(ctx, m, wire.SocketOp{Do: wire.DoAccept, Socket: e.socket, From: listener(p.endpoint(m).Addr)})
		switch {
		case r.Errno != "":
			p.Fail("%s could not accept the association that %s has: %s", m.word, p.pair.client, outcome(r))
		case !r.Late:
			e.take(r)
			return e
		}
	}
	p.Fail("%s is connected to %s, but %s has accepted nothing", p.pair.client, p.server, p.behind())
	return nil
}

// behind are the agents that the path may lead to.
func (p *Path) behind() string {
	var words []string
	for _, m := range p.backends {
		words = append(words, m.word)
	}
	return strings.Join(words, " or ")
}

// name makes a name for a socket.
func (p *Path) name(role string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	return fmt.Sprintf("%s %d of %s %s to %s", role, p.made, p.family, p.pair.client, p.server)
}

// take keeps what a reply says of an end.
func (e *End) take(r *wire.SocketReply) {
	e.Local, e.Peer, e.assoc = r.Local, r.Peer, r.Assoc
	e.Events = append(e.Events, r.Events...)
}

// Do takes a step with the end's socket.
func (e *End) Do(ctx context.Context, op wire.SocketOp) *wire.SocketReply {
	op.Socket, op.Assoc = e.socket, e.assoc
	return e.Path.ask(ctx, e.member, op)
}

// must is Do for what a healthy kernel cannot refuse.
func (e *End) must(ctx context.Context, op wire.SocketOp) *wire.SocketReply {
	r := e.Do(ctx, op)
	if r.Errno != "" || r.Late {
		e.Path.Fail("%s could not %s: %s", e, op.Do, outcome(r))
	}
	return r
}

// String names the end in failures.
func (e *End) String() string { return fmt.Sprintf("%s on %s", e.member.word, e.member.node) }

// Send passes messages to the kernel, which must take them all.
func (e *End) Send(ctx context.Context, messages ...wire.SendMessage) {
	e.must(ctx, e.sending(messages))
}

// TrySend is Send for messages that the kernel may refuse. What it took counts as sent.
func (e *End) TrySend(ctx context.Context, messages ...wire.SendMessage) *wire.SocketReply {
	op := e.sending(messages)
	r := e.Do(ctx, op)
	e.Path.mu.Lock()
	defer e.Path.mu.Unlock()
	e.Sent.Messages = e.Sent.Messages[:op.First+r.Sent]
	return r
}

// sending is the step for messages that follow those sent before.
func (e *End) sending(messages []wire.SendMessage) wire.SocketOp {
	e.Path.mu.Lock()
	defer e.Path.mu.Unlock()
	if e.Sent.Nonce == "" {
		e.Sent.Nonce = nonce()
	}
	op := wire.SocketOp{
		Do: wire.DoSend, Nonce: e.Sent.Nonce, First: len(e.Sent.Messages), Messages: messages,
		Patience: wire.Millis(patienceFor(len(messages)).Milliseconds()),
	}
	e.Sent.Messages = append(slices.Clone(e.Sent.Messages), messages...)
	return op
}

// wrong tells in what the end's messages differ from those its peer has sent so far.
func (e *End) wrong() []string {
	e.Path.mu.Lock()
	sent := e.other.Sent
	e.Path.mu.Unlock()
	return assoc.Compare(sent, e.Events)
}

// Read receives until something or the end, for at most a time.
func (e *End) Read(ctx context.Context, u wire.Until, limit time.Duration) *wire.SocketReply {
	r := e.Do(ctx, wire.SocketOp{Do: wire.DoReceive, Until: u, Buffer: e.Buffer, Patience: wire.Millis(limit.Milliseconds())})
	e.Events = append(e.Events, r.Events...)
	return r
}

// Set sets options of the living association.
func (e *End) Set(ctx context.Context, options ...wire.Option) {
	e.must(ctx, wire.SocketOp{Do: wire.DoSet, Options: options})
}

// SetTimers sets the timers of the living association.
func (e *End) SetTimers(ctx context.Context, t wire.Timers) {
	e.must(ctx, wire.SocketOp{Do: wire.DoSet, Timers: &t})
}

// Status asks the kernel about the association, which must be alive.
func (e *End) Status(ctx context.Context) wire.SocketStatus {
	return *e.must(ctx, wire.SocketOp{Do: wire.DoStatus}).Status
}

// Shutdown begins the orderly end.
func (e *End) Shutdown(ctx context.Context) { e.must(ctx, wire.SocketOp{Do: wire.DoShutdown}) }

// Abort ends the association at once. A cause needs a one-to-many socket.
func (e *End) Abort(ctx context.Context, cause string) {
	e.must(ctx, wire.SocketOp{Do: wire.DoAbort, Cause: cause})
}

// Close gives the socket back to the kernel.
func (e *End) Close(ctx context.Context) { e.must(ctx, wire.SocketOp{Do: wire.DoClose}) }

// Vanish lets the end drop every packet that comes, without a word to its peer.
func (e *End) Vanish(ctx context.Context) { e.must(ctx, wire.SocketOp{Do: wire.DoSilence}) }

// Drop lets the end drop some of the packets that come, until it is to hear again.
func (e *End) Drop(ctx context.Context, d wire.Drop) {
	e.must(ctx, wire.SocketOp{Do: wire.DoSilence, Drop: d})
}

// Hear lets the end take again what comes.
func (e *End) Hear(ctx context.Context) { e.must(ctx, wire.SocketOp{Do: wire.DoHear}) }

// outcome is what a reply says of a call that did not work, for people.
func outcome(r *wire.SocketReply) string {
	took := time.Duration(r.Ended-r.Begun) * time.Microsecond
	if r.Late {
		done := "nothing"
		if n := r.Sent + len(assoc.Messages(r.Events)); n > 0 {
			done = fmt.Sprintf("%d messages and no more", n)
		}
		return fmt.Sprintf("%s within %v", done, took.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s (%s) after %v", r.Errno, r.Call, took.Round(time.Millisecond))
}
