package e2e

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"sctp.test/ci/known"
	"sctp.test/framework/cluster"
	"sctp.test/framework/probe"
	"sctp.test/framework/report"
	"sctp.test/framework/spec"
)

// options are the flags of this suite; Ginkgo's begin with --ginkgo and those of the
// Kubernetes e2e framework stand beside them.
type options struct {
	image     string
	focus     string
	module    string
	allow     string
	access    string
	external  string
	known     string
	artifacts string
	patience  time.Duration
	keep      time.Duration
	jobs      int
	beside    string
	catalogue bool
	lanes     string
	rehearsal string
	clean     bool
	force     bool

	keepModule bool
	rollout    time.Duration
	management string
	nodePool   string
}

// The values of --enable-module.
const (
	moduleNever     = "never"     // load nothing; judge what is there
	modulePresent   = "present"   // load nothing, and refuse to run where it is not there
	moduleDaemonSet = "daemonset" // load it from a privileged pod on each node
	moduleAuto      = "auto"      // present where it is, else daemonset

	// By a MachineConfig, which drains and reboots nodes and is taken back at the end: only when
	// it is named.
	moduleMachineConfig = "machineconfig"
)

var modules = []string{moduleNever, modulePresent, moduleDaemonSet, moduleMachineConfig, moduleAuto}

func (o *options) register(f *flag.FlagSet) {
	f.StringVar(&o.image, "agent-image", "", "image of the agents, by digest if you can; all nodes must be able to pull it")
	f.StringVar(&o.focus, "focus", "", "spec IDs, separated by commas, or a regular expression on specs' texts")
	f.StringVar(&o.module, "enable-module", moduleNever, "how SCTP comes to nodes that lack it: "+strings.Join(modules, ", "))
	f.BoolVar(&o.keepModule, "keep-module", false, "with --enable-module=machineconfig: leave the MachineConfig there at the end")
	f.DurationVar(&o.rollout, "rollout-patience", 30*time.Minute, "how long a roll-out of MachineConfigs may take for each node, one after the other")
	f.StringVar(&o.management, "management-kubeconfig", "", "kubeconfig of the cluster that hosts this one's control plane (HyperShift), where --enable-module=machineconfig asks by a dry run")
	f.StringVar(&o.nodePool, "node-pool", "", "namespace/name of this cluster's NodePool there")
	f.StringVar(&o.allow, "allow", "", "effects outside the suite's own namespaces that specs may have: node, cluster")
	f.StringVar(&o.access, "node-access", "none", "root on nodes for diagnosis: none, pod (privileged pods of the suite), or exec: and a command with {node}, its words separated by spaces")
	f.StringVar(&o.external, "external-agent", "", "command whose stdin and stdout are a session with an agent outside of the cluster (sctp-agent session), its words separated by spaces")
	f.StringVar(&o.known, "known", known.Auto, "known limitations to excuse: auto (by the cluster's network), none, a file, or "+strings.Join(known.Names(), ", "))
	f.StringVar(&o.artifacts, "artifacts", "", "folder for the results (default _artifacts/<UTC time>)")
	f.DurationVar(&o.patience, "patience", time.Minute, "how long the cluster may take to do what a spec asks of it")
	f.DurationVar(&o.keep, "keep", 0, "leave the agents on the cluster for so long after the run, and begin with those that an earlier run has left; 0 does neither")
	f.IntVar(&o.jobs, "jobs", 1, "judge specs in so many processes side by side, each with agents of its own; those that touch nodes or the cluster run alone, after the others")
	f.StringVar(&o.beside, "beside", "", "for a process that --jobs has started: the folder for its evidence")
	f.BoolVar(&o.catalogue, "catalogue", false, "print the catalogue of all specs and exit")
	f.StringVar(&o.lanes, "lanes", "", "write what each lane of ci/lanes selects into this folder and exit")
	f.StringVar(&o.rehearsal, "rehearse", "", "run the specs on a cluster that is made up, to find what is wrong with their words, files and tables: its number of nodes, 1 to 3, or 2-ipv4 or 2-ipv6; a run does so first by itself")
	f.BoolVar(&o.clean, "clean", false, "remove what dead runs left on the cluster, and what was kept, and exit")
	f.BoolVar(&o.force, "force", false, "with --clean: remove what living runs have, too")
}

// help lists the flags of this suite only.
func (o *options) help(w io.Writer) {
	_, _ = fmt.Fprint(w, "usage: e2e.test --kubeconfig=PATH --agent-image=REF [flags]\n\n  --kubeconfig\n    \tthe cluster to judge; $KUBECONFIG is not read\n")
	own := flag.NewFlagSet("", flag.ContinueOnError)
	(&options{}).register(own)
	own.SetOutput(w)
	own.PrintDefaults()
	_, _ = fmt.Fprint(w, "  --ginkgo.label-filter\n    \tsuch as 'Chapter: containsAny policy'; see ginkgo help for all --ginkgo flags\n")
}

// parse reads the command line. Its errors are one line for the person who wrote it.
func (o *options) parse(args []string) error {
	flags := flag.CommandLine
	cluster.RegisterFlags(flags)
	o.register(flags)
	flags.Init(flags.Name(), flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !slices.Contains(modules, o.module) {
		return fmt.Errorf("--enable-module=%s: want one of %s", o.module, strings.Join(modules, ", "))
	}
	for _, a := range o.allowed() {
		if a != spec.Node && a != spec.Cluster {
			return fmt.Errorf("--allow=%s: want node, cluster or both", o.allow)
		}
	}
	if o.external != "" && len(strings.Fields(o.external)) == 0 {
		return errors.New("--external-agent: the command has no words")
	}
	if o.patience <= 0 {
		return fmt.Errorf("--patience=%v: want a time above 0", o.patience)
	}
	if o.keep < 0 || o.keep > 0 && o.keep < time.Minute {
		return fmt.Errorf("--keep=%v: want a minute or more", o.keep)
	}
	if o.jobs < 1 {
		return fmt.Errorf("--jobs=%d: want 1 or more", o.jobs)
	}
	if o.jobs > 1 && o.keep > 0 {
		return errors.New("--keep leaves the agents of one process, and --jobs has several")
	}
	if o.rollout <= 0 {
		return fmt.Errorf("--rollout-patience=%v: want a time above 0", o.rollout)
	}
	if (o.management == "") != (o.nodePool == "") {
		return errors.New("--management-kubeconfig and --node-pool go together")
	}
	if (o.keepModule || o.management != "") && o.module != moduleMachineConfig {
		return errors.New("--keep-module and --management-kubeconfig go with --enable-module=machineconfig")
	}
	if o.keep > 0 && o.module == moduleMachineConfig {
		return errors.New("--keep does not go with --enable-module=machineconfig, which evicts the agents")
	}
	if o.beside != "" { // whoever has started it sees to these
		o.module, o.keepModule, o.management, o.nodePool, o.known = moduleNever, false, "", "", "none"
	}
	_, err := cluster.ParseAccess(o.access)
	return err
}

// given says whether a flag stands on the command line.
func given(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// dialer opens streams to the agent outside of the cluster; nil where none is named.
func (o *options) dialer() probe.Dialer {
	if argv := strings.Fields(o.external); len(argv) > 0 {
		return probe.Command(argv...)
	}
	return nil
}

// allowed are the effects that specs may have beside those in their namespaces.
func (o *options) allowed() []spec.Effect {
	var out []spec.Effect
	for _, a := range strings.FieldsFunc(o.allow, func(r rune) bool { return r == ',' }) {
		out = append(out, spec.Effect(strings.TrimSpace(a)))
	}
	return out
}

var idList = regexp.MustCompile(`^[A-Z]{3}-\d{2}(,[A-Z]{3}-\d{2})*$`)

// narrow puts --focus into Ginkgo's configuration. The tree must have been built.
func (o *options) narrow(c *types.SuiteConfig) error {
	switch {
	case o.focus == "":
		return nil
	case idList.MatchString(o.focus):
		for _, id := range strings.Split(o.focus, ",") {
			if !slices.Contains(spec.IDs(), id) {
				return fmt.Errorf("--focus=%s: there is no spec %s; %s, see e2e/CATALOGUE.md", o.focus, id, closest(id))
			}
		}
		filter := only(strings.Split(o.focus, ","))
		if c.LabelFilter != "" {
			filter = "(" + c.LabelFilter + ") && " + filter
		}
		c.LabelFilter = filter
		return nil
	}
	if _, err := regexp.Compile(o.focus); err != nil {
		return fmt.Errorf("--focus=%s: neither spec IDs nor a regular expression: %w", o.focus, err)
	}
	c.FocusStrings = append(c.FocusStrings, o.focus)
	return nil
}

// closest says what IDs there are in the chapter of one that there is not.
func closest(id string) string {
	var first, last string
	var chapters []string
	for _, have := range spec.IDs() {
		chapter := have[:3]
		if !slices.Contains(chapters, chapter) {
			chapters = append(chapters, chapter)
		}
		if chapter == id[:3] {
			first, last = cmp.Or(first, have), have
		}
	}
	if last == "" {
		return "the chapters are " + strings.Join(chapters, ", ")
	}
	return fmt.Sprintf("this chapter has %s to %s", first, last)
}

// folder makes the folder for the results and points _artifacts/latest at it.
func (o *options) folder(now time.Time) (string, error) {
	if o.artifacts != "" {
		return o.artifacts, os.MkdirAll(o.artifacts, 0o755)
	}
	root := "_artifacts"
	if _, err := os.Stat("../e2e/suite_test.go"); err == nil {
		root = "../_artifacts" // go test and ginkgo run the binary in the folder of its package
	}
	return report.Folder(root, now)
}
