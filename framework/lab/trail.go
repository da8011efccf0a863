package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sctp.test/framework/capture"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
)

// watched does something while packets are captured on the nodes of a path, and returns what
// the captures tell of the association that was asked for. Where nobody gave access to nodes,
// or what was asked for is no association, it only does it.
func (l *Lab) watched(ctx context.Context, p asked, t target, ask func() diag.Trial) (trial diag.Trial, trail string) {
	if l.run.Eyes == nil || t.proto != wire.SCTP {
		return ask(), ""
	}
	nodes := l.nodesOf(p, t)
	watch, err := l.run.Eyes.Watch(ctx, nodes...)
	if err != nil {
		return ask(), fmt.Sprintf("no capture: %v", err)
	}
	trial = ask()
	raw, err := watch.Stop()
	trail, saveErr := l.follow(p, t, trial, raw)
	switch {
	case err != nil:
		trail += fmt.Sprintf(" (%v)", err)
	case saveErr != nil:
		trail += fmt.Sprintf(" (%v)", saveErr)
	}
	return trial, trail
}

// nodesOf are the nodes that packets of a path may cross.
func (l *Lab) nodesOf(p asked, t target) []string {
	nodes := []string{l.member(p.client).node}
	for _, m := range l.behind(t) {
		nodes = append(nodes, m.node)
	}
	if t.node != "" {
		nodes = append(nodes, t.node)
	}
	nodes = slices.DeleteFunc(nodes, func(n string) bool { return l.run.place(n) == nowhere }) // the agent outside is on none
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// follow reads captures and says how far the packets of a trial came.
func (l *Lab) follow(p asked, t target, trial diag.Trial, raw map[string][]byte) (string, error) {
	all, err := l.keep(raw)
	if err != nil {
		return "", err
	}
	return capture.Follow(all, l.sought(p, t, trial)).String(), nil
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
