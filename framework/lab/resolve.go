package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// resolvePatience is for one name: a resolver asks again after five seconds (resolv.conf(5)).
const resolvePatience = wire.Millis(12_000)

// kindOf is the kind of records with addresses of a family.
var kindOf = map[reach.Family]wire.RecordKind{reach.IPv4: wire.RecordA, reach.IPv6: wire.RecordAAAA}

// spell is a kind of records with its family.
var spell = map[wire.RecordKind]string{wire.RecordA: "A (ipv4)", wire.RecordAAAA: "AAAA (ipv6)", wire.RecordSRV: "SRV"}

// misnamed is what a client's resolver said that is not as it must be.
type misnamed struct {
	client *member
	text   string
}

// nameAnswer is a line of names.jsonl: what a pod's resolver said of a name.
type nameAnswer struct {
	At     time.Time          `json:"at"`
	Client string             `json:"client"`
	Node   string             `json:"node"`
	Asked  wire.Resolve       `json:"asked"`
	Reply  *wire.ResolveReply `json:"reply,omitempty"`
	Error  string             `json:"error,omitempty"` // why there is no reply
}

// ExpectRecords claims what cluster DNS says of a headless Service, asked from every client:
// its name has the addresses of its pods, and _PORT._sctp. before it has an SRV record for
// each of them. TCP's records of its twin are asked in the same breath.
func (l *Lab) ExpectRecords(ctx ginkgo.SpecContext, service, portName string) {
	ginkgo.GinkgoHelper()
	l.expected = true
	t := l.known(ctx, service)
	if l.run.rehearsing() {
		return
	}
	var wrong []misnamed
	var last int
	for start := time.Now(); ; {
		last = len(l.answers)
		wrong = l.wrongRecords(ctx, t, wire.SCTP, portName)
		if len(wrong) == 0 || time.Since(start) > l.patience || ctx.Err() != nil {
			break
		}
		await(ctx, time.Now().Add(pace))
	}
	if i := slices.IndexFunc(l.answers[last:], func(a nameAnswer) bool { return a.Error != "" }); i >= 0 && ctx.Err() == nil {
		a := l.answers[last:][i]
		l.conclude(ctx, reach.GroundBroken, fmt.Sprintf("%s: %s on %s could not ask for %s: %s", l.id, a.Client, a.Node, a.Asked.Name, a.Error))
	}
	l.tellOfRecords(ctx, service, wrong, l.wrongRecords(ctx, l.twins[service], wire.TCP, portName))
}

// tellOfRecords fails the spec for records that are wrong, after saying whether TCP's are.
func (l *Lab) tellOfRecords(ctx context.Context, service string, wrong, twins []misnamed) {
	ginkgo.GinkgoHelper()
	switch {
	case ctx.Err() != nil:
	case len(wrong) == 0 && len(twins) > 0:
		l.Measured("records for SCTP are as claimed and those for TCP are not, which is %s: %s", reach.NotSCTP, twins[0])
	case len(wrong) > 0:
		excuse := "records for TCP are as claimed"
		switch _, has := l.twins[service]; {
		case !has:
			excuse = "records for TCP were not asked for, as there is no twin"
		case len(twins) > 0:
			excuse = fmt.Sprintf("TCP fares no better, which is %s: %s", reach.NotSCTP, twins[0])
		}
		var symptoms []diag.Symptom
		for _, w := range wrong {
			symptoms = append(symptoms, diag.Symptom{Client: w.client.word, ClientNode: w.client.node, Server: service, Said: w.text})
		}
		causes := l.causes(found(diag.NamesWrong, symptoms))
		l.conclude(ctx, reach.GroundFail, fmt.Sprintf("%s: cluster DNS does not say where the pods are: %s; %s\n%s  every answer: %s\n%s",
			l.id, wrong[0], excuse, reach.Told(causes), filepath.Join(l.folder(), "names.jsonl"), l.whereabouts()))
	}
}

// String is the answer with who got it.
func (w misnamed) String() string {
	return fmt.Sprintf("%s on %s: %s", w.client.word, w.client.node, w.text)
}

// wrongRecords are sentences on the records of a Service that are not as they must be.
func (l *Lab) wrongRecords(ctx context.Context, t target, proto wire.Proto, portName string) []misnamed {
	if t.service == nil {
		return nil
	}
	var mu sync.Mutex
	var out []misnamed
	var wg sync.WaitGroup
	for _, c := range l.plainClients() {
		wg.Go(func() {
			wrong := l.wrongFrom(ctx, l.member(c.Word), t, proto, portName)
			mu.Lock()
			defer mu.Unlock()
			for _, text := range wrong {
				out = append(out, misnamed{l.member(c.Word), text})
			}
		})
	}
	wg.Wait()
	slices.SortFunc(out, func(a, b misnamed) int { return strings.Compare(a.String(), b.String()) })
	return out
}

func (l *Lab) wrongFrom(ctx context.Context, m *member, t target, proto wire.Proto, portName string) []string {
	var out []string
	name := fmt.Sprintf("%s.%s.svc", t.service.Name, t.service.Namespace) // the zone is in the search list
	pods := l.behind(t)
	for _, f := range l.families {
		out = append(out, l.wrongAddresses(ctx, m, name, f, pods)...)
	}
	srv := fmt.Sprintf("_%s._%s.%s", portName, proto, name)
	r, failure := l.resolve(ctx, m, wire.Resolve{Name: srv, Kind: wire.RecordSRV})
	if failure != "" {
		return append(out, failure)
	}
	for _, s := range r.Services {
		if s.Port != t.port {
			out = append(out, fmt.Sprintf("%s says port %d, and the pods' is %d", srv, s.Port, t.port))
		}
	}
	return append(out, l.wrongTargets(ctx, m, srv, r.Services, pods)...)
}

// wrongTargets says where the targets of SRV records do not lead to exactly the addresses of
// some pods. A target may stand for a pod or for one address of it: a pod has an endpoint in
// the EndpointSlice of each family, and DNS may name each of them.
func (l *Lab) wrongTargets(ctx context.Context, m *member, srv string, records []wire.ServiceRecord, pods []*member) []string {
	var out []string
	found := map[reach.Family][]netip.Addr{}
	for _, s := range records {
		some := false
		for _, f := range l.families {
			r, failure := l.resolve(ctx, m, wire.Resolve{Name: s.Target, Kind: kindOf[f]})
			if failure != "" && !r.Missing {
				out = append(out, failure)
			}
			found[f], some = append(found[f], r.Addrs...), some || len(r.Addrs) > 0
		}
		if !some {
			out = append(out, fmt.Sprintf("%s, of an SRV record of %s, has no address", s.Target, srv))
		}
	}
	for _, f := range l.families {
		slices.SortFunc(found[f], netip.Addr.Compare)
		if got, want := slices.Compact(found[f]), addressesOf(pods, f); !slices.Equal(got, want) {
			out = append(out, fmt.Sprintf("the targets of %s have the %s records %v, and the pods' addresses are %v", srv, spell[kindOf[f]], got, want))
		}
	}
	return out
}

// wrongAddresses says whether a name has other addresses than those of some pods.
func (l *Lab) wrongAddresses(ctx context.Context, m *member, name string, f reach.Family, pods []*member) []string {
	r, failure := l.resolve(ctx, m, wire.Resolve{Name: name, Kind: kindOf[f]})
	if failure != "" {
		return []string{failure}
	}
	if want := addressesOf(pods, f); !slices.Equal(r.Addrs, want) {
		return []string{fmt.Sprintf("%s has the %s records %v, and the pods' addresses are %v", name, spell[kindOf[f]], r.Addrs, want)}
	}
	return nil
}

func addressesOf(pods []*member, f reach.Family) []netip.Addr {
	var out []netip.Addr
	for _, m := range pods {
		out = append(out, m.addrs[f])
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// resolve asks an agent for a name. What it does not get it tells in a sentence.
func (l *Lab) resolve(ctx context.Context, m *member, q wire.Resolve) (r wire.ResolveReply, failure string) {
	q.Patience = resolvePatience
	a := nameAnswer{At: time.Now(), Client: m.word, Node: m.node, Asked: q}
	reply, err := m.ask(ctx, wire.Request{Resolve: &q})
	switch {
	case err != nil:
		a.Error = err.Error()
		failure = fmt.Sprintf("it could not be asked for %s: %v", q.Name, err)
	case reply.Resolve == nil:
		a.Error = "the agent answered something else"
		failure = a.Error
	default:
		a.Reply, r = reply.Resolve, *reply.Resolve
		if r.Failure != "" {
			failure = fmt.Sprintf("%s has no %s record: %s", q.Name, spell[q.Kind], r.Failure)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, a)
	return r, failure
}

// saveNames writes what resolvers have said.
func (l *Lab) saveNames() error {
	if len(l.answers) == 0 {
		return nil
	}
	var lines strings.Builder
	enc := json.NewEncoder(&lines)
	for _, a := range l.answers {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(l.folder(), "names.jsonl"), []byte(lines.String()), 0o644)
}
