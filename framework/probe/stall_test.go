package probe

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sctp.test/framework/wire"
)

// stall makes an agent whose first stream answers nothing but what do does, while later
// streams, to the same boot, echo.
func stall(opened *int, do func(r wire.Request, reply func(wire.Reply)) error) Dialer {
	return func(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
		if *opened++; *opened > 1 {
			return say("a", echo)(ctx, stdin, stdout)
		}
		return say("a", do)(ctx, stdin, stdout)
	}
}

func silence(wire.Request, func(wire.Reply)) error { return nil }

// One stall costs the questions on its way and not those that come after.
func TestStalledStreamIsOpenedAgain(t *testing.T) {
	tests := []struct {
		name      string
		deadlines []time.Duration // of questions, one after another
		opened    int
	}{
		{"a question waited long enough", []time.Duration{stalled}, 2},
		{"it waited longer", []time.Duration{time.Minute}, 2},
		{"too short to tell", []time.Duration{stalled - time.Second}, 1},
		{"several short ones", []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opened := 0
			in(t, stall(&opened, silence), func(t *testing.T, a *Agent) {
				for _, d := range tt.deadlines {
					mustFail(t, a, d, "no reply: context deadline exceeded")
				}
				if tt.opened > 1 {
					mustAnswer(t, a, "next")
				}
				if opened != tt.opened {
					t.Errorf("%d streams were opened, want %d", opened, tt.opened)
				}
			})
		})
	}
}

// Who still waits on a stream that is given up is told why, and asks in vain.
func TestStalledStreamTakesItsQuestionsAlong(t *testing.T) {
	opened := 0
	in(t, stall(&opened, silence), func(t *testing.T, a *Agent) {
		var wg sync.WaitGroup
		wg.Go(func() {
			mustFail(t, a, time.Hour, "the connection to the agent ended before the reply: it was given up: not a byte for 7s")
		})
		synctest.Wait()
		mustFail(t, a, 7*time.Second, "no reply")
		wg.Wait()
		mustAnswer(t, a, "next")
	})
}

// The same agent is met again, so an agent that has restarted meanwhile is found out.
func TestStalledAgentThatRestarted(t *testing.T) {
	boots := []string{"a", "b"}
	in(t, func(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
		boot := boots[0]
		boots = boots[1:]
		return say(boot, silence)(ctx, stdin, stdout)
	}, func(t *testing.T, a *Agent) {
		mustFail(t, a, time.Minute, "no reply")
		if _, err := a.Ask(t.Context(), question("n")); !errors.Is(err, ErrRestarted) {
			t.Errorf("error is %v, want ErrRestarted", err)
		}
	})
}

// A stream that says anything is alive, however long a question waits.
func TestTalkingStreamIsKept(t *testing.T) {
	slow := func(r wire.Request, reply func(wire.Reply)) error {
		switch nonce := r.Records.Nonces[0]; {
		case nonce == "n": // never answered
		case strings.HasPrefix(nonce, "later"):
			time.AfterFunc(30*time.Second, func() { reply(answer(r)) })
		default:
			reply(answer(r))
		}
		return nil
	}
	t.Run("answers to others", func(t *testing.T) {
		opened := 0
		in(t, stall(&opened, slow), func(t *testing.T, a *Agent) {
			var wg sync.WaitGroup
			wg.Go(func() { mustFail(t, a, 20*time.Second, "no reply") })
			for range 10 {
				<-time.After(2 * time.Second)
				mustAnswer(t, a, "other")
			}
			wg.Wait()
			if opened != 1 {
				t.Errorf("%d streams were opened", opened)
			}
		})
	})
	t.Run("an idle hour is no stall", func(t *testing.T) {
		opened := 0
		in(t, stall(&opened, slow), func(t *testing.T, a *Agent) {
			mustAnswer(t, a, "first")
			<-time.After(time.Hour)
			mustFail(t, a, time.Second, "no reply")
			mustAnswer(t, a, "other")
			if opened != 1 {
				t.Errorf("%d streams were opened", opened)
			}
		})
	})
	t.Run("patience is longer than a stall", func(t *testing.T) {
		opened := 0
		in(t, stall(&opened, slow), func(t *testing.T, a *Agent) {
			mustAnswer(t, a, "later")
			if opened != 1 {
				t.Errorf("%d streams were opened", opened)
			}
		})
	})
}

// Whoever does not want the answer any more has not waited in vain.
func TestCancelledQuestionEndsNoStream(t *testing.T) {
	opened := 0
	in(t, stall(&opened, silence), func(t *testing.T, a *Agent) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if _, err := a.Ask(ctx, question("n")); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		if _, err := a.Hello(t.Context()); err != nil || opened != 1 {
			t.Errorf("%d streams were opened, %v", opened, err)
		}
	})
}
