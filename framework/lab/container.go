package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// restartLimit is how long a container may take to run again.
const restartLimit = 2 * time.Minute

// Restart ends the main process of an agent's pod, so that the kubelet starts its container
// again, and returns when the agent listens again. Pod and address stay what they were.
func (l *Lab) Restart(ctx ginkgo.SpecContext, word string) {
	ginkgo.GinkgoHelper()
	l.changes("restarted the container of " + word)
	if err := l.restart(ctx, word); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not restart the container of %s: %v", l.id, word, err))
	}
}

func (l *Lab) restart(ctx context.Context, word string) error {
	if err := l.owns(); err != nil {
		return err
	}
	m := l.member(word)
	if m == nil {
		return fmt.Errorf("the spec has no agent %s", word)
	}
	if l.run.rehearsing() {
		return nil
	}
	before, err := m.agent.Hello(ctx)
	if err != nil {
		return err
	}
	_, _ = m.ask(ctx, wire.Request{Exit: &wire.Exit{}}) // its stream may end before the reply: another boot ID is the proof
	if err := l.meetAgain(ctx, m, before.Boot); err != nil {
		return err
	}
	l.mu.Lock()
	delete(l.open, m)
	l.mu.Unlock()
	return l.equip(ctx, m)
}

// meetAgain opens streams to an agent until one comes from another boot than before.
func (l *Lab) meetAgain(ctx context.Context, m *member, before string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, restartLimit, fmt.Errorf("%v have passed", restartLimit))
	defer cancel()
	last := errors.New("nothing was seen of it")
	for start := time.Now(); ; {
		m.agent.Close()
		m.agent = l.run.fleet.speakTo(m)
		hello, err := m.agent.Hello(ctx)
		switch {
		case err == nil && hello.Boot != before:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w, after %v", last, time.Since(start).Round(time.Second))
		case err == nil:
			last = errors.New("its main process still runs")
		default:
			last = err
		}
		await(ctx, time.Now().Add(pace))
	}
}
