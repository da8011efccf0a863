package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// leaveLimit is how long a command may hold on to its pipes after its end.
const leaveLimit = time.Second

// Command is the stream to an agent that a command on this machine stands for: its stdin
// and stdout are the session.
func Command(argv ...string) Dialer {
	return func(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = stdout, &stderr
		cmd.WaitDelay = leaveLimit
		// A person's Ctrl-C is for the suite, which still has listeners to close there.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		// A pipe of our own: given a reader, the end of the command would wait for the
		// reader's.
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(in, stdin)
			_ = in.Close()
		}()
		err = cmd.Run()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = errors.Join(err, errors.New(text))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", argv[0], err)
		}
		return nil
	}
}
