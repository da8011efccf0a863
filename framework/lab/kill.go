package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// killLimit is for a pod to be gone after it was deleted.
const killLimit = 2 * time.Minute

// owned is where the end is, which the spec is about to end.
func (e *End) owned() (*Lab, *member) {
	if err := e.Path.lab.owns(); err != nil {
		e.Path.end(reach.GroundBroken, "%v", err)
	}
	return e.Path.lab, e.member
}

// lose takes from a path the ends that it has ended.
func (p *Path) lose(ended ...*member) {
	p.bereft = true
	p.backends = slices.DeleteFunc(slices.Clone(p.backends), func(m *member) bool { return slices.Contains(ended, m) })
}

// Kill deletes the pod that the end is in and returns when it is gone, which is later than
// the end of its process. Another path may have killed it before. Another pod takes its place in the fleet when one is needed.
func (e *End) Kill(ctx context.Context) (gone time.Time) {
	l, m := e.owned()
	ctx, cancel := context.WithTimeoutCause(ctx, killLimit, fmt.Errorf("%v have passed", killLimit))
	defer cancel()
	l.drop(ctx, m)
	e.Path.lose(m)
	api := l.run.Cluster.Client.CoreV1().Pods(m.real)
	if err := api.Delete(ctx, m.pod, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		e.Path.end(reach.GroundBroken, "%s could not be deleted: %v", e, err)
	}
	for {
		if _, err := api.Get(ctx, m.pod, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			return time.Now()
		}
		if ctx.Err() != nil {
			e.Path.end(reach.GroundBroken, "%s was deleted and is still there: %v", e, context.Cause(ctx))
		}
		await(ctx, time.Now().Add(pace))
	}
}

// Crash ends the main process of the pod that the end is in as SIGKILL would: the process
// closes nothing, its kernel does. It returns when the process is gone. Another path may have
// ended it before.
func (e *End) Crash(ctx context.Context) (gone time.Time) {
	l, m := e.owned()
	before, err := m.agent.Hello(ctx)
	if err == nil {
		l.mu.Lock()
		l.ending[m] = true
		l.mu.Unlock()
		_, _ = m.ask(ctx, wire.Request{Exit: &wire.Exit{}}) // its stream may end before the reply
	}
	gone = time.Now()
	e.Path.lose(m)
	if !l.part(m) {
		return gone
	}
	if err == nil {
		again := *m // others may still ask the one that is gone
		err = l.meetAgain(ctx, &again, before.Boot)
		again.agent.Close()
	}
	l.lastWords(ctx, m)
	if err != nil {
		e.Path.end(reach.GroundBroken, "the process of %s was told to end, and nobody knows whether it has: %v", e, err)
	}
	return gone
}

// Reboot reboots the node that the end is on, and returns when it is back. All agents of the
// run that were there are gone: their pods come up again with other addresses, and the fleet
// gets new ones when they are needed.
func (e *End) Reboot(ctx context.Context) (back time.Time) {
	l, m := e.owned()
	node := m.node
	e.Path.lose(e.Path.backends...)
	l.drop(ctx, l.run.fleet.on(node)...)
	if err := l.run.Cluster.Reboot(ctx, l.run.Access, node); err != nil {
		e.Path.end(reach.GroundBroken, "%v", err)
	}
	return time.Now()
}

// LearnsWithin fails the path unless this end is told that its association is over within
// a bound, counted from now.
func (e *End) LearnsWithin(ctx context.Context, b assoc.Bound) {
	e.Read(ctx, wire.Until{}, b.Limit+assoc.Slack+stepPatience)
	e.Expect(assoc.Learns{Within: b})
}

// LearnsOf runs something that ends the association from the other side and fails the path
// unless this end is told within a bound after it has returned.
func (e *End) LearnsOf(ctx context.Context, b assoc.Bound, do func(context.Context) time.Time) {
	var done time.Time
	e.Path.Together(
		func() { done = do(ctx) },
		func() { e.Read(ctx, wire.Until{}, b.Limit+assoc.Slack+killLimit) },
	)
	e.Expect(assoc.Learns{Within: b, Since: done.Round(0)}) // the clock that files have
}

// Reassociate tries until so many associations in a row have come about, for at most the run's
// patience: what the path leads to has changed, and the cluster needs time to notice. One is
// enough where the path leads to one end; a Service that has yet to leave out one which is gone
// may lead to another by chance. It returns the ends of the last.
func (p *Path) Reassociate(ctx context.Context, o Sockets, inARow int) (client, server *End) {
	door := p.door()
	door.Lock()
	defer door.Unlock()
	p.listen(ctx, o)
	start := time.Now()
	var first *assoc.End
	came := 0
	for n := 1; ; n++ {
		c, r := p.Dial(ctx, o)
		if known := c.known(); first == nil {
			first = &known
		}
		failed := r.Errno != "" || r.Late
		if p.partly = failed && came > 0; failed && time.Since(start) <= p.lab.run.Patience && ctx.Err() == nil {
			n = 0
			await(ctx, time.Now().Add(pace))
			continue
		}
		c.Expect(assoc.Connects{To: p.server, After: first})
		s := p.accept(ctx, c)
		if n >= inARow {
			return c, s
		}
		came++
		c.Close(ctx)
		s.Close(ctx)
	}
}
