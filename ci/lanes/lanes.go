// Package lanes holds the selections of specs that are run together on one kind of bed,
// with the reason for each.
//
// It knows lanes.yaml and how a lane is written out. It runs nothing.
package lanes

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
	"sigs.k8s.io/yaml"
)

//go:embed lanes.yaml
var file []byte

// Lane is a selection of specs and the bed they are judged on.
type Lane struct {
	Name   string `json:"name"`
	Reason string `json:"reason"` // one sentence: why these, and why there
	Labels string `json:"labels"` // a Ginkgo label filter
	Bed    Bed    `json:"bed"`
	Module string `json:"module"` // MODULE, where it is not what the bed has by default
	// Patience is the flag --patience, such as 4m, where a bed without hardware acceleration needs more than what is usual.
	Patience string `json:"patience"`
	Minutes  int    `json:"minutes"` // budget, the start of the bed included
	Took     int    `json:"took"`    // minutes of it the last time, on two cores without hardware acceleration; 0 is not known
}

// Bed is the embedded cluster as make starts it.
type Bed struct {
	Nodes  int    `json:"nodes"`
	Family string `json:"family"`
	Proxy  string `json:"proxy"`
	// Flavour is okd, or empty for plain nodes.
	Flavour string `json:"flavour"`
}

// Spec is what a lane must know of a spec.
type Spec struct {
	Text   string // ID and text
	Labels []string
}

// All reads the lanes.
func All() ([]Lane, error) { return parse(file) }

func parse(raw []byte) ([]Lane, error) {
	var content struct {
		Lanes []Lane `json:"lanes"`
	}
	if err := yaml.UnmarshalStrict(raw, &content); err != nil {
		return nil, fmt.Errorf("lanes.yaml: %w", err)
	}
	seen := map[string]bool{}
	for _, l := range content.Lanes {
		if err := l.validate(); err != nil {
			return nil, fmt.Errorf("lanes.yaml: lane %q: %w", l.Name, err)
		}
		if seen[l.Name] {
			return nil, fmt.Errorf("lanes.yaml: lane %q stands twice", l.Name)
		}
		seen[l.Name] = true
	}
	return content.Lanes, nil
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (l Lane) validate() error {
	switch {
	case !nameForm.MatchString(l.Name):
		return errors.New("the name is not one in lower case, such as ipv6")
	case !strings.HasSuffix(l.Reason, ".") || strings.Contains(l.Reason, "\n"):
		return fmt.Errorf("the reason is not a sentence on one line: %q", l.Reason)
	case l.Labels == "" || strings.ContainsAny(l.Labels, "'\n"):
		return fmt.Errorf("labels: want a Ginkgo label filter without quotes, not %q", l.Labels)
	case l.Minutes < 1:
		return fmt.Errorf("minutes: want at least 1, not %d", l.Minutes)
	case l.Took < 0 || l.Took > l.Minutes:
		return fmt.Errorf("took: want at most the %d minutes there are, not %d", l.Minutes, l.Took)
	case l.Bed.Nodes != 2 && l.Bed.Nodes != 3:
		return fmt.Errorf("nodes: want 2 or 3, not %d", l.Bed.Nodes)
	case !slices.Contains([]string{"dual", "ipv4", "ipv6"}, l.Bed.Family):
		return fmt.Errorf("family: want dual, ipv4 or ipv6, not %q", l.Bed.Family)
	case !slices.Contains([]string{"nftables", "iptables", "ipvs"}, l.Bed.Proxy):
		return fmt.Errorf("proxy: want nftables, iptables or ipvs, not %q", l.Bed.Proxy)
	case l.Bed.Flavour != "" && l.Bed.Flavour != "okd":
		return fmt.Errorf("flavour: want okd or none, not %q", l.Bed.Flavour)
	case !slices.Contains([]string{"", "never", "present", "daemonset", "machineconfig"}, l.Module):
		return fmt.Errorf("module: want never, present, daemonset or machineconfig, not %q", l.Module)
	}
	if d, err := time.ParseDuration(l.Patience); l.Patience != "" && (err != nil || d <= 0) {
		return fmt.Errorf("patience: want a duration such as 4m, not %q", l.Patience)
	}
	if _, err := types.ParseLabelFilter(l.Labels); err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	return nil
}

// header says where a list comes from, and how to run it.
const header = `# %s
# Made from ci/lanes/lanes.yaml and the specs by make generate; do not edit.
# Budget: %d minutes%s. make lane LANE=%s runs it, which is:
#   make e2e NODES=%d FAMILY=%s PROXY=%s%s LABELS='%s'
`

// others are the variables that only some lanes need.
func (l Lane) others() string {
	out := ""
	if l.Bed.Flavour != "" {
		out += " FLAVOUR=" + l.Bed.Flavour
	}
	if l.Module != "" {
		out += " MODULE=" + l.Module
	}
	if l.Patience != "" {
		out += " ARGS=--patience=" + l.Patience
	}
	return out
}

// List is the list of the specs that the lane selects, as a text file.
func (l Lane) List(specs []Spec) (string, error) {
	selects, err := types.ParseLabelFilter(l.Labels)
	if err != nil {
		return "", fmt.Errorf("lane %s: labels: %w", l.Name, err)
	}
	var lines []string
	for _, s := range specs {
		if selects(s.Labels) {
			lines = append(lines, s.Text+"\n")
		}
	}
	if len(lines) == 0 {
		return "", fmt.Errorf("lane %s: no spec matches %s", l.Name, l.Labels)
	}
	slices.Sort(lines)
	took := ""
	if l.Took > 0 {
		took = fmt.Sprintf("; it took %d on two cores without hardware acceleration", l.Took)
	}
	head := fmt.Sprintf(header, l.Reason, l.Minutes, took, l.Name, l.Bed.Nodes, l.Bed.Family, l.Bed.Proxy, l.others(), l.Labels)
	return head + strings.Join(lines, ""), nil
}

// Files are the lists of all lanes, by the name of their file. A spec that is in no lane
// would never be run: that is an error, too.
func Files(lanes []Lane, specs []Spec) (map[string]string, error) {
	out := map[string]string{}
	for _, l := range lanes {
		list, err := l.List(specs)
		if err != nil {
			return nil, err
		}
		out[l.Name+".specs"] = list
	}
	all := strings.Join(slices.Collect(maps.Values(out)), "")
	for _, s := range specs {
		if !strings.Contains(all, "\n"+s.Text+"\n") {
			return nil, fmt.Errorf("no lane has the spec %s", s.Text)
		}
	}
	return out, nil
}
