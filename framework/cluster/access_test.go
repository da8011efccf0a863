package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	utilexec "k8s.io/client-go/util/exec"
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
	const want = ": want none, pod, or exec: and a command with {node}"
	tests := []struct{ text, err string }{
		{"none", ""},
		{"pod", ""},
		{"exec:bin/testbed exec {node} --", ""},
		{"exec:{node}", ""},
		{"", "--node-access=" + want},
		{"pods", "--node-access=pods" + want},
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
		if (a == nil) != (tt.text == "none") && err == nil {
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
			if status, ok := ExitStatus(err); ok != strings.Contains(tt.err, "status") || ok && status != 3 {
				t.Errorf("status %d, %v in %v", status, ok, err)
			}
		})
	}
}

func TestNoAccess(t *testing.T) {
	if _, err := access(t, "none").Run(t.Context(), "b", "true"); !errors.Is(err, ErrNoAccess) {
		t.Errorf("error is %v", err)
	}
}

func TestAccessByPods(t *testing.T) {
	a := access(t, "pod")
	if _, err := a.Run(t.Context(), "b", "true"); !errors.Is(err, errNoPods) {
		t.Errorf("error is %v", err)
	}
	pods := func(_ context.Context, node string, command []string, stdout, stderr io.Writer) error {
		_, _ = fmt.Fprintln(stdout, node, command)
		_, _ = fmt.Fprintln(stderr, "why")
		return utilexec.CodeExitError{Err: errors.New("it failed"), Code: 3}
	}
	a.Through(pods)
	out, err := a.Run(t.Context(), "b", "modinfo", "sctp")
	if status, ok := ExitStatus(err); out != "b [modinfo sctp]\n" || !ok || status != 3 || err.Error() != "modinfo on node b: it failed: why" {
		t.Errorf("output %q, status %d, error %v", out, status, err)
	}
	own := access(t, "exec:echo {node}")
	own.Through(pods)
	if out, err := own.Run(t.Context(), "b", "true"); out != "b true\n" || err != nil {
		t.Errorf("the person's own command is replaced: %q, %v", out, err)
	}
	access(t, "none").Through(pods) // does nothing
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
