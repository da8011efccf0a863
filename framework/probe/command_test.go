package probe

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestCommandCarriesBothWays(t *testing.T) {
	var said bytes.Buffer
	if err := Command("cat")(t.Context(), strings.NewReader("hello"), &said); err != nil || said.String() != "hello" {
		t.Errorf("cat said %q, %v", said.String(), err)
	}
}

func TestCommandTellsWhyItEnded(t *testing.T) {
	in, _ := io.Pipe() // nobody closes it, as a session's
	for text, argv := range map[string][]string{
		"cat: /nowhere: No such file or directory": {"cat", "/nowhere"},
		"executable file not found":                {"no-such-program"},
	} {
		if err := Command(argv...)(t.Context(), in, io.Discard); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v, want %q", argv, err, text)
		}
	}
	if err := Command("true")(t.Context(), in, io.Discard); err != nil {
		t.Errorf("a command that ends in order: %v", err)
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	if _, err := exec.LookPath("sleep"); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	in, _ := io.Pipe()
	if err := Command("sleep", "60")(ctx, in, io.Discard); err == nil {
		t.Error("no error")
	}
}
