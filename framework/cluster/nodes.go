package cluster

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// number orders nodes by name, so that a failure names the same node when it is run again.
func number(nodes []Node) {
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	for i := range nodes {
		nodes[i].Number = i + 1
	}
}

// unfit says why agents do not run on a node, "" if they do. fit is what the e2e framework
// says: ready, schedulable and without taints.
func unfit(n corev1.Node, fit bool) string {
	if os := n.Labels[corev1.LabelOSStable]; os != "" && os != "linux" {
		return "its operating system is " + os
	}
	if fit {
		return ""
	}
	if n.Spec.Unschedulable {
		return "it is cordoned"
	}
	for _, t := range n.Spec.Taints {
		if t.Effect != corev1.TaintEffectPreferNoSchedule {
			return "it is tainted " + t.Key
		}
	}
	return "it is not ready"
}

// Addr returns the node's first InternalIP that is in pod's family; ok is false if it has none.
func (n Node) Addr(like netip.Addr) (addr netip.Addr, ok bool) {
	for _, a := range n.Internal {
		if a.Is4() == like.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// gitVersion reads the reply of /version.
func gitVersion(raw []byte) string {
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if json.Unmarshal(raw, &v) != nil || v.GitVersion == "" {
		return "unknown"
	}
	return v.GitVersion
}
