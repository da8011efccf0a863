package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Access runs commands as root on nodes, for claims and diagnosis that cannot do without.
// It is given by the person who runs the suite; nil is none.
type Access struct {
	command []string // with {node} in it
}

// ErrNoAccess says that a question needs --node-access.
var ErrNoAccess = errors.New("there is no access to nodes, see --node-access")

// ParseAccess reads the value of --node-access: none, or exec: and a command in which
// {node} stands for the node's name.
func ParseAccess(text string) (*Access, error) {
	command, ok := strings.CutPrefix(text, "exec:")
	switch {
	case text == "none":
		return nil, nil
	case ok && strings.Contains(command, "{node}"):
		return &Access{strings.Fields(command)}, nil
	case ok:
		return nil, fmt.Errorf("--node-access=%s: the command has no {node}", text)
	}
	return nil, fmt.Errorf("--node-access=%s: want none, or exec: and a command with {node}", text)
}

// commandLimit is how long a command on a node may take: those of the suite look at
// something and return.
const commandLimit = 30 * time.Second

// Run runs a command on a node and returns what it wrote to stdout. An exit status other
// than 0 is an error of type *exec.ExitError.
func (a *Access) Run(ctx context.Context, node string, command ...string) (string, error) {
	if a == nil {
		return "", ErrNoAccess
	}
	var argv []string
	for _, word := range a.command {
		argv = append(argv, strings.ReplaceAll(word, "{node}", node))
	}
	argv = append(argv, command...)
	ctx, cancel := context.WithTimeoutCause(ctx, commandLimit, fmt.Errorf("no end after %v", commandLimit))
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // for what it leaves behind with our pipes in hand
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return stdout.String(), fmt.Errorf("%s on node %s: %w: %s", command[0], node, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
