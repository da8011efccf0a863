package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
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
// Where an answer is expected INITs are a second apart: one that is sent again while the
// answer to the first is under way draws a second INIT-ACK with another tag, connection
// tracking keeps that one, and through a Service the association dies of it (seen with
// Linux 6.1). While a table settles an attempt may fail early, for there will be another;
// once it holds none may fail for a lost packet, and six INITs make that unlikely.
var (
	denyTimers     = wire.Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5, AssocMaxRetran: 6}
	denySlowTimers = wire.Timers{RTOInitial: 400, RTOMin: 100, RTOMax: 800, MaxInitTimeout: 800, MaxInits: 5, AssocMaxRetran: 6}
	openTimers     = wire.Timers{RTOInitial: 1000, RTOMin: 100, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 2, AssocMaxRetran: 6}
	holdTimers     = wire.Timers{RTOInitial: 1000, RTOMin: 100, RTOMax: 1000, MaxInitTimeout: 1000, MaxInits: 5, AssocMaxRetran: 6}
	listenTimers   = holdTimers
)

// slowConnect is the handshake, two round trips, from which on a denial is proven with
// the slower profile.
const slowConnect = 200 * time.Millisecond

// echoPatience is for what comes after the connect. It is longer than the seven seconds
// in which the kernel gives up on data, so that it is the kernel that ends a probe.
// askMargin is for the way to the agent.
const (
	echoPatience = 15 * time.Second
	askMargin    = 10 * time.Second
)

// pair is one path in one family.
type pair struct {
	family         reach.Family
	client, server string
}

// question is a cell of a matrix on its way to an agent and back.
type question struct {
	matrix, row, column int
	client              *member
	probe               wire.Probe
	evidence            reach.Evidence
	moved               wire.Counters // of the whole batch
}

// roundRecord is a line of the evidence file.
type roundRecord struct {
	Round    int            `json:"round"`
	At       time.Time      `json:"at"`
	Family   reach.Family   `json:"family"`
	Client   string         `json:"client"`
	Server   string         `json:"server"`
	Want     reach.Word     `json:"want"`
	Evidence reach.Evidence `json:"evidence"`
	Moved    wire.Counters  `json:"moved,omitempty"` // in the client's namespace while its batch ran
}

// asking is what a series of rounds asks.
type asking struct {
	matrices []reach.Matrix
	messages []wire.Message
	number   int  // of the round
	holding  bool // the table was right in the round before
}

// round asks every cell of the matrices once, all at the same time, and judges.
func (l *Lab) round(ctx context.Context, ask asking) []reach.Result {
	matrices := ask.matrices
	questions := l.questions(ask)
	shortfalls := l.ask(ctx, questions)
	l.readRecords(ctx, questions)
	results := make([]reach.Result, len(matrices))
	for i, m := range matrices {
		results[i] = reach.Result{Matrix: m, Found: make([][]reach.Cell, len(m.Rows))}
		for j := range m.Rows {
			results[i].Found[j] = make([]reach.Cell, len(m.Columns))
		}
	}
	for _, q := range questions {
		m := matrices[q.matrix]
		f := reach.Judge(q.evidence)
		if why := shortfalls[q.client]; why != "" && f.Outcome == reach.Silent && f.Connecting {
			f = reach.Finding{Outcome: reach.Broken, Stage: f.Stage, Reason: why}
		}
		p := pair{m.Family, m.Rows[q.row].Word, m.Columns[q.column].Word}
		l.measure(p, q.evidence)
		results[q.matrix].Found[q.row][q.column] = reach.Cell{Finding: f, Path: l.path(q, p.server)}
		l.rounds = append(l.rounds, roundRecord{ask.number, time.Now(), m.Family, p.client, p.server, m.Want[q.row][q.column], q.evidence, q.moved})
	}
	return results
}

// questions makes a probe for each cell that is asked.
func (l *Lab) questions(ask asking) []*question {
	var out []*question
	for i, m := range ask.matrices {
		for j, client := range m.Rows {
			for k, server := range m.Columns {
				w := m.Want[j][k]
				if w == reach.NotAsked {
					continue
				}
				q := &question{matrix: i, row: j, column: k, client: l.member(client.Word)}
				t := l.targets[server.Word]
				q.probe = wire.Probe{
					Proto: t.proto, Local: q.client.addrs[m.Family], Target: t.addrs[m.Family],
					Nonce: nonce(), Timers: l.timers(pair{m.Family, client.Word, server.Word}, w, ask.holding), Messages: ask.messages, Patience: wire.Millis(echoPatience.Milliseconds()),
				}
				q.evidence = reach.Evidence{Probe: q.probe}
				for _, m := range t.intended {
					q.evidence.Intended = append(q.evidence.Intended, reach.Backend{UID: m.uid, Port: t.port})
				}
				out = append(out, q)
			}
		}
	}
	return out
}

// timers are the profile for one path: how slow it is, the fastest handshake tells; a slower
// one may have waited for a processor.
func (l *Lab) timers(p pair, w reach.Word, holding bool) wire.Timers {
	switch {
	case !w.Denies() && holding:
		return holdTimers
	case !w.Denies():
		return openTimers
	case l.fastest[p] > slowConnect:
		return denySlowTimers
	default:
		return denyTimers
	}
}

// ask sends each client its questions in one batch. It returns, by client, why its
// silences are no proof, if they are not.
func (l *Lab) ask(ctx context.Context, questions []*question) map[*member]string {
	mine := map[*member][]*question{}
	for _, q := range questions {
		mine[q.client] = append(mine[q.client], q)
	}
	shortfalls := map[*member]string{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for m, qs := range mine {
		wg.Go(func() {
			why := askOne(ctx, m, qs)
			mu.Lock()
			defer mu.Unlock()
			shortfalls[m] = why
		})
	}
	wg.Wait()
	return shortfalls
}

func askOne(ctx context.Context, m *member, questions []*question) string {
	var batch wire.Batch
	var longest time.Duration
	for _, q := range questions {
		batch.Probes = append(batch.Probes, q.probe)
		longest = max(longest, q.probe.Timers.InitWindow())
	}
	// A handshake that loses its cookie takes the window twice.
	ctx, cancel := context.WithTimeoutCause(ctx, 2*longest+echoPatience+askMargin, fmt.Errorf("the agent was given %v", 2*longest+echoPatience+askMargin))
	defer cancel()
	reply, err := m.agent.Ask(ctx, wire.Request{Batch: &batch})
	if err == nil && (reply.Batch == nil || len(reply.Batch.Observations) != len(questions)) {
		err = fmt.Errorf("agent %s did not answer every question of the batch", m.word)
	}
	if err != nil {
		for _, q := range questions {
			q.evidence.Trouble = err.Error()
		}
		return ""
	}
	var all []reach.Evidence
	for i, q := range questions {
		q.evidence.Seen, q.moved = &reply.Batch.Observations[i], reply.Batch.Counters
		all = append(all, q.evidence)
	}
	return reach.CheckInits(all, reply.Batch.Counters)
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
	for _, m := range l.members {
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
func (l *Lab) path(q *question, server string) string {
	return fmt.Sprintf("%s %s on %s -> %s %s %s", q.client.word, q.probe.Local, q.client.node,
		server, q.probe.Target, l.targets[server].where)
}

// measure keeps the time of the fastest handshake of each path.
func (l *Lab) measure(p pair, e reach.Evidence) {
	if e.Seen == nil || e.Seen.Greeting == nil {
		return
	}
	took := time.Duration(e.Seen.Connect) * time.Microsecond
	if before, known := l.fastest[p]; !known || took < before {
		l.fastest[p] = took
	}
}

func nonce() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
