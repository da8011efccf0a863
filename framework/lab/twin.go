package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// twinPatience is how long a Service of another protocol may take to get its rules when
// SCTP has its own already.
const twinPatience = 15 * time.Second

// twinOf is a Service like another one, for another protocol; nil where that one has no port
// for SCTP, or has other protocols itself and is its own control.
func twinOf(like *corev1.Service, proto corev1.Protocol) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: twinName(like.Name, proto)}, Spec: *like.Spec.DeepCopy()}
	s.Spec.Ports = nil
	for _, p := range like.Spec.Ports {
		if p.Protocol != corev1.ProtocolSCTP {
			return nil
		}
		target := p.TargetPort
		if target.Type == intstr.String {
			target.StrVal = strings.Replace(target.StrVal, "sctp", strings.ToLower(string(proto)), 1) // as agent.yaml calls it
		}
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: p.Name, Protocol: proto, Port: p.Port, TargetPort: target})
	}
	s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil // its own
	if like.Spec.ClusterIP == corev1.ClusterIPNone {
		s.Spec.ClusterIP = corev1.ClusterIPNone
	}
	s.Spec.HealthCheckNodePort = 0
	return s
}

func twinName(service string, proto corev1.Protocol) string {
	return service + "-" + strings.ToLower(string(proto))
}

// applyTwin gives a Service a TCP twin, which is asked beside it in every round: what TCP
// cannot do either is not SCTP's fault. It stands and falls with the file of its Service.
// That it cannot be had is no reason to judge less.
func (l *Lab) applyTwin(ctx context.Context, namespace, real, file string, like *corev1.Service, called []int32) {
	s := twinOf(like, corev1.ProtocolTCP)
	if s == nil {
		return
	}
	before := len(l.names.Servers)
	if err := l.createService(ctx, namespace, real, file, s, called); err != nil {
		ginkgo.GinkgoLogr.Info("no TCP twin", "service", like.Name, "why", err.Error())
		return
	}
	l.pair(before, like.Name, s.Name)
}

// pair takes the words of a twin out of the names that tables may use and keeps them by the
// words of what it is a twin of.
func (l *Lab) pair(before int, service, twin string) {
	for word, t := range l.targets {
		if t.service == nil || t.service.Name != twin {
			continue
		}
		delete(l.targets, word)
		if !t.gone {
			l.twins[strings.Replace(strings.TrimSuffix(word, "/"+string(wire.TCP)), "/"+twin+":", "/"+service+":", 1)] = t
		}
	}
	l.names.Servers = l.names.Servers[:before]
}

// replaceTwin is what becomes of a Service's twin when the Service gets other ports.
func (l *Lab) replaceTwin(ctx context.Context, namespace, real, name string, by *corev1.Service) error {
	twin := twinName(name, corev1.ProtocolTCP)
	s := twinOf(by, corev1.ProtocolTCP)
	if s == nil || !slices.ContainsFunc(l.applied, func(o object) bool { return o.namespace == namespace && o.name == twin }) {
		return nil
	}
	for word, t := range l.twins {
		if t.service.Name == twin {
			t.gone = true
			l.twins[word] = t
		}
	}
	before := len(l.names.Servers)
	if err := l.updatePorts(ctx, namespace, real, twin, s.Spec.Ports); err != nil {
		return err
	}
	l.pair(before, name, twin)
	return nil
}

// twinSlice is a hand-made slice of a Service for its twin.
func twinSlice(s *discoveryv1.EndpointSlice, service string) *discoveryv1.EndpointSlice {
	twin, proto := s.DeepCopy(), corev1.ProtocolTCP
	name := twinName(service, proto)
	twin.Name = strings.Replace(s.Name, service, name, 1)
	twin.Labels[discoveryv1.LabelServiceName] = name
	twin.Ports[0].Protocol = &proto
	return twin
}

// twinQuestions ask the TCP twins of the cells of a table for what the cells are claimed to
// be. Where a policy applies that says nothing of TCP, the twin proves nothing and is not
// asked.
func (l *Lab) twinQuestions(ctx context.Context, ask asking) []*question {
	if slices.ContainsFunc(l.applied, isPolicy) {
		return nil
	}
	var out []*question
	for _, q := range l.questions(asking{matrices: ask.matrices, messages: greetingOnly, holding: ask.holding}) {
		t, has := l.twins[q.server]
		if !has || !t.addrs[q.family].IsValid() {
			continue
		}
		twin := l.question(q.pair, t, q.want, q.probe.Timers, greetingOnly)
		twin.twin = true
		out = append(out, twin)
	}
	if len(out) > 0 {
		l.listenForTwins(ctx)
	}
	return out
}

// listenForTwins makes every agent that serves SCTP listen on the same ports for TCP. One
// that cannot makes its twin look bad and nothing else.
func (l *Lab) listenForTwins(ctx context.Context) {
	_ = l.eachMember(func(m *member) error {
		for _, p := range l.orders[m].ports {
			twin := port{number: l.run.port(m.seat, p.number), proto: wire.TCP}
			if p.proto != wire.SCTP || p.closed || slices.Contains(l.orders[m].ports, port{number: p.number, proto: wire.TCP, closed: true}) || l.listensFor(m, twin) {
				continue
			}
			if err := l.listen(ctx, m, twin); err != nil {
				return err
			}
		}
		return nil
	})
}

// listensFor says whether an agent has a listener on a port in every family.
func (l *Lab) listensFor(m *member, p port) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(l.families, func(f reach.Family) bool { return !slices.Contains(l.open[m], endpointOf(m, f, p)) })
}

// awaitTwins asks the twins of a table that is right until they are right, too: their rules
// may come a moment later.
func (l *Lab) awaitTwins(ctx context.Context, s *reach.Series) {
	start := time.Now()
	for batch := -1; len(s.Report.WrongTwins()) > 0 && time.Since(start) < twinPatience && ctx.Err() == nil; batch-- {
		begun := time.Now()
		questions := l.twinQuestions(ctx, asking{matrices: s.Matrices})
		l.ask(ctx, questions)
		l.readRecords(ctx, questions)
		s.Add(l.note(s, batch, questions, start))
		l.timeTwins(s, begun)
		await(ctx, begun.Add(pace))
	}
}

// tellOfTwins reports that TCP is not as SCTP is, and rightly.
func (l *Lab) tellOfTwins(s *reach.Series) {
	wrong := s.Report.WrongTwins()
	if len(wrong) == 0 {
		return
	}
	of := 0
	for _, t := range s.Report.Twins {
		of += t.Asked()
	}
	l.Measured("SCTP is as claimed and its TCP twin is not, on %d of %d paths, which is %s: %s: %s", len(wrong), of, reach.NotSCTP, wrong[0].Path, wrong[0].Reason)
}

// twinFor is the twin of a target for another protocol that a diagnosis asks.
func (l *Lab) twinFor(ctx context.Context, word string, t target, proto wire.Proto) (target, error) {
	if twin, made := l.twins[word]; made && proto == wire.TCP {
		l.listenForTwins(ctx)
		return twin, nil
	}
	if t.service == nil {
		return target{}, fmt.Errorf("a %s has none", t.kind)
	}
	s := twinOf(t.service, corev1.Protocol(strings.ToUpper(string(proto))))
	if s == nil {
		if own, has := l.targets[word+"/"+string(proto)]; has {
			return own, nil
		}
		return target{}, fmt.Errorf("Service %s has other protocols of its own, on other ports", t.service.Name) //nolint:staticcheck // Service is a kind
	}
	word = strings.Replace(word, "/"+t.service.Name+":", "/"+s.Name+":", 1) + "/" + string(proto)
	if twin, made := l.targets[word]; made {
		return twin, nil
	}
	if err := l.createService(ctx, t.namespace, t.service.Namespace, "", s, t.called); err != nil {
		return target{}, err
	}
	twin, made := l.targets[word]
	if !made {
		return target{}, fmt.Errorf("the twin of Service %s has no such address", t.service.Name)
	}
	return twin, nil
}
