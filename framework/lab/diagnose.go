package lab

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// Limits of a diagnosis: it is done while the spec's objects still stand, and a person waits.
const (
	diagnoseLimit = 75 * time.Second
	diagnosePaths = 4 // wrong paths that are asked again
	laddPatience  = wire.Millis(3000)
)

// ladder are the sizes in bytes of single messages that tell where a path begins to lose
// them. Most stand around the MTU of Ethernet, less what tunnels and families take of it.
var ladder = []int{1, 500, 1000, 1100, 1200, 1300, 1350, 1400, 1450, 1500, 3000, 9000}

// explain names the causes of what is wrong in a series, and keeps what they rest on.
func (l *Lab) explain(ctx context.Context, s *reach.Series, messages []wire.Message) {
	symptoms := l.askAgain(ctx, l.representatives(s.Report.Wrong()), messages)
	closed := l.closed(s.Report.Results)
	for i := range symptoms {
		symptoms[i].Denied = closed[l.stretch(symptoms[i].Family, symptoms[i].Client, symptoms[i].Server)]
	}
	s.Report.Causes = l.causes(symptoms)
}

// stretch is what an engine may treat alike: a protocol of a family between two nodes.
type stretch struct {
	family   reach.Family
	proto    wire.Proto
	from, to string
}

func (l *Lab) stretch(f reach.Family, client, server string) stretch {
	m, t := l.member(client), l.targets[server]
	return stretch{f, t.proto, m.node, t.translatedOn(m)}
}

// closed are the stretches on which a path was denied as it was to be. Where no policy
// applies, that says nothing of one.
func (l *Lab) closed(results []reach.Result) map[stretch]bool {
	out := map[stretch]bool{}
	for _, r := range results {
		for i, row := range r.Found {
			for j, c := range row {
				if w := r.Want[i][j]; w.Denies() && w.Admits(c.Finding) {
					out[l.stretch(r.Family, r.Rows[i].Word, r.Columns[j].Word)] = true
				}
			}
		}
	}
	return out
}

// causes names those of symptoms, of which the first stands in the report, and keeps what
// they rest on.
func (l *Lab) causes(symptoms []diag.Symptom) []reach.Cause {
	l.symptoms = symptoms
	causes := diag.Explain(symptoms)
	if len(causes) > 0 {
		l.enter(spec.ClassEntry, causes[0].Class)
	}
	return causes
}

// askAgain asks wrong paths again, one after another and with nobody else asking, beside
// their TCP and UDP twins and straight at the pod.
func (l *Lab) askAgain(ctx context.Context, wrong []asked, messages []wire.Message) []diag.Symptom {
	ctx, cancel := context.WithTimeout(ctx, diagnoseLimit)
	defer cancel()
	var out []diag.Symptom
	twins := map[string]twinSet{}
	for _, p := range wrong {
		t := l.targets[p.server]
		if _, made := twins[p.server]; !made {
			twins[p.server] = l.twinsOf(ctx, p.server, t)
		}
		out = append(out, l.symptom(ctx, p, t, twins[p.server], messages))
	}
	return out
}

// representatives are wrong paths that differ in what a cause may depend on: the nodes, the
// family, and what was found.
func (l *Lab) representatives(wrong []reach.Place) []asked {
	type kind struct {
		family   reach.Family
		from, to string
		outcome  reach.Outcome
	}
	seen := map[kind]bool{}
	var out []asked
	for _, w := range wrong {
		m, t := l.member(w.Row.Word), l.targets[w.Column.Word]
		k := kind{w.Family, m.node, t.translatedOn(m), w.Outcome}
		if w.Outcome == reach.Broken && !diag.Scarce(w.Finding) || seen[k] {
			continue
		}
		seen[k] = true
		if out = append(out, asked{pair: pair{w.Family, w.Row.Word, w.Column.Word}, want: w.Want}); len(out) == diagnosePaths {
			break
		}
	}
	return out
}

// asked is a path and what was wanted of it.
type asked struct {
	pair
	want reach.Word
	pod  *member // behind the server, that is meant; nil is any of them
}

// symptom asks one path again and everything beside it.
func (l *Lab) symptom(ctx context.Context, p asked, t target, twins twinSet, messages []wire.Message) diag.Symptom {
	s := l.place(p, l.member(p.client), t)
	s.Trouble = twins.trouble
	behind := l.behind(t)
	if p.pod != nil {
		behind = []*member{p.pod}
	}
	if len(behind) > 0 {
		s.ServerNode = behind[0].node
	}
	s.Again, s.Trail = l.watched(ctx, p, t, func() diag.Trial { return l.trial(ctx, p, t, messages) })
	beside := map[**diag.Trial]target{}
	if t.kind != diag.Pod && len(behind) > 0 && t.port != 0 {
		beside[&s.Direct] = podTarget(behind[0], port{number: t.port, proto: wire.SCTP})
	}
	if twin, ok := twins.targets[wire.TCP]; ok {
		beside[&s.TCP] = twin
	}
	if twin, ok := twins.targets[wire.UDP]; ok {
		beside[&s.UDP] = twin
	}
	l.besides(ctx, p, beside)
	if f := reach.Judge(s.Again.Evidence); !f.Connecting && len(messages) > 0 && f.Outcome != reach.Answered {
		s.Passed, s.Lost = l.climb(ctx, p, t)
	}
	return s
}

// place is a symptom that tells of a path, and nothing of what was seen there.
func (l *Lab) place(p asked, client *member, t target) diag.Symptom {
	s := diag.Symptom{
		Family: p.family, Client: p.client, ClientNode: client.node, Server: p.server, Kind: t.kind, Node: t.translatedOn(client),
		Address: t.addrs[p.family].String(), Want: p.want, Policies: policies(l.applied),
	}
	if l.controls[p.pair] && len(s.Policies) == 0 {
		s.Lifted = policies(l.lifted)
	}
	return s
}

// trial asks a path once, with the counters of both ends.
func (l *Lab) trial(ctx context.Context, p asked, t target, messages []wire.Message) diag.Trial {
	behind := l.behind(t)
	before := l.counters(ctx, behind)
	q := l.question(p.pair, t, reach.Denied, holdTimers, messages)
	askOne(ctx, q.asker, []*question{q}, 0)
	l.readRecords(ctx, []*question{q})
	return diag.Trial{Evidence: q.evidence, Client: q.moved, Server: moved(before, l.counters(ctx, behind))}
}

// besides asks everything that stands beside a path, all at once, and again while a twin may
// not have its rules yet.
func (l *Lab) besides(ctx context.Context, p asked, targets map[**diag.Trial]target) {
	deadline := time.Now().Add(twinPatience)
	for len(targets) > 0 && ctx.Err() == nil {
		begun := time.Now()
		var questions []*question
		byNonce := map[string]**diag.Trial{}
		for slot, t := range targets {
			q := l.question(p.pair, t, reach.Denied, l.timers(p.pair, reach.Denied, asking{}), greetingOnly)
			questions, byNonce[q.probe.Nonce] = append(questions, q), slot
		}
		askOne(ctx, l.member(p.client), questions, 0)
		l.readRecords(ctx, questions)
		for _, q := range questions {
			slot := byNonce[q.probe.Nonce]
			*slot = &diag.Trial{Evidence: q.evidence}
			if reach.Judge(q.evidence).Outcome == reach.Answered || targets[slot].kind == diag.Pod || time.Now().After(deadline) {
				delete(targets, slot)
			}
		}
		await(ctx, begun.Add(pace))
	}
}

// climb sends single messages of growing sizes, each on an association of its own.
func (l *Lab) climb(ctx context.Context, p asked, t target) (passed, lost []int) {
	var questions []*question
	for _, size := range ladder {
		q := l.question(p.pair, t, reach.Denied, openTimers, []wire.Message{{Size: size}})
		q.probe.Patience = laddPatience
		q.evidence.Probe = q.probe
		questions = append(questions, q)
	}
	askOne(ctx, l.member(p.client), questions, 0)
	l.readRecords(ctx, questions)
	for i, q := range questions {
		switch f := reach.Judge(q.evidence); {
		case f.Outcome == reach.Answered:
			passed = append(passed, ladder[i])
		case f.Outcome != reach.Broken && !f.Connecting:
			lost = append(lost, ladder[i])
		}
	}
	return passed, lost
}

// counters are the sums of SCTP's counters in the namespaces of some agents, nil if one could
// not be asked.
func (l *Lab) counters(ctx context.Context, members []*member) wire.Counters {
	sum := wire.Counters{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	unknown := false
	for _, m := range members {
		wg.Go(func() {
			reply, err := m.ask(ctx, wire.Request{State: &wire.State{}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || reply.State == nil {
				unknown = true
				return
			}
			for name, n := range reply.State.Counters {
				sum[name] += n
			}
		})
	}
	wg.Wait()
	if unknown {
		return nil
	}
	return sum
}

// moved is what counters have grown by.
func moved(before, after wire.Counters) wire.Counters {
	if before == nil || after == nil {
		return nil
	}
	out := wire.Counters{}
	for name, n := range after {
		if d := n - before[name]; d != 0 {
			out[name] = d
		}
	}
	return out
}

// policies are the files of the policies that apply.
func policies(objects []object) []string {
	var out []string
	for _, o := range objects {
		if isPolicy(o) {
			out = append(out, "manifests/"+o.file+" in "+o.namespace)
		}
	}
	return out
}

// twinSet is what answers for another protocol where a target answers for SCTP.
type twinSet struct {
	targets map[wire.Proto]target
	trouble []string // why there is none
}

// twinsOf makes the pods behind a target listen on the same port number for TCP and UDP too,
// and gives a Service of each to a target that is a Service's.
func (l *Lab) twinsOf(ctx context.Context, word string, t target) twinSet {
	set := twinSet{targets: map[wire.Proto]target{}}
	if t.proto != wire.SCTP || t.port == 0 || len(l.behind(t)) == 0 {
		return set
	}
	for _, proto := range []wire.Proto{wire.TCP, wire.UDP} {
		twin, err := l.twin(ctx, word, t, port{number: t.port, proto: proto})
		if err != nil {
			set.trouble = append(set.trouble, fmt.Sprintf("no %s twin: %v", strings.ToUpper(string(proto)), err))
			continue
		}
		set.targets[proto] = twin
	}
	return set
}

func (l *Lab) twin(ctx context.Context, word string, t target, p port) (target, error) {
	for _, m := range l.behind(t) {
		if err := l.listen(ctx, m, p); err != nil {
			return target{}, err
		}
	}
	if t.kind == diag.Pod {
		return podTarget(t.pod, p), nil
	}
	return l.twinFor(ctx, word, t, p.proto)
}
