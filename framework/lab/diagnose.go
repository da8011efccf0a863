package lab

import (
	"context"
	"fmt"
	"slices"
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
	misread := l.misread(s.Report)
	for i, x := range symptoms {
		symptoms[i].Denied = misread[peer{x.Family, l.targets[x.Server].proto, x.Client}]
	}
	s.Report.Causes = l.causes(symptoms)
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

// askAgain asks wrong paths again, one after another and with nobody else asking, and then
// beside each its TCP and UDP twins and straight at the pod.
func (l *Lab) askAgain(ctx context.Context, wrong []asked, messages []wire.Message) []diag.Symptom {
	ctx, cancel := context.WithTimeout(ctx, diagnoseLimit)
	defer cancel()
	out := make([]diag.Symptom, len(wrong))
	var beside []besides
	twins := map[string]twinSet{}
	for i, p := range wrong {
		t := l.targets[p.server]
		if _, made := twins[p.server]; !made {
			twins[p.server] = l.twinsOf(ctx, p.server, t)
		}
		out[i] = l.place(p, l.member(p.client), t)
		out[i].Trouble = twins[p.server].trouble
		behind := l.behind(t)
		if p.pod != nil {
			behind = []*member{p.pod}
		}
		if len(behind) > 0 {
			out[i].ServerNode = behind[0].node
		}
		out[i].Itself = slices.Contains(behind, l.member(p.client))
		var err error
		if out[i].Unlisted, out[i].Overlisted, err = l.mislisted(ctx, p.family, t, behind); err != nil {
			out[i].Trouble = append(slices.Clone(out[i].Trouble), fmt.Sprintf("its EndpointSlices could not be read: %v", err))
		}
		beside = append(beside, l.beside(p.pair, t, behind, twins[p.server], &out[i])...)
	}
	trails := l.watched(ctx, wrong, func(i int) diag.Trial {
		out[i].Again = l.trial(ctx, wrong[i], messages)
		return out[i].Again
	})
	for i, trail := range trails {
		out[i].Trail = trail
	}
	l.askBeside(ctx, beside)
	for i, p := range wrong {
		if f := reach.Judge(out[i].Again.Evidence); !f.Connecting && len(messages) > 0 && f.Outcome != reach.Answered {
			out[i].Passed, out[i].Lost = l.climb(ctx, p, l.targets[p.server])
		}
	}
	return out
}

// representatives are wrong paths that differ in what a cause may depend on: the protocol, the
// nodes, the family, and what was found. Those of SCTP come first.
func (l *Lab) representatives(wrong []reach.Place) []asked {
	type kind struct {
		proto    wire.Proto
		family   reach.Family
		from, to string
		outcome  reach.Outcome
	}
	other := func(p reach.Place) int {
		if l.targets[p.Column.Word].proto == wire.SCTP {
			return 0
		}
		return 1
	}
	wrong = slices.Clone(wrong)
	slices.SortStableFunc(wrong, func(a, b reach.Place) int { return other(a) - other(b) })
	seen := map[kind]bool{}
	var out []asked
	for _, w := range wrong {
		m, t := l.member(w.Row.Word), l.targets[w.Column.Word]
		k := kind{t.proto, w.Family, m.node, t.translatedOn(m), w.Outcome}
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

// place is a symptom that tells of a path, and nothing of what was seen there.
func (l *Lab) place(p asked, client *member, t target) diag.Symptom {
	s := diag.Symptom{
		Family: p.family, Client: p.client, ClientNode: client.node, Server: p.server, Kind: t.kind, Node: t.translatedOn(client),
		Address: t.addrs[p.family].String(), Want: p.want, Policies: policies(l.applied), Partly: l.partly(p.pair),
	}
	decisive := l.applied
	if l.controls[p.pair] && len(s.Policies) == 0 {
		s.Lifted, decisive = policies(l.lifted), l.lifted
	}
	s.Egress = onlyEgress(decisive)
	s.Apart = slices.ContainsFunc(decisive, func(o object) bool { return isPolicy(o) && speaksOfSCTP(o.file) })
	return s
}

// partly says whether, in the last round of the last table, a path was asked several times and
// answered some of them.
func (l *Lab) partly(p pair) bool {
	var last, answered, not int
	for _, line := range l.evidence {
		a := line.Asked
		if a == nil || a.Twin || a.Series != l.series || (pair{a.Family, a.Client, a.Server}) != p {
			continue
		}
		if a.Round > last {
			last, answered, not = a.Round, 0, 0
		}
		if reach.Judge(a.Evidence).Outcome == reach.Answered {
			answered++
		} else {
			not++
		}
	}
	return answered > 0 && not > 0
}

// trial asks a path alone, with the counters of both ends. INITs that follow each other soon
// and of which nobody at the server heard are lost; where some were heard, the answer may have
// been under way when the next one killed it (see openTimers), and it is given time.
func (l *Lab) trial(ctx context.Context, p asked, messages []wire.Message) diag.Trial {
	out := l.once(ctx, p, denySlowTimers, messages)
	if f := reach.Judge(out.Evidence); f.Connecting && f.Outcome == reach.Silent && (out.Server == nil || out.Server[wire.InSCTPPacks] > 0) {
		out = l.once(ctx, p, holdTimers, messages)
	}
	return out
}

// once is a trial with some timers.
func (l *Lab) once(ctx context.Context, p asked, timers wire.Timers, messages []wire.Message) diag.Trial {
	t := l.targets[p.server]
	behind := l.behind(t)
	before := l.counters(ctx, behind)
	q := l.question(p.pair, t, reach.Denied, timers, messages)
	askOne(ctx, q.asker, []*question{q}, 0)
	l.readRecords(ctx, []*question{q})
	return diag.Trial{Evidence: q.evidence, Client: q.moved, Server: moved(before, l.counters(ctx, behind))}
}

// besides is what is asked beside a wrong path, and where the answer goes.
type besides struct {
	pair
	target
	answer **diag.Trial
}

// beside lists what is to be asked beside a path.
func (l *Lab) beside(p pair, t target, behind []*member, twins twinSet, s *diag.Symptom) []besides {
	var out []besides
	if t.kind != diag.Pod && len(behind) > 0 {
		if number := l.ownPort(behind[0], t); number != 0 {
			out = append(out, besides{p, podTarget(behind[0], port{number: number, proto: t.proto}), &s.Direct})
		}
	}
	if twin, ok := twins.targets[wire.TCP]; ok {
		out = append(out, besides{p, twin, &s.TCP})
	}
	if twin, ok := twins.targets[wire.UDP]; ok {
		out = append(out, besides{p, twin, &s.UDP})
	}
	return out
}

// askBeside asks everything that stands beside wrong paths, all at once, and again while a
// twin may not have its rules yet.
func (l *Lab) askBeside(ctx context.Context, beside []besides) {
	deadline := time.Now().Add(twinPatience)
	for len(beside) > 0 && ctx.Err() == nil {
		begun := time.Now()
		var questions []*question
		for _, b := range beside {
			questions = append(questions, l.question(b.pair, b.target, reach.Denied, l.timers(b.pair, reach.Denied, asking{}), greetingOnly))
		}
		l.askSome(ctx, questions, fewAtOnce)
		l.readRecords(ctx, questions)
		var late []besides
		for i, b := range beside {
			*b.answer = &diag.Trial{Evidence: questions[i].evidence}
			if reach.Judge(questions[i].evidence).Outcome != reach.Answered && b.kind != diag.Pod && time.Now().Before(deadline) {
				late = append(late, b)
			}
		}
		beside = late
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

// twinSet is what answers for another protocol where a target answers for SCTP.
type twinSet struct {
	targets map[wire.Proto]target
	trouble []string // why there is none
}

// twinsOf makes the pods behind a target listen on the same port number for TCP and UDP too,
// and gives a Service of each to a target that is a Service's.
func (l *Lab) twinsOf(ctx context.Context, word string, t target) twinSet {
	set := twinSet{targets: map[wire.Proto]target{}}
	behind := l.behind(t)
	if t.proto != wire.SCTP || len(behind) == 0 {
		return set
	}
	number := l.ownPort(behind[0], t)
	if number == 0 {
		return set
	}
	for _, proto := range []wire.Proto{wire.TCP, wire.UDP} {
		twin, err := l.twin(ctx, word, t, port{number: number, proto: proto})
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
