package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// Access runs commands as root on nodes, for claims and diagnosis that cannot do without.
// It is given by the person who runs the suite; nil is none.
type Access struct {
	command []string // with {node} in it; none for pods
	pods    Remote
}

// Remote runs a command on a node by way of the cluster. An exit status other than 0 is an
// error that ExitStatus knows.
type Remote func(ctx context.Context, node string, command []string, stdout, stderr io.Writer) error

// Errors of Run.
var (
	ErrNoAccess = errors.New("there is no access to nodes, see --node-access")
	errNoPods   = errors.New("--node-access=pod: there are no pods for it yet")
)

// ParseAccess reads the value of --node-access: none, pod, or exec: and a command in which
// {node} stands for the node's name.
func ParseAccess(text string) (*Access, error) {
	command, ok := strings.CutPrefix(text, "exec:")
	switch {
	case text == "none":
		return nil, nil
	case text == "pod":
		return &Access{}, nil
	case ok && strings.Contains(command, "{node}"):
		return &Access{command: strings.Fields(command)}, nil
	case ok:
		return nil, fmt.Errorf("--node-access=%s: the command has no {node}", text)
	}
	return nil, fmt.Errorf("--node-access=%s: want none, pod, or exec: and a command with {node}", text)
}

// Through tells access by pods how to reach them. Other access has no need of it.
func (a *Access) Through(pods Remote) {
	if a != nil && a.command == nil {
		a.pods = pods
	}
}

// CommandLimit is how long a command on a node may take: those of the suite look at
// something and return.
const CommandLimit = 30 * time.Second

// Run runs a command on a node and returns what it wrote to stdout. The exit status of one
// that failed is in the error, for ExitStatus.
func (a *Access) Run(ctx context.Context, node string, command ...string) (string, error) {
	if a == nil {
		return "", ErrNoAccess
	}
	run := a.pods
	switch {
	case a.command != nil:
		run = a.exec
	case run == nil:
		return "", errNoPods
	}
	var stdout, stderr bytes.Buffer
	if err := run(ctx, node, command, &stdout, &stderr); err != nil {
		return stdout.String(), fmt.Errorf("%s on node %s: %w: %s", command[0], node, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// exec runs the person's own command.
func (a *Access) exec(ctx context.Context, node string, command []string, stdout, stderr io.Writer) error {
	var argv []string
	for _, word := range a.command {
		argv = append(argv, strings.ReplaceAll(word, "{node}", node))
	}
	argv = append(argv, command...)
	ctx, cancel := context.WithTimeoutCause(ctx, CommandLimit, fmt.Errorf("no end after %v", CommandLimit))
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = time.Second // for what it leaves behind with our pipes in hand
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}
