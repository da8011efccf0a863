package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/assoc"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// livingPause is between two messages on a connection that is to notice what happens to it.
const livingPause = 500

// living are connections through the TCP twins of Services, beside associations that live
// through a change: what becomes of them tells whether what becomes of the associations is
// SCTP's fault.
type living struct {
	lab     *Lab
	twins   []*livingTwin
	waiting sync.WaitGroup
}

// livingTwin is the connection beside one path.
type livingTwin struct {
	*question
	path    *Path
	seen    *wire.Observation // when it has ended
	trouble string            // why it was not judged
}

// keepTwins opens a connection beside each path whose server has a twin, and waits until the
// servers have heard of them. What cannot be had is no reason to judge less.
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
		q.probe.Patience = wire.Millis(keepLimit.Milliseconds())
		out.twins = append(out.twins, &livingTwin{question: q, path: p})
	}
	if len(out.twins) == 0 {
		return out
	}
	l.listenForTwins(ctx)
	for _, t := range out.twins {
		out.waiting.Go(func() { t.live(ctx) })
	}
	for begun := time.Now(); !out.heardOf(ctx) && time.Since(begun) < twinPatience && ctx.Err() == nil; {
		await(ctx, time.Now().Add(pace))
	}
	return out
}

// live keeps the connection until it is let go, or ends by itself.
func (t *livingTwin) live(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keepLimit+askMargin)
	defer cancel()
	reply, err := t.asker.agent.Ask(ctx, wire.Request{Keep: &wire.Keep{Probe: t.probe, Pause: livingPause}})
	switch {
	case err != nil:
		t.trouble = err.Error()
	case reply.Error != "":
		t.trouble = reply.Error
	default:
		t.seen = reply.Kept
	}
}

// heardOf says whether servers know of every connection.
func (a *living) heardOf(ctx context.Context) bool {
	var asked []*question
	for _, t := range a.twins {
		t.evidence.Records = nil
		asked = append(asked, t.question)
	}
	a.lab.readRecords(ctx, asked)
	return !slices.ContainsFunc(asked, func(q *question) bool { return len(q.evidence.Records) == 0 })
}

// end lets the connections go and waits until they have ended.
func (a *living) end(ctx context.Context) {
	for _, t := range a.twins {
		if _, err := t.asker.ask(ctx, wire.Request{LetGo: &wire.LetGo{Nonce: t.probe.Nonce}}); err != nil {
			ginkgo.GinkgoLogr.Info("a TCP twin was not let go", "client", t.client, "why", err.Error())
		}
	}
	a.waiting.Wait()
}

// fate is what became of a connection, in a sentence after its name.
func (t *livingTwin) fate() (lived bool, text string) {
	switch {
	case t.seen == nil:
		return false, "was not judged: " + t.trouble
	case t.seen.Stage == wire.StageDone:
		return true, fmt.Sprintf("lived on, messages echoed: %d", len(t.seen.Echoes))
	default:
		return false, fmt.Sprintf("ended at stage %s: %s", t.seen.Stage, t.seen.Detail)
	}
}

// beside adds to what went wrong on paths what became of the connections beside them.
func (a *living) beside(found []assoc.Found) {
	for i := range found {
		for _, t := range a.twins {
			if t.path.course != found[i].Course {
				continue
			}
			lived, text := t.fate()
			switch {
			case lived:
				text = "its TCP twin " + text
			case t.seen != nil:
				text = fmt.Sprintf("TCP fares no better: %s: its twin %s", reach.NotSCTP, text)
			default:
				text = "its TCP twin " + text
			}
			found[i].Seen = append(found[i].Seen, text)
		}
	}
}

// tell reports what became of the connections beside associations that are as claimed.
func (a *living) tell() {
	lived, messages := 0, 0
	for _, t := range a.twins {
		if ok, text := t.fate(); !ok {
			a.lab.Measured("associations are as claimed and a connection of the TCP twin beside them is not, which is %s: %s -> the TCP twin of %s (%s) %s", reach.NotSCTP, t.client, t.server, t.family, text)
			continue
		}
		lived++
		messages += len(t.seen.Echoes)
	}
	if lived > 0 {
		a.lab.Measured("TCP twin: %d of %d connections lived on beside the associations, messages echoed: %d", lived, len(a.twins), messages)
	}
}
