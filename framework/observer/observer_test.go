package observer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sctp.test/framework/cluster"
)

// fake has pods that are functions.
func fake(run runner) *Observers {
	start := func(_ context.Context, node string) (runner, error) {
		if node == "none" {
			return nil, errors.New("no such node")
		}
		return run, nil
	}
	return &Observers{start: start, nodes: map[string]*place{}, stop: func() {}}
}

func TestRunThroughAccess(t *testing.T) {
	o := fake(func(_ context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
		if stdin != nil {
			t.Error("a command has something to read")
		}
		_, _ = fmt.Fprint(stdout, strings.Join(command, " "))
		_, _ = fmt.Fprint(stderr, "why\n")
		if command[3] == "false" {
			return errors.New("status 1")
		}
		return nil
	})
	access, err := cluster.ParseAccess("pod")
	if err != nil {
		t.Fatal(err)
	}
	access.Through(o.Run)
	if out, err := access.Run(t.Context(), "b", "uname", "-r"); out != "/sctp-agent on-host /host uname -r" || err != nil {
		t.Errorf("output %q, error %v", out, err)
	}
	if out, err := access.Run(t.Context(), "b", "false"); out == "" || err == nil || err.Error() != "false on node b: status 1: why" {
		t.Errorf("output %q, error %v", out, err)
	}
	if _, err := access.Run(t.Context(), "none", "uname"); err == nil || err.Error() != "uname on node none: no such node: " {
		t.Errorf("error %v", err)
	}
}

// A node is tried once, unless it was the caller who did not wait.
func TestPodIsMadeOnce(t *testing.T) {
	var tried atomic.Int32
	o := fake(nil)
	o.start = func(ctx context.Context, _ string) (runner, error) {
		tried.Add(1)
		return nil, errors.Join(errors.New("no image"), ctx.Err())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i, tt := range []struct {
		ctx  context.Context
		want int32
	}{{gone, 1}, {t.Context(), 2}, {t.Context(), 2}} {
		if _, err := o.on(tt.ctx, "a"); err == nil || tried.Load() != tt.want {
			t.Errorf("time %d: error %v, tried %d times, want %d", i, err, tried.Load(), tt.want)
		}
	}
}

// A drain takes the pod away: the next command has another one made.
func TestPodThatIsGoneIsMadeAgain(t *testing.T) {
	made := 0
	o := fake(nil)
	o.start = func(context.Context, string) (runner, error) {
		made++
		first := made == 1
		return func(_ context.Context, _ []string, _ io.Reader, stdout, _ io.Writer) error {
			if first {
				return errGone
			}
			_, _ = io.WriteString(stdout, "yes")
			return nil
		}, nil
	}
	var out strings.Builder
	if err := o.Run(t.Context(), "a", []string{"true"}, &out, io.Discard); err != nil || out.String() != "yes" || made != 2 {
		t.Errorf("output %q, %v; %d pods made", out.String(), err, made)
	}
}

// capturing is an agent that says begin, waits for its input and then says end.
func capturing(begin, end string, err error) runner {
	return func(_ context.Context, _ []string, stdin io.Reader, stdout, stderr io.Writer) error {
		_, _ = io.WriteString(stdout, begin)
		if begin == "" {
			_, _ = io.WriteString(stderr, end)
			return err
		}
		_, _ = stdin.Read(make([]byte, 1))
		_, _ = io.WriteString(stdout, end)
		return err
	}
}

func TestWatch(t *testing.T) {
	w, err := fake(capturing("begin ", "end", nil)).Watch(t.Context(), "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Stop()
	if err != nil || len(got) != 2 || string(got["a"]) != "begin end" || string(got["b"]) != "begin end" {
		t.Errorf("captured %q, %v", got, err)
	}
}

func TestWatchThatDoesNotBegin(t *testing.T) {
	_, err := fake(capturing("", "packet socket: operation not permitted\n", errors.New("status 1"))).Watch(t.Context(), "a")
	if err == nil || err.Error() != "capture on node a: it ended at once: status 1\npacket socket: operation not permitted" {
		t.Errorf("error %v", err)
	}
	_, err = fake(capturing("begin", "", nil)).Watch(t.Context(), "a", "none")
	if err == nil || err.Error() != "no such node" {
		t.Errorf("error %v", err)
	}
}

func TestWatchThatIsBrokenOff(t *testing.T) {
	w, err := fake(capturing("begin", "", errors.New("connection lost"))).Watch(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Stop(); err == nil || err.Error() != "capture on node a: connection lost" || string(got["a"]) != "begin" {
		t.Errorf("captured %q, error %v", got, err)
	}
}

// The exec that ends before anybody reads the input must not leave Stop waiting.
func TestStopAfterTheEnd(t *testing.T) {
	o := fake(func(_ context.Context, _ []string, _ io.Reader, stdout, _ io.Writer) error {
		_, _ = io.WriteString(stdout, "all")
		return nil
	})
	w, err := o.Watch(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Stop(); err != nil || string(got["a"]) != "all" {
		t.Errorf("captured %q, %v", got, err)
	}
}

// deaf says begin, heeds nothing that is said to it, and ends with its context.
func deaf(begin string) runner {
	return func(ctx context.Context, _ []string, _ io.Reader, stdout, _ io.Writer) error {
		_, _ = io.WriteString(stdout, begin)
		<-ctx.Done()
		return ctx.Err()
	}
}

// A capture that stalls holds nobody up for longer than it may, and what came of it is kept.
func TestCapturesThatStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if _, err := fake(deaf("")).Watch(t.Context(), "a"); err == nil || err.Error() != "capture on node a: nothing came from it in 45s" {
			t.Errorf("error %v", err)
		}
		w, err := fake(deaf("begin")).Watch(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.Stop(); err == nil || err.Error() != "capture on node a: it did not end in 20s" || string(got["a"]) != "begin" {
			t.Errorf("captured %q, error %v", got, err)
		}
		if took := time.Since(begun); took != readyLimit+endLimit {
			t.Errorf("it took %v", took)
		}
	})
}

// Where one node cannot be watched no capture is left on the others.
func TestWatchOfHalfIsGivenUp(t *testing.T) {
	var ended atomic.Int32
	o := fake(func(ctx context.Context, _ []string, _ io.Reader, stdout, _ io.Writer) error {
		defer ended.Add(1)
		_, _ = io.WriteString(stdout, "begin")
		<-ctx.Done()
		return ctx.Err()
	})
	synctest.Test(t, func(t *testing.T) {
		if w, err := o.Watch(t.Context(), "a", "none", "b"); err == nil || w != nil {
			t.Errorf("watched %v, error %v", w, err)
		}
		synctest.Wait()
		if ended.Load() != 2 {
			t.Errorf("%d captures have ended", ended.Load())
		}
	})
}
