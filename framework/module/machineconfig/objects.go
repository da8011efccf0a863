package machineconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// RoleLabel is the label of a MachineConfig by which pools select it.
const RoleLabel = "machineconfiguration.openshift.io/role"

// Pool is what the suite reads of a MachineConfigPool (machineconfiguration.openshift.io/v1).
// Fields that another version of the operator adds are left alone.
type Pool struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Paused        bool                  `json:"paused"`
		Configs       *metav1.LabelSelector `json:"machineConfigSelector"`
		Nodes         *metav1.LabelSelector `json:"nodeSelector"`
		Configuration struct {
			Name   string `json:"name"`
			Source []struct {
				Name string `json:"name"`
			} `json:"source"`
		} `json:"configuration"`
	} `json:"spec"`
	Status struct {
		Observed      int64 `json:"observedGeneration"`
		Configuration struct {
			Name string `json:"name"`
		} `json:"configuration"`
		Machines   int         `json:"machineCount"`
		Ready      int         `json:"readyMachineCount"`
		Updated    int         `json:"updatedMachineCount"`
		Degraded   int         `json:"degradedMachineCount"`
		Conditions []Condition `json:"conditions"`
	} `json:"status"`
}

// Condition is one of a pool's or of another object's conditions.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Name is the pool's name, which is the role of the MachineConfigs made for it.
func (p Pool) Name() string { return p.Metadata.Name }

// Target is the rendered MachineConfig that the pool's nodes are to have.
func (p Pool) Target() string { return p.Spec.Configuration.Name }

// Made says whether the pool's target was rendered with a MachineConfig in it.
func (p Pool) Made(config string) bool {
	for _, s := range p.Spec.Configuration.Source {
		if s.Name == config {
			return true
		}
	}
	return false
}

// True returns a condition's text when the condition is True, "" otherwise. A condition
// without a text has its name.
func (p Pool) True(condition string) string {
	for _, c := range p.Status.Conditions {
		if c.Type != condition || c.Status != "True" {
			continue
		}
		if text := oneLine(c.Message); text != "" {
			return text
		}
		return strings.TrimSpace(c.Type + " " + c.Reason)
	}
	return ""
}

// Degraded says why the pool is degraded, "" if it is not: the pool's own words.
func (p Pool) Degraded() string {
	for _, c := range []string{"RenderDegraded", "NodeDegraded", "Degraded"} {
		if text := p.True(c); text != "" {
			return text
		}
	}
	if p.Status.Degraded > 0 {
		return fmt.Sprintf("%d machines are degraded", p.Status.Degraded)
	}
	return ""
}

// Selects says whether the pool takes MachineConfigs with these labels.
func (p Pool) Selects(config map[string]string) bool { return matches(p.Spec.Configs, config) }

// Has says whether the pool's selector matches a node with these labels. It may yet be
// another pool's, see Primary.
func (p Pool) Has(node map[string]string) bool { return matches(p.Spec.Nodes, node) }

// matches is false for a selector that is missing: the operator takes that for no nodes.
func matches(s *metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(set))
}

// Rested says what a pool waits for, "" if every machine has the pool's target and the
// status is about the pool as it is now. Updated alone would be true of the target before.
func (p Pool) Rested(target string) string {
	s := p.Status
	switch {
	case s.Observed < p.Metadata.Generation:
		return "its status is of an older generation"
	case p.Target() != target:
		return fmt.Sprintf("its target is %s", p.Target())
	case s.Configuration.Name != target:
		return fmt.Sprintf("%d of %d machines have %s", s.Updated, s.Machines, target)
	case p.True("Updated") == "":
		return "it is not Updated"
	case p.True("Updating") != "":
		return "it is Updating"
	case s.Machines == 0 || s.Ready != s.Machines || s.Updated != s.Machines:
		return fmt.Sprintf("%d of %d machines are ready, %d updated", s.Ready, s.Machines, s.Updated)
	case s.Degraded > 0 || p.True("Degraded") != "":
		return "it is degraded: " + p.Degraded()
	}
	return ""
}

// Pools that every cluster has; a node of the control plane is never in another one.
var standing = []string{"master", "arbiter", "worker"}

// Primary is the one pool that a node with these labels lives in: the control plane's, else
// a custom one, else worker (machine-config-operator pkg/helpers). ok is false, and there is no
// name, where there is none, and where two custom pools want the node.
func Primary(pools []Pool, node map[string]string) (pool string, ok bool) {
	var custom []string
	found := map[string]bool{}
	for _, p := range pools {
		if !p.Has(node) {
			continue
		}
		found[p.Name()] = true
		if !slices.Contains(standing, p.Name()) {
			custom = append(custom, p.Name())
		}
	}
	switch {
	case found["master"]:
		return "master", true
	case found["arbiter"]:
		return "arbiter", true
	case len(custom) == 1:
		return custom[0], true
	case len(custom) == 0 && found["worker"]:
		return "worker", true
	}
	return "", false
}

// Config is what the suite reads of a MachineConfig, rendered or not. What it writes is made
// by compose.
type Config struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Config Ignition `json:"config"`
	} `json:"spec"`
}

// Ignition is the part of an Ignition config that the suite reads, of whichever version.
type Ignition struct {
	Ignition struct {
		Version string `json:"version"`
	} `json:"ignition"`
	Storage struct {
		Files []File `json:"files"`
	} `json:"storage"`
}

// File is a file of an Ignition config, of version 3.
type File struct {
	Path     string `json:"path"`
	Mode     *int   `json:"mode"`
	Contents struct {
		Source      *string `json:"source"`
		Compression string  `json:"compression"`
	} `json:"contents"`
}

// file returns the file of a path, nil if the config has none.
func (i Ignition) file(path string) *File {
	for n := range i.Storage.Files {
		if i.Storage.Files[n].Path == path {
			return &i.Storage.Files[n]
		}
	}
	return nil
}

// decode reads an object of the API as one of the kinds above.
func decode(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("an object of the API is not of the form that its kind has: %w", err)
	}
	return nil
}

// oneLine makes one line of a text.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// sorted are the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
