package machineconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"sctp.test/framework/cluster"
	"sctp.test/manifests"
)

// The object of OKD's page and its name there.
const (
	document     = "okd/load-sctp-module.yaml"
	documentName = "load-sctp-module"
)

// recordKey is the annotation that says how the cluster was before.
const recordKey = "sctp.test/before"

// Record is how pools and nodes were before a roll-out: enough to prove that a cluster is
// as it was, by whichever run.
type Record struct {
	Rendered map[string]string   `json:"rendered"` // the pools' configurations
	Nodes    map[string]Evidence `json:"nodes"`    // of every node that is in a pool
}

// record looks at everything before anything is done.
func (p *Provider) record(ctx context.Context, f facts, drawn plan) (Record, error) {
	r := Record{Rendered: map[string]string{}, Nodes: map[string]Evidence{}}
	for _, name := range drawn.pools {
		r.Rendered[name] = f.pool(name).Target()
	}
	for _, n := range f.nodes {
		if drawn.homes[n.Name] == "" {
			continue
		}
		e, err := p.look(ctx, n)
		if err != nil {
			return r, err
		}
		r.Nodes[n.Name] = e
	}
	return r, nil
}

// compose is the documents' MachineConfig for a pool, as JSON: a name and labels of its own,
// and the record.
func compose(name, role, run, version string, r Record) ([]byte, error) {
	raw, err := manifests.Raw(document)
	if err != nil {
		return nil, err
	}
	var object struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       map[string]any `json:"spec"`
	}
	// YAML 1.1, where 0644 is octal: JSON has no such numbers.
	if err := yaml.UnmarshalStrict(raw, &object); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", document, err)
	}
	record, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("how the nodes were: %w", err)
	}
	object.Metadata = map[string]any{
		"name":        name,
		"labels":      map[string]string{RoleLabel: role, cluster.RunLabel: run},
		"annotations": map[string]string{recordKey: string(record)},
	}
	if version != "" {
		object.Spec["config"].(map[string]any)["ignition"] = map[string]any{"version": version}
	}
	return json.Marshal(object)
}

// read takes over a MachineConfig that a run has made.
func (r *Rollout) read(c Config) error {
	if err := json.Unmarshal([]byte(c.Metadata.Annotations[recordKey]), &r.Record); err != nil {
		return fmt.Errorf("its annotation %s: %w", recordKey, err)
	}
	r.Configs = append(r.Configs, c.Metadata.Name)
	return nil
}

// Evidence is what is known of a node at one time.
type Evidence struct {
	BootID string `json:"boot_id"`
	Config string `json:"config"` // the rendered config that it has
	// Files are mode and digest by path, "absent" for one that is not there; nil where nobody
	// could look.
	Files map[string]string `json:"files,omitempty"`
	// Loaded says whether the kernel has SCTP; meaningless where nobody could look.
	Loaded bool `json:"loaded,omitempty"`
}

// absent is what Files says of a file that is not there.
const absent = "absent"

// watched are the files whose modes and digests count: those that are changed, and one beside
// them that must not be.
var watched = []string{Blacklist, AtBoot, "/etc/modprobe.d/sctp_diag-blacklist.conf"}

// look finds out how a node is. Nothing is opened that would load the module.
func (p *Provider) look(ctx context.Context, n Node) (Evidence, error) {
	e := Evidence{BootID: n.BootID, Config: n.Current()}
	if p.Look == nil {
		return e, nil
	}
	// Words without spaces and without what means something to a shell: access may lead through one.
	modes, err := p.maybe(p.Look(ctx, n.Name, append([]string{"stat", "--format=%n=%a"}, watched...)...))
	if err != nil {
		return e, err
	}
	sums, err := p.maybe(p.Look(ctx, n.Name, append([]string{"sha256sum"}, watched...)...))
	if err != nil {
		return e, err
	}
	e.Files = digests(modes, sums)
	kernel, err := p.Look(ctx, n.Name, "cat", "/proc/modules", "/proc/net/protocols")
	e.Loaded = starting(kernel, "sctp ") != "" || starting(kernel, "SCTP") != ""
	return e, err
}

// starting is the first line of a text that begins with a word.
func starting(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// maybe takes a small exit status for an answer: a file is not there, or no line matches.
func (*Provider) maybe(out string, err error) (string, error) {
	if status, ok := cluster.ExitStatus(err); ok && status <= 2 {
		return out, nil
	}
	return out, err
}

// digests puts together what stat and sha256sum have said.
func digests(modes, sums string) map[string]string {
	out := map[string]string{}
	for _, path := range watched {
		out[path] = absent
	}
	for line := range strings.Lines(modes) {
		if path, mode, ok := strings.Cut(strings.TrimSpace(line), "="); ok && out[path] != "" {
			out[path] = mode
		}
	}
	for line := range strings.Lines(sums) {
		if sum, path, ok := strings.Cut(strings.TrimSpace(line), "  "); ok && out[path] != "" {
			out[path] += " sha256:" + sum
		}
	}
	return out
}
