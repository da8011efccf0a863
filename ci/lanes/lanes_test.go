package lanes

import (
	"slices"
	"strings"
	"testing"
)

const example = `
lanes:
- name: quick
  reason: It is quick.
  labels: 'Pace: containsAny fast'
  bed: {nodes: 2, family: dual, proxy: nftables}
  minutes: 5
  took: 4
- name: no-dual
  reason: One family.
  labels: '!(Needs: containsAny dual-stack)'
  bed: {nodes: 3, family: ipv6, proxy: ipvs, flavour: okd}
  module: never
  patience: 2m
  minutes: 6
`

// tree has one spec of each sort that the lanes of the example tell apart.
var tree = []Spec{
	{"SVC-02 translate", []string{"Spec: SVC-02", "Pace: fast"}},
	{"POD-01 reach", []string{"Spec: POD-01", "Pace: fast", "Needs: two-nodes", "Needs: dual-stack"}},
	{"SVC-10 wait", []string{"Spec: SVC-10", "Pace: slow", "Needs: two-nodes"}},
}

func TestFiles(t *testing.T) {
	lanes, err := parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Files(lanes, tree)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"quick.specs": `# It is quick.
# Made from ci/lanes/lanes.yaml and the specs by make generate; do not edit.
# Budget: 5 minutes; it took 4 on two cores without hardware acceleration. make lane LANE=quick runs it, which is:
#   make e2e NODES=2 FAMILY=dual PROXY=nftables LABELS='Pace: containsAny fast'
POD-01 reach
SVC-02 translate
`,
		"no-dual.specs": `# One family.
# Made from ci/lanes/lanes.yaml and the specs by make generate; do not edit.
# Budget: 6 minutes. make lane LANE=no-dual runs it, which is:
#   make e2e NODES=3 FAMILY=ipv6 PROXY=ipvs FLAVOUR=okd MODULE=never ARGS=--patience=2m LABELS='!(Needs: containsAny dual-stack)'
SVC-02 translate
SVC-10 wait
`,
	} {
		if got[name] != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, got[name], want)
		}
	}
	if len(got) != 2 {
		t.Errorf("there are %d files", len(got))
	}
}

func TestFilesRefuse(t *testing.T) {
	lanes, err := parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	forgotten := append(slices.Clone(tree), Spec{"SVC-25 both", []string{"Pace: slow", "Needs: dual-stack"}})
	if _, err := Files(lanes, forgotten); err == nil || err.Error() != "no lane has the spec SVC-25 both" {
		t.Errorf("a spec without a lane: %v", err)
	}
	if _, err := Files(lanes, tree[2:]); err == nil || err.Error() != "lane quick: no spec matches Pace: containsAny fast" {
		t.Errorf("a lane without specs: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ old, instead, want string }{
		{"name: no-dual", "name: quick", `lane "quick" stands twice`},
		{"name: quick", "name: a/b", `lane "a/b": the name is not one in lower case`},
		{"  reason: It is quick.\n", "", `lane "quick": the reason is not a sentence on one line: ""`},
		{"'Pace: containsAny fast'", "''", `lane "quick": labels: want a Ginkgo label filter`},
		{"'Pace: containsAny fast'", "'Pace: contains fast'", `lane "quick": labels: `},
		{"nodes: 3", "nodes: 1", `lane "no-dual": nodes: want 2 or 3, not 1`},
		{"family: ipv6", "family: ipv5", `lane "no-dual": family: want dual, ipv4 or ipv6, not "ipv5"`},
		{"proxy: ipvs", "proxy: ebpf", `lane "no-dual": proxy: want nftables, iptables or ipvs, not "ebpf"`},
		{"flavour: okd", "flavour: k3s", `lane "no-dual": flavour: want okd or none, not "k3s"`},
		{"module: never", "module: auto", `lane "no-dual": module: want never, present, daemonset or machineconfig, not "auto"`},
		{"patience: 2m", "patience: long", `lane "no-dual": patience: want a duration such as 4m, not "long"`},
		{"  took: 4\n", "  took: 9\n", `lane "quick": took: want at most the 5 minutes there are, not 9`},
		{"  minutes: 5\n", "", `lane "quick": minutes: want at least 1, not 0`},
		{"  minutes: 5\n", "  hours: 5\n", `unknown field "hours"`},
	} {
		text := strings.Replace(example, c.old, c.instead, 1)
		if _, err := parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "lanes.yaml: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q: %v, want %s", c.instead, err, c.want)
		}
	}
}

// The lanes that people count on are there.
func TestAll(t *testing.T) {
	lanes, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ci", "long", "iptables", "ipvs", "ipv4", "ipv6", "okd", "okd-quick"} {
		if !slices.ContainsFunc(lanes, func(l Lane) bool { return l.Name == name }) {
			t.Errorf("there is no lane %s", name)
		}
	}
}
