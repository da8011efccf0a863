package e2e

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sctp.test/framework/module/machineconfig"
	"sctp.test/framework/module/marks"
)

// What specs change on a cluster beside their namespaces is undone here: by the spec that did it
// and, after a run that was killed, by the next run and by --clean.

func book() marks.Book { return marks.Of(here.cluster.Dynamic) }

// mark is one of this run's.
func mark(kind marks.Kind, object string) marks.Mark {
	return marks.Mark{Kind: kind, Object: object, Run: here.run.ID}
}

// undo puts back what a mark tells of and waits until the operator has heeded it. It may be
// asked again.
func undo(ctx context.Context, m marks.Mark) error {
	if m.Kind == marks.File {
		if err := mend(ctx, m); err != nil {
			return err
		}
	}
	if err := book().Undo(ctx, m); err != nil {
		return err
	}
	switch m.Kind {
	case marks.File:
		return await(ctx, 10*time.Minute, "the pool of node "+m.Object+" to be at rest again", func(ctx context.Context) (bool, error) {
			still, err := degraded(ctx, m.Object)
			return err == nil && !still, err
		})
	case marks.Pause:
		return await(ctx, here.rollout, "pool "+m.Object+" to be at rest again", func(ctx context.Context) (bool, error) {
			p, err := readPool(ctx, m.Object)
			return err == nil && p.Rested(p.Target()) == "", err
		})
	case marks.Role:
		return await(ctx, here.rollout, "node "+m.Object+" to be at home in its pool again", func(ctx context.Context) (bool, error) {
			pool, err := poolOf(ctx, m.Object)
			if err != nil {
				return false, err
			}
			return atHome(ctx, m.Object, pool)
		})
	case marks.Policy:
		return await(ctx, 2*time.Minute, "the operator to take the node disruption policy", policyObserved)
	case marks.Pool: // nobody is in it
	}
	return nil
}

// mend gives a file that a spec has made longer its size again. It is written so that a person
// without access can have it done.
func mend(ctx context.Context, m marks.Mark) error {
	size, err := strconv.Atoi(fmt.Sprint(m.Was))
	if err == nil {
		err = resize(ctx, m.Object, machineconfig.AtBoot, size)
	}
	if err != nil {
		return fmt.Errorf("run %s has made %s on node %s longer, for which the operator gives up on the node: run `truncate --size=%v %s` there as root, or pass --node-access=exec: %w",
			m.Run, machineconfig.AtBoot, m.Object, m.Was, machineconfig.AtBoot, err)
	}
	return nil
}

// deadMarks are what specs of dead runs have changed.
func (s *suite) deadMarks(ctx context.Context) ([]marks.Mark, error) {
	all, err := book().Find(ctx)
	if err != nil {
		return nil, err
	}
	return marks.OfDead(all, func(run string) (bool, error) {
		s.say("watching whether run %s is alive, which has changed what is not its own here", run)
		return s.cluster.RunAlive(ctx, run)
	})
}

// undoMarks undoes what specs of dead runs have changed before run begins. A MachineConfig
// beside it is a spec's own, too; where there is nothing else, it is left for a run that
// rolls one out to go on with.
func (s *suite) undoMarks(ctx context.Context, run string) error {
	left, err := s.deadMarks(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	for _, m := range left {
		if m.Run == run {
			continue // it takes over the agents of that run
		}
		// Budgets in the namespaces of a run that was killed just now would hold a drain.
		if err := s.cluster.DeleteRun(ctx, m.Run); err != nil {
			return err
		}
	}
	_, err = s.unwind(ctx, left)
	return err
}

// unwind undoes what dead runs have left beside namespaces, and says whether there was
// anything. While a living run has a MachineConfig on the cluster, nothing is touched.
func (s *suite) unwind(ctx context.Context, left []marks.Mark) (found bool, err error) {
	p := s.machineConfigs("clean")
	configs, err := p.Left(ctx)
	if errors.As(err, new(machineconfig.Refusal)) {
		s.say("left alone: %v", err)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	err = marks.Unwind(left, func(m marks.Mark) error {
		s.say("putting back %s, which run %s has changed", m, m.Run)
		return undo(ctx, m)
	}, func() (bool, error) {
		if configs == nil {
			return true, nil
		}
		s.say("removing MachineConfig %s of run %s", strings.Join(configs.Configs, ", "), configs.Adopted)
		err := putBack(ctx, p, configs)
		return configs.Over(), err
	})
	return configs != nil || len(left) > 0, err
}
