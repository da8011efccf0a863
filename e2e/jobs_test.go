package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sctp.test/framework/jobs"
	"sctp.test/framework/report"
	"sctp.test/framework/spec"
)

// share starts the processes that judge beside this one, and leaves this one what is left for
// it. They are runs like any other but for what has been done already: they load nothing,
// rehearse nothing, remove nothing of dead runs and conclude nothing.
func (s *suite) share(ctx context.Context, folder string) error {
	if s.jobs == 1 {
		return nil
	}
	var cases []spec.Case
	for _, id := range s.selected {
		c, _ := spec.Of([]string{"Spec: " + id})
		cases = append(cases, c)
	}
	hands := jobs.Deal(cases, s.jobs)
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for i, hand := range hands[1:] {
		p := &jobs.Process{Cases: hand, Folder: filepath.Join(folder, fmt.Sprintf("job-%d", i+2))}
		args := append(slices.Clone(os.Args[1:]), "--jobs=1", "--beside="+folder, "--artifacts="+p.Folder,
			"--focus="+strings.Join(jobs.IDs(hand), ","), "--ginkgo.label-filter=", fmt.Sprintf("--ginkgo.seed=%d", s.config.RandomSeed))
		if err := p.Start(ctx, s.out, program, args...); err != nil {
			return err
		}
		s.others = append(s.others, p)
	}
	s.config.LabelFilter, s.config.FocusStrings = only(jobs.IDs(hands[0])), nil
	s.say("%d specs here, and %d in %d processes beside", len(hands[0]), len(s.selected)-len(hands[0]), len(s.others))
	return nil
}

// only is a label filter for some specs.
func only(ids []string) string { return "Spec: containsAny {" + strings.Join(ids, ", ") + "}" }

// awaitOthers returns when no process judges beside this one.
func (s *suite) awaitOthers() {
	begun := time.Now()
	for _, p := range s.others {
		_ = p.Wait() // joined tells of it
	}
	if took := time.Since(begun); took > time.Second {
		s.say("%-58s %6.1fs", "waited for the processes beside", took.Seconds())
	}
}

// endOthers lets them clean up, if they are not through.
func (s *suite) endOthers() {
	for _, p := range s.others {
		p.End()
	}
	s.awaitOthers()
}

// joined is a report with what the processes beside this one have found.
func (s *suite) joined(r report.Report) report.Report {
	for _, p := range s.others {
		ended := p.Wait()
		theirs, err := report.Read(p.Folder)
		var exit *exec.ExitError
		if errors.As(ended, &exit) && exit.ExitCode() == exitFailed && err == nil {
			ended = nil // a spec has failed, or it has said what it could not remove
		}
		why := "the process that was to judge it ended before, see " + filepath.Join(p.Folder, "run.log")
		if err := errors.Join(ended, err); err != nil {
			why += fmt.Sprintf(": %v", err)
		}
		r = r.Join(theirs, p.Cases, why)
	}
	return r
}
