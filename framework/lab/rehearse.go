package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/cluster"
	"sctp.test/framework/probe"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// Rehearse makes a run on a cluster that is made up, on which every claim comes true: specs
// seat their agents, apply their files and state their tables, and nothing is asked. What
// is wrong with a word, a file, a table or a control fails its spec as it would on a real
// cluster, only that none is needed to find out. Pods have addresses of these families.
func Rehearse(ctx context.Context, c *cluster.Cluster, families []reach.Family, o Options) (*Run, error) {
	r := &Run{Options: o, Cluster: c, namespaces: map[string]string{}, rehearsal: families}
	r.ctx, r.stop = context.WithCancel(ctx)
	r.fleet.run = r
	_, err := r.fleet.hire(ctx, r.first())
	return r, err
}

// rehearsing says whether nothing is to be asked.
func (r *Run) rehearsing() bool { return r.rehearsal != nil }

// pretend makes an agent that is none.
func (f *fleet) pretend(ctx context.Context, s seat, labels map[string]string, variants []Variant) (*member, error) {
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
	if _, err := f.run.Cluster.Client.CoreV1().Pods(real).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	f.mu.Lock()
	n := byte(len(f.members) + 1)
	f.mu.Unlock()
	m := &member{seat: s, pod: pod.Name, real: real, uid: real + "/" + pod.Name, addrs: map[reach.Family]netip.Addr{}}
	for _, a := range []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, n}), netip.AddrFrom16([16]byte{0: 0xfd, 15: n})} {
		if slices.Contains(f.run.rehearsal, familyOf(a)) {
			m.addrs[familyOf(a)] = a
		}
	}
	m.agent = probe.New(f.run.ctx, pod.Name, consent) //nolint:contextcheck // streams live as long as the run
	f.enroll(m)
	return m, nil
}

// pretendNamespace makes a namespace that no pod will ever be in.
func (r *Run) pretendNamespace(ctx context.Context, name string) (string, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "sctp-" + name, Labels: map[string]string{cluster.RunLabel: r.ID}}}
	if _, err := r.Cluster.Client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("namespace %s: %w", name, err)
	}
	r.namespaces[name] = ns.Name
	return ns.Name, nil
}

// consent is the conversation with an agent that agrees to everything.
func consent(_ context.Context, stdin io.Reader, stdout io.Writer) error {
	say, heard := json.NewEncoder(stdout), json.NewDecoder(stdin)
	if err := say.Encode(wire.Hello{Version: wire.Version}); err != nil {
		return err
	}
	for {
		var r wire.Request
		if err := heard.Decode(&r); err != nil {
			return err
		}
		if err := say.Encode(wire.Reply{ID: r.ID, State: &wire.StateReply{}, Module: &wire.ModuleReply{}}); err != nil {
			return err
		}
	}
}
