package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	clienttesting "k8s.io/client-go/testing"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// running is the context of a spec that runs nowhere.
type running struct{ context.Context }

func (running) SpecReport() types.SpecReport                { return types.SpecReport{} }
func (running) AttachProgressReporter(func() string) func() { return func() {} }
func (r running) WrappedContext() context.Context           { return r.Context }

// failing says whether a part of a spec fails it: Ginkgo panics then.
func failing(do func()) (failed bool) {
	defer func() { failed = recover() != nil }()
	do()
	return false
}

// asked counts the probes of the last series by their rounds.
func (l *Lab) lastRounds() (rounds []int) {
	for _, line := range l.evidence {
		switch {
		case line.Claim != nil:
			rounds = nil
		case line.Asked.Round > len(rounds):
			rounds = append(rounds, 1)
		default:
			rounds[line.Asked.Round-1]++
		}
	}
	return rounds
}

// Each way to expect something asks as it says: how many rounds, how often in each, and
// whether the spec has said what it expects.
func TestWaysToExpect(t *testing.T) {
	const table = "x/server@1:80\nx/client@2 answered\n"
	for name, tt := range map[string]struct {
		do       func(*Lab, running)
		rounds   []int // probes in each, of two families
		expected bool
	}{
		"Expect":         {func(l *Lab, ctx running) { l.Expect(ctx, table) }, []int{2, 2, 2, 2}, true},
		"ExpectOpen":     {func(l *Lab, ctx running) { l.ExpectOpen(ctx) }, []int{2}, false},
		"ExpectAll":      {func(l *Lab, ctx running) { l.ExpectAll(ctx, "x/server@1:80") }, slices.Repeat([]int{2 * manyTimes}, 4), true},
		"ExpectSource":   {func(l *Lab, ctx running) { l.ExpectSource(ctx, table) }, []int{2, 2, 2, 2}, true},
		"ExpectMessages": {func(l *Lab, ctx running) { l.ExpectMessages(ctx, []wire.Message{{Size: 9}}, table) }, []int{2, 2, 2, 2}, true},
		"ExpectSpread":   {func(l *Lab, ctx running) { l.ExpectSpread(ctx, "x/server@1:80") }, slices.Repeat([]int{2}, spreadRounds), true},
		"ExpectSticky":   {func(l *Lab, ctx running) { l.ExpectSticky(ctx, "x/server@1:80") }, slices.Repeat([]int{2}, stickyRounds), true},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80", "x/client@2")
				patience := l.patience
				if failing(func() { tt.do(l, running{t.Context()}) }) {
					t.Fatal("it fails")
				}
				if got := l.lastRounds(); !slices.Equal(got, tt.rounds) || l.expected != tt.expected {
					t.Errorf("rounds of %v probes, expected %v; want %v, %v", got, l.expected, tt.rounds, tt.expected)
				}
				if l.patience != patience || l.source || l.times != 0 {
					t.Error("what it needs for itself it leaves to the next")
				}
				source := slices.ContainsFunc(l.evidence, func(x reach.Line) bool { return x.Asked != nil && x.Asked.Evidence.Source })
				if source != (name == "ExpectSource") {
					t.Errorf("the client's address is looked at: %v", source)
				}
			})
		})
	}
}

// What is expected and does not come true fails the spec on its ground, with the text in its
// folder.
func TestExpectationsFail(t *testing.T) {
	for name, tt := range map[string]struct {
		do      func(*Lab, running)
		entry   string
		batches int // at most
	}{
		"a path that is not open": {func(l *Lab, ctx running) { l.Expect(ctx, "x/server@1:81\nx/client@2 answered\n") }, "verdict: fail", 99},
		"before a policy":         {func(l *Lab, ctx running) { l.ExpectOpen(ctx) }, "verdict: inconclusive", 99},
		"a bad table":             {func(l *Lab, ctx running) { l.Expect(ctx, "x/server@1:82\nx/client@2 answered\n") }, "verdict: error", 0},
		"a denial without a control": {
			func(l *Lab, ctx running) { l.Expect(ctx, "x/server@1:81\nx/client@2 denied\n") }, "verdict: error", 0,
		},
		"of a Service that nobody knows": {func(l *Lab, ctx running) { l.ExpectSpread(ctx, "svc/web:80") }, "verdict: error", 0},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80,81", "x/client@2")
				b.change(port81("ETIMEDOUT"))
				b.batches = 0
				if !failing(func() { tt.do(l, running{t.Context()}) }) {
					t.Error("it does not fail")
				}
				if !slices.Contains(b.entries, tt.entry) {
					t.Errorf("the entries are %q, want %q", b.entries, tt.entry)
				}
				claims := slices.DeleteFunc(slices.Clone(l.evidence), func(x reach.Line) bool { return x.Asked == nil })
				if len(claims) > 4*tt.batches {
					t.Errorf("%d probes were asked", len(claims))
				}
			})
		})
	}
}

var twoServers = []string{"x/server@1", "x/server@2"}

// How a Service shares out associations is judged by the same code, and to the same words, in
// a run and from its files. In this one all come to the first of two pods.
func TestSharesAreJudged(t *testing.T) {
	for name, tt := range map[string]struct {
		do     func(*Lab, running, string)
		listed []string // by EndpointSlices
		want   string   // "" is no failure
		direct string   // where a path is asked straight at a pod: at the one that got nothing
	}{
		"spread": {func(l *Lab, ctx running, s string) { l.ExpectSpread(ctx, s) }, twoServers, "the service proxy of node b does not share out associations as the Service asks for; svc/backends:80 shares out its associations wrongly: ipv4: x/server@2 on b got none of the associations of x/client@2 10.0.0.5 on b (x/server@1 on a 24); its TCP twin does no better, which is not SCTP's fault\n  cause: the service proxy of node b does not share out", "10.0.0.4:80"},
		"spread as listed": {
			func(l *Lab, ctx running, s string) { l.ExpectSpread(ctx, s) },
			twoServers[:1], "the EndpointSlices of backends in namespace sctp-x do not list x/server@2 (ipv4): the service proxy of node b cannot know better; svc/backends:80 shares out its associations wrongly", "10.0.0.4:80",
		},
		"sticky": {func(l *Lab, ctx running, s string) { l.ExpectSticky(ctx, s) }, twoServers, "", ""},
		"near":   {func(l *Lab, ctx running, s string) { l.ExpectNear(ctx, s) }, twoServers, "svc/backends:80 shares out its associations wrongly: ipv4: x/client@2 10.0.0.5 on b was sent elsewhere although it has x/server@2 near it (x/server@1 on a 16); its TCP twin does no better", "10.0.0.1:80"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@*:80 role=backend", "x/client@2")
				l.families = []reach.Family{reach.IPv4}
				b.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
					s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
					s.Spec.ClusterIPs = []string{"10.96.0.1"}
					s.Spec.Ports[0].TargetPort = intstr.FromInt32(80)
					s.Namespace = a.GetNamespace()
					return true, s, nil
				})
				if err := l.apply(t.Context(), "x", "service/backends.yaml"); err != nil {
					t.Fatal(err)
				}
				const service = "svc/backends:80"
				target := l.targets[service]
				list(t, b, l, target.service, asIs, tt.listed...)
				b.virtual[target.addrs[reach.IPv4]] = netip.AddrPortFrom(l.member("x/server@1").addrs[reach.IPv4], 80)
				if failed := failing(func() { tt.do(l, running{t.Context()}, service) }); failed != (tt.want != "") {
					t.Fatalf("it fails: %v", failed)
				}
				if err := l.save(); err != nil {
					t.Fatal(err)
				}
				probes, err := os.Open(filepath.Join(l.folder(), "probes.jsonl"))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = probes.Close() }()
				series, err := reach.Replay(probes)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range series {
					s.Report.Causes = diag.Explain(l.symptoms)
				}
				_, text := reach.Verdict(series)
				said, _ := os.ReadFile(filepath.Join(l.folder(), "verdict.txt")) // there is none of a pass
				if !strings.Contains(text, tt.want) || tt.want != "" && !strings.Contains(text, "; straight to the pod: answered in 2ms; TCP: answered in 2ms; UDP: answered in 2ms\n    look at: ") {
					t.Errorf("told is\n%s\nwant %s", text, tt.want)
				}
				if tt.want != "" && l.symptoms[0].Direct.Evidence.Probe.Target.String() != tt.direct {
					t.Errorf("asked straight at %s", l.symptoms[0].Direct.Evidence.Probe.Target)
				}
				if text != string(said) {
					t.Errorf("judged again it is\n%s\nand the run said\n%s", text, said)
				}
			})
		})
	}
}

// A denial counts only beside what proves it; each kind of proof is needed.
func TestEveryKindOfControl(t *testing.T) {
	const never = "but the spec never saw it answered: no denial without a control"
	for _, tt := range []struct {
		name, table string
		before      func(t *testing.T, b *bench, l *Lab)
		want        string // "" is no error
	}{
		{"never seen", "x/server@1:80\nx/client@2 denied\n", func(*testing.T, *bench, *Lab) {}, never},
		{"seen by another client", "x/server@1:80\nx/other@1 denied\n", func(t *testing.T, _ *bench, l *Lab) {
			expect(t, l, "x/server@1:80\nx/client@2 answered\n")
		}, never},
		{"seen in another family", "ipv6:\nx/server@1:80\nx/client@2 denied\n", func(t *testing.T, _ *bench, l *Lab) {
			expect(t, l, "ipv4:\nx/server@1:80\nx/client@2 answered\n")
		}, never},
		{"seen", "x/server@1:80 x/far@2:80\nx/client@2 denied answered\n", func(t *testing.T, _ *bench, l *Lab) { expect(t, l, AllAnswered) }, ""},
		{"seen, and nothing is open beside it", "x/server@1:80\nx/client@2 denied\n", func(t *testing.T, _ *bench, l *Lab) { expect(t, l, AllAnswered) }, "ipv4: the table denies SCTP and claims no answer: no denial without a path that is open beside it"},
		{"seen, and something is open in the other family", "ipv4:\nx/server@1:80\nx/client@2 denied\n\nipv6:\nx/server@1:80\nx/client@2 answered\n", func(t *testing.T, _ *bench, l *Lab) { expect(t, l, AllAnswered) }, "no denial without a path that is open beside it"},
		{"a closed port alone", "x/server@1:81\nx/client@2 denied\n", func(*testing.T, *bench, *Lab) {}, never},
		{"a closed port beside its neighbour", "x/server@1:80 x/server@1:81\nx/client@2 answered denied\n", func(*testing.T, *bench, *Lab) {}, ""},
		{"a closed port whose neighbour was seen", "x/server@1:81 x/far@2:80\nx/client@2 denied answered\n", func(t *testing.T, _ *bench, l *Lab) { expect(t, l, AllAnswered) }, ""},
		{"a closed port whose neighbour another client saw", "x/server@1:81\nx/other@1 denied\n", func(t *testing.T, _ *bench, l *Lab) {
			expect(t, l, "x/server@1:80\nx/client@2 answered\n")
		}, never},
		{"a sibling that is not answered", "x/server@1:80 x/far@2:80\nx/client@2 denied denied\n", func(_ *testing.T, _ *bench, l *Lab) { l.ControlBy("x/server@1:80", "x/far@2:80") }, never},
		{"a sibling that is not asked", "x/server@1:80\nx/client@2 denied\n", func(_ *testing.T, _ *bench, l *Lab) { l.ControlBy("x/server@1:80", "x/far@2:80") }, never},
		{"a sibling", "x/server@1:80 x/far@2:80\nx/client@2 denied answered\n", func(_ *testing.T, _ *bench, l *Lab) { l.ControlBy("x/server@1:80", "x/far@2:80") }, ""},
		{"deleted, with nothing beside it", "x/far@2:80\nx/client@2 denied\n", func(t *testing.T, _ *bench, l *Lab) {
			expect(t, l, AllAnswered)
			l.vanish("x/far@2:80")
		}, never},
		{"deleted, and never seen", "x/server@1:80 x/far@2:80\nx/client@2 answered denied\n", func(_ *testing.T, _ *bench, l *Lab) { l.vanish("x/far@2:80") }, never},
		{"deleted, with something beside it", "x/server@1:80 x/far@2:80\nx/client@2 answered denied\n", func(t *testing.T, _ *bench, l *Lab) {
			expect(t, l, AllAnswered)
			l.vanish("x/far@2:80")
		}, ""},
		{"a latecomer", "x/late@1:80 x/far@2:80\nx/client@2 denied answered\n", func(_ *testing.T, _ *bench, l *Lab) { l.late["x/late@1"] = true }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				words := []string{"x/server@1:80,!81", "x/far@2:80", "x/client@2", "y/other@1"}
				if strings.Contains(tt.table, "x/other") {
					b.hire(t, seat{"x", "a"})
					words[3] = "x/other@1"
				}
				if strings.Contains(tt.table, "x/late") {
					b.hire(t, seat{"x", "a"})
					words = append(words, "x/late@1:80")
				}
				b.hire(t, seat{"x", "b"})
				l := b.lab(t, words...)
				tt.before(t, b, l)
				_, err := l.matrices(tt.table)
				if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && !strings.HasSuffix(got, tt.want) {
					t.Errorf("error is %v, want %q", err, tt.want)
				}
			})
		})
	}
}

// vanish deletes what a server's word stands for.
func (l *Lab) vanish(server string) {
	t := l.targets[server]
	t.gone = true
	l.targets[server] = t
}

// Rounds overlap where paths are denied that were open, and not where one is opened beside them.
func TestWhatOverlaps(t *testing.T) {
	for name, tt := range map[string]struct {
		before, table string
		overlaps      bool
	}{
		"a denial":                   {AllAnswered, "x/server@1:80 x/server@1:81\nx/client@2 answered denied\n", true},
		"a denial and a path opened": {"x/server@1:81\nx/client@2 answered\n", "x/server@1:80 x/server@1:81\nx/client@2 answered denied\n", false},
		"paths that are open":        {AllAnswered, AllAnswered, false},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, b *bench) {
				l := b.lab(t, "x/server@1:80,81", "x/client@2")
				claim(t, l, tt.before)
				b.batches = 0
				overlap := false
				denying := strings.Contains(tt.table, "denied")
				b.change(func(b *bench, from *agent, p wire.Probe) string {
					overlap = overlap || b.batches == 1 && p.Delay > 0
					if denying {
						return port81("ETIMEDOUT")(b, from, p)
					}
					return b.open(from, p)
				})
				claim(t, l, tt.table)
				if overlap != tt.overlaps {
					t.Errorf("the first rounds overlap: %v", overlap)
				}
			})
		})
	}
}
