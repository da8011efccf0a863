package module

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"sctp.test/framework/cluster"
)

// Whatever a loader says before it, its report is read, and says in words why there is no SCTP.
func FuzzReported(f *testing.F) {
	f.Add("sctp-agent: the module is not loaded\n", `{"after":true,"file":"/lib/sctp.ko","config":["/etc/modprobe.d/a.conf:1: install sctp /bin/true"]}`)
	f.Add("", `{"config":["x"],"at_boot":[""]}`)
	f.Add("\x00\r", "{")
	f.Fuzz(func(t *testing.T, before, line string) {
		h, err := reported(strings.NewReader(before + "\n" + line))
		if reason, sentence := WhyOff(h); reason == "" || sentence == "" {
			t.Errorf("no reason of %+v", h)
		}
		complaints := strings.Split(before, "\n")
		if len(before) > 1<<15 || slices.ContainsFunc(complaints, func(c string) bool { return strings.HasPrefix(c, "{") }) {
			return
		}
		if _, alone := reported(strings.NewReader(line)); (err == nil) != (alone == nil) && strings.HasPrefix(line, "{") {
			t.Errorf("%q behind %q: %v, and alone %v", line, before, err, alone)
		}
	})
}

// Whatever a node's commands say, only lines about sctp in .conf files are what stands in its way.
func FuzzLook(f *testing.F) {
	f.Add("6.12\n", "/lib/sctp.ko\n", "/etc/modprobe.d/a.conf:3:  blacklist sctp\n/etc/modules-load.d/b.conf:1:sctp\n", "sctp_diag 1 0 - Live\n")
	f.Add("", "(builtin)", ":::.conf:1:install sctp x", "\nsctp ")
	f.Fuzz(func(t *testing.T, release, file, found, modules string) {
		said := map[string]string{"uname": release, "modinfo": file, "grep": found, "cat": modules}
		access := &cluster.Access{}
		access.Through(func(_ context.Context, _ string, command []string, stdout, _ io.Writer) error {
			_, err := io.WriteString(stdout, said[command[0]])
			return err
		})
		h, err := Look(t.Context(), access, "a")
		if err != nil || h.Before != h.After {
			t.Errorf("%+v, %v", h, err)
		}
		for _, line := range append(h.Config, h.AtBoot...) {
			if !strings.Contains(line, ".conf:") || !strings.Contains(line, "sctp") || strings.Contains(line, "\n") {
				t.Errorf("%q is found in %q", line, found)
			}
		}
		if reason, sentence := WhyOff(h); reason == "" || sentence == "" {
			t.Errorf("no reason of %+v", h)
		}
	})
}
