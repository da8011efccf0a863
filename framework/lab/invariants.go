package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/cluster"
	"sctp.test/framework/diag"
	"sctp.test/framework/probe"
	"sctp.test/framework/wire"
)

// closeLimit is how long associations of a spec may take to end after its last probe: a
// SHUTDOWN that is lost is sent again.
const closeLimit = 10 * time.Second

// brokenInvariants are what holds after every spec, whatever it claims, and does not hold
// after this one: no packet with a bad checksum, no association left, which are the cluster's
// to keep, and sentences on what is ours: no agent restarted.
func (l *Lab) brokenInvariants(ctx context.Context) (theirs []diag.Symptom, ours []string) {
	if l.before == nil || ctx.Err() != nil {
		return nil, nil
	}
	ours = slices.Clone(l.untold)
	deadline := time.Now().Add(closeLimit)
	for {
		begun := time.Now()
		after, errs := l.run.fleet.counters(ctx)
		associations := l.unended(after, l.cut())
		if len(associations) > 0 && ctx.Err() == nil && begun.Before(deadline) {
			await(ctx, begun.Add(pace))
			continue
		}
		for m, err := range errs {
			switch _, asked := l.before[m]; {
			case !asked:
			case errors.Is(err, probe.ErrRestarted):
				ours = append(ours, err.Error())
			default:
				ours = append(ours, fmt.Sprintf("nobody knows what %s on node %s has counted: %v", m.name(), m.node, err))
			}
		}
		return append(l.badChecksums(after), associations...), ours
	}
}

// shows is a symptom of the agent's node, in a sentence.
func (m *member) shows(class diag.Class, format string, args ...any) diag.Symptom {
	return diag.Symptom{Found: class, ServerNode: m.node, Said: fmt.Sprintf(format, args...)}
}

func bySentence(a, b diag.Symptom) int { return strings.Compare(a.Said, b.Said) }

// sentences are what symptoms say.
func sentences(symptoms []diag.Symptom) []string {
	var out []string
	for _, s := range symptoms {
		out = append(out, s.Said)
	}
	return out
}

// name is the agent's word or, where it is none of the spec's, its pod's.
func (m *member) name() string {
	if m.word != "" {
		return m.word
	}
	return m.namespace + "/" + m.pod
}

// cut is how many of the spec's associations came up and did not end in order: what a policy
// or a Service is to prevent from now on may cut those that stand, and then an end is left
// that has not been told. A client that gives up on its COOKIE-ECHO, is refused or hears that
// there is no way for it, tells nobody, either: where only the COOKIE-ACKs were lost, its server
// has an association. So it is where a denial comes in the middle of a handshake, and where an
// INIT that was sent again has killed it (see openTimers). Of a batch these are no more than the
// client's kernel counted expiries of such a timer.
func (l *Lab) cut() int64 {
	type batch struct {
		series, number int
		client         string
	}
	expiries := map[batch]int64{} // that explain a silence already
	var n int64
	for _, line := range l.evidence {
		asked := cmp.Or(line.Asked, line.Aside)
		if asked == nil || asked.Evidence.Seen == nil || asked.Evidence.Probe.Proto != wire.SCTP {
			continue
		}
		seen := asked.Evidence.Seen
		switch seen.Stage {
		case wire.StageSend, wire.StageEcho, wire.StageClose:
			if seen.Ender != "" {
				n++
			}
		case wire.StageConnect:
			of := batch{asked.Series, asked.Batch, asked.Client}
			if seen.Ender == wire.EndedByKernel && expiries[of] < asked.Moved[wire.T1CookieExpireds] {
				expiries[of]++
				n++
			}
		}
	}
	return n
}

// badChecksums are symptoms of packets with a bad checksum since the spec began: at agents
// that are asked now, and at those that were asked before they went.
func (l *Lab) badChecksums(after map[*member]wire.Counters) []diag.Symptom {
	var out []diag.Symptom
	for _, counted := range []map[*member]wire.Counters{after, l.parted} {
		for m, now := range counted {
			before, known := l.before[m]
			if !known && !m.onPodNetwork() {
				continue // hired by the spec for a later step; what its node counts is not its own
			}
			out = append(out, m.badSums(before, now)...)
		}
	}
	slices.SortFunc(out, bySentence)
	return out
}

// unended are symptoms of associations that the spec did not find. Some may be left.
func (l *Lab) unended(after map[*member]wire.Counters, cut int64) []diag.Symptom {
	var out []diag.Symptom
	var left int64
	for m, now := range after {
		before, known := l.before[m]
		if n := now[wire.CurrEstab] - before[wire.CurrEstab]; n > 0 && known && m.onPodNetwork() { // elsewhere others have associations too
			left += n
			what := "1 association of %s on node %s is"
			if n > 1 {
				what = fmt.Sprint(n) + " associations of %s on node %s are"
			}
			out = append(out, m.shows(diag.AssociationLeft, what+" still established %v after the last probe", m.name(), m.node, closeLimit))
		}
	}
	if left <= cut {
		return nil
	}
	slices.SortFunc(out, bySentence)
	return out
}

// foreignPolicies are those in the run's namespaces that the run has not made: templates of
// projects and controllers put some into every namespace.
func (r *Run) foreignPolicies(ctx context.Context) ([]string, error) {
	var out []string
	for _, ns := range r.Namespaces() {
		list, err := r.Cluster.Client.NetworkingV1().NetworkPolicies(ns).List(ctx, metav1.ListOptions{LabelSelector: cluster.RunLabel + "!=" + r.ID})
		if err != nil {
			return nil, fmt.Errorf("policies of namespace %s: %w", ns, err)
		}
		for _, p := range list.Items {
			out = append(out, ns+"/"+p.Name)
		}
	}
	return out, nil
}

// counters asks every agent of the fleet for its counters, not only those of one spec: a
// spec may break what it does not look at.
func (f *fleet) counters(ctx context.Context) (map[*member]wire.Counters, map[*member]error) {
	f.mu.Lock()
	members := slices.Clone(f.members)
	f.mu.Unlock()
	out, errs := map[*member]wire.Counters{}, map[*member]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			reply, err := m.ask(ctx, wire.Request{State: &wire.State{}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs[m] = err
				return
			}
			out[m] = reply.State.Counters
		})
	}
	wg.Wait()
	return out, errs
}
