package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// headEarly is how long a pod of JoinDenied has its addresses before anything listens there: long
// enough for the kubelet to tell of them.
const headEarly = 5 * time.Second

// JoinDenied adds an agent as Join does, which listens from the first moment of its process, and
// claims a table in which it is denied: from the moment its pod has addresses, when nothing can
// listen there yet and an ABORT by its kernel is no denial, until the table has held in rounds
// that were asked when it was ready. The pod goes with the spec.
func (l *Lab) JoinDenied(ctx ginkgo.SpecContext, word, table string) {
	ginkgo.GinkgoHelper()
	l.changes("added " + word)
	l.expected = true
	e, err := l.joinEarly(ctx, word)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not add %s: %v", l.id, word, err))
	}
	matrices, err := l.matrices(table)
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %v", l.id, err))
	}
	if l.run.rehearsing() {
		l.remember(matrices)
		return
	}
	series := l.begin(reach.Claim{Hold: holdRounds, AtOnce: true, Matrices: matrices})
	if err := l.judgeEarly(ctx, e, series); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not add %s: %v", l.id, word, err))
	}
	switch {
	case ctx.Err() != nil:
		return
	case !series.Settled():
		l.fail(ctx, series, greetingOnly)
	}
	l.remember(matrices)
	l.Measured("asked for the first time %v before its pod was ready, in %d rounds in all", e.ready.Sub(e.addressed).Round(100*time.Millisecond), series.Report.Rounds)
}

// early is an agent whose pod has addresses and may not be ready yet.
type early struct {
	*member
	addressed time.Time
	comes     chan arrival
	arrival   // once it is known
}

// arrival is what became of a pod that was to be ready, and when.
type arrival struct {
	ready time.Time
	err   error
}

// isReady says whether it is known what became of the pod.
func (e *early) isReady() bool {
	if e.ready.IsZero() {
		select {
		case e.arrival = <-e.comes:
		default:
			return false
		}
	}
	return true
}

// joinEarly adds an agent and returns when its pod has addresses.
func (l *Lab) joinEarly(ctx context.Context, word string) (*early, error) {
	o, place, err := l.newcomer(word)
	if err != nil {
		return nil, err
	}
	s := l.run.seat(o, place)
	addressed, comes := make(chan *member, 1), make(chan arrival, 1)
	go func() {
		defer close(addressed)
		_, err := l.run.fleet.addEarly(ctx, s, o.labels, func(m *member) { addressed <- m }, []Variant{l.fromTheStart(o, s), l.signed})
		comes <- arrival{time.Now(), err}
	}()
	m, ok := <-addressed
	if !ok {
		return nil, cmp.Or((<-comes).err, errors.New("its pod has no address"))
	}
	l.receive(m, o, place)
	l.variants[m] = true // it listens by itself, and goes with the spec
	return &early{member: m, addressed: time.Now(), comes: comes}, nil
}

// fromTheStart makes pods that listen on the ports of an order from the first moment of their
// process. They have their addresses before it begins: an init container waits meanwhile.
func (l *Lab) fromTheStart(o order, s seat) Variant {
	unspecified := map[reach.Family]netip.Addr{reach.IPv4: netip.IPv4Unspecified(), reach.IPv6: netip.IPv6Unspecified()}
	var all []wire.Listen
	for _, p := range o.ports {
		for _, f := range l.families {
			if at := netip.AddrPortFrom(unspecified[f], l.run.port(s, p.number)); !p.closed {
				all = append(all, wire.Listen{Endpoint: wire.Endpoint{Proto: p.proto, Addr: at}, Timers: listenTimers})
			}
		}
	}
	list, _ := json.Marshal(all) // of numbers and addresses
	return func(pod *corev1.Pod) {
		agent := &pod.Spec.Containers[0]
		waits := *agent.DeepCopy()
		waits.Name, waits.Args, waits.Ports = "early", []string{"wait", headEarly.String()}, nil
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, waits)
		agent.Env = append(agent.Env, corev1.EnvVar{Name: wire.ListenVariable, Value: string(list)})
	}
}

// judgeEarly asks the table of a series without a pause until it is wrong or, by what was asked
// after the agent was ready, settled. What is asked before the agent can be spoken to is judged
// then: it has the records. The error is why the agent did not join.
func (l *Lab) judgeEarly(ctx context.Context, e *early, series *reach.Series) error {
	var waiting [][]*question
	for batch := 0; ctx.Err() == nil; {
		begun := time.Now()
		ask := asking{matrices: series.Matrices, holding: true, rounds: holdRounds, stagger: stagger, slowly: series.Hasty}
		waiting = append(waiting, l.askRounds(ctx, ask))
		if !e.isReady() {
			continue
		}
		if batch == 0 {
			if e.err != nil {
				return e.err
			}
			if err := cmp.Or(l.equip(ctx, e.member), l.wasReached(ctx, e.member, slices.Concat(waiting...))); err != nil {
				return err
			}
		}
		for _, questions := range waiting {
			batch++
			l.readRecords(ctx, questions)
			series.Add(l.note(series, batch, questions, e.addressed))
		}
		waiting = nil
		if series.Ended() || begun.After(e.ready) && (series.Settled() || time.Since(e.ready) > l.run.Patience) {
			return nil
		}
	}
	return nil
}

// wasReached notes of refusals whether it may have been the pod itself that sent them, before it
// listened: its kernel has counted packets for which it knew nobody. A policy that refuses lets
// none come that far.
func (l *Lab) wasReached(ctx context.Context, m *member, asked []*question) error {
	reply, err := m.ask(ctx, wire.Request{State: &wire.State{}})
	if err != nil {
		return err
	}
	for _, q := range asked {
		if l.targets[q.server].pod == m {
			q.evidence.Reached = reply.State.Counters[wire.OutOfBlues] > 0
		}
	}
	return nil
}
