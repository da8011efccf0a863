package machineconfig

import (
	"fmt"
	"strings"
)

// Node is what the suite reads of a Node: what the operator's daemon and controllers have
// written on it.
type Node struct {
	Name        string
	Labels      map[string]string
	BootID      string
	Ready       bool
	Cordoned    bool
	Annotations map[string]string
}

// The annotations by which controllers and daemon speak to each other
// (machine-config-operator pkg/daemon/constants).
const (
	prefix    = "machineconfiguration.openshift.io/"
	current   = prefix + "currentConfig"
	desired   = prefix + "desiredConfig"
	state     = prefix + "state"
	reason    = prefix + "reason"
	wantDrain = prefix + "desiredDrain"
	hasDrain  = prefix + "lastAppliedDrain"
	post      = prefix + "post-config-action"
)

// Current is the rendered config that the node has.
func (n Node) Current() string { return n.Annotations[current] }

// Desired is the rendered config that the node is to have.
func (n Node) Desired() string { return n.Annotations[desired] }

// State is the daemon's word.
func (n Node) State() string { return n.Annotations[state] }

// Failed says why the daemon has given up on a node, "" if it has not.
func (n Node) Failed() string {
	if s := n.State(); s != "Degraded" && s != "Unreconcilable" {
		return ""
	}
	if why := oneLine(n.Annotations[reason]); why != "" {
		return why
	}
	return "its daemon gives no reason"
}

// drains says whether pods are being evicted from the node: the daemon has asked for it and
// the controller has not said that it is done.
func (n Node) drains() bool {
	want := n.Annotations[wantDrain]
	return strings.HasPrefix(want, "drain-") && n.Annotations[hasDrain] != want
}

// Phase is how far a node is on its way to a rendered config, in words for a person.
func (n Node) Phase(target string) string {
	switch {
	case n.Failed() != "":
		return fmt.Sprintf("is %s: %s", n.State(), n.Failed())
	case n.Desired() != target:
		return "waits for its turn"
	case n.Annotations[post] == "Rebooting":
		return "reboots"
	case !n.Ready:
		return "is not ready"
	case n.State() == "Working" && n.drains():
		return "drains"
	case n.State() == "Working" && n.Annotations[wantDrain] == "uncordon-"+target:
		return "waits to be uncordoned"
	case n.State() == "Working":
		return "applies the files"
	case n.Current() != target:
		return "is told, and its daemon has not begun"
	case n.Cordoned:
		return "has it, and is cordoned"
	}
	return done
}

// done is the phase in which nothing is left to do.
const done = "is done"
