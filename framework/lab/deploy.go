package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"

	"sctp.test/framework/assoc"
	"sctp.test/framework/cluster"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Lab is what one spec has on the fleet: who is called what, what listens, what applies.
type Lab struct {
	run      *Run
	id       string // of the spec
	families []reach.Family
	asking   time.Time // when the last Expect began

	mu        sync.Mutex
	members   []*member                 // in the order of the words
	former    []*member                 // that the spec has deleted
	untold    []string                  // why nobody knows what some of these have counted
	parted    map[*member]wire.Counters // what others have counted
	orders    map[*member]order
	open      map[*member][]wire.Endpoint // listeners that are open
	names     reach.Names
	targets   map[string]target // by the word of the server
	twins     map[string]target // TCP twins of Services, by the word of what they are twins of
	applied   []object
	lifted    []object // policies that were deleted again
	standing  []string // namespaces of the run when the spec began
	lossy     bool     // associations came up only after something was sent again
	redialled int      // connects that were tried again for lost packets, and are not told of yet
	begun     bool     // the spec has found something, with which its end is compared
	relieved  bool     // another Lab stands beside the spec now

	asked    map[pair]bool             // what the last round of a settled table said: true is answered
	controls map[pair]bool             // pairs that were denied and must be seen answered again
	series   int                       // how many there were
	evidence []reach.Line              // of all of them
	captures int                       // how many there were
	symptoms []diag.Symptom            // of the series that was wrong
	foreign  []string                  // policies in the run's namespaces that are not the run's
	before   map[*member]wire.Counters // of every agent of the fleet, when the spec began
	late     map[string]bool           // agents and Services, by word, that need not be seen open before: their control is that they are reached later
	unready  map[*member]bool          // pods that a Service must leave out
	ending   map[*member]bool          // pods that are told to end and still serve
	variants map[*member]bool          // pods that are unlike other agents
	handmade map[string][]*member      // behind Services without a selector, by name
	siblings map[string]string         // servers by the word of one whose denials they prove
	block    string                    // the agent that documentation addresses stand for
	source   bool                      // servers must see their clients' addresses
	strange  map[string][]string       // labels that the spec has put on namespaces, by the namespaces' real names
	effect   time.Duration             // see TookEffect
	effects  effects                   // likewise, from each node
	times    int                       // see asking.times
	patience time.Duration             // with the cluster
	expected bool                      // something was, since it was last changed
	changed  string                    // what was changed last: a manifest
	failed   bool                      // before its end was cleared
	recorded bool                      // the verdict and its evidence are on disk
	enter    func(name, text string)   // puts an entry into Ginkgo's report of the spec

	answers   []nameAnswer              // of resolvers
	doors     map[string]*doorLock      // see Path.door
	listening map[netip.AddrPort]string // sockets of the spec's own that listen, and how
	walks     []*assoc.Walk             // everything done with sockets
}

// target is what a server's word stands for.
type target struct {
	kind   diag.Kind
	proto  wire.Proto
	addrs  map[reach.Family]netip.AddrPort
	pod    *member // whose port it is; nil where it is a Service's
	port   uint16  // of the pods, 0 where it is known by its name only
	closed bool    // nobody listens there
	gone   bool    // its object was deleted
	node   string  // that has the address; "" for a ClusterIP, which every node has

	namespace string          // as the spec calls it
	service   *corev1.Service // nil for a pod
	called    []int32         // what words call the ports of the Service
}

// podTarget is a port of an agent itself.
func podTarget(m *member, p port) target {
	t := target{kind: diag.Pod, proto: p.proto, addrs: map[reach.Family]netip.AddrPort{}, pod: m, port: p.number, closed: p.closed, node: m.node, namespace: m.namespace}
	for f, a := range m.addrs {
		t.addrs[f] = netip.AddrPortFrom(a, p.number)
	}
	return t
}

// behind are the pods that may answer at a target now: labels decide for a Service, and
// whether a pod is ready. Those that are about to end serve where there are no others.
func (l *Lab) behind(t target) []*member {
	switch {
	case t.closed || t.gone:
		return nil
	case t.pod != nil:
		return []*member{t.pod}
	case len(t.service.Spec.Selector) == 0:
		return l.handmade[t.service.Name]
	}
	var ready, ending []*member
	for _, m := range l.selected(t.namespace, t.service.Spec.Selector) {
		switch {
		case l.unready[m] && !t.service.Spec.PublishNotReadyAddresses:
		case l.ending[m] && !t.service.Spec.PublishNotReadyAddresses:
			ending = append(ending, m)
		default:
			ready = append(ready, m)
		}
	}
	if len(ready) == 0 {
		return ending
	}
	return ready
}

// translatedOn is the node whose service proxy a client's packets to the target meet, or on
// which the target's pod is.
func (t target) translatedOn(client *member) string {
	if t.kind == diag.ClusterIP {
		return client.node
	}
	return t.node
}

// where is the node of the target, or what it is, for people.
func (t target) where() string {
	switch t.kind {
	case diag.Pod:
		return "on " + t.node
	case diag.NodePort, diag.HostPort, diag.ExternalIP:
		return string(t.kind) + " of " + t.node
	default:
		return string(t.kind)
	}
}

// Deploy seats a spec on the fleet and registers its clean-up. Its words are
// namespace/name@node:port,port label=value...; x/server@*:80 is one on every node. Ports
// are SCTP unless they say /tcp or /udp. It fails the spec where that cannot be done.
func (r *Run) Deploy(ctx ginkgo.SpecContext, words ...string) *Lab {
	ginkgo.GinkgoHelper()
	l := newLab(r, specID())
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) { l.leave(ctx) })
	err := l.seat(ctx, words)
	if errors.Is(err, cluster.ErrSysctl) {
		l.expected = true
		ginkgo.Skip(err.Error())
	}
	if err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not deploy: %v", l.id, err))
	}
	return l
}

// Attend stands beside a spec that needs no agents of its own: what must hold after every spec
// must hold after this one, and its failure has evidence. Where nodes are rebooted agents
// restart with new counters: of those nothing is asked, and only what is left is looked for.
func (r *Run) Attend(ctx ginkgo.SpecContext, rebooting bool) {
	ginkgo.GinkgoHelper()
	l := newLab(r, specID())
	l.expected = true // it says by itself what it expects
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) { l.leave(ctx) })
	if !rebooting {
		l.readCounters(ctx)
	}
	if err := l.baseline(ctx); err != nil {
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: could not begin: %v", l.id, err))
	}
}

// Attended says whether somebody stands beside a spec, or has.
func (r *Run) Attended(id string) bool { return r.attending != nil && r.attending.id == id }

// newLab makes the Lab of a spec, which relieves whoever stood beside it until now.
func newLab(r *Run, id string) *Lab {
	if r.Attended(id) {
		r.attending.relieved = true
	}
	r.attending = &Lab{
		run: r, id: id, families: r.Families(), patience: r.Patience, late: map[string]bool{}, unready: map[*member]bool{}, handmade: map[string][]*member{}, siblings: map[string]string{}, strange: map[string][]string{}, orders: map[*member]order{},
		open: map[*member][]wire.Endpoint{}, targets: map[string]target{}, twins: map[string]target{}, ending: map[*member]bool{}, variants: map[*member]bool{}, parted: map[*member]wire.Counters{}, effects: newEffects(),
		enter: func(name, text string) { ginkgo.AddReportEntry(name, text, ginkgo.ReportEntryVisibilityNever) },
		asked: map[pair]bool{}, controls: map[pair]bool{},
		doors: map[string]*doorLock{}, listening: map[netip.AddrPort]string{},
	}
	return r.attending
}

// seating is an order at one of its places.
type seating struct {
	order
	place  int
	in     string // the word that asks for it, for errors
	member *member
	err    error
}

func (l *Lab) seat(ctx context.Context, words []string) error {
	seatings, err := l.seatings(words)
	if err != nil {
		return err
	}
	for i, s := range seatings { // in the order of the words, so that a run is the same again
		seatings[i].member = l.run.fleet.free(l.run.seat(s.order, s.place), s.word(s.place))
	}
	var wg sync.WaitGroup
	for i := range seatings {
		wg.Go(func() {
			s := &seatings[i]
			s.member, s.err = l.run.fleet.confirm(ctx, l.run.seat(s.order, s.place), s.word(s.place), s.member)
		})
	}
	wg.Wait()
	for _, s := range seatings {
		if s.err == nil {
			l.settleIn(s)
		}
	}
	for _, s := range seatings {
		if s.err != nil {
			return fmt.Errorf("%s: %w", s.in, s.err)
		}
	}
	err = l.eachMember(func(m *member) error { return l.equip(ctx, m) })
	if err == nil {
		l.foreign, err = l.run.foreignPolicies(ctx)
	}
	l.readCounters(ctx)
	return cmp.Or(err, l.baseline(ctx))
}

// readCounters notes what the agents have counted. One that cannot be asked now cannot be blamed
// on the spec.
func (l *Lab) readCounters(ctx context.Context) { l.before, _ = l.run.fleet.counters(ctx) }

// baseline notes what the spec finds.
func (l *Lab) baseline(ctx context.Context) (err error) {
	l.begun = true
	if !l.run.rehearsing() {
		l.standing, err = l.run.Cluster.OfRun(ctx, l.run.ID)
	}
	return err
}

// seatings are all places that words ask for.
func (l *Lab) seatings(words []string) ([]seating, error) {
	var out []seating
	for i, w := range words {
		o, err := parseOrder(w)
		if err != nil {
			return nil, fmt.Errorf("word %d: %w", i+1, err)
		}
		for _, place := range l.places(o, i) {
			s := seating{order: o, place: place, in: fmt.Sprintf("word %d, %q", i+1, w)}
			same := func(other seating) bool { return other.word(other.place) == s.word(s.place) }
			if l.member(s.word(s.place)) != nil || slices.ContainsFunc(out, same) {
				return nil, fmt.Errorf("%s: %s is asked for twice", s.in, s.word(s.place))
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// settleIn makes a member of the fleet one of the spec.
func (l *Lab) settleIn(s seating) {
	m := s.member
	s.labels = maps.Clone(s.labels) // a spec may change those of one agent
	l.members, l.orders[m] = append(l.members, m), s.order
	l.confineTo(m)
	l.enlist(m, s.order, s.place)
}

// places are the numbers of the nodes that an order asks for. Without an @ the i-th word
// gets the i-th node, so that clients and servers meet across nodes where there are two.
func (l *Lab) places(o order, i int) []int {
	count := len(l.run.Cluster.Nodes)
	switch {
	case o.namespace == outside:
		return []int{nowhere}
	case o.everyNode:
		var all []int
		for n := range count {
			all = append(all, n+1)
		}
		return all
	case o.place != 0:
		return []int{(o.place-1)%count + 1}
	default:
		return []int{i%count + 1}
	}
}

// enlist makes the names under which tables know an agent.
func (l *Lab) enlist(m *member, o order, place int) {
	word := o.word(place)
	l.names.Clients = append(l.names.Clients, reach.Name{Word: word, Node: place})
	for _, p := range o.ports {
		there := p
		there.number = l.run.port(m.seat, p.number)
		l.addServer(reach.Name{Word: word + ":" + p.String(), Node: place}, podTarget(m, there))
	}
}

func (l *Lab) addServer(n reach.Name, t target) {
	if !slices.ContainsFunc(l.names.Servers, func(known reach.Name) bool { return known.Word == n.Word }) {
		l.names.Servers = append(l.names.Servers, n)
	}
	l.targets[n.Word] = t
}

// noSCTP are the errors with which a kernel without SCTP refuses a socket.
var noSCTP = []string{"EPROTONOSUPPORT", "ESOCKTNOSUPPORT"}

// equip gives an agent the labels and the listeners of its order. A node without SCTP
// cannot listen; that is found out by asking, cell by cell, and not here.
func (l *Lab) equip(ctx context.Context, m *member) error {
	o := l.orders[m]
	labels := map[string]*string{}
	for k, v := range o.labels {
		labels[k] = &v
	}
	parts := []func() error{func() error { return l.run.fleet.label(ctx, m, labels, l.id) }}
	for _, p := range o.ports {
		if p.closed {
			continue
		}
		p.number = l.run.port(m.seat, p.number)
		parts = append(parts, func() error { return l.listen(ctx, m, p) })
	}
	return together(parts)
}

// together does things at the same time and returns the error of the first that has one.
func together(parts []func() error) error {
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() { errs[i] = part() })
	}
	wg.Wait()
	return cmp.Or(errs...)
}

func endpointOf(m *member, f reach.Family, p port) wire.Endpoint {
	return wire.Endpoint{Proto: p.proto, Addr: netip.AddrPortFrom(m.addrs[f], p.number)}
}

// listen opens a listener on an agent in every family of the run.
func (l *Lab) listen(ctx context.Context, m *member, p port) error {
	for _, f := range l.families {
		e := endpointOf(m, f, p)
		reply, err := m.ask(ctx, wire.Request{Listen: &wire.Listen{Endpoint: e, Timers: listenTimers}})
		switch {
		case err == nil:
			l.mu.Lock()
			if !slices.Contains(l.open[m], e) {
				l.open[m] = append(l.open[m], e)
			}
			l.mu.Unlock()
		case !slices.Contains(noSCTP, reply.Errno):
			return fmt.Errorf("listening on %s %s: %w", e.Proto, e.Addr, err)
		}
	}
	return nil
}

// eachMember does something with every agent of the spec, side by side.
func (l *Lab) eachMember(do func(*member) error) error {
	errs := make([]error, len(l.members))
	var wg sync.WaitGroup
	for i, m := range l.members {
		wg.Go(func() { errs[i] = do(m) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("%s on node %s: %w", l.members[i].word, l.members[i].node, err)
		}
	}
	return nil
}

// selected are the spec's agents in a namespace whose labels match.
func (l *Lab) selected(namespace string, selector map[string]string) []*member {
	return slices.DeleteFunc(slices.Clone(l.members), func(m *member) bool {
		return m.namespace != namespace || !contains(l.orders[m].labels, selector)
	})
}

func contains(labels, selector map[string]string) bool {
	both := maps.Clone(labels)
	maps.Copy(both, selector)
	return maps.Equal(both, labels)
}
