// Package cluster connects to the cluster under test and finds out what it is: nodes,
// versions, network. It stands on the Kubernetes e2e framework and is the only package
// that imports it.
//
// It creates and removes namespaces and runs commands in pods; what is in them is not
// its business. It changes nothing that the run did not create.
package cluster

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
	e2e "k8s.io/kubernetes/test/e2e/framework"
	e2enode "k8s.io/kubernetes/test/e2e/framework/node"
)

// Cluster is a cluster that has answered.
type Cluster struct {
	Client  kubernetes.Interface
	Dynamic dynamic.Interface // for kinds that client-go does not know
	Config  *rest.Config
	Version string   // of the API server, e.g. v1.37.2
	Nodes   []Node   // ready, schedulable Linux nodes without taints, in the order of their names
	LeftOut []string // the other nodes, each with the reason why agents do not run there

	WideKinds            []WideKind // cluster-wide policies that are served; whether anybody enforces them the API does not tell
	MultiNetworkPolicies bool       // whether policies of secondary networks are served
	Constrained          bool       // whether SecurityContextConstraints decide beside Pod Security, as on OKD
}

// Node is a node that agents can run on.
type Node struct {
	Number   int // from 1, as in x/server@2
	Name     string
	Internal []netip.Addr // status.addresses of type InternalIP
	Kernel   string       // status.nodeInfo.kernelVersion
	OS       string       // status.nodeInfo.osImage
	Runtime  string       // status.nodeInfo.containerRuntimeVersion
	BootID   string       // status.nodeInfo.bootID
	Zone     string       // label topology.kubernetes.io/zone, "" where it has none
}

// RegisterFlags adds the flags of the e2e framework. Unlike there, $KUBECONFIG is not
// read: a variable in the environment must not send a run to somebody's production.
func RegisterFlags(flags *flag.FlagSet) {
	e2e.RegisterCommonFlags(flags)
	e2e.RegisterClusterFlags(flags)
	kubeconfig := flags.Lookup(clientcmd.RecommendedConfigPathFlag)
	kubeconfig.DefValue = ""
	_ = kubeconfig.Value.Set("")
	// Dumps of a failed spec are of its own namespaces; those of nodes ask every kubelet.
	nodes := flags.Lookup("max-nodes-to-gather-from")
	nodes.DefValue = "0"
	_ = nodes.Value.Set("0")
}

// AfterFlags lets the e2e framework draw its conclusions from the parsed flags.
func AfterFlags() {
	e2e.TestContext.Provider = "skeleton"
	e2e.AfterReadingAllFlags(&e2e.TestContext)
}

// LogTo sends what client-go logs to w, away from the terminal.
func LogTo(w io.Writer) {
	klog.SetLogger(textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(w))))
}

// hush keeps what the e2e framework logs from the terminal, which is where Ginkgo's writer
// writes while no spec runs, until speak is called.
func hush() (speak func()) {
	writer := ginkgo.GinkgoWriter
	ginkgo.GinkgoWriter = hushed{writer}
	return func() { ginkgo.GinkgoWriter = writer }
}

// hushed is a Ginkgo writer that writes nothing.
type hushed struct{ ginkgo.GinkgoWriterInterface }

func (hushed) Write(p []byte) (int, error) { return len(p), nil }

// Connect reaches the API server within timeout and reads the list of nodes. Its errors
// are one line for the person who named the cluster.
func Connect(ctx context.Context, timeout time.Duration) (*Cluster, error) {
	path := e2e.TestContext.KubeConfig
	if path != "" {
		if _, err := os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("kubeconfig: %w", err)
		}
	}
	defer hush()()
	config, err := e2e.LoadConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, errors.New("no cluster is named: pass --kubeconfig=PATH")
	}
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	config.QPS, config.Burst = 50, 100 // a suite is one client, and waits enough elsewhere
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	wide, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := &Cluster{Client: client, Dynamic: wide, Config: config}
	return c, c.discover(ctx)
}

// Refresh reads the list of nodes anew, after something has rebooted them.
func (c *Cluster) Refresh(ctx context.Context) error {
	defer hush()()
	fresh := &Cluster{Client: c.Client, Dynamic: c.Dynamic, Config: c.Config}
	if err := fresh.discover(ctx); err != nil {
		return err
	}
	c.Nodes, c.LeftOut = fresh.Nodes, fresh.LeftOut
	return nil
}

func (c *Cluster) discover(ctx context.Context) error {
	raw, err := c.Client.Discovery().RESTClient().Get().AbsPath("/version").DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("the API server at %s does not answer: %w", c.Config.Host, err)
	}
	c.Version = gitVersion(raw)
	all, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("nodes of %s: %w", c.Config.Host, err)
	}
	nodes, err := e2enode.GetReadySchedulableNodes(ctx, c.Client)
	if err != nil {
		return fmt.Errorf("nodes of %s: %w", c.Config.Host, err)
	}
	for _, n := range all.Items {
		fit := slices.ContainsFunc(nodes.Items, func(o corev1.Node) bool { return o.Name == n.Name })
		if why := unfit(n, fit); why != "" {
			c.LeftOut = append(c.LeftOut, n.Name+": "+why)
			continue
		}
		c.Nodes = append(c.Nodes, describe(n))
	}
	if len(c.Nodes) == 0 {
		return fmt.Errorf("%s has no schedulable Linux node (%s)", c.Config.Host, strings.Join(c.LeftOut, "; "))
	}
	number(c.Nodes)
	return c.discoverKinds()
}

// MayTest asks the API server whether this user may do what every run does. The error
// names what is not allowed.
func (c *Cluster) MayTest(ctx context.Context) error {
	for _, a := range []authorizationv1.ResourceAttributes{
		{Verb: "create", Resource: "namespaces"},
		{Verb: "delete", Resource: "namespaces"},
		{Verb: "create", Resource: "pods"},
		{Verb: "create", Resource: "pods", Subresource: "exec"},
		{Verb: "create", Resource: "services"},
		{Verb: "create", Group: "networking.k8s.io", Resource: "networkpolicies"},
		{Verb: "create", Group: "discovery.k8s.io", Resource: "endpointslices"},
	} {
		allowed, err := c.may(ctx, a)
		if err != nil {
			return err
		}
		if !allowed {
			return fmt.Errorf("this user may not %s %s on %s", a.Verb, resourceName(a), c.Config.Host)
		}
	}
	return nil
}

// may asks the API server whether this user may do something.
func (c *Cluster) may(ctx context.Context, a authorizationv1.ResourceAttributes) (bool, error) {
	review, err := c.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking for permissions: %w", err)
	}
	return review.Status.Allowed, nil
}

func resourceName(a authorizationv1.ResourceAttributes) string {
	name := a.Resource
	if a.Subresource != "" {
		name += "/" + a.Subresource
	}
	if a.Group != "" {
		name += "." + a.Group
	}
	return name
}

func describe(n corev1.Node) Node {
	info := n.Status.NodeInfo
	out := Node{
		Name: n.Name, Kernel: info.KernelVersion, OS: info.OSImage,
		Runtime: info.ContainerRuntimeVersion, BootID: info.BootID, Zone: n.Labels[corev1.LabelTopologyZone],
	}
	for _, s := range e2enode.GetAddresses(&n, corev1.NodeInternalIP) {
		if a, err := netip.ParseAddr(strings.TrimSpace(s)); err == nil {
			out.Internal = append(out.Internal, a)
		}
	}
	return out
}
