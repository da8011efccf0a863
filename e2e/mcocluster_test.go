package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sctp.test/framework/module/machineconfig"
	"sctp.test/framework/module/marks"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// What the specs about MachineConfigs do to a cluster beside rolling them out. Everything here
// is undone by the spec that did it, and marked in case that it is killed.

const policyAPI = "/apis/operator.openshift.io/v1/machineconfigurations/cluster"

// Node disruption policies for the two files.
const (
	loadPolicy = `[{"path":"` + machineconfig.Blacklist + `","actions":[{"type":"None"}]},` +
		`{"path":"` + machineconfig.AtBoot + `","actions":[{"type":"Restart","restart":{"serviceName":"systemd-modules-load.service"}}]}]`
	drainOnly = `[{"path":"` + machineconfig.Blacklist + `","actions":[{"type":"Drain"}]},` +
		`{"path":"` + machineconfig.AtBoot + `","actions":[{"type":"None"}]}]`
)

// request sends an object or a patch to the API server and reads what comes back.
func request(ctx context.Context, verb, path, body string) ([]byte, error) {
	r := here.cluster.Client.Discovery().RESTClient().Verb(verb).AbsPath(path)
	if body != "" {
		kind := "application/json"
		if verb == http.MethodPatch {
			kind = "application/merge-patch+json"
		}
		r = r.SetHeader("Content-Type", kind).Body([]byte(body))
	}
	raw, err := r.DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", verb, path, err)
	}
	return raw, nil
}

// await polls until something is so.
func await(ctx context.Context, limit time.Duration, what string, is func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last error
	for {
		ok, err := is(ctx)
		if ok {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return joined(fmt.Errorf("waited %v for %s", limit, what), last)
		}
	}
}

// joined makes one line of several errors.
func joined(errs ...error) error {
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// setPolicy makes a node disruption policy for files the cluster's and waits until it is in
// effect. Before it does, it hands over what puts the one from before back.
func setPolicy(ctx context.Context, files string, later func(func(context.Context) error)) error {
	m := mark(marks.Policy, "cluster")
	later(func(ctx context.Context) error { return undo(ctx, m) })
	if err := book().Set(ctx, m, json.RawMessage(files)); err != nil {
		return err
	}
	return await(ctx, 2*time.Minute, "the operator to take the node disruption policy", policyObserved)
}

func policyObserved(ctx context.Context) (bool, error) {
	raw, err := request(ctx, http.MethodGet, policyAPI, "")
	if err != nil {
		return false, err
	}
	var m struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Status   struct {
			Observed int64 `json:"observedGeneration"`
		} `json:"status"`
	}
	err = json.Unmarshal(raw, &m)
	return err == nil && m.Status.Observed == m.Metadata.Generation, err
}

// withoutReboot lets the spec's roll-outs load the module at once, until the spec ends.
func withoutReboot(ctx SpecContext) {
	GinkgoHelper()
	err := setPolicy(ctx, loadPolicy, func(undo func(context.Context) error) {
		DeferCleanup(func(ctx SpecContext) {
			if err := undo(ctx); err != nil {
				conclude(reach.GroundBroken, "the node disruption policy from before: "+err.Error())
			}
		})
	})
	if err != nil {
		conclude(reach.GroundBroken, "node disruption policy: "+err.Error())
	}
}

// stock is what a refusal must leave alone: pools by what they are told, MachineConfigs by
// name, and nodes by what they have.
type stock map[string]string

func inventory(ctx context.Context) stock {
	GinkgoHelper()
	api := machineconfig.Live(here.cluster)
	pools, err1 := api.Pools(ctx)
	nodes, err2 := api.Nodes(ctx)
	ours, err3 := api.Ours(ctx)
	if err := joined(err1, err2, err3); err != nil {
		conclude(reach.GroundBroken, "how the cluster is: "+err.Error())
	}
	out := stock{}
	for _, p := range pools {
		out["pool "+p.Name()] = fmt.Sprintf("%s, paused %v", p.Target(), p.Spec.Paused)
	}
	for _, n := range nodes {
		out["node "+n.Name] = fmt.Sprintf("%s, boot %s, cordoned %v", n.Desired(), n.BootID, n.Cordoned)
	}
	for _, c := range ours {
		out["MachineConfig "+c.Metadata.Name] = "there"
	}
	return out
}

// differs says what is not as it was, "" if all is.
func (s stock) differs(now stock) string {
	var out []string
	for _, what := range slices.Sorted(maps.Keys(s)) {
		if s[what] != now[what] {
			out = append(out, fmt.Sprintf("%s was %q and is %q", what, s[what], now[what]))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(now)) {
		if _, known := s[what]; !known {
			out = append(out, what+" is new")
		}
	}
	return strings.Join(out, ", ")
}

func unchanged(ctx context.Context, id string, before stock) {
	GinkgoHelper()
	if text := before.differs(inventory(ctx)); text != "" {
		Fail(id + ": something has changed: " + text)
	}
}

// live says whether an ordinary pod sees the module in use, or built in.
func live(m wire.ModuleReply) bool {
	for _, line := range m.Loaded {
		if strings.HasPrefix(line, "sctp ") {
			return strings.Contains(line, " Live ")
		}
	}
	return len(m.Protocols) > 0
}

// socketsOnlyOn opens sockets on every node, which must succeed on one and on no other: those are
// where SCTP is not enabled. Where nothing forbids the module elsewhere, a socket would load it
// on nodes that the roll-out left alone, which is no fault of its; then none is opened.
func socketsOnlyOn(ctx context.Context, on string) []string {
	GinkgoHelper()
	for _, n := range here.cluster.Nodes {
		if n.Name != on && len(here.modules.first[n.Name].Config) == 0 {
			measured("no socket is opened: nothing keeps one from loading SCTP on node %s", n.Name)
			return nil
		}
	}
	now, err := here.run.Survey(ctx, true)
	if err != nil {
		conclude(reach.GroundBroken, err.Error())
	}
	var out []string
	for _, n := range here.cluster.Nodes {
		for _, o := range now[n.Name].Opens {
			if o.Family != "ipv4" {
				continue
			}
			switch {
			case n.Name == on && o.Errno != "":
				out = append(out, fmt.Sprintf("node %s of the pool: socket of type %s = %s", n.Name, o.Type, o.Errno))
			case n.Name != on && o.Errno == "":
				out = append(out, fmt.Sprintf("node %s outside of the pool: socket of type %s is opened", n.Name, o.Type))
			}
		}
	}
	return out
}

// notLoaded are the nodes of the rolled out pools where ordinary pods saw no module before
// anybody had opened a socket.
func (k *moduleState) notLoaded() []string {
	var out []string
	for _, p := range k.proofs {
		if seen, asked := k.seen[p.Node]; asked && !live(seen) {
			out = append(out, fmt.Sprintf("node %s: a pod reads %q in /proc/modules and %q in /proc/net/protocols", p.Node, seen.Loaded, seen.Protocols))
		}
	}
	return out
}

// stillOn are the nodes that have SCTP and had none when the run began.
func (k *moduleState) stillOn(ctx context.Context) []string {
	GinkgoHelper()
	now, err := here.run.Survey(ctx, false)
	if err != nil {
		conclude(reach.GroundBroken, err.Error())
	}
	var out []string
	for _, n := range here.cluster.Nodes {
		first, known := k.first[n.Name]
		if known && !first.Before && len(now[n.Name].Protocols) > 0 {
			out = append(out, fmt.Sprintf("node %s had no SCTP when the run began, and a pod reads %q in /proc/modules", n.Name, now[n.Name].Loaded))
		}
	}
	return out
}
