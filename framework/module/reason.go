// Package module makes SCTP available on nodes, and tells why it is not.
//
// It knows how each provider loads the module and how to read what a node says about it.
// It loads nothing unless it is told to by name, and leaves alone what it did not load.
package module

import (
	"fmt"
	"strings"

	"sctp.test/framework/wire"
)

// Reason is why a node has no SCTP. The list is closed.
type Reason string

// The reasons.
const (
	Loaded      Reason = "loaded"
	NotShipped  Reason = "not-shipped"
	Trapped     Reason = "install-trap"
	Blacklisted Reason = "blacklisted"
	NotLoaded   Reason = "not-loaded"
	Forbidden   Reason = "forbidden" // by a security policy, though the kernel has it
	Unknown     Reason = "unknown"
)

// Node is what is known of SCTP on one node.
type Node struct {
	Name string
	Pod  wire.ModuleReply // what an ordinary pod sees
	Host *wire.HostModule // what root sees; nil without access to the node
}

// On says whether the kernel has SCTP loaded, as an ordinary pod sees it.
func (n Node) On() bool { return len(n.Pod.Protocols) > 0 }

// Failed are the socket calls of an ordinary pod that failed, but for IPv6 where the pod
// has none.
func (n Node) Failed(ipv6 bool) []wire.Open {
	var out []wire.Open
	for _, o := range n.Pod.Opens {
		if o.Errno != "" && (ipv6 || o.Family != "ipv6") {
			out = append(out, o)
		}
	}
	return out
}

// Why says why SCTP is off on a node, and the sentence that tells a person.
func (n Node) Why() (Reason, string) {
	for _, o := range n.Pod.Opens {
		if o.Errno == "EACCES" || o.Errno == "EPERM" {
			return Forbidden, fmt.Sprintf("a security policy forbids pods on node %s to open SCTP sockets (%s): look for SELinux or seccomp denials in its audit log", n.Name, o.Errno)
		}
	}
	failed := len(n.Failed(true)) > 0
	switch {
	case failed && n.On():
		return Unknown, fmt.Sprintf("node %s has SCTP, and yet pods there cannot open every kind of SCTP socket", n.Name)
	case failed && n.Host != nil && n.Host.Before:
		return Unknown, fmt.Sprintf("node %s had SCTP when the run began and has none now: it was restarted, or somebody unloaded the module", n.Name)
	case n.Host != nil:
		return WhyOff(*n.Host)
	case n.On():
		return Loaded, fmt.Sprintf("node %s has SCTP", n.Name)
	default:
		return Unknown, fmt.Sprintf("node %s (kernel %s) has no SCTP, and only the node itself can tell why: pass --node-access", n.Name, n.Pod.Kernel)
	}
}

// WhyOff reads what root found before anything was loaded.
func WhyOff(h wire.HostModule) (Reason, string) {
	blacklist, trap := pick(h.Config, "blacklist"), pick(h.Config, "install")
	switch {
	case h.Before:
		return Loaded, fmt.Sprintf("node %s has SCTP", h.Node)
	case h.File == "":
		return NotShipped, fmt.Sprintf("the kernel of node %s (%s) ships no SCTP module: install the package with the extra kernel modules, or another kernel", h.Node, h.Kernel)
	case trap != "":
		return Trapped, fmt.Sprintf("modprobe on node %s runs a command instead of loading SCTP (%s): remove that line", h.Node, trap)
	case blacklist != "" && len(h.AtBoot) == 0:
		return Blacklisted, fmt.Sprintf("SCTP is blacklisted on node %s (%s) and nothing loads it at boot: remove that line, or load sctp yourself", h.Node, blacklist)
	case blacklist != "":
		return Blacklisted, fmt.Sprintf("SCTP is to be loaded at boot on node %s (%s) and is blacklisted (%s), which systemd-modules-load obeys: remove the line with the blacklist", h.Node, h.AtBoot[0], blacklist)
	case h.Message != "":
		return NotLoaded, fmt.Sprintf("SCTP could not be loaded on node %s, though no file there forbids it: %s", h.Node, h.Message)
	case len(h.AtBoot) > 0:
		return NotLoaded, fmt.Sprintf("SCTP is to be loaded at boot on node %s (%s) and is not loaded, though nothing forbids it: look at the log of systemd-modules-load", h.Node, h.AtBoot[0])
	default:
		return NotLoaded, fmt.Sprintf("SCTP is not loaded on node %s, though nothing forbids it (%s): no socket has asked for it yet, or the kernel could not run modprobe", h.Node, h.File)
	}
}

// pick is the first line of modprobe.d with a command.
func pick(config []string, command string) string {
	for _, line := range config {
		_, text, _ := strings.Cut(line, ": ")
		if fields := strings.Fields(text); len(fields) > 0 && fields[0] == command {
			return line
		}
	}
	return ""
}
