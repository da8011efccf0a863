package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sctp.test/framework/capture"
	"sctp.test/framework/diag"
	"sctp.test/framework/observer"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// watched makes a trial of each path while packets are captured on the nodes of all of them,
// and returns what the captures tell of the associations that were asked for. Where nobody
// gave access to nodes, or none is an association, it only makes the trials.
func (l *Lab) watched(ctx context.Context, paths []asked, try func(i int) diag.Trial) (trails []string) {
	trails = make([]string, len(paths))
	tell := func(i int, text string) {
		if l.targets[paths[i].server].proto == wire.SCTP {
			trails[i] += text
		}
	}
	var watch *observer.Watch
	if nodes := l.nodesOf(paths); l.run.Eyes != nil && len(nodes) > 0 {
		var err error
		if watch, err = l.run.Eyes.Watch(ctx, nodes...); err != nil {
			for i := range paths {
				tell(i, fmt.Sprintf("no capture: %v", err))
			}
		}
	}
	trials := make([]diag.Trial, len(paths))
	for i := range paths {
		trials[i] = try(i)
	}
	if watch == nil {
		return trails
	}
	raw, err := watch.Stop()
	all, saveErr := l.keep(raw)
	for i, p := range paths {
		if saveErr == nil {
			tell(i, capture.Follow(all, l.sought(p, l.targets[p.server], trials[i])).String())
		}
		if err := errors.Join(err, saveErr); err != nil {
			tell(i, fmt.Sprintf(" (%v)", err))
		}
	}
	return trails
}

// nodesOf are the nodes that SCTP packets of some paths may cross.
func (l *Lab) nodesOf(paths []asked) []string {
	var nodes []string
	for _, p := range paths {
		t := l.targets[p.server]
		if t.proto != wire.SCTP {
			continue
		}
		nodes = append(nodes, l.member(p.client).node)
		for _, m := range l.behind(t) {
			nodes = append(nodes, m.node)
		}
		if t.node != "" {
			nodes = append(nodes, t.node)
		}
	}
	nodes = slices.DeleteFunc(nodes, func(n string) bool { return l.run.place(n) == nowhere }) // the agent outside is on none
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// keep reads captures, by node, and writes them beside the other evidence.
func (l *Lab) keep(raw map[string][]byte) ([]capture.Capture, error) {
	l.captures++
	folder := filepath.Join(l.folder(), "captures", fmt.Sprint(l.captures))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	var all []capture.Capture
	for node, bytes := range raw {
		if err := os.WriteFile(filepath.Join(folder, node+".pcapng"), bytes, 0o644); err != nil {
			return nil, err
		}
		c, err := capture.Read(node, bytes)
		if err != nil {
			return nil, fmt.Errorf("capture of node %s: %w", node, err)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b capture.Capture) int { return strings.Compare(a.Node, b.Node) })
	var text strings.Builder
	if err := capture.Text(&text, all); err != nil {
		return nil, err
	}
	return all, os.WriteFile(filepath.Join(folder, "packets.txt"), []byte(text.String()), 0o644)
}

// sought is what of a trial the captures can be searched for.
func (l *Lab) sought(p asked, t target, trial diag.Trial) capture.Probe {
	m := l.member(p.client)
	probe := capture.Probe{Target: t.addrs[p.family], ClientNode: m.node, ClientOnHost: m.namespace == hostNetwork}
	if seen := trial.Evidence.Seen; seen != nil {
		probe.Client = seen.Local
	}
	if behind := l.behind(t); len(behind) > 0 {
		server := behind[0]
		if i := slices.IndexFunc(behind, func(o *member) bool { return o.uid == reach.Judge(trial.Evidence).By.UID }); i >= 0 {
			server = behind[i]
		}
		probe.ServerNode, probe.ServerOnHost = server.node, server.namespace == hostNetwork
		if t.port != 0 {
			probe.Server = podTarget(server, port{number: t.port}).addrs[p.family]
		}
	}
	if t.kind == diag.NodePort {
		probe.Via = t.node
	}
	return probe
}
