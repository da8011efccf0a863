package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"sctp.test/framework/cluster"
	"sctp.test/framework/probe"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// bench is a run on a cluster that is made up: agents that speak wire, and a network
// between them that does what a test says. It lives in a bubble with a clock of its own.
type bench struct {
	*Run
	client *fake.Clientset
	agents []*agent

	mu       sync.Mutex
	behaves  func(b *bench, from *agent, p wire.Probe) string // answered, an errno, or drop
	lies     func(*agent, wire.Request, *wire.Reply)          // changes what agents say
	virtual  map[netip.AddrPort]netip.AddrPort                // Services
	late     func(*agent, wire.Request) time.Duration         // how long a reply takes beyond what it must
	entries  []string                                         // in Ginkgo's report
	batches  int
	strays   int64 // packets that every agent's kernel has counted for which it knew nobody
	batchAts []time.Time

	sockets  fakeSockets
	doors    map[netip.AddrPort]*fakeSocket  // listeners of specs
	forbids  map[string]string               // by nodes: with which error number their kernels refuse options of listeners
	harms    func([]wire.Event) []wire.Event // what the network does to messages
	swallows bool                            // handshakes end at nobody
	deaf     bool                            // SHUTDOWNs do not arrive
	unacked  uint16                          // chunks, of every sender
	dozes    bool                            // agents do not get to read

	kept   map[string]func() // answers what is kept, by its nonce
	severs bool              // what is kept ends before it is let go
}

// agent is one pod of the bench.
type agent struct {
	identity wire.Identity
	listens  map[wire.Endpoint]bool
	records  map[string]wire.Record
	boots    int       // how often it has restarted
	stream   io.Closer // the last one that was opened to it
}

// restart is what a kubelet does to the container of an agent.
func (b *bench) restart(a *agent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a.boots++
	_ = a.stream.Close()
}

const gone = "gone" // an errno for an agent that dies when it is asked

// on runs a test on a bench with two nodes, and two agents in x and one in y on each.
func on(t *testing.T, test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{client: fake.NewClientset(), virtual: map[netip.AddrPort]netip.AddrPort{}, behaves: (*bench).open, sockets: fakeSockets{}, doors: map[netip.AddrPort]*fakeSocket{}}
		nodes := []cluster.Node{
			{Number: 1, Name: "a", Internal: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
			{Number: 2, Name: "b", Internal: []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")}},
		}
		b.Run = &Run{
			Options:    Options{ID: "1a2b3", Image: "registry/agent", Artifacts: t.TempDir(), Patience: 5 * time.Second},
			Cluster:    &cluster.Cluster{Client: b.client, Nodes: nodes},
			namespaces: map[string]string{"x": "sctp-x", "y": "sctp-y"},
			ctx:        t.Context(),
		}
		b.fleet.run = b.Run
		for _, n := range nodes {
			for _, ns := range []string{"x", "x", "y"} {
				b.hire(t, seat{ns, n.Name})
			}
		}
		defer b.fleet.close()
		test(t, b)
	})
}

// hire puts an agent on its seat.
func (b *bench) hire(t *testing.T, s seat) {
	i := len(b.agents) + 1
	a := &agent{
		identity: wire.Identity{UID: fmt.Sprintf("uid-%d", i), Namespace: "sctp-" + s.namespace, Pod: fmt.Sprintf("agent-%d", i), Node: s.node},
		listens:  map[wire.Endpoint]bool{}, records: map[string]wire.Record{},
	}
	b.agents = append(b.agents, a)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: a.identity.Namespace, Name: a.identity.Pod, Labels: map[string]string{cluster.RunLabel: "1a2b3"}}}
	if _, err := b.client.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.fleet.members = append(b.fleet.members, &member{
		seat: s, pod: pod.Name, real: pod.Namespace, uid: a.identity.UID,
		addrs: map[reach.Family]netip.Addr{
			reach.IPv4: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), reach.IPv6: netip.MustParseAddr(fmt.Sprintf("fd00::%d", i)),
		},
		agent: probe.New(t.Context(), a.identity.Pod, func(ctx context.Context, in io.Reader, out io.Writer) error { return b.serve(ctx, a, in, out) }),
	})
}

func (b *bench) serve(ctx context.Context, a *agent, in io.Reader, out io.Writer) error {
	enc, dec := json.NewEncoder(out), json.NewDecoder(in)
	b.mu.Lock()
	a.stream, _ = in.(io.Closer)
	boot := fmt.Sprint(a.identity.UID, " ", a.boots)
	b.mu.Unlock()
	if err := enc.Encode(wire.Hello{Version: wire.Version, Boot: boot}); err != nil {
		return err
	}
	var turn sync.Mutex
	say := func(r wire.Reply) {
		turn.Lock()
		defer turn.Unlock()
		_ = enc.Encode(r) // a stream that broke is seen by the next read
	}
	for {
		var r wire.Request
		if err := dec.Decode(&r); err != nil {
			return err
		}
		if r.Socket != nil { // others may be asked while it waits
			go func() { say(wire.Reply{ID: r.ID, Socket: ptr(b.socket(a, *r.Socket))}) }()
			continue
		}
		if r.Keep != nil { // answered when it is let go
			b.keep(a, r, say)
			continue
		}
		reply, wait, err := b.answer(a, r)
		if err != nil {
			return err
		}
		select {
		case <-time.After(wait):
			say(reply)
		case <-ctx.Done(): // nobody waits any more
			return ctx.Err()
		}
	}
}

func (b *bench) answer(a *agent, r wire.Request) (reply wire.Reply, wait time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	reply.ID = r.ID
	switch {
	case r.Listen != nil:
		a.listens[r.Listen.Endpoint] = true
	case r.Close != nil:
		if !a.listens[*r.Close] {
			reply.Error = fmt.Sprintf("no listener on %v", *r.Close)
		}
		delete(a.listens, *r.Close)
	case r.LetGo != nil:
		if end := b.kept[r.LetGo.Nonce]; end != nil {
			go end()
		}
	case r.Records != nil:
		for _, n := range r.Records.Nonces {
			if record, ok := a.records[n]; ok {
				reply.Records = append(reply.Records, record)
			}
		}
	case r.State != nil:
		reply.State = &wire.StateReply{Counters: wire.Counters{wire.OutOfBlues: b.strays}}
	case r.Batch != nil:
		b.batches++
		b.batchAts = append(b.batchAts, time.Now())
		reply.Batch = &wire.BatchReply{Counters: wire.Counters{}}
		for _, p := range r.Batch.Probes {
			o, took := b.probe(a, p, reply.Batch.Counters)
			if o.Errno == gone {
				return reply, 0, io.ErrUnexpectedEOF
			}
			reply.Batch.Observations = append(reply.Batch.Observations, o)
			wait = max(wait, took)
		}
	}
	if b.lies != nil {
		b.lies(a, r, &reply)
	}
	if b.late != nil {
		wait += b.late(a, r)
	}
	return reply, wait, nil
}

// keep is what an honest agent does with a probe that goes on.
func (b *bench) keep(a *agent, r wire.Request, say func(wire.Reply)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, _ := b.probe(a, r.Keep.Probe, wire.Counters{})
	switch {
	case o.Stage != wire.StageDone:
		o.Detail = "connection refused"
		go say(wire.Reply{ID: r.ID, Kept: &o})
		return
	case b.severs:
		o.Stage, o.Ender, o.Detail = wire.StageEcho, wire.EndedByPeer, "after 1 echoes: EOF"
	}
	if b.kept == nil {
		b.kept = map[string]func(){}
	}
	b.kept[o.Nonce] = func() { say(wire.Reply{ID: r.ID, Kept: &o}) }
}

// probe is what an honest agent sees of the network.
func (b *bench) probe(from *agent, p wire.Probe, moved wire.Counters) (o wire.Observation, took time.Duration) {
	o = wire.Observation{Nonce: p.Nonce, Stage: wire.StageConnect, Ender: wire.EndedByKernel, Errno: b.behaves(b, from, p)}
	switch o.Errno {
	case "answered":
		to, at := b.behind(p)
		o.Stage, o.Ender, o.Errno, took = wire.StageDone, "", "", 2*time.Millisecond
		o.Greeting = &wire.Greeting{Nonce: p.Nonce, Server: to.identity}
		for i, m := range p.Messages {
			o.Echoes = append(o.Echoes, wire.Echo{Size: m.Size, Digest: wire.Digest(wire.Payload(p.Nonce, i, m.Size)), Stream: m.Stream, PPID: m.PPID})
		}
		if p.Proto == wire.SCTP {
			moved[wire.InSCTPPacks] += 6
		}
		to.records[p.Nonce] = wire.Record{Nonce: p.Nonce, Proto: p.Proto, Local: at, Messages: o.Echoes}
	case "ETIMEDOUT":
		took = p.Timers.InitWindow()
		switch p.Proto {
		case wire.SCTP:
			moved[wire.T1InitExpireds] += int64(p.Timers.Inits())
		case wire.TCP:
			moved[wire.AttemptFails] += int64(p.Timers.Inits())
		case wire.UDP:
			o.Ender = wire.EndedByClock
			moved[wire.UDPOut] += int64(p.Timers.Inits())
		}
	case "ECONNREFUSED":
		moved[map[wire.Proto]string{wire.SCTP: wire.InSCTPPacks, wire.TCP: wire.AttemptFails, wire.UDP: wire.Unreachables}[p.Proto]]++
	case "EPROTONOSUPPORT":
		o.Stage = wire.StageSocket
	}
	o.Connect, o.Total = wire.Micros(took.Microseconds()), wire.Micros(took.Microseconds())
	return o, took
}

// open is a network without policies.
func (b *bench) open(_ *agent, p wire.Probe) string {
	if to, _ := b.behind(p); to == nil {
		return "ECONNREFUSED"
	}
	return "answered"
}

// behind is who listens where a probe goes, and at which of its addresses.
func (b *bench) behind(p wire.Probe) (to *agent, at netip.AddrPort) {
	at = p.Target
	if real, ok := b.virtual[at]; ok {
		at = real
	}
	for _, a := range b.agents {
		if a.listens[wire.Endpoint{Proto: p.Proto, Addr: at}] {
			return a, at
		}
	}
	return nil, at
}

// change gives the network another behaviour.
func (b *bench) change(behaves func(*bench, *agent, wire.Probe) string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behaves = behaves
}

// lab seats a spec on the bench.
func (b *bench) lab(t *testing.T, words ...string) *Lab {
	t.Helper()
	l := newLab(b.Run, "POL-99")
	l.enter = func(name, text string) { b.entries = append(b.entries, name+": "+text) }
	if err := l.seat(t.Context(), words); err != nil {
		t.Fatal(err)
	}
	return l
}

func ptr[T any](v T) *T { return &v }
