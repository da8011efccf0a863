package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sctp.test/framework/wire"
)

// Every test runs in a bubble: its clock is made up, so that deadlines are exact and cost
// nothing, and a goroutine that is left behind fails it.

// say makes an agent that greets and then does something with each request. It goes on
// until its stdin ends, or do returns an error.
func say(boot string, do func(r wire.Request, reply func(wire.Reply)) error) Dialer {
	return func(_ context.Context, stdin io.Reader, stdout io.Writer) error {
		enc, dec := json.NewEncoder(stdout), json.NewDecoder(stdin)
		if err := enc.Encode(wire.Hello{Version: wire.Version, Boot: boot}); err != nil {
			return err
		}
		for {
			var r wire.Request
			if err := dec.Decode(&r); err != nil {
				return err
			}
			if err := do(r, func(reply wire.Reply) { _ = enc.Encode(reply) }); err != nil {
				return err
			}
		}
	}
}

// echo answers each question for a nonce with that nonce.
func echo(r wire.Request, reply func(wire.Reply)) error {
	reply(answer(r))
	return nil
}

func question(nonce string) wire.Request {
	return wire.Request{Records: &wire.Records{Nonces: []string{nonce}}}
}

func answer(r wire.Request) wire.Reply {
	return wire.Reply{ID: r.ID, Records: []wire.Record{{Nonce: r.Records.Nonces[0]}}}
}

// in runs a test with an agent that is closed at its end.
func in(t *testing.T, dial Dialer, test func(t *testing.T, a *Agent)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := New(t.Context(), "x/server", dial)
		defer a.Close()
		test(t, a)
	})
}

func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func mustAnswer(t *testing.T, a *Agent, nonce string) {
	t.Helper()
	reply, err := a.Ask(within(t, time.Minute), question(nonce))
	if err != nil {
		t.Errorf("question %s: %v", nonce, err)
	} else if len(reply.Records) != 1 || reply.Records[0].Nonce != nonce {
		t.Errorf("question %s got the answer %+v", nonce, reply.Records)
	}
}

func mustFail(t *testing.T, a *Agent, limit time.Duration, want string) {
	t.Helper()
	start := time.Now()
	_, err := a.Ask(within(t, limit), question("n"))
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want one with %q", err, want)
	}
	if took := time.Since(start); took > limit {
		t.Errorf("it took %v, more than the %v it was given", took, limit)
	}
}

func TestRepliesFindTheirQuestions(t *testing.T) {
	const many = 50
	var held []wire.Request
	backwards := func(r wire.Request, reply func(wire.Reply)) error {
		if held = append(held, r); len(held) == many {
			for _, r := range slices.Backward(held) {
				reply(answer(r))
			}
		}
		return nil
	}
	in(t, say("a", backwards), func(t *testing.T, a *Agent) {
		var wg sync.WaitGroup
		for i := range many {
			wg.Go(func() { mustAnswer(t, a, fmt.Sprint(i)) })
		}
		wg.Wait()
	})
}

func TestHelloOpensOneStream(t *testing.T) {
	opened := 0
	dial := say("a", echo)
	in(t, func(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
		opened++
		return dial(ctx, stdin, stdout)
	}, func(t *testing.T, a *Agent) {
		for range 3 {
			if h, err := a.Hello(t.Context()); err != nil || h.Boot != "a" {
				t.Fatalf("hello %+v, %v", h, err)
			}
			mustAnswer(t, a, "n")
		}
		if opened != 1 {
			t.Errorf("%d streams were opened", opened)
		}
	})
}

func TestBrokenStream(t *testing.T) {
	broke := errors.New("the kubelet went away")
	calls := 0
	sometimes := func(r wire.Request, reply func(wire.Reply)) error {
		if calls++; calls == 3 {
			return broke // with three in flight
		} else if calls < 3 {
			return nil
		}
		return echo(r, reply)
	}
	in(t, say("a", sometimes), func(t *testing.T, a *Agent) {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := a.Ask(t.Context(), question("n"))
				if !errors.Is(err, broke) || !strings.HasPrefix(err.Error(), "agent x/server, after 0s: the connection to the agent ended before the reply") {
					t.Errorf("in flight: %v", err)
				}
			})
		}
		wg.Wait()
		mustAnswer(t, a, "next")
	})
}

func TestRestartedAgentIsNotBelieved(t *testing.T) {
	boots := 0
	in(t, func(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
		boots++
		return say(fmt.Sprint(boots), func(r wire.Request, reply func(wire.Reply)) error {
			_ = echo(r, reply)
			return io.EOF
		})(ctx, stdin, stdout)
	}, func(t *testing.T, a *Agent) {
		mustAnswer(t, a, "first")
		synctest.Wait()
		for range 2 { // nor later
			if _, err := a.Ask(t.Context(), question("n")); !errors.Is(err, ErrRestarted) {
				t.Errorf("error is %v, want ErrRestarted", err)
			}
		}
	})
}

// What an agent, or what stands in its place, may say or not say.
func TestStrangeStreams(t *testing.T) {
	text := func(s string, more ...string) Dialer {
		return func(_ context.Context, stdin io.Reader, stdout io.Writer) error {
			_, _ = io.WriteString(stdout, s)
			if len(more) == 0 { // and then nothing any more
				_, err := io.Copy(io.Discard, stdin)
				return err
			}
			_ = json.NewDecoder(stdin).Decode(&wire.Request{})
			_, err := io.WriteString(stdout, more[0])
			return err
		}
	}
	const hello = `{"version":1,"boot":"a"}` + "\n"
	tests := []struct {
		name string
		dial Dialer
		want string
	}{
		{"it never writes", text(""), "connecting to the agent: context deadline exceeded"},
		{"it writes half a hello", text(hello[:9]), "connecting to the agent: context deadline exceeded"},
		{"it never answers", text(hello), "no reply: context deadline exceeded"},
		{"it never reads", func(ctx context.Context, _ io.Reader, stdout io.Writer) error {
			_, _ = io.WriteString(stdout, hello)
			<-ctx.Done()
			return ctx.Err()
		}, "no reply: context deadline exceeded"},
		{"it ends without a word", func(context.Context, io.Reader, io.Writer) error { return nil }, "connecting to the agent: EOF"},
		{"it drops its last line", text(hello, ""), "ended before the reply: EOF"},
		{"it breaks off in its last line", text(hello, `{"id":1,"rec`), "ended before the reply: unexpected EOF"},
		{"it answers another question", text(hello, `{"id":7}`), "ended before the reply: EOF"},
		{"it speaks another version", text(strings.Replace(hello, "1", "2", 1)), "the agent speaks version 2 and this suite 1"},
		{"it is another program", text("OCI runtime exec failed\n"), "connecting to the agent: invalid character 'O'"},
		{"it is another program that speaks JSON", text("{}\n"), "the agent speaks version 0 and this suite 1"},
		{"it cannot be reached", func(context.Context, io.Reader, io.Writer) error {
			return errors.New("pods \"agent-1\" not found")
		}, `connecting to the agent: pods "agent-1" not found`},
		{"it refuses", say("a", func(r wire.Request, reply func(wire.Reply)) error {
			reply(wire.Reply{ID: r.ID, Error: "EADDRINUSE"})
			return nil
		}), "agent x/server, after 0s: EADDRINUSE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, tt.dial, func(t *testing.T, a *Agent) {
				mustFail(t, a, 5*time.Second, tt.want)
			})
		})
	}
}

// A stream that takes no input holds up one line; the others wait for their own deadlines.
func TestStalledStreamHoldsUpNobody(t *testing.T) {
	deaf := func(ctx context.Context, _ io.Reader, stdout io.Writer) error {
		_, _ = io.WriteString(stdout, `{"version":1}`)
		<-ctx.Done()
		return ctx.Err()
	}
	in(t, deaf, func(t *testing.T, a *Agent) {
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { mustFail(t, a, time.Duration(i+1)*time.Second, "no reply") })
		}
		wg.Wait()
	})
}

// Nor does one that opens slowly: each question waits as long as it was given.
func TestSlowOpeningHoldsUpNobody(t *testing.T) {
	in(t, func(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
		<-time.After(30 * time.Second)
		return say("a", echo)(ctx, stdin, stdout)
	}, func(t *testing.T, a *Agent) {
		var wg sync.WaitGroup
		wg.Go(func() { mustAnswer(t, a, "patient") })
		synctest.Wait()
		mustFail(t, a, time.Second, "waiting for another question to connect to the agent: context deadline exceeded")
		wg.Wait()
		mustAnswer(t, a, "later")
	})
}

func TestRepeatedReplies(t *testing.T) {
	thrice := func(r wire.Request, reply func(wire.Reply)) error {
		for range 3 {
			reply(answer(r))
		}
		return nil
	}
	in(t, say("a", thrice), func(t *testing.T, a *Agent) {
		for i := range 20 {
			mustAnswer(t, a, fmt.Sprint(i))
		}
	})
}

// The last words of an agent count.
func TestReplyBeforeTheEnd(t *testing.T) {
	last := func(r wire.Request, reply func(wire.Reply)) error {
		reply(answer(r))
		return io.EOF
	}
	in(t, say("a", last), func(t *testing.T, a *Agent) {
		for i := range 200 {
			mustAnswer(t, a, fmt.Sprint(i))
			synctest.Wait()
		}
	})
}

func TestClose(t *testing.T) {
	var release chan struct{}
	tests := []struct {
		name string
		dial Dialer
		want string        // of whom it leaves without a reply
		took time.Duration // to say goodbye
	}{
		{"while a question waits", say("a", func(wire.Request, func(wire.Reply)) error { return nil }), "the connection to the agent ended before the reply: EOF", 0},
		{"while the stream opens", func(ctx context.Context, _ io.Reader, _ io.Writer) error {
			<-ctx.Done()
			return ctx.Err()
		}, "context canceled", 0},
		{"with an agent that does not end", func(ctx context.Context, _ io.Reader, stdout io.Writer) error {
			_, _ = io.WriteString(stdout, `{"version":1}`)
			<-ctx.Done()
			return ctx.Err()
		}, "context canceled", goodbye},
		{"with a dialer that does not heed its context", func(_ context.Context, _ io.Reader, stdout io.Writer) error {
			_, _ = io.WriteString(stdout, `{"version":1}`)
			<-release
			return nil
		}, "context canceled", goodbye},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release = make(chan struct{})
				defer close(release)
				a := New(t.Context(), "x/server", tt.dial)
				var wg sync.WaitGroup
				wg.Go(func() { mustFail(t, a, time.Hour, tt.want) })
				synctest.Wait()
				start := time.Now()
				a.Close()
				wg.Wait()
				a.Close() // again
				mustFail(t, a, time.Hour, "context canceled")
				if took := time.Since(start); took != tt.took {
					t.Errorf("closing took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// Whatever ends a stream, the agent's stdin ends in order: client-go logs all else.
func TestStdinEndsInOrder(t *testing.T) {
	for name, end := range map[string]func(a *Agent, cancel func()){
		"closed":             func(a *Agent, _ func()) { a.Close() },
		"the run has ended":  func(_ *Agent, cancel func()) { cancel() },
		"cancelled and then": func(a *Agent, cancel func()) { cancel(); a.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				ended := errors.New("stdin has not ended")
				a := New(ctx, "x/server", func(_ context.Context, stdin io.Reader, stdout io.Writer) error {
					_, _ = io.WriteString(stdout, `{"version":1}`)
					_, ended = io.Copy(io.Discard, stdin)
					return nil
				})
				if _, err := a.Hello(t.Context()); err != nil {
					t.Fatal(err)
				}
				end(a, cancel)
				synctest.Wait()
				if ended != nil {
					t.Error(ended)
				}
			})
		})
	}
}

func TestEndOfTheRunEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a := New(ctx, "x/server", say("a", echo))
		mustAnswer(t, a, "n")
		cancel()
		synctest.Wait()
		mustFail(t, a, time.Hour, "context canceled")
	})
}
