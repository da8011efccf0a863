package cluster

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func access(t *testing.T, text string) *Access {
	t.Helper()
	a, err := ParseAccess(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestParseAccess(t *testing.T) {
	const want = ": want none, or exec: and a command with {node}"
	tests := []struct{ text, err string }{
		{"none", ""},
		{"exec:bin/testbed exec {node} --", ""},
		{"exec:{node}", ""},
		{"", "--node-access=" + want},
		{"None", "--node-access=None" + want},
		{"ssh {node}", "--node-access=ssh {node}" + want},
		{"exec:", "--node-access=exec:: the command has no {node}"},
		{"exec:ssh b", "--node-access=exec:ssh b: the command has no {node}"},
	}
	for _, tt := range tests {
		a, err := ParseAccess(tt.text)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
			t.Errorf("%q: error is %v, want %q", tt.text, err, tt.err)
		}
		if (a != nil) != strings.HasPrefix(tt.text, "exec:") && err == nil {
			t.Errorf("%q gives %v", tt.text, a)
		}
	}
}

func TestAccessRun(t *testing.T) {
	tests := []struct {
		name    string
		access  string
		command []string
		want    string
		err     string
	}{
		{"the node's name", "exec:echo on {node}: ", []string{"uname", "-r"}, "on b: uname -r\n", ""},
		{"within a word", "exec:env HOST=root@{node}", []string{"sh", "-c", "echo $HOST"}, "root@b\n", ""},
		{"no shell in between", "exec:echo {node}", []string{"$HOME", "a b", "*", ";"}, "b $HOME a b * ;\n", ""},
		{"a status", "exec:env N={node}", []string{"sh", "-c", "echo seen; echo why >&2; exit 3"}, "seen\n", "sh on node b: exit status 3: why"},
		{"no such program", "exec:/does/not/exist {node}", []string{"uname"}, "", "uname on node b: fork/exec /does/not/exist: no such file or directory: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := access(t, tt.access).Run(t.Context(), "b", tt.command...)
			if out != tt.want {
				t.Errorf("output is %q, want %q", out, tt.want)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("error is %v, want %q", err, tt.err)
			}
			if exit := new(exec.ExitError); strings.Contains(tt.err, "status") && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
				t.Errorf("the status is lost in %v", err)
			}
		})
	}
}

func TestNoAccess(t *testing.T) {
	if _, err := access(t, "none").Run(t.Context(), "b", "true"); !errors.Is(err, ErrNoAccess) {
		t.Errorf("error is %v", err)
	}
}

// A command that leaves a child with its pipes behind must not outlive the deadline.
func TestAccessRunEndsInTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := access(t, "exec:env N={node}").Run(ctx, "b", "sh", "-c", "sleep 20 & sleep 20")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "sh on node b: context deadline exceeded") {
		t.Errorf("error is %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
