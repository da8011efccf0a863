// Package probe holds the conversation with an agent: one long-lived stream, many
// questions in flight, answers matched by id, the stream opened again when it breaks.
//
// It knows wire and nothing of Kubernetes: how a stream to an agent is opened is given
// to it. It judges nothing; what it cannot find out is an error.
package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"sctp.test/framework/wire"
)

// Limits of patience with a stream.
const (
	stalled = 5 * time.Second // without a byte although a reply is due: it will not come
	goodbye = 3 * time.Second // for a stream to end by itself when it is told to
)

// Dialer runs a stream to the agent until it ends: what is read from stdin goes to the
// agent, what the agent says is written to stdout. It returns why the stream ended.
type Dialer func(ctx context.Context, stdin io.Reader, stdout io.Writer) error

// ErrRestarted says that the agent is not the one that was first met: its listeners and
// records are gone, so nothing it says about them can be believed.
var ErrRestarted = errors.New("the agent has restarted and lost its state")

// Agent is one agent. Its methods may be called from several goroutines.
type Agent struct {
	name   string
	ctx    context.Context // of the run: streams outlive the question that opened them
	stop   context.CancelFunc
	dial   Dialer
	lastID atomic.Uint64

	turn   chan struct{} // full while somebody holds what follows: a lock that heeds deadlines
	stream *stream
	hello  *wire.Hello
}

// New returns an agent that has not been spoken to. Streams end with ctx.
func New(ctx context.Context, name string, dial Dialer) *Agent {
	ctx, stop := context.WithCancel(ctx)
	return &Agent{name: name, ctx: ctx, stop: stop, dial: dial, turn: make(chan struct{}, 1)}
}

// Hello opens the stream if there is none and returns how the agent introduced itself.
func (a *Agent) Hello(ctx context.Context) (wire.Hello, error) {
	s, err := a.open(ctx)
	if err != nil {
		return wire.Hello{}, err
	}
	return s.hello, nil
}

// Ask sends one request and waits for its reply. The error says which agent, after how
// long and why; it is not nil either when the agent itself replied with an error.
func (a *Agent) Ask(ctx context.Context, r wire.Request) (wire.Reply, error) {
	start := time.Now()
	reply, err := a.ask(ctx, r)
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	if err != nil {
		return reply, fmt.Errorf("agent %s, after %v: %w", a.name, time.Since(start).Round(time.Millisecond), err)
	}
	return reply, nil
}

func (a *Agent) ask(ctx context.Context, r wire.Request) (wire.Reply, error) {
	s, err := a.open(ctx)
	if err != nil {
		return wire.Reply{}, err
	}
	r.ID = a.lastID.Add(1)
	line, err := json.Marshal(r)
	if err != nil {
		return wire.Reply{}, err
	}
	line = append(line, '\n')
	answer := s.expect(r.ID)
	defer s.forget(r.ID)
	unsent := s.out
	for {
		select {
		case unsent <- line:
			unsent = nil
		case reply := <-answer:
			return reply, nil
		case <-s.ended:
			select {
			case reply := <-answer: // it was the last one
				return reply, nil
			default:
				return wire.Reply{}, fmt.Errorf("the connection to the agent ended before the reply: %w", s.cause)
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				s.giveUpIfStalled()
			}
			return wire.Reply{}, fmt.Errorf("no reply: %w", context.Cause(ctx))
		}
	}
}

// open returns the living stream, or opens one and waits for the agent's hello.
func (a *Agent) open(ctx context.Context) (*stream, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another question to connect to the agent: %w", context.Cause(ctx))
	}
	if a.stream != nil {
		select {
		case <-a.stream.ended:
		default:
			return a.stream, nil
		}
	}
	if a.ctx.Err() != nil {
		return nil, fmt.Errorf("connecting to the agent: %w", context.Cause(a.ctx)) //nolint:contextcheck // the agent was closed, not the question
	}
	s := start(a.ctx, a.dial) //nolint:contextcheck // a stream outlives the question that opens it
	select {
	case <-s.greeted:
	case <-s.ended:
		return nil, fmt.Errorf("connecting to the agent: %w", s.cause)
	case <-ctx.Done():
		s.stop(context.Cause(ctx))
		return nil, fmt.Errorf("connecting to the agent: %w", context.Cause(ctx))
	}
	if s.hello.Version != wire.Version {
		s.stop(nil)
		return nil, fmt.Errorf("the agent speaks version %d and this suite %d", s.hello.Version, wire.Version)
	}
	if a.hello != nil && a.hello.Boot != s.hello.Boot {
		s.stop(nil)
		return nil, ErrRestarted
	}
	a.hello, a.stream = &s.hello, s
	return s, nil
}

// Close ends the stream for good: whoever waits for a reply, or asks later, gets an error.
// The agent is told first, so that its end of the stream does not have to be torn off.
func (a *Agent) Close() {
	select {
	case a.turn <- struct{}{}:
	default: // a stream is being opened
		a.stop()
		a.turn <- struct{}{} // free soon: without a context no stream opens
	}
	defer func() { <-a.turn }()
	if a.stream == nil {
		a.stop()
		return
	}
	a.stream.hangUp()
	patience := time.NewTimer(goodbye)
	defer patience.Stop()
	select {
	case <-a.stream.ended:
	case <-patience.C:
	}
	a.stop()
	<-a.stream.ended
}
