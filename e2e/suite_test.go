// Package e2e holds the specs: claims about SCTP on Kubernetes with the tables that say
// what each path must do. One file per chapter; suite_test.go is how a run goes.
package e2e

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"sctp.test/ci/known"
	"sctp.test/framework/cluster"
	"sctp.test/framework/jobs"
	"sctp.test/framework/lab"
	"sctp.test/framework/observer"
	"sctp.test/framework/report"
	"sctp.test/framework/spec"
)

// Exit statuses of the binary.
const (
	exitOK          = 0
	exitFailed      = 1
	exitBadInput    = 2
	exitInterrupted = 130
)

// suite is the run of this process: what specs stand on.
type suite struct {
	options
	cluster  *cluster.Cluster
	access   *cluster.Access
	eyes     *observer.Observers // on nodes, where there is access
	run      *lab.Run
	facts    cluster.Facts
	modules  moduleState
	limits   known.List // what is known to fail on this cluster's network
	out      io.Writer  // the person's terminal and run.log
	told     io.Writer  // likewise, for what became of specs: of a process beside another one a person reads nothing else
	config   types.SuiteConfig
	others   []*jobs.Process // that judge beside this one
	reports  string          // folder of run.log and of what is concluded from the specs
	labels   string          // the person's label filter, to which narrow adds --focus
	selected []string        // IDs of the specs that are left then, in order
	report   *report.Report  // set when the last spec is done
}

var here suite

// Deploy seats a spec on the fleet; see lab.Run.Deploy.
func Deploy(ctx ginkgo.SpecContext, words ...string) *lab.Lab {
	ginkgo.GinkgoHelper()
	return here.run.Deploy(ctx, words...)
}

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status, err := here.main(ctx, m)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	}
	if interrupted {
		status = exitInterrupted
	}
	os.Exit(status)
}

// TestE2E hands over to Ginkgo; TestMain has prepared everything.
func TestE2E(t *testing.T) {
	gomega.RegisterFailHandler(ginkgo.Fail)
	_, reporter := ginkgo.GinkgoConfiguration()
	reporter.NoColor = reporter.NoColor || !reporter.Verbose && !reporter.VeryVerbose // run.log is a file
	ginkgo.RunSpecs(t, "SCTP on Kubernetes", here.config, reporter)
}

func (s *suite) main(ctx context.Context, m *testing.M) (int, error) {
	if err := s.parse(os.Args[1:]); errors.Is(err, flag.ErrHelp) {
		s.help(os.Stdout)
		return exitOK, nil
	} else if err != nil {
		return exitBadInput, err
	}
	err := s.plan()
	switch {
	case err != nil:
		return exitBadInput, err
	case s.catalogue:
		_, err := fmt.Fprint(os.Stdout, spec.Catalogue())
		return exitOK, err
	case s.lanes != "":
		if err := writeLanes(s.lanes); err != nil {
			return exitBadInput, err
		}
		return exitOK, nil
	case s.clean:
		return s.cleanCluster(ctx)
	case len(s.selected) == 0:
		return exitFailed, fmt.Errorf("no spec matches: nothing was run (--focus=%q, label filter %q)", s.focus, s.config.LabelFilter)
	case s.config.DryRun:
		return m.Run(), nil
	case s.rehearsal != "":
		return s.rehearse(ctx, m)
	}
	return s.judge(ctx, m)
}

// A spec may take specLimit, in which a slow machine can boot, and manyWaits times --patience.
const (
	specLimit = 30 * time.Minute
	manyWaits = 10
)

// plan builds the spec tree, narrows it, and lists what is left.
func (s *suite) plan() error {
	s.config, _ = ginkgo.GinkgoConfiguration()
	if s.config.FlakeAttempts > 0 || s.config.MustPassRepeatedly > 0 {
		return errors.New("a spec is judged once: there is no --ginkgo.flake-attempts and no --ginkgo.must-pass-repeatedly here")
	}
	if s.config.ParallelTotal > 1 {
		return errors.New("specs run side by side with --jobs, and not in Ginkgo's parallel processes")
	}
	if !given("ginkgo.timeout") {
		s.config.Timeout = 0 // specs have limits, some their own, which follow the number of nodes
	}
	spec.Limit = specLimit + manyWaits*s.patience
	s.labels = s.config.LabelFilter
	times := map[string]int{}
	for _, r := range ginkgo.PreviewSpecs("").SpecReports { // builds the tree, so that IDs are known
		if c, ok := spec.Of(r.Labels()); ok {
			if times[c.ID]++; times[c.ID] > 1 {
				return fmt.Errorf("two specs are called %s", c.ID)
			}
		}
	}
	if err := s.narrow(&s.config); err != nil {
		return err
	}
	if err := s.readLimits(); err != nil {
		return err
	}
	for _, r := range ginkgo.PreviewSpecs("", s.config).SpecReports {
		if c, ok := spec.Of(r.Labels()); ok && !r.State.Is(types.SpecStateSkipped) {
			s.selected = append(s.selected, c.ID)
		}
	}
	slices.Sort(s.selected)
	return nil
}

// judge connects, prepares, runs the specs, and cleans up whatever happened.
func (s *suite) judge(ctx context.Context, m *testing.M) (int, error) {
	start := time.Now()
	if s.beside != "" {
		go jobs.EndWithInput()
	}
	if s.image == "" {
		return exitBadInput, errors.New("no image is named: pass --agent-image=REF, which all nodes can pull")
	}
	if err := s.connect(ctx); err != nil {
		return exitBadInput, err
	}
	folder, err := s.folder(start)
	if err != nil {
		return exitBadInput, fmt.Errorf("folder for the results: %w", err)
	}
	s.reports = folder
	log, err := os.Create(filepath.Join(folder, "run.log"))
	if err != nil {
		return exitBadInput, err
	}
	defer func() { _ = log.Close() }()
	s.openLog(log)
	s.say("%d specs on %s: Kubernetes %s, %d nodes; results in %s", len(s.selected), s.cluster.Config.Host, s.cluster.Version, len(s.cluster.Nodes), folder)
	for _, n := range s.cluster.LeftOut {
		s.say("left out: node %s", n)
	}
	status, err := s.prepareAndRun(ctx, m, folder)
	s.endOthers()
	if cleanErr := s.stop(ctx); cleanErr != nil {
		err = errors.Join(err, cleanErr)
		status = max(status, exitFailed)
	}
	if s.report != nil {
		s.say("\n%s", s.report.Summary())
		s.say("results in %s", folder)
	}
	return status, err
}

func (s *suite) prepareAndRun(ctx context.Context, m *testing.M, folder string) (int, error) {
	err := s.rehearseFirst(ctx)
	if err == nil {
		err = s.prepare(ctx, folder)
	}
	if err != nil {
		if ctx.Err() != nil {
			return exitInterrupted, fmt.Errorf("interrupted: %w", err) // which says what was withdrawn, or left
		}
		return exitBadInput, err
	}
	if err := s.chooseLimits(); err != nil {
		return exitBadInput, err
	}
	if err := s.share(ctx, folder); err != nil {
		return exitBadInput, err
	}
	status := m.Run()
	switch {
	case s.report == nil:
		return status, nil
	case s.report.Good():
		return exitOK, nil
	default:
		return exitFailed, nil
	}
}

// connect reaches the cluster and asks whether the run may do what it has to.
func (s *suite) connect(ctx context.Context) error {
	var err error
	if s.access, err = cluster.ParseAccess(s.options.access); err != nil {
		return err
	}
	if s.cluster, err = cluster.Connect(ctx, 15*time.Second); err != nil {
		return err
	}
	cluster.AfterFlags()
	return s.cluster.MayTest(ctx)
}

// openLog sends Ginkgo's and the e2e framework's output to run.log, and package testing's, which
// says FAIL where an informational spec has failed: what a person reads is said here. With --ginkgo.v
// Ginkgo keeps the terminal.
func (s *suite) openLog(log *os.File) {
	s.out, s.told = io.MultiWriter(os.Stdout, log), io.MultiWriter(os.Stdout, log)
	if s.beside != "" { // of this one a person reads verdicts
		s.out = log
	}
	os.Stdout = log
	ginkgo.GinkgoWriter.TeeTo(log)
	cluster.LogTo(log)
	if _, reporter := ginkgo.GinkgoConfiguration(); !reporter.Verbose && !reporter.VeryVerbose {
		formatter.ColorableStdOut = log
	}
}

// prepare makes the fleet and brings SCTP to the nodes, side by side.
func (s *suite) prepare(ctx context.Context, folder string) error {
	if err := s.bury(ctx); err != nil {
		return err
	}
	id, kept, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.eyes = observer.New(ctx, s.cluster, id, s.image)
	if kept != nil {
		s.eyes.Adopt(kept.Namespaces)
	}
	s.access.Through(s.eyes.Run)
	if err := s.undoMarks(ctx, id); err != nil {
		return errors.Join(err, s.modules.giveUp(ctx, s, id)) // access to nodes may have made pods
	}
	if err := s.modules.rollOut(ctx, s, id); err != nil {
		return err
	}
	loading := s.modules.begin(ctx, s, id)
	o := lab.Options{
		ID: id, Image: s.image, Artifacts: cmp.Or(s.beside, folder), Patience: s.patience, Seed: s.config.RandomSeed, Access: s.access, External: s.dialer(), Kept: kept,
	}
	if s.access != nil {
		o.Eyes = s.eyes
	}
	done := s.timed("agents on every node")
	s.run, err = lab.Start(ctx, s.cluster, o)
	if err != nil {
		if loading != nil {
			<-loading
		}
		return err
	}
	done()
	s.facts = s.cluster.Facts(ctx, s.run.Namespaces())
	return s.modules.finish(ctx, s, loading)
}

// bury removes what dead runs left. By their leases they look dead; but clocks differ, so
// they must also be silent while we watch.
func (s *suite) bury(ctx context.Context) error {
	if s.beside != "" {
		return nil
	}
	dead, err := s.cluster.Abandoned(ctx, false)
	if err == nil && len(dead) > 0 {
		s.say("watching for %v whether these are left by dead runs: %s", cluster.SilentFor, strings.Join(dead, ", "))
		dead, err = s.cluster.Silent(ctx, dead)
	}
	if err != nil {
		return err
	}
	left, err := s.cluster.LeftBeside(ctx, dead)
	if err != nil || left.Empty() {
		return err
	}
	s.say("removing %s", left)
	return s.cluster.Remove(ctx, left)
}

// begin gives the run an id: that of an earlier run whose agents it takes over, or its own.
func (s *suite) begin(ctx context.Context) (string, *cluster.Kept, error) {
	if s.keep > 0 {
		kept, err := s.cluster.Take(ctx)
		if err != nil {
			return "", nil, err
		}
		if kept != nil {
			s.say("taking over the agents that run %s has left", kept.Run)
			return kept.Run, kept, nil
		}
	}
	return fmt.Sprintf("%05x", rand.Uint32()&0xfffff), nil, nil
}

// stop removes the run from the cluster, or leaves its agents there if that was asked for,
// with a context of its own: an interrupt must not keep it from that.
func (s *suite) stop(ctx context.Context) error {
	if s.run == nil {
		return nil
	}
	restored := s.modules.restore(ctx, s)
	s.eyes.Close()
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	if s.keep > 0 && !interrupted && s.report != nil {
		agents, err := s.run.Leave(ctx, s.keep)
		if err == nil {
			s.say("%d agents stay for the next run with --keep, until %s at the latest", agents, time.Now().Add(s.keep).Format("15:04"))
			return nil
		}
		s.say("agents do not stay: %v", err)
	}
	done := s.timed("removed everything")
	if err := s.run.Stop(ctx); err != nil {
		return errors.Join(restored, fmt.Errorf("cleaning up: %w; `make clean-cluster KUBECONFIG=PATH` finishes it", err))
	}
	done()
	return restored
}

func (s *suite) cleanCluster(ctx context.Context) (int, error) {
	if err := s.connect(ctx); err != nil {
		return exitBadInput, err
	}
	s.out = os.Stdout
	if s.options.access == "pod" {
		s.access = nil // there are no pods for it without a run
	}
	namespaces, err := s.dead(ctx)
	if err != nil {
		return exitBadInput, err
	}
	left, err := s.cluster.LeftBeside(ctx, namespaces)
	if err != nil {
		return exitBadInput, err
	}
	if !left.Empty() {
		s.say("removing %s", left)
		if err := s.cluster.Remove(ctx, left); err != nil {
			return exitFailed, err
		}
	}
	// Now: what says that a run is alive is in its namespaces.
	marked, err := s.deadMarks(ctx)
	if err != nil {
		return exitFailed, err
	}
	found, err := s.unwind(ctx, marked)
	if err != nil {
		return exitFailed, err
	}
	if left.Empty() && !found {
		s.say("nothing to remove")
	}
	return exitOK, nil
}

// dead are the namespaces that --clean removes. What was kept is known at once; whether other
// runs are alive must be watched.
func (s *suite) dead(ctx context.Context) ([]string, error) {
	all, err := s.cluster.Abandoned(ctx, true)
	if err != nil || s.force {
		return all, err
	}
	idle, err := s.cluster.Idle(ctx)
	if err != nil || len(idle) == len(all) {
		return idle, err
	}
	s.say("watching for %v whether runs are alive", cluster.SilentFor)
	return s.cluster.Silent(ctx, all)
}

// say writes a line for the person who watches.
func (s *suite) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, " "+format+"\n", args...) // a terminal that is gone stops no run
}

// timed begins a step; what it returns says that the step is done and how long it took.
func (s *suite) timed(what string) func() {
	start := time.Now()
	return func() { s.say("%-58s %6.1fs", what, time.Since(start).Seconds()) }
}
