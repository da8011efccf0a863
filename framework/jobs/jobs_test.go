package jobs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"sctp.test/framework/spec"
)

func TestDeal(t *testing.T) {
	all := []spec.Case{
		{ID: "ASC-04", Pace: spec.Slow},
		{ID: "ASC-13", Effect: spec.Node},
		{ID: "MOD-01"},
		{ID: "POD-01"},
		{ID: "POD-02", Effect: spec.Namespace},
		{ID: "POD-03"},
		{ID: "POL-29", Effect: spec.Cluster},
		{ID: "SVC-10", Pace: spec.Slow},
		{ID: "SVC-18", Pace: spec.Slow},
	}
	for name, tt := range map[string]struct {
		cases     []spec.Case
		processes int
		want      [][]string
	}{
		"two":                       {all, 2, [][]string{{"ASC-13", "MOD-01", "POL-29", "SVC-10", "POD-01", "POD-03"}, {"ASC-04", "SVC-18", "POD-02"}}},
		"one":                       {all[:4], 1, [][]string{{"ASC-13", "MOD-01", "ASC-04", "POD-01"}}},
		"nothing to do for some":    {all[3:5], 4, [][]string{{"POD-02"}, {"POD-01"}}},
		"what runs alone, alone":    {all[1:2], 3, [][]string{{"ASC-13"}}},
		"nothing for the first":     {all[3:4], 2, [][]string{{"POD-01"}}},
		"slow ones one by one":      {[]spec.Case{all[0], all[7], all[8]}, 3, [][]string{{"SVC-18"}, {"SVC-10"}, {"ASC-04"}}},
		"slow ones before the rest": {[]spec.Case{all[3], all[0]}, 1, [][]string{{"ASC-04", "POD-01"}}},
	} {
		var got [][]string
		for _, hand := range Deal(tt.cases, tt.processes) {
			got = append(got, IDs(hand))
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// A process lives until it has done its part, until it is told to end, or until the one that
// has started it is interrupted.
func TestProcess(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	for name, tt := range map[string]struct {
		script string
		do     func(*Process)
		status int
		says   string
	}{
		"by itself":      {"echo done; exit 1", func(*Process) {}, 1, "done\n"},
		"told to end":    {"cat; echo cleaned >&2; exit 130", (*Process).End, 130, "cleaned\n"},
		"an interrupt":   {"cat; exit 130", func(*Process) { interrupt() }, 130, ""},
		"a second time":  {"cat; exit 3", func(p *Process) { p.End(); p.End() }, 3, ""},
		"its own signal": {"kill -KILL $$", func(*Process) {}, -1, ""},
	} {
		var out strings.Builder
		p := &Process{}
		if err := p.Start(ctx, &out, "sh", "-c", tt.script); err != nil {
			t.Fatal(err)
		}
		tt.do(p)
		var exit *exec.ExitError
		if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != tt.status || out.String() != tt.says {
			t.Errorf("%s: %v, and it said %q", name, err, out.String())
		}
	}
	if err := (&Process{}).Start(ctx, os.Stdout, "./no-such-program"); err == nil {
		t.Error("a program that is not there starts")
	}
}

// The end of the input is an interrupt.
func TestEndWithInput(t *testing.T) {
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, syscall.SIGINT)
	defer signal.Stop(seen)
	before := os.Stdin
	defer func() { os.Stdin = before }()
	in, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdin = in
	go EndWithInput()
	if _, err := end.WriteString("nothing\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-seen:
		t.Fatal("interrupted by a line")
	case <-time.After(50 * time.Millisecond):
	}
	_ = end.Close()
	<-seen
}
