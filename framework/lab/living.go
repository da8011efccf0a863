package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// livingPause is between two messages on a connection that is to notice what happens to it;
// livingLimit is longer than any spec.
const (
	livingPause = wire.Millis(500)
	livingLimit = time.Hour
)

// living are connections through the TCP twins of Services, beside associations that live
// through a change: what becomes of them tells whether what becomes of the associations is
// SCTP's fault.
type living struct {
	lab    *Lab
	twins  []*livingTwin
	giveUp context.CancelCauseFunc
}

// livingTwin is the connection beside one path.
type livingTwin struct {
	*question
	path    *Path
	over    chan struct{}     // closed when it has ended
	seen    *wire.Observation // then
	trouble string            // why there is none
}

// keepTwins opens a connection beside each path whose server has a twin, and waits until the
// servers have heard of them, for twinPatience at most. What cannot be had is no reason to judge
// less.
func (l *Lab) keepTwins(ctx context.Context, paths []*Path) *living {
	out := &living{lab: l}
	if slices.ContainsFunc(l.applied, isPolicy) {
		return out // it need not say the same of TCP
	}
	for _, p := range paths {
		t, has := l.twins[p.server]
		if !has || !t.addrs[p.family].IsValid() {
			continue
		}
		q := l.question(p.pair, t, reach.Word(reach.Answered), holdTimers, []wire.Message{{Size: 1000}})
		q.probe.Patience = wire.Millis(livingLimit.Milliseconds())
		out.twins = append(out.twins, &livingTwin{question: q, path: p, over: make(chan struct{})})
	}
	if len(out.twins) == 0 {
		return out
	}
	l.listenForTwins(ctx)
	ctx, out.giveUp = context.WithCancelCause(ctx)
	for _, t := range out.twins {
		go t.live(ctx)
	}
	for begun := time.Now(); !out.heardOf(ctx) && time.Since(begun) < twinPatience && ctx.Err() == nil; {
		await(ctx, time.Now().Add(pace))
	}
	return out
}

// live keeps the connection until it is let go, or ends by itself.
func (t *livingTwin) live(ctx context.Context) {
	defer close(t.over)
	reply, err := t.asker.agent.Ask(ctx, wire.Request{Keep: &wire.Keep{Probe: t.probe, Pause: livingPause}})
	switch t.seen = reply.Kept; {
	case err != nil:
		t.seen, t.trouble = nil, err.Error()
	case t.seen == nil:
		t.trouble = "the agent answered something else"
	}
}

// ended says whether the connection is no more.
func (t *livingTwin) ended() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// heardOf says whether servers know of every connection that has not ended.
func (a *living) heardOf(ctx context.Context) bool {
	var asked []*question
	for _, t := range a.twins {
		if !t.ended() {
			t.evidence.Records = nil
			asked = append(asked, t.question)
		}
	}
	a.lab.readRecords(ctx, asked)
	return !slices.ContainsFunc(asked, func(q *question) bool { return len(q.evidence.Records) == 0 })
}

// end lets the connections go, also when ctx is done, and waits until they have ended.
func (a *living) end(ctx context.Context) {
	if len(a.twins) == 0 {
		return
	}
	defer a.giveUp(nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*askMargin)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { a.giveUp(errNotLetGo) })
	defer stop()
	var wg sync.WaitGroup
	for _, t := range a.twins {
		wg.Go(func() {
			_, _ = t.asker.ask(ctx, wire.Request{LetGo: &wire.LetGo{Nonce: t.probe.Nonce}}) // who cannot be asked has ended, or is given up
			<-t.over
		})
	}
	wg.Wait()
}

var errNotLetGo = fmt.Errorf("it was let go and had not ended after %v", 2*askMargin)

// fate is what became of a connection, in a sentence after its name. Only one that the network
// has ended says something about TCP.
func (t *livingTwin) fate() (lived, judged bool, text string) {
	switch {
	case t.seen == nil:
		return false, false, "was not judged: " + t.trouble
	case t.seen.Stage == wire.StageDone:
		return true, true, fmt.Sprintf("lived on, messages echoed: %d", len(t.seen.Echoes))
	case t.seen.Ender == wire.EndedByAgent, t.seen.Stage == wire.StageSocket, t.seen.Ender == wire.EndedByClock && t.seen.Errno == "":
		return false, false, "was not judged: " + t.seen.Detail
	default:
		return false, true, fmt.Sprintf("ended at stage %s: %s", t.seen.Stage, t.seen.Detail)
	}
}

// beside adds to what went wrong on paths what became of the connections beside them.
func (a *living) beside(found []assoc.Found) {
	for i := range found {
		for _, t := range a.twins {
			if t.path.course != found[i].Course {
				continue
			}
			text := "its TCP twin "
			lived, judged, fate := t.fate()
			if judged && !lived {
				text = fmt.Sprintf("TCP fares no better: %s: its twin ", reach.NotSCTP)
			}
			found[i].Beside = text + fate
		}
	}
}

// tell reports what became of the connections beside associations that are as claimed.
func (a *living) tell() {
	living, messages := 0, 0
	for _, t := range a.twins {
		lived, judged, fate := t.fate()
		switch {
		case lived:
			living++
			messages += len(t.seen.Echoes)
		case judged:
			a.lab.Measured("associations are as claimed and a connection of the TCP twin beside them is not, which is %s: %s -> the TCP twin of %s (%s) %s", reach.NotSCTP, t.client, t.server, t.family, fate)
		default:
			a.lab.Measured("%s -> the TCP twin of %s (%s) %s", t.client, t.server, t.family, fate)
		}
	}
	if living > 0 {
		a.lab.Measured("TCP twin: %d of %d connections lived on beside the associations, messages echoed: %d", living, len(a.twins), messages)
	}
}
