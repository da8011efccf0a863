package cluster

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
)

// number orders nodes by name, so that a failure names the same node when it is run again.
func number(nodes []Node) {
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	for i := range nodes {
		nodes[i].Number = i + 1
	}
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
