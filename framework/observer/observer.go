// Package observer has a privileged pod on each node that is to be looked at: it captures
// packets there and runs programs of the node.
//
// A pod is made when it is first needed and stays until the run's namespaces are removed.
// Whether anybody may make it is for the caller to know: the person must have said so, by
// --node-access. What packets say is not its business.
package observer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	psa "k8s.io/pod-security-admission/api"

	"sctp.test/framework/cluster"
	"sctp.test/manifests"
)

// startLimit is how long a pod may take to run, pulling its image included.
const startLimit = 2 * time.Minute

// The observer's program, and where the node's files are.
const (
	agent = "/sctp-agent"
	root  = "/host"
)

// runner runs a command in a node's pod until it ends.
type runner func(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error

// Observers are the pods of one run.
type Observers struct {
	start func(ctx context.Context, node string) (runner, error)

	mu    sync.Mutex
	nodes map[string]*place

	stop context.CancelFunc
	pods *pods
}

// place is a node. Its mutex is held while its pod is made.
type place struct {
	sync.Mutex
	asked bool
	run   runner
	err   error
}

// New makes no pod yet. The namespace is called after the run and Ginkgo's number of the
// process, and carries the run's label; Close before it is removed.
func New(ctx context.Context, c *cluster.Cluster, run, image string) *Observers {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &pods{cluster: c, run: run, image: image, name: fmt.Sprintf("sctp-%s-node", run), life: life}
	return &Observers{start: p.start, nodes: map[string]*place{}, stop: stop, pods: p}
}

// Adopt takes over the pods of an earlier run that has left them, where its namespaces have
// some. Call it before anything is asked.
func (o *Observers) Adopt(namespaces []corev1.Namespace) {
	for _, ns := range namespaces {
		if o.pods != nil && strings.HasPrefix(ns.Name, o.pods.name) {
			o.pods.settle(ns.Name)
		}
	}
}

// Namespaces lists the real name of the pods' namespace, or nothing while it was not made.
func (o *Observers) Namespaces() []string {
	if o.pods == nil {
		return nil
	}
	o.pods.mu.Lock()
	defer o.pods.mu.Unlock()
	if o.pods.namespace == "" {
		return nil
	}
	return []string{o.pods.namespace}
}

// Close stops renewing the namespace's lease.
func (o *Observers) Close() { o.stop() }

// Run runs a program of a node as root, in the node's file system, network and list of
// processes. It is a cluster.Remote.
func (o *Observers) Run(ctx context.Context, node string, command []string, stdout, stderr io.Writer) error {
	err := o.once(ctx, node, command, stdout, stderr)
	if errors.Is(err, errGone) {
		o.forget(node)
		err = o.once(ctx, node, command, stdout, stderr)
	}
	return err
}

// errGone says that a pod is no more: its node was drained, or somebody deleted it.
var errGone = errors.New("the observer's pod is gone")

// forget has a new pod made for a node.
func (o *Observers) forget(node string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.nodes, node)
}

func (o *Observers) once(ctx context.Context, node string, command []string, stdout, stderr io.Writer) error {
	run, err := o.on(ctx, node)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cluster.CommandLimit, fmt.Errorf("no end after %v", cluster.CommandLimit))
	defer cancel()
	err = run(ctx, append([]string{agent, "on-host", root}, command...), nil, stdout, stderr)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// on returns how to run commands in the pod of a node, and makes it if need be. A node
// where that failed is not tried again: what asks for it are many specs.
func (o *Observers) on(ctx context.Context, node string) (runner, error) {
	o.mu.Lock()
	p, ok := o.nodes[node]
	if !ok {
		p = &place{}
		o.nodes[node] = p
	}
	o.mu.Unlock()
	p.Lock()
	defer p.Unlock()
	if !p.asked {
		p.run, p.err = o.start(ctx, node)
		p.asked = p.err == nil || ctx.Err() == nil // else it was the caller who gave up
	}
	return p.run, p.err
}

// pods makes pods.
type pods struct {
	cluster          *cluster.Cluster
	run, image, name string
	life             context.Context

	mu        sync.Mutex
	namespace string // its real name, once it is there
	made      int
}

func (p *pods) start(ctx context.Context, node string) (runner, error) {
	namespace, number, err := p.place(ctx)
	if err != nil {
		return nil, err
	}
	pod, err := manifests.Load[*corev1.Pod]("node/observer.yaml")
	if err != nil {
		return nil, err
	}
	container := pod.Spec.Containers[0].Name
	found, err := p.cluster.ReadyPod(ctx, namespace, node, p.image)
	if err != nil {
		return nil, err
	}
	if found != "" {
		return p.in(namespace, found, container), nil
	}
	pod.Name = fmt.Sprintf("%s-%d-%05x", pod.Name, number, rand.Uint32()&0xfffff) // an earlier run's may still be there
	pod.Labels = map[string]string{cluster.RunLabel: p.run}
	pod.Spec.Affinity = cluster.OnNode(node)
	pod.Spec.Containers[0].Image = p.image
	if _, err := p.cluster.RunPod(ctx, namespace, pod, startLimit); err != nil {
		return nil, fmt.Errorf("observer of node %s: %w", node, err)
	}
	return p.in(namespace, pod.Name, container), nil
}

// in runs commands in a pod.
func (p *pods) in(namespace, pod, container string) runner {
	return func(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
		err := p.cluster.Exec(ctx, namespace, pod, container, command, stdin, stdout, stderr)
		if _, ended := cluster.ExitStatus(err); err != nil && !ended && p.cluster.PodGone(ctx, namespace, pod) {
			return errGone
		}
		return err
	}
}

// settle makes a namespace that of the pods.
func (p *pods) settle(namespace string) {
	p.namespace = namespace
	go p.cluster.KeepAlive(p.life, func() []string { return []string{namespace} })
}

// place is the namespace, made by the first who asks, and a number for a pod in it.
func (p *pods) place(ctx context.Context) (namespace string, number int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	if p.namespace != "" {
		return p.namespace, p.made, nil
	}
	ns, err := p.cluster.CreateNamespace(ctx, p.run, p.name, psa.LevelPrivileged, nil)
	if err != nil {
		return "", 0, err
	}
	p.settle(ns.Name) // the lease lives until Close
	return p.namespace, p.made, nil
}
