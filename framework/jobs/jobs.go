// Package jobs lets several processes judge the specs of a run side by side: each is the suite's
// program, has agents of its own, and judges what it was dealt.
package jobs

import (
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"sctp.test/framework/spec"
)

// Deal shares out specs among at most so many processes. The first gets those that
// run alone, after all others, and those of the module, which it has brought to the nodes. Of the
// slow ones each gets few.
func Deal(cases []spec.Case, processes int) [][]spec.Case {
	hands := make([][]spec.Case, processes)
	var slow, fast []spec.Case
	for _, c := range cases {
		switch {
		case c.Alone() || c.Chapter() == "module":
			hands[0] = append(hands[0], c)
		case c.Pace == spec.Slow:
			slow = append(slow, c)
		default:
			fast = append(fast, c)
		}
	}
	for i, c := range slices.Concat(slow, fast) {
		j := processes - 1 - i%processes // from the last, for the first may have some already
		hands[j] = append(hands[j], c)
	}
	return slices.DeleteFunc(hands, func(hand []spec.Case) bool { return len(hand) == 0 })
}

// IDs are those of specs.
func IDs(cases []spec.Case) []string {
	var out []string
	for _, c := range cases {
		out = append(out, c.ID)
	}
	return out
}

// Process judges some of the specs while the one that has started it judges others.
type Process struct {
	Cases  []spec.Case
	Folder string // of its log and its report

	end   func()
	ended chan struct{}
	err   error
}

// Start begins a process. What it says goes to out. It is to end when its input does (see
// EndWithInput), which is when ctx or the process that has started it ends, however that ends; a
// signal from the terminal does not reach it.
func (p *Process) Start(ctx context.Context, out io.Writer, program string, args ...string) error {
	cmd := exec.Command(program, args...) //nolint:noctx // it has to clean up when ctx ends
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.ended = make(chan struct{})
	p.end = func() { _ = input.Close() }
	stop := context.AfterFunc(ctx, p.end)
	go func() {
		defer close(p.ended)
		defer stop()
		p.err = cmd.Wait()
	}()
	return nil
}

// End tells the process to end.
func (p *Process) End() { p.end() }

// Wait returns when the process has ended, with what exec.Cmd.Wait says of that.
func (p *Process) Wait() error {
	<-p.ended
	return p.err
}

// EndWithInput interrupts this process, as the terminal would, when its input ends.
func EndWithInput() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
}
