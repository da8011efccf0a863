package machineconfig

import "strings"

// Policies are the effective node disruption policies of a cluster (operator.openshift.io/v1
// MachineConfiguration, status.nodeDisruptionPolicyStatus).
type Policies struct {
	Status struct {
		Policies struct {
			Cluster struct {
				Files []policy `json:"files"`
			} `json:"clusterPolicies"`
		} `json:"nodeDisruptionPolicyStatus"`
	} `json:"status"`
}

type policy struct {
	Path    string `json:"path"`
	Actions []struct {
		Type string `json:"type"`
	} `json:"actions"`
}

// actions are what a change of a file brings about: those of the longest path that is the
// file's or a folder above it, and a reboot where there is none.
func (p Policies) actions(path string) []string {
	best := -1
	out := []string{"Reboot"}
	for _, f := range p.Status.Policies.Cluster.Files {
		folder := strings.TrimSuffix(f.Path, "/")
		if len(folder) <= best || path != folder && !strings.HasPrefix(path, folder+"/") {
			continue
		}
		best, out = len(folder), nil
		for _, a := range f.Actions {
			out = append(out, a.Type)
		}
	}
	return out
}

// Disruption is what a roll-out does to a node beside writing files.
type Disruption struct{ Reboot, Drain bool }

// disruption of a change of these files.
func (p Policies) disruption(paths ...string) Disruption {
	var d Disruption
	for _, path := range paths {
		for _, a := range p.actions(path) {
			d.Reboot = d.Reboot || a == "Reboot"
			d.Drain = d.Drain || a == "Reboot" || a == "Drain"
		}
	}
	return d
}
