package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psa "k8s.io/pod-security-admission/api"

	"sctp.test/framework/cluster"
	"sctp.test/framework/probe"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
	"sctp.test/manifests"
)

// Limits for work on agents that is not a probe.
const (
	startLimit = 4 * time.Minute  // for a pod to run, image pull included
	askLimit   = 60 * time.Second // for an answer that needs no network: a node may be out of breath
)

// seat is a place for an agent: a namespace by its name in specs, and a node.
type seat struct{ namespace, node string }

// member is an agent of the fleet.
type member struct {
	seat
	pod   string // real name
	real  string // real namespace
	uid   string
	addrs map[reach.Family]netip.Addr
	mtu   int // bytes; 0 is not known
	agent *probe.Agent
	dial  probe.Dialer // opens its streams

	word string // what the current spec calls it, "" when it is free
}

// ask puts a question whose answer needs no network.
func (m *member) ask(ctx context.Context, r wire.Request) (wire.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return m.agent.Ask(ctx, r)
}

// fleet is all agents of a run.
type fleet struct {
	run     *Run
	mu      sync.Mutex
	members []*member
	made    int

	admitting sync.Mutex // held by whoever meets the agent outside of the cluster
}

// hire adds an agent for each seat, side by side.
func (f *fleet) hire(ctx context.Context, seats []seat) ([]*member, error) {
	added := make([]*member, len(seats))
	errs := make([]error, len(seats))
	var wg sync.WaitGroup
	for i, s := range seats {
		wg.Go(func() { added[i], errs[i] = f.add(ctx, s, nil) })
	}
	wg.Wait()
	return added, worst(errs, seats)
}

// worst makes one error of those of several agents: where they share a cause, it is told
// once, with the nodes it befell.
func worst(errs []error, seats []seat) error {
	var first error
	var nodes []string
	for i, err := range errs {
		if err == nil {
			continue
		}
		if !errors.Is(err, cluster.ErrImage) {
			return errors.Join(errs...)
		}
		if first == nil {
			first = err
		}
		nodes = append(nodes, seats[i].node)
	}
	if first == nil {
		return nil
	}
	slices.Sort(nodes)
	return fmt.Errorf("on nodes %s: %w", strings.Join(slices.Compact(nodes), ", "), first)
}

// add makes an agent whose pod has some labels, and is changed by variants, from the start.
func (f *fleet) add(ctx context.Context, s seat, labels map[string]string, variants ...Variant) (*member, error) {
	return f.addEarly(ctx, s, labels, func(*member) {}, variants)
}

// addEarly is add that tells of the agent when its pod has its addresses. It answers when
// addEarly has returned without an error.
func (f *fleet) addEarly(ctx context.Context, s seat, labels map[string]string, tell func(*member), variants []Variant) (*member, error) {
	switch {
	case f.run.rehearsing():
		m, err := f.pretend(ctx, s, labels, variants)
		if err == nil {
			tell(m)
		}
		return m, err
	case s.outside():
		return f.admit(ctx)
	}
	if level(s.namespace) == psa.LevelPrivileged && f.run.Access == nil {
		return nil, fmt.Errorf("agents on the nodes' network: %w", cluster.ErrNoAccess)
	}
	real, err := f.run.namespace(ctx, s.namespace)
	if err != nil {
		return nil, err
	}
	pod, err := f.pod(s, labels)
	if err != nil {
		return nil, err
	}
	for _, vary := range variants {
		vary(pod)
	}
	var m *member
	pod, err = f.run.Cluster.RunPod(ctx, real, pod, startLimit, func(seen *corev1.Pod) {
		if m == nil && len(seen.Status.PodIPs) > 0 {
			m = f.memberOf(s, seen)
			tell(m)
		}
	})
	if err != nil {
		return nil, err
	}
	if m == nil {
		m = f.memberOf(s, pod)
	}
	return m, f.greet(ctx, m)
}

// meet makes the agent in a pod that runs a member.
func (f *fleet) meet(ctx context.Context, s seat, pod *corev1.Pod) error {
	return f.greet(ctx, f.memberOf(s, pod))
}

// memberOf is the agent in a pod that has its addresses, before it was spoken to.
func (f *fleet) memberOf(s seat, pod *corev1.Pod) *member {
	m := &member{seat: s, pod: pod.Name, real: pod.Namespace, uid: string(pod.UID), addrs: map[reach.Family]netip.Addr{}}
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil { // an address that is none is not asked
			m.addrs[familyOf(a)] = a
		}
	}
	m.dial = func(ctx context.Context, in io.Reader, out io.Writer) error {
		return f.run.Cluster.Stream(ctx, m.real, m.pod, "agent", []string{"/sctp-agent", "session"}, in, out)
	}
	m.agent = f.speakTo(m)
	return m
}

// greet opens a stream to an agent and makes it a member.
func (f *fleet) greet(ctx context.Context, m *member) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	hello, err := m.agent.Hello(ctx)
	if err != nil {
		return fmt.Errorf("agent %s/%s on node %s: %w", m.real, m.pod, m.node, err)
	}
	m.mtu = hello.MTU
	f.enroll(m)
	return nil
}

// speakTo returns what asks an agent from now on.
func (f *fleet) speakTo(m *member) *probe.Agent {
	return probe.New(f.run.ctx, fmt.Sprintf("%s/%s on %s", m.namespace, m.pod, m.node), m.dial)
}

func (f *fleet) enroll(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = append(f.members, m)
}

// pod is the manifest of an agent, made out to a seat.
func (f *fleet) pod(s seat, labels map[string]string) (*corev1.Pod, error) {
	pod, err := manifests.Load[*corev1.Pod]("agent/agent.yaml")
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.made++
	pod.Name = fmt.Sprintf("agent-%d", f.made)
	f.mu.Unlock()
	pod.Labels = map[string]string{cluster.RunLabel: f.run.ID}
	maps.Copy(pod.Labels, labels)
	pod.Spec.Containers[0].Image = f.run.Image
	pod.Spec.Affinity = cluster.OnNode(s.node)
	if s.namespace == hostNetwork {
		onHostNetwork(&pod.Spec)
	}
	if sysctl, has := unsafe[s.namespace]; has {
		pod.Spec.SecurityContext.Sysctls = append(pod.Spec.SecurityContext.Sysctls, sysctl)
	}
	return pod, nil
}

// take returns a free agent for a seat that answers, and marks it with a word. One that
// does not answer is dismissed: what happened to it was told by the spec that saw it.
func (f *fleet) take(ctx context.Context, s seat, word string) (*member, error) {
	return f.confirm(ctx, s, word, f.free(s, word))
}

// confirm is take that begins with an agent, which was free, or with none.
func (f *fleet) confirm(ctx context.Context, s seat, word string, m *member) (*member, error) {
	for ; ; m = f.free(s, word) {
		if m == nil {
			hired, err := f.hire(ctx, []seat{s})
			if err != nil {
				return nil, err
			}
			hired[0].word = word
			return hired[0], nil
		}
		_, err := m.ask(ctx, wire.Request{State: &wire.State{}})
		if err == nil {
			return m, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		f.dismiss(m)
	}
}

func (f *fleet) free(s seat, word string) *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if m.seat == s && m.word == "" {
			m.word = word
			return m
		}
	}
	return nil
}

// dismiss drops an agent; its pod goes with the namespace.
func (f *fleet) dismiss(m *member) {
	m.agent.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.members {
		if f.members[i] == m {
			f.members = append(f.members[:i], f.members[i+1:]...)
			return
		}
	}
}

func (f *fleet) anyWho(is func(*member) bool) *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if is(m) {
			return m
		}
	}
	return nil
}

func (f *fleet) all(is func(*member) bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if !is(m) {
			return false
		}
	}
	return len(f.members) > 0
}

// on are the agents on a node.
func (f *fleet) on(node string) []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.members), func(m *member) bool { return m.node != node })
}

// close dismisses all agents, side by side: each may take a moment to say goodbye.
func (f *fleet) close() {
	f.mu.Lock()
	members := slices.Clone(f.members)
	f.mu.Unlock()
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() { f.dismiss(m) })
	}
	wg.Wait()
}

// label sets and removes (by a nil value) labels of the agent's pod, for a spec.
func (f *fleet) label(ctx context.Context, m *member, labels map[string]*string, spec string) error {
	if m.outside() {
		return nil // words give it none
	}
	patch, err := labelPatch(labels, spec)
	if err != nil {
		return err
	}
	_, err = f.run.Cluster.Client.CoreV1().Pods(m.real).Patch(ctx, m.pod, "application/merge-patch+json", patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("labels of pod %s/%s: %w", m.real, m.pod, err)
	}
	return nil
}

func familyOf(a netip.Addr) reach.Family {
	if a.Is4() {
		return reach.IPv4
	}
	return reach.IPv6
}
