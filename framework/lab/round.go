package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// The timers of probes, set on the socket.
//
// A denial needs 6 INITs in 1.65 s, so that 10 % loss each way hides an open path with a
// probability of 5e-5 in one attempt.
//
// Where an answer is expected INITs are two seconds apart. Sooner would be wrong: one that is
// sent again while the answer to the first is under way draws a second INIT-ACK with another
// tag, connection tracking keeps that one, and through a Service the association dies of it
// (seen with Linux 6.1; answers of nodes out of breath take more than a second). Later would
// be wrong, too: connection tracking forgets a handshake after three seconds
// (nf_conntrack_sctp_timeout_cookie_wait, _cookie_echoed), so that a COOKIE-ECHO which is sent
// again after three, the kernel's own RTO, is never answered (seen with 10 % loss). While a
// table settles an attempt may fail early, for there will be another; once it holds six INITs
// make it unlikely that one fails for lost packets, and where it does the round proves nothing
// (reach.Series.Lossy). Data is sent again after a second,
// as the RFC advises (RFC 9260 section 16): hosts that are slow are not made slower by sending
// everything twice.
var (
	denyTimers     = wire.Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5, AssocMaxRetran: 6}
	denySlowTimers = wire.Timers{RTOInitial: 400, RTOMin: 100, RTOMax: 800, MaxInitTimeout: 800, MaxInits: 5, AssocMaxRetran: 6}
	openTimers     = wire.Timers{RTOInitial: 2000, RTOMin: 1000, RTOMax: 2000, MaxInitTimeout: 2000, MaxInits: 1, AssocMaxRetran: 6}
	holdTimers     = wire.Timers{RTOInitial: 2000, RTOMin: 1000, RTOMax: 2000, MaxInitTimeout: 2000, MaxInits: 5, AssocMaxRetran: 6}
	listenTimers   = openTimers
)

// slowConnect is the handshake, two round trips, from which on a denial is proven with
// the slower profile.
const slowConnect = 200 * time.Millisecond

// echoPatience is for what comes after the connect. It is longer than the 1+2+2+2+2+2+2 seconds
// in which the kernel gives up on data, so that it is the kernel that ends a probe. Where a
// denial is expected nothing is proven after a connect any more, and the two seconds of those
// timers are over sooner. askMargin is for the way to the agent.
const (
	echoPatience   = 15 * time.Second
	deniedPatience = 6 * time.Second
	askMargin      = 6 * time.Second
)

// pair is one path in one family.
type pair struct {
	family         reach.Family
	client, server string
}

// question is a cell of a matrix on its way to an agent and back.
type question struct {
	pair
	round    int // of the batch
	want     reach.Word
	asker    *member
	probe    wire.Probe
	evidence reach.Evidence
	moved    wire.Counters // of the whole batch
	twin     bool          // asked of a TCP twin
	answered time.Time     // when the agent had told what it saw
}

// asking is what a batch asks.
type asking struct {
	matrices []reach.Matrix
	messages []wire.Message
	holding  bool // attempts may not fail early: the table was right in the round before, or other rounds follow at once
	rounds   int
	stagger  wire.Millis // between the beginnings of two rounds
	times    int         // how often each cell is asked in a round, where chance decides whom it leads to; 0 is once
	slowly   bool        // denials take the slower profile, and what is to be answered has time
	atOnce   int         // so many by each client at the same time, in order, instead of the stagger; 0 is all
}

// begins is how long after the beginning of a batch one of its rounds begins, counted from 0.
func (a asking) begins(round int) time.Duration { return (wire.Millis(round) * a.stagger).Duration() }

// batch asks every cell of the matrices at the same time, and again in rounds that begin
// shortly after one another and run side by side; or, where each cell is asked many times, a
// few at the same time, for a burst makes answers late (see openTimers). TCP twins are asked
// once.
func (l *Lab) batch(ctx context.Context, ask asking) []*question {
	if l.run.rehearsing() {
		return nil
	}
	questions := l.askRounds(ctx, ask)
	l.readRecords(ctx, questions)
	for _, q := range questions {
		if seen := q.evidence.Seen; !q.twin && seen != nil && seen.Greeting != nil {
			l.run.hops.measured(hop{q.family, q.asker.node, seen.Greeting.Server.Node}, time.Duration(seen.Connect)*time.Microsecond)
		}
	}
	return questions
}

// askRounds asks the questions of a batch, and reads no records.
func (l *Lab) askRounds(ctx context.Context, ask asking) []*question {
	var questions []*question
	for i := range ask.rounds * max(ask.times, 1) {
		for _, q := range l.questions(ask) {
			q.round = i / max(ask.times, 1)
			q.probe.Delay = wire.Millis(q.round) * ask.stagger
			q.evidence.Probe = q.probe
			questions = append(questions, q)
		}
		if i == 0 {
			questions = append(questions, l.twinQuestions(ctx, ask)...)
		}
	}
	l.askSome(ctx, questions, ask.atOnce)
	return questions
}

// questions makes a probe for each cell that is asked.
func (l *Lab) questions(ask asking) []*question {
	var out []*question
	for _, m := range ask.matrices {
		for i, client := range m.Rows {
			for j, server := range m.Columns {
				if w := m.Want[i][j]; w != reach.NotAsked {
					p := pair{m.Family, client.Word, server.Word}
					q := l.question(p, l.targets[p.server], w, l.timers(p, w, ask), ask.messages)
					if w.Denies() {
						q.probe.Patience = wire.Millis(deniedPatience.Milliseconds())
					}
					out = append(out, q)
				}
			}
		}
	}
	return out
}

// question makes the probe of one path.
func (l *Lab) question(p pair, t target, w reach.Word, timers wire.Timers, messages []wire.Message) *question {
	q := &question{pair: p, want: w, asker: l.member(p.client)}
	q.probe = wire.Probe{
		Proto: t.proto, Local: q.asker.addrs[p.family], Target: t.addrs[p.family],
		Nonce: nonce(), Timers: timers, Messages: messages, Patience: wire.Millis(echoPatience.Milliseconds()),
	}
	q.evidence = reach.Evidence{Probe: q.probe, Source: l.source}
	for _, m := range l.behind(t) {
		q.evidence.Intended = append(q.evidence.Intended, reach.Backend{UID: m.uid, Port: t.port})
	}
	return q
}

// timers are the profile for one path.
func (l *Lab) timers(p pair, w reach.Word, ask asking) wire.Timers {
	switch {
	case !w.Denies() && (ask.holding || ask.slowly):
		return holdTimers
	case !w.Denies():
		return openTimers
	case ask.slowly, l.handshake(p) > slowConnect:
		return denySlowTimers
	default:
		return denyTimers
	}
}

// handshake is the slowest of the fastest handshakes between a client's node and those of the
// pods behind a server or, where none was seen there, the slowest of those from the client's node.
func (l *Lab) handshake(p pair) time.Duration {
	m := l.member(p.client)
	if m == nil {
		return 0
	}
	var to []string
	for _, server := range l.behind(l.targets[p.server]) {
		to = append(to, server.node)
	}
	return l.run.hops.slowest(p.family, m.node, to)
}

// ask sends each client its questions in one batch.
func (l *Lab) ask(ctx context.Context, questions []*question) { l.askSome(ctx, questions, 0) }

// askSome is ask, of each client so many questions at the same time; 0 is all.
func (l *Lab) askSome(ctx context.Context, questions []*question, atOnce int) {
	mine := map[*member][]*question{}
	for _, q := range questions {
		mine[q.asker] = append(mine[q.asker], q)
	}
	var wg sync.WaitGroup
	for m, qs := range mine {
		wg.Go(func() { askOne(ctx, m, qs, atOnce) })
	}
	wg.Wait()
}

func askOne(ctx context.Context, m *member, questions []*question, atOnce int) {
	batch := wire.Batch{AtOnce: atOnce}
	for _, q := range questions {
		batch.Probes = append(batch.Probes, q.probe)
	}
	patience := limit(batch)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("the agent was given %v", patience))
	defer cancel()
	reply, err := m.agent.Ask(ctx, wire.Request{Batch: &batch})
	if err == nil && (reply.Batch == nil || len(reply.Batch.Observations) != len(questions)) {
		err = fmt.Errorf("agent %s did not answer every question of the batch", m.word)
	}
	now := time.Now()
	for i, q := range questions {
		q.answered = now
		if err != nil {
			q.evidence.Trouble = err.Error()
			continue
		}
		q.evidence.Seen, q.moved = &reply.Batch.Observations[i], reply.Batch.Counters
		q.evidence.Stalled = reply.Stalled
	}
}

// readRecords asks every agent that listens which nonces it has seen: not only those that
// were meant, for a denial holds only if nobody has.
func (l *Lab) readRecords(ctx context.Context, questions []*question) {
	byNonce := map[string]*question{}
	var nonces []string
	for _, q := range questions {
		byNonce[q.probe.Nonce] = q
		nonces = append(nonces, q.probe.Nonce)
	}
	var mu sync.Mutex
	_ = l.eachMember(func(m *member) error {
		if len(l.orders[m].ports) == 0 {
			return nil
		}
		reply, err := m.ask(ctx, wire.Request{Records: &wire.Records{Nonces: nonces}})
		mu.Lock()
		defer mu.Unlock()
		for _, q := range questions {
			if err != nil && q.evidence.Seen != nil {
				q.evidence.Trouble = err.Error()
			}
		}
		for _, q := range questions {
			if slices.ContainsFunc(q.evidence.Intended, func(b reach.Backend) bool { return b.UID == m.uid }) {
				q.evidence.Stalled = max(q.evidence.Stalled, reply.Stalled)
			}
		}
		for _, r := range reply.Records {
			if q, ok := byNonce[r.Nonce]; ok {
				q.evidence.Records = append(q.evidence.Records, reach.Witness{Server: l.identity(m), Record: r})
			}
		}
		return nil
	})
	for _, q := range questions {
		if q.evidence.Seen != nil && q.evidence.Seen.Greeting != nil {
			l.rename(&q.evidence.Seen.Greeting.Server)
		}
	}
}

// identity is how a spec's agent is named in evidence and failures.
func (l *Lab) identity(m *member) wire.Identity {
	namespace, name, _ := strings.Cut(m.word, "/")
	return wire.Identity{UID: m.uid, Namespace: namespace, Pod: name, Node: m.node}
}

// rename replaces the pod's real name by the one it has in the spec.
func (l *Lab) rename(s *wire.Identity) {
	for _, m := range slices.Concat(l.members, l.former) {
		if m.uid == s.UID {
			*s = l.identity(m)
		}
	}
}

func (l *Lab) member(word string) *member {
	for _, m := range l.members {
		if m.word == word {
			return m
		}
	}
	return nil
}

// path says who asked whom: x/client 10.244.1.7 on node-b -> x/server:80 10.244.2.4 on node-a.
func (l *Lab) path(q *question) string {
	server, t := q.server, l.targets[q.server]
	if q.twin {
		server, t = "the TCP twin of "+q.server, l.twins[q.server]
	}
	return fmt.Sprintf("%s %s on %s -> %s %s %s", q.client, q.probe.Local, q.asker.node, server, q.probe.Target, t.where())
}

func nonce() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
