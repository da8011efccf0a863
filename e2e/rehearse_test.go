package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/formatter"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"sctp.test/framework/cluster"
	"sctp.test/framework/lab"
	"sctp.test/framework/reach"
	"sctp.test/framework/report"
	"sctp.test/framework/spec"
)

// A rehearsal runs the specs on a cluster that is made up, so that a word, a file or a table
// that is wrong is found before anything is deployed on a real one.

// beds are the clusters that --rehearse can make up: as many nodes, with these families.
var beds = map[string]struct {
	nodes    int
	families []reach.Family
}{
	"1": {1, []reach.Family{reach.IPv4, reach.IPv6}},
	"2": {2, []reach.Family{reach.IPv4, reach.IPv6}},
	"3": {3, []reach.Family{reach.IPv4, reach.IPv6}},

	"2-ipv4": {2, []reach.Family{reach.IPv4}},
	"2-ipv6": {2, []reach.Family{reach.IPv6}},
}

// rehearse runs the selected specs and says what is wrong with them.
func (s *suite) rehearse(ctx context.Context, m *testing.M) (int, error) {
	bed, ok := beds[s.rehearsal]
	if !ok {
		return exitBadInput, fmt.Errorf("--rehearse=%s: want one of 1, 2, 3, 2-ipv4, 2-ipv6", s.rehearsal)
	}
	folder, err := os.MkdirTemp("", "rehearsal")
	if err != nil {
		return exitBadInput, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	s.cluster = madeUp(bed.nodes)
	if s.run, err = lab.Rehearse(ctx, s.cluster, bed.families, lab.Options{ID: "dry", Image: "none", Artifacts: folder}); err != nil {
		return exitBadInput, err
	}
	s.out, s.told = os.Stdout, os.Stdout
	if os.Stdout, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil { // of package testing, as in openLog
		return exitBadInput, err
	}
	s.external, s.allow = "made up", "node,cluster" // so that nothing is left out that can be rehearsed
	if s.access, err = cluster.ParseAccess("pod"); err != nil {
		return exitBadInput, err
	}
	formatter.ColorableStdOut = io.Discard
	m.Run()
	switch {
	case s.report == nil:
		return exitBadInput, errors.New("the rehearsal came to no end")
	case s.report.Interrupted || slices.ContainsFunc(s.report.Specs, report.Result.Bad):
		return exitBadInput, errors.New("specs are not in order: see above")
	}
	s.say("%d specs rehearsed on bed %s: words, files, tables and controls are in order", len(s.selected), s.rehearsal)
	return exitOK, nil
}

// rehearseFirst lets a process of its own rehearse what is to be run, for Ginkgo runs its
// tree once in a process. Nothing has been deployed yet.
func (s *suite) rehearseFirst(ctx context.Context) error {
	if s.beside != "" {
		return nil // the process that has started this one has done it
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	done := s.timed("words, files, tables and controls rehearsed")
	bed := fmt.Sprint(min(len(s.cluster.Nodes), 3))
	cmd := exec.CommandContext(ctx, program, "--rehearse="+bed, "--focus="+s.focus, "--ginkgo.label-filter="+s.labels)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("nothing was deployed: the rehearsal: %w\n%s", err, strings.TrimSpace(said.String()))
	}
	done()
	return nil
}

// administrators are the policies that a cluster that is made up serves beside NetworkPolicies.
var administrators = cluster.WideKind{Kind: "ClusterNetworkPolicy", Resource: schema.GroupVersionResource{
	Group: "policy.networking.k8s.io", Version: "v1beta1", Resource: "clusternetworkpolicies",
}}

// madeUp is a cluster whose API does what specs see of one: it gives Services addresses.
func madeUp(nodes int) *cluster.Cluster {
	client := fake.NewClientset()
	given := byte(0)
	client.PrependReactor("*", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if write, ok := a.(clienttesting.CreateAction); ok && slices.Contains([]string{"create", "update"}, a.GetVerb()) {
			given++
			give(write.GetObject().(*corev1.Service), given)
		}
		return false, nil, nil // the usual tracker keeps it
	})
	c := &cluster.Cluster{Client: client, WideKinds: []cluster.WideKind{administrators}}
	c.Dynamic = fakedynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		administrators.Resource: administrators.Kind + "List",
	})
	for i := range nodes {
		n := byte(i + 1)
		c.Nodes = append(c.Nodes, cluster.Node{Number: i + 1, Name: fmt.Sprintf("node-%d", n), Internal: []netip.Addr{
			netip.AddrFrom4([4]byte{192, 0, 2, n}), netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: n}),
		}})
	}
	return c
}

// give gives a Service what an API server, and a load balancer, would.
func give(s *corev1.Service, n byte) {
	v4, v6 := netip.AddrFrom4([4]byte{10, 96, 0, n}).String(), netip.AddrFrom16([16]byte{0: 0xfd, 1: 96, 15: n}).String()
	if len(s.Spec.ClusterIPs) == 0 {
		s.Spec.ClusterIPs = []string{v4, v6}
		if families := here.run.Families(); len(families) == 1 && families[0] == reach.IPv6 {
			s.Spec.ClusterIPs = []string{v6}
		} else if len(families) == 1 {
			s.Spec.ClusterIPs = []string{v4}
		}
	}
	if s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		for i := range s.Spec.Ports {
			s.Spec.Ports[i].NodePort = 30000 + int32(n)*10 + int32(i)
		}
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		for _, ip := range s.Spec.ClusterIPs {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip})
		}
	}
}

// unrehearsed says why a spec has nothing to rehearse, "" if it has.
func unrehearsed(c spec.Case) string {
	switch {
	case here.rehearsal == "":
		return ""
	case c.Chapter() == "module" && (c.Effect != spec.Namespace || !slices.Contains(c.Needs, spec.ModuleOff)):
		return "it states no table"
	}
	return ""
}
