package lab

import (
	"context"
	"fmt"
	"net/netip"
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
	Peeled bool   // the server listens with a one-to-many socket, from which its end is peeled off
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
	Buffer int            // bytes read by one system call; 0 is the agent's choice

	member *member
	socket string
	assoc  int32
	number int // among the ends of the path
	hub    int // the number of the end whose socket it shares, or has shared
	shared int32
	other  *End

	nonce string
	sent  int // messages
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
	expected := assoc.Connects{To: p.server}
	for try := 1; try < lossyTries && p.lost(r, o); try++ {
		first := client.known()
		expected.After = &first
		p.turnAway(ctx)
		p.lab.mu.Lock()
		p.lab.redialled++
		p.lab.mu.Unlock()
		client, r = p.Dial(ctx, o)
	}
	client.Expect(expected)
	return client, p.accept(ctx, client)
}

// lossyTries is how often an association is begun where packets are lost: over four links that
// each lose 10 % one handshake in eight loses two COOKIE-ECHOs in a row, and comes to nothing
// through a NAT (see reach.Series.Lossy).
const lossyTries = 3

// lost says whether a connect may have come to nothing for lost packets: others of the spec had
// to send again, and this one has.
func (p *Path) lost(r *wire.SocketReply, o Sockets) bool {
	took := time.Duration(r.Ended-r.Begun) * time.Microsecond
	return p.lab.lossy && (r.Errno == "ECONNREFUSED" || r.Errno == "ETIMEDOUT") && took >= o.timers().RTOInitial.Duration()
}

// turnAway ends what an association that its client has given up may have left in the accept
// queues, so that nobody takes it for the next one.
func (p *Path) turnAway(ctx context.Context) {
	for _, m := range p.backends {
		for ctx.Err() == nil {
			e := p.newEnd(m, "lost")
			r := p.ask(ctx, m, assoc.Step{End: e.number, Op: wire.SocketOp{Do: wire.DoAccept, Socket: e.socket, From: listener(p.endpoint(m).Addr), Patience: queuePatience}})
			if r.Errno != "" || r.Late {
				break
			}
			p.ask(ctx, m, assoc.Step{End: e.number, Op: wire.SocketOp{Do: wire.DoAbort, Socket: e.socket}})
		}
	}
}

// DialBriefly is Dial for whoever wants to know only what comes of it: the association, if there
// is one, is given up.
func (p *Path) DialBriefly(ctx context.Context, o Sockets) *wire.SocketReply {
	door := p.door()
	door.Lock()
	defer door.Unlock()
	e, r := p.Dial(ctx, o)
	if r.Errno == "" && !r.Late { // what else there is of it goes with the path
		p.turnAway(ctx)
		e.Close(ctx)
	}
	return r
}

// queuePatience is for an association that is in an accept queue already.
const queuePatience = wire.Millis(500)

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
		how, local := fmt.Sprint(*o.timers(), o.Server, o.Dual, o.Everywhere, o.Peeled), at
		if o.Everywhere {
			local = p.lab.everywhere(at)
		}
		switch p.lab.listensAt(at, how) {
		case how:
			continue
		case "":
		default: // associations that it has accepted live on
			p.ask(ctx, m, assoc.Step{Op: wire.SocketOp{Do: wire.DoClose, Socket: listener(at)}})
		}
		p.lab.listensAt(at, "") // where it fails, the next path must not take it for open
		p.ask(ctx, m, assoc.Step{Must: reach.GroundBroken, Op: wire.SocketOp{
			Do: wire.DoListen, Socket: listener(at), Many: o.Peeled, Local: local, Also: p.also(m, o), Timers: o.timers(), Options: o.Server,
		}})
		p.lab.listensAt(at, how)
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
	e := p.newEnd(p.client, "client")
	op := wire.SocketOp{
		Do: wire.DoDial, Socket: e.socket, Many: o.Many, Local: netip.AddrPortFrom(p.client.addrs[p.family], o.Port),
		Also: p.also(p.client, o), Target: target, Timers: o.timers(), Options: o.Client,
		Patience: wire.Millis((2*o.timers().InitWindow() + stepPatience).Milliseconds()),
	}
	r := p.ask(ctx, e.member, assoc.Step{End: e.number, Op: op})
	e.take(r)
	return e, r
}

// accept returns the server's end of the association that a client has begun: after its
// handshake it stands in the accept queue of one of the agents.
func (p *Path) accept(ctx context.Context, client *End) *End {
	e := p.newEnd(nil, "server")
	client.meets(e)
	for _, m := range p.backends {
		e.member = m
		r := p.ask(ctx, m, assoc.Step{End: e.number, Op: wire.SocketOp{Do: wire.DoAccept, Socket: e.socket, From: listener(p.endpoint(m).Addr)}})
		if r.Errno != "" || !r.Late {
			e.take(r)
			break
		}
	}
	e.Expect(assoc.Accepted{To: p.server})
	return e
}

// newEnd is an end whose socket is still to be opened, by an agent.
func (p *Path) newEnd(m *member, role string) *End {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	return &End{Path: p, member: m, number: p.made, socket: fmt.Sprintf("%s %d of %s %s to %s", role, p.made, p.family, p.pair.client, p.server)}
}

// meets makes two ends those of one association.
func (e *End) meets(other *End) { e.other, other.other = other, e }

// take keeps what a reply says of an end.
func (e *End) take(r *wire.SocketReply) { e.Local, e.Peer, e.assoc = r.Local, r.Peer, r.Assoc }

// Do takes a step with the end's socket.
func (e *End) Do(ctx context.Context, op wire.SocketOp) *wire.SocketReply { return e.do(ctx, op, "") }

// must is Do for what a healthy kernel cannot refuse.
func (e *End) must(ctx context.Context, op wire.SocketOp) *wire.SocketReply {
	return e.do(ctx, op, reach.GroundFail)
}

func (e *End) do(ctx context.Context, op wire.SocketOp, must reach.Ground) *wire.SocketReply {
	op.Socket, op.Assoc = e.socket, e.assoc
	return e.Path.ask(ctx, e.member, assoc.Step{End: e.number, Must: must, Op: op})
}

// Expect ends the path unless the end is as expected, by what sockets have told so far.
func (e *End) Expect(x assoc.Expectation) { e.Path.expect(e.known(), e.other.known(), x) }

// known is how the judge knows the end.
func (e *End) known() assoc.End {
	if e == nil || e.member == nil {
		return assoc.End{}
	}
	return assoc.End{Name: e.String(), Number: e.number, Hub: e.hub, Assoc: e.shared}
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
	e.sent = op.First + r.Sent
	return r
}

// sending is the step for messages that follow those sent before.
func (e *End) sending(messages []wire.SendMessage) wire.SocketOp {
	e.Path.mu.Lock()
	defer e.Path.mu.Unlock()
	if e.nonce == "" {
		e.nonce = nonce()
	}
	op := wire.SocketOp{
		Do: wire.DoSend, Nonce: e.nonce, First: e.sent, Messages: messages,
		Patience: wire.Millis(patienceFor(len(messages)).Milliseconds()),
	}
	e.sent += len(messages)
	return op
}

// Read receives until something or the end, for at most a time.
func (e *End) Read(ctx context.Context, u wire.Until, limit time.Duration) *wire.SocketReply {
	return e.Do(ctx, wire.SocketOp{Do: wire.DoReceive, Until: u, Buffer: e.Buffer, Patience: wire.Millis(limit.Milliseconds())})
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

// Abort ends the association at once. A cause needs a one-to-many socket, or one that was peeled
// off.
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
