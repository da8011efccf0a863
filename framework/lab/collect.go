package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// collectLimit is the budget of all sources together: they are read side by side, before
// anything is cleaned up.
const collectLimit = 25 * time.Second

// source is one file of a failed spec's evidence and how it is had.
type source struct {
	file string
	read func(context.Context) (string, error)
}

// nodeSources are commands that show how SCTP stands on a node. None of them opens a socket
// or loads a module.
var nodeSources = []struct{ file, command string }{
	{"modules", "cat /proc/modules"},
	{"snmp", "cat /proc/net/sctp/snmp"},
	{"assocs", "cat /proc/net/sctp/assocs"},
	{"conntrack", "conntrack -L -p sctp"},
	{"nft", "nft list ruleset"},
	{"links", "ip -s -d link"},
	{"routes", "ip route show table all"},
}

// collect writes what the cluster shows of a failed spec below its folder. A source that
// fails has its error in place of its file.
func (l *Lab) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, collectLimit)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range append(l.objectSources(), l.agentSources()...) {
		wg.Go(func() { l.write(ctx, s) })
	}
	wg.Wait()
}

func (l *Lab) write(ctx context.Context, s source) {
	text, err := s.read(ctx)
	if err != nil {
		text += fmt.Sprintf("\nthis could not be read: %v\n", err)
	}
	path := filepath.Join(l.folder(), s.file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
		_ = os.WriteFile(path, []byte(text), 0o644) // the verdict stands in another file, which must be written
	}
}

// objectSources are the objects of the run's namespaces, a file for each kind.
func (l *Lab) objectSources() []source {
	c := l.run.Cluster.Client
	all := metav1.ListOptions{}
	lists := map[string]func(context.Context, string) (runtime.Object, error){
		"services": func(ctx context.Context, ns string) (runtime.Object, error) {
			return c.CoreV1().Services(ns).List(ctx, all)
		},
		"pods": func(ctx context.Context, ns string) (runtime.Object, error) {
			return c.CoreV1().Pods(ns).List(ctx, all)
		},
		"events": func(ctx context.Context, ns string) (runtime.Object, error) {
			return c.CoreV1().Events(ns).List(ctx, all)
		},
		"endpointslices": func(ctx context.Context, ns string) (runtime.Object, error) {
			return c.DiscoveryV1().EndpointSlices(ns).List(ctx, all)
		},
		"networkpolicies": func(ctx context.Context, ns string) (runtime.Object, error) {
			return c.NetworkingV1().NetworkPolicies(ns).List(ctx, all)
		},
	}
	var out []source
	for kind, list := range lists {
		out = append(out, source{"objects/" + kind + ".yaml", func(ctx context.Context) (string, error) {
			var text strings.Builder
			var errs []error
			for _, ns := range l.run.Namespaces() {
				o, err := list(ctx, ns)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				raw, err := yaml.Marshal(o)
				errs = append(errs, err)
				fmt.Fprintf(&text, "---\n# %s in namespace %s\n%s", kind, ns, raw)
			}
			return text.String(), errors.Join(errs...)
		}})
	}
	for _, k := range l.run.Cluster.WideKinds {
		out = append(out, source{"objects/" + k.Resource.Resource + ".yaml", func(ctx context.Context) (string, error) {
			o, err := l.run.Cluster.Dynamic.Resource(k.Resource).List(ctx, all)
			if err != nil {
				return "", err
			}
			raw, err := yaml.Marshal(o.UnstructuredContent())
			return string(raw), err
		}})
	}
	return out
}

// agentSources are the logs of the spec's agents and, with access to nodes, how SCTP stands
// on theirs.
func (l *Lab) agentSources() []source {
	var out []source
	nodes := map[string]bool{}
	for _, m := range l.members {
		if m.outside() {
			continue // neither a pod nor on a node
		}
		nodes[m.node] = true
		name := strings.NewReplacer("/", "_", "@", "_").Replace(m.word)
		out = append(out, source{"logs/" + name + ".log", func(ctx context.Context) (string, error) {
			raw, err := l.run.Cluster.Client.CoreV1().Pods(m.real).GetLogs(m.pod, &corev1.PodLogOptions{}).DoRaw(ctx)
			return string(raw), err
		}})
	}
	if l.run.Access == nil {
		return out
	}
	for node := range nodes {
		for _, s := range nodeSources {
			out = append(out, source{filepath.Join("nodes", node, s.file), func(ctx context.Context) (string, error) {
				return l.run.Access.Run(ctx, node, strings.Fields(s.command)...)
			}})
		}
	}
	return out
}
