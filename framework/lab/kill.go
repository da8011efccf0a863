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

// Kill deletes the pod that the end is in and returns when it is gone, which is later than
// the end of its process. Another path may have killed it before. Another pod takes its place in the fleet when one is needed.
func (e *End) Kill(ctx context.Context) (gone time.Time) {
	l, m := e.Path.lab, e.member
	ctx, cancel := context.WithTimeoutCause(ctx, killLimit, fmt.Errorf("%v have passed", killLimit))
	defer cancel()
	l.drop(m)
	e.Path.backends = slices.DeleteFunc(slices.Clone(e.Path.backends), func(o *member) bool { return o == m })
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

// dropAllOn takes all agents of the run that are on a node out of the spec and the fleet.
func (l *Lab) dropAllOn(node string) {
	for _, m := range l.run.fleet.on(node) {
		l.drop(m)
	}
}

// Reboot reboots the node that the end is on, and returns when it is back. All agents of the
// run that were there are gone: their pods come up again with other addresses, and the fleet
// gets new ones when they are needed.
func (e *End) Reboot(ctx context.Context) (back time.Time) {
	l, node := e.Path.lab, e.member.node
	e.Path.backends = nil
	l.dropAllOn(node)
	if err := l.run.Cluster.Reboot(ctx, l.run.Access, node); err != nil {
		e.Path.end(reach.GroundBroken, "%v", err)
	}
	return time.Now()
}

// drop takes an agent out of the spec and out of the fleet.
func (l *Lab) drop(m *member) {
	l.mu.Lock()
	l.members = slices.DeleteFunc(l.members, func(o *member) bool { return o == m })
	l.former = append(l.former, m)
	l.mu.Unlock()
	l.run.fleet.dismiss(m)
}

// LearnsWithin fails the path unless this end is told that its association is over within
// a bound, counted from now. It returns what told it.
func (e *End) LearnsWithin(ctx context.Context, b assoc.Bound) wire.Event {
	r := e.Read(ctx, wire.Until{}, b.Limit+assoc.Slack+stepPatience)
	end, took := over(r)
	switch {
	case end == nil:
		e.Path.Fail("%s was not told in %v that its peer is gone, wanted within %v", e, took, b)
	case b.Exceeded(took):
		e.Path.Fail("%s was told that its peer is gone (%s) after %v, wanted within %v", e, describe(*end), took, b)
	}
	return *end
}

// over is the first event that tells an end that its association is over, and how long the
// step had waited for it.
func over(r *wire.SocketReply) (*wire.Event, time.Duration) {
	i := slices.IndexFunc(r.Events, func(v wire.Event) bool {
		return v.State == "COMM_LOST" || v.Kind == wire.EventShutdown || v.Kind == wire.EventEOF || v.Kind == wire.EventError
	})
	at := r.Ended
	if i >= 0 {
		at = r.Events[i].At
	}
	took := (time.Duration(at-r.Begun) * time.Microsecond).Round(time.Millisecond)
	if i < 0 {
		return nil, took
	}
	return &r.Events[i], took
}

// LearnsOf runs something that ends the association from the other side and fails the path
// unless this end is told within a bound after it has returned.
func (e *End) LearnsOf(ctx context.Context, b assoc.Bound, do func(context.Context) time.Time) {
	var done, told time.Time
	var r *wire.SocketReply
	e.Path.Together(
		func() { done = do(ctx) },
		func() {
			r = e.Read(ctx, wire.Until{}, b.Limit+assoc.Slack+killLimit)
			told = time.Now()
		},
	)
	end, _ := over(r)
	took := told.Sub(done).Round(time.Millisecond)
	switch {
	case end == nil:
		e.Path.Fail("%s was not told in %v that its peer is gone, wanted within %v", e, took, b)
	case b.Exceeded(took):
		e.Path.Fail("%s was told that its peer is gone (%s) %v after it was, wanted within %v", e, describe(*end), took, b)
	}
}

// Reassociate tries until an association is there, for at most the run's patience: what the
// path leads to has changed, and the cluster needs time to notice.
func (p *Path) Reassociate(ctx context.Context, o Sockets) (client, server *End) {
	door := p.door()
	door.Lock()
	defer door.Unlock()
	p.listen(ctx, o)
	start := time.Now()
	for {
		c, r := p.Dial(ctx, o)
		if r.Errno == "" && !r.Late {
			s := p.Accept(ctx)
			c.other, s.other = s, c
			return c, s
		}
		if took := time.Since(start); took > p.lab.run.Patience || ctx.Err() != nil {
			p.FailAs(assoc.ConnectFailed, "%s could not connect to %s again in %v: %s", p.pair.client, p.server, took.Round(time.Millisecond), outcome(r))
		}
		await(ctx, time.Now().Add(pace))
	}
}
