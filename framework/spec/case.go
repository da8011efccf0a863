// Package spec is the vocabulary in which specs describe themselves: a Case for each
// spec and the closed lists its fields are taken from.
//
// It knows nothing of clusters and runs nothing.
package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Case is what a spec claims and what it needs in order to be judged. Every spec has
// exactly one; Ginkgo labels, the catalogue and the reports are made from it.
type Case struct {
	ID     string // POL-03: identity; never reused, never renumbered
	Level  Level
	Needs  Needs
	Effect Effect
	Pace   Pace
	Pods   Pods
	Claim  string // one sentence with MUST, MUST NOT or MAY
	Source string // the text that promises it: an API field, an RFC section, a document
}

// Level says what a red spec means.
type Level string

// The levels.
const (
	Core          Level = "core"          // promised to every healthy cluster
	Extended      Level = "extended"      // judged where the cluster has what it needs
	Informational Level = "informational" // measured and reported, never fails
	SelfCheck     Level = "selfcheck"     // of kernel and agent: red is our error
)

// Need is something that not every cluster has.
type Need string

// Needs are all that a spec needs; where one is not met the spec is not applicable.
type Needs []Need

// The needs.
const (
	TwoNodes      Need = "two-nodes"              // two schedulable Linux nodes
	NetworkPolicy Need = "network-policy"         // a network plugin that enforces NetworkPolicy
	ClusterPolicy Need = "cluster-network-policy" // ClusterNetworkPolicy or AdminNetworkPolicy is served
	DualStack     Need = "dual-stack"             // pods with addresses of both families
	NodeAccess    Need = "node-access"            // --node-access
	Outside       Need = "outside-agent"          // --external-agent
	NoPod         Need = "client-that-is-no-pod"  // the outside agent, or agents on their nodes' network
	HostNetwork   Need = "host-network"           // agents on their nodes' network, which go with --node-access
	ModuleAbsent  Need = "module-absent"          // a node where SCTP was off when the run began
	ModuleLoading Need = "module-loading"         // --enable-module that is not never
	ModuleOff     Need = "module-off"             // no node has SCTP when the spec begins
	MachineConfig Need = "machine-config"         // nodes that OKD's Machine Config Operator configures
	RolledOut     Need = "rolled-out"             // a MachineConfig that this run has rolled out
)

// Effect says what a spec changes outside its own namespaces. Node and Cluster run
// alone and only with --allow.
type Effect string

// The effects; Namespace is what a Case without one has.
const (
	Namespace Effect = "namespace"
	Node      Effect = "node"
	Cluster   Effect = "cluster"
)

// Pace says how long a spec takes.
type Pace string

// The paces; Fast is what a Case without one has.
const (
	Fast Pace = "fast" // seconds
	Slow Pace = "slow" // minutes
)

// Pods says whose pods a spec works with.
type Pods string

// The pods; Shared is what a Case without a word has.
const (
	Shared Pods = "shared" // those that all specs of the run share
	Own    Pods = "own"    // some that the spec makes or ends besides, which takes time
)

// chapters are the parts of the catalogue by the prefix of the IDs in them.
var chapters = map[string]string{
	"MOD": "module",
	"POD": "pod",
	"SVC": "service",
	"POL": "policy",
	"MSG": "message",
	"ASC": "association",
	"PRF": "performance",
}

var (
	levels  = []Level{Core, Extended, Informational, SelfCheck}
	needs   = Needs{TwoNodes, NetworkPolicy, ClusterPolicy, DualStack, NodeAccess, Outside, NoPod, HostNetwork, ModuleAbsent, ModuleLoading, ModuleOff, MachineConfig, RolledOut}
	effects = []Effect{Namespace, Node, Cluster}
	paces   = []Pace{Fast, Slow}
	pods    = []Pods{Shared, Own}

	idForm    = regexp.MustCompile(`^([A-Z]{3})-\d{2}$`)
	claimForm = regexp.MustCompile(`\b(MUST|MAY)\b`)
)

// Chapter is the part of the catalogue that the ID belongs to, "" for a malformed ID.
func (c Case) Chapter() string {
	if m := idForm.FindStringSubmatch(c.ID); m != nil {
		return chapters[m[1]]
	}
	return ""
}

// Alone says whether nothing may run beside the spec.
func (c Case) Alone() bool { return c.Effect != "" && c.Effect != Namespace }

// Labels are the Ginkgo labels of c, label sets of the form "Key: value".
func (c Case) Labels() []string {
	c = c.withDefaults()
	out := []string{
		"Spec: " + c.ID, "Chapter: " + c.Chapter(), "Level: " + string(c.Level),
		"Effect: " + string(c.Effect), "Pace: " + string(c.Pace), "Pods: " + string(c.Pods),
	}
	for _, n := range c.Needs {
		out = append(out, "Needs: "+string(n))
	}
	return out
}

// Validate returns what is wrong with c, nil when it is complete and every value is known.
func (c Case) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Chapter() == "":
		return fmt.Errorf("spec ID %q is not of a known chapter, as in POL-03", c.ID)
	case !slices.Contains(levels, c.Level):
		return fmt.Errorf("%s: unknown level %q", c.ID, c.Level)
	case !slices.Contains(effects, c.Effect):
		return fmt.Errorf("%s: unknown effect %q", c.ID, c.Effect)
	case !slices.Contains(paces, c.Pace):
		return fmt.Errorf("%s: unknown pace %q", c.ID, c.Pace)
	case !slices.Contains(pods, c.Pods):
		return fmt.Errorf("%s: unknown pods %q", c.ID, c.Pods)
	case !claimForm.MatchString(c.Claim) || !strings.HasSuffix(c.Claim, "."):
		return fmt.Errorf("%s: the claim is not a sentence with MUST, MUST NOT or MAY: %q", c.ID, c.Claim)
	case c.Source == "":
		return fmt.Errorf("%s: the claim has no source", c.ID)
	case strings.ContainsAny(c.Claim+c.Source, "|\n"):
		return fmt.Errorf("%s: claim and source stand in a row of the catalogue: no line break and no | in them", c.ID)
	}
	for i, n := range c.Needs {
		if !slices.Contains(needs, n) {
			return fmt.Errorf("%s: unknown need %q", c.ID, n)
		}
		if slices.Contains(c.Needs[:i], n) {
			return fmt.Errorf("%s: need %q stands twice", c.ID, n)
		}
	}
	return nil
}

func (c Case) withDefaults() Case {
	if c.Effect == "" {
		c.Effect = Namespace
	}
	if c.Pace == "" {
		c.Pace = Fast
	}
	if c.Pods == "" {
		c.Pods = Shared
	}
	return c
}
