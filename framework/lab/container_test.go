package lab

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

func TestRestart(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client")
		m := l.member("x/server@1")
		i := 0
		for ; b.agents[i].identity.UID != m.uid; i++ {
		}
		old := b.agents[i]
		up := time.Now().Add(3 * time.Second)
		m.dial = func(ctx context.Context, in io.Reader, out io.Writer) error {
			if time.Now().Before(up) {
				return errors.New("container not found")
			}
			again := &agent{identity: old.identity, listens: old.listens, records: old.records}
			again.identity.UID = "another boot"
			return b.serve(ctx, again, in, out)
		}
		b.lies = func(_ *agent, q wire.Request, _ *wire.Reply) {
			if q.Exit != nil {
				clear(old.listens)
			}
		}
		if err := l.restart(t.Context(), "x/server@1"); err != nil {
			t.Fatal(err)
		}
		if time.Now().Before(up) || len(old.listens) != 2 {
			t.Errorf("it listens on %v", old.listens)
		}
	})
}

func TestAContainerThatIsNotStartedAgain(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		l := b.lab(t, "x/server@1:80", "x/client")
		l.member("x/server@1").dial = func(context.Context, io.Reader, io.Writer) error { return errors.New("container not found") }
		if err := l.restart(t.Context(), "x/server@1"); err == nil || !strings.Contains(err.Error(), "container not found") {
			t.Errorf("error is %v", err)
		}
	})
}
