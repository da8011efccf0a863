package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	clienttesting "k8s.io/client-go/testing"

	"sctp.test/framework/assoc"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// tick lets what an agent has counted grow each time it is asked, and on the first node by one
// of something else.
func (b *bench) tick(besides string) {
	asked := map[string]int64{}
	b.lie(func(a *agent, _ wire.Request, r *wire.Reply) {
		if r.State == nil {
			return
		}
		asked[a.identity.UID]++
		n := asked[a.identity.UID]
		r.State.Counters = wire.Counters{wire.OutSCTPPacks: 10 * n, wire.InSCTPPacks: 9 * n}
		if a == b.agents[0] {
			r.State.Counters[besides] = n
		}
	})
}

// behindService applies a Service with an address, and lets what comes there end at x/server@1.
func behindService(t *testing.T, b *bench, l *Lab) {
	t.Helper()
	b.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
		s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
		s.Spec.ClusterIPs, s.Spec.Ports[0].TargetPort = []string{"10.96.0.1"}, intstr.FromInt32(80)
		return false, s, nil
	})
	if err := l.apply(t.Context(), "x", "service/backends.yaml"); err != nil {
		t.Fatal(err)
	}
	for _, target := range l.targets {
		if target.service != nil {
			b.virtual[target.addrs[reach.IPv4]] = podTarget(l.member("x/server@1"), port{number: 80}).addrs[reach.IPv4]
		}
	}
}

// sometimes drops the SCTP of every third probe after some batches.
func sometimes(batches int) func(*bench, *agent, wire.Probe) string {
	n := 0
	return func(b *bench, a *agent, p wire.Probe) string {
		if n++; b.batches > batches && p.Proto == wire.SCTP && n%3 == 0 {
			return "ETIMEDOUT"
		}
		return b.open(a, p)
	}
}

const onePath = "ipv4:\nx/server@1:80\nx/client@2 answered"

// unanswered is a connect that fails.
func unanswered(ctx context.Context, p *Path) {
	e, _ := p.Dial(ctx, Sockets{})
	e.Expect(assoc.Connects{To: p.server})
}

// findings are what specs find by themselves.
var findings = map[string]struct {
	class diag.Class
	do    func(t *testing.T, b *bench, l *Lab, ctx running)
}{
	"a changed label": {assoc.MessageDamaged, func(_ *testing.T, b *bench, l *Lab, ctx running) {
		b.harms = func(e []wire.Event) []wire.Event { e[1].PPID = 0; return e }
		l.OnEach(ctx, onePath, func(ctx context.Context, p *Path) {
			c, s := p.Associate(ctx, Sockets{})
			s.Send(ctx, wire.SendMessage{Message: wire.Message{Size: 10}}, wire.SendMessage{Message: wire.Message{Size: 20, Stream: 1, PPID: 60}})
			c.Receive(ctx, 2)
			c.ReceivedAll()
		})
	}},
	"a connect that fails, and probes that do not": {assoc.ConnectFailed, func(_ *testing.T, _ *bench, l *Lab, ctx running) { l.OnEach(ctx, onePath, unanswered) }},
	"a connect that fails, and probes that fail, too": {assoc.ConnectFailed, func(_ *testing.T, b *bench, l *Lab, ctx running) {
		l.OnEach(ctx, onePath, func(ctx context.Context, p *Path) { b.change(dropSCTP); unanswered(ctx, p) })
	}},
	"a connect that fails to nobody": {assoc.ConnectFailed, func(_ *testing.T, _ *bench, l *Lab, ctx running) {
		l.OnEach(ctx, onePath, func(ctx context.Context, p *Path) { l.drop(ctx, p.backends...); p.backends = nil; unanswered(ctx, p) })
	}},
	"something without a class": {diag.AssociationWrong, func(_ *testing.T, _ *bench, l *Lab, ctx running) {
		l.OnEach(ctx, onePath, func(_ context.Context, p *Path) { p.Fail("it has %d associations, wanted 1", 2) })
	}},
	"some of many": {diag.AssociationsFail, func(_ *testing.T, b *bench, l *Lab, ctx running) {
		b.change(sometimes(b.batches + 2))
		l.Churn(ctx, onePath, 12, 2)
	}},
	"connects that go on and are not answered": {"reply-lost", func(_ *testing.T, b *bench, l *Lab, ctx running) {
		b.change(dropSCTP)
		l.ExpectPatient(ctx, onePath, "their Service had a pod", func() {})
	}},
	"a pod that gets nothing": {diag.ServiceUneven, func(t *testing.T, b *bench, l *Lab, ctx running) {
		behindService(t, b, l)
		list(t, b, l, l.targets["svc/backends:80"].service, asIs, twoServers...)
		l.ExpectSpread(ctx, "svc/backends:80")
	}},
	"a client that is not let go": {diag.ServiceNotSticky, func(t *testing.T, b *bench, l *Lab, ctx running) {
		behindService(t, b, l)
		l.ExpectRelease(ctx, "svc/backends:80", time.Second, 2*time.Second)
	}},
	"a name without a record": {diag.NamesWrong, func(t *testing.T, b *bench, l *Lab, ctx running) {
		headlessService(t, l)
		l.twins["svc/headless:80"] = l.targets["svc/headless:80"] // whose records are wrong in the same way
		b.zone(zone{"A headless.sctp-x.svc": addrs("10.0.0.9")})
		l.ExpectRecords(ctx, "svc/headless:80", "ngap")
	}},
	"objects that do not say SCTP any more": {diag.APIChangesProtocol, func(t *testing.T, b *bench, l *Lab, ctx running) {
		for _, m := range l.members {
			if err := vary(t, b, l, m.word); err != nil {
				t.Fatal(err)
			}
		}
		b.client.PrependReactor("create", "networkpolicies", func(a clienttesting.Action) (bool, runtime.Object, error) {
			tcp := corev1.ProtocolTCP
			a.(clienttesting.CreateAction).GetObject().(*networkingv1.NetworkPolicy).Spec.Ingress[0].Ports[0].Protocol = &tcp
			return false, nil, nil
		})
		behindService(t, b, l)
		if err := l.apply(t.Context(), "x", "policy/allow-port-6000.yaml"); err != nil {
			t.Fatal(err)
		}
		s, tcp := slice("backends", reach.IPv4, 80, l.members), corev1.ProtocolTCP
		s.Ports[0].Protocol = &tcp
		if _, err := b.client.DiscoveryV1().EndpointSlices("sctp-x").Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		l.ExpectProtocols(ctx, "x", "service/backends.yaml", "policy/allow-port-6000.yaml")
	}},
	"associations that are left": {diag.AssociationLeft, func(_ *testing.T, b *bench, l *Lab, ctx running) {
		b.lie(func(a *agent, _ wire.Request, r *wire.Reply) {
			if r.State != nil && a == b.agents[0] {
				r.State.Counters = wire.Counters{wire.CurrEstab: 2}
			}
		})
		if text := l.clear(ctx); text != "" {
			panic(text)
		}
	}},
	"bad checksums": {diag.BadChecksum, func(_ *testing.T, b *bench, l *Lab, ctx running) {
		b.tick(wire.ChecksumErrors)
		l.ExpectChecksums(ctx, func() {})
	}},
}

// What specs find is told whole: to people, in testdata/spoken.txt, as they will read it; and to
// the same words again from what was saved.
func TestFindings(t *testing.T) {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(findings)) {
		tt := findings[name]
		on(t, func(t *testing.T, b *bench) {
			l := b.lab(t, "x/server@*:80 role=backend", "x/client@2")
			l.families, l.patience = []reach.Family{reach.IPv4}, time.Second
			b.tick(wire.Aborteds)
			if !failing(func() { tt.do(t, b, l, running{t.Context()}) }) {
				t.Fatalf("%s: it does not fail", name)
			}
			text, err := os.ReadFile(filepath.Join(l.folder(), "verdict.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(b.entries, "class: "+string(tt.class)) || !slices.Contains(b.entries, "verdict: fail") {
				t.Errorf("%s: the entries are %q", name, b.entries)
			}
			fmt.Fprintf(&all, "%s\n%s\n", name, strings.ReplaceAll(string(text), b.Artifacts, "_artifacts/1"))
			var saved []diag.Symptom
			raw, err := os.ReadFile(filepath.Join(l.folder(), "symptoms.json"))
			if err == nil {
				err = json.Unmarshal(raw, &saved)
			}
			if told := reach.Told(diag.Explain(saved)); err != nil || told == "" || !strings.Contains(string(text), told) {
				t.Errorf("%s: explained again (%v) it is\n%s\nand the run said\n%s", name, err, told, text)
			}
		})
	}
	const file = "testdata/spoken.txt"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != all.String() {
		t.Errorf("%v; told is\n%s\nwhich is not %s; UPDATE=yes go test writes it", err, all.String(), file)
	}
}

// Whatever a path of associations may end with, there is something to say of it.
func TestClassesOfAssociationsAreSpoken(t *testing.T) {
	for _, c := range assoc.Classes() {
		if !slices.Contains(diag.Spoken(), c) {
			t.Errorf("nothing is said of %s", c)
		}
	}
}

// What could not be read at one end is not told of as nothing.
func TestReadings(t *testing.T) {
	one, two, gone := &member{}, &member{}, &member{}
	r := readings{
		before: map[*member]wire.Counters{one: {wire.InSCTPPacks: 3}, two: {}, gone: {}},
		after:  map[*member]wire.Counters{one: {wire.InSCTPPacks: 5}, two: {wire.InSCTPPacks: 1}},
	}
	if got := r.moved(one, []*member{one, two}); got.Client[wire.InSCTPPacks] != 2 || got.Server[wire.InSCTPPacks] != 3 {
		t.Errorf("moved are %+v", got)
	}
	for _, servers := range [][]*member{nil, {gone}, {one, gone}, {{}}} {
		if got := r.moved(one, servers).Server; got != nil {
			t.Errorf("of %d servers it says %v", len(servers), got)
		}
	}
}
