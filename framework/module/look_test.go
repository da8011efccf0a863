package module

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"sctp.test/framework/cluster"
	"sctp.test/framework/wire"
)

// node is access to a node that answers commands by a shell script.
func node(t *testing.T, answers string) *cluster.Access {
	t.Helper()
	script := filepath.Join(t.TempDir(), "run")
	text := "#!/bin/sh\nnode=$1 program=$2\nshift 2\ncase \"$program $*\" in\n" + answers + "\n*) echo \"not expected: $program $*\" >&2; exit 100;; esac\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	access, err := cluster.ParseAccess("exec:" + script + " {node}")
	if err != nil {
		t.Fatal(err)
	}
	return access
}

func TestLook(t *testing.T) {
	const release, nothing = "'uname -r') echo 6.12;;\n", "'grep -Rsn'*) exit 2;;\n'cat /proc/modules') echo 'sctp_diag 1 0 - Live';;\n"
	tests := []struct {
		name    string
		answers string
		want    wire.HostModule
		err     string
	}{
		{
			"blacklisted", release + `
'modinfo -F filename sctp') echo /lib/sctp.ko;;
'grep -Rsn sctp /etc/modprobe.d '*) printf '/etc/modprobe.d/a.conf:3:  blacklist sctp\n'; exit 2;;
'grep -Rsn sctp /etc/modules-load.d '*) printf '/etc/modules-load.d/b.conf:1:sctp\n';;
'cat /proc/modules') ;;`,
			wire.HostModule{
				Node: "b", Kernel: "6.12", File: "/lib/sctp.ko",
				Config: []string{"/etc/modprobe.d/a.conf:3: blacklist sctp"}, AtBoot: []string{"/etc/modules-load.d/b.conf:1: sctp"},
			},
			"",
		},
		{
			"loaded", release + "modinfo*) echo /lib/sctp.ko;;\n'grep -Rsn'*) exit 1;;\n'cat /proc/modules') printf 'ip6_tunnel 1 0 - Live\nsctp 1 2 - Live\n';;\n",
			wire.HostModule{Node: "b", Kernel: "6.12", File: "/lib/sctp.ko", Before: true, After: true},
			"",
		},
		{
			"built in", release + "modinfo*) echo '(builtin)';;\n" + nothing,
			wire.HostModule{Node: "b", Kernel: "6.12", File: "(builtin)", Before: true, After: true},
			"",
		},
		{
			"not shipped", release + "modinfo*) echo 'not found' >&2; exit 1;;\n" + nothing,
			wire.HostModule{Node: "b", Kernel: "6.12"},
			"",
		},
		{
			"out of reach", "'uname -r') echo 'no route' >&2; exit 1;;",
			wire.HostModule{Node: "b"},
			"uname on node b: exit status 1: no route",
		},
		{
			"no modinfo", release + "modinfo*) exit 127;;",
			wire.HostModule{Node: "b", Kernel: "6.12"},
			"modinfo on node b: exit status 127: ",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Look(t.Context(), node(t, tt.answers), "b")
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("error is %v, want %q", err, tt.err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("found %+v\nwant  %+v", got, tt.want)
			}
		})
	}
	if _, err := Look(t.Context(), nil, "b"); !errors.Is(err, cluster.ErrNoAccess) {
		t.Errorf("without access: %v", err)
	}
}

func TestLoaderHasBegun(t *testing.T) {
	var (
		running = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		waiting = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		over    = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: "{}"}}
	)
	tests := []struct {
		name         string
		status       []corev1.ContainerStatus
		begun, ended bool
	}{
		{"no status yet", nil, false, false},
		{"it waits", []corev1.ContainerStatus{{State: waiting}}, false, false},
		{"it runs", []corev1.ContainerStatus{{State: running}}, true, false},
		{"it has ended", []corev1.ContainerStatus{{State: over}}, true, true},
		{"it ended and waits to be tried again", []corev1.ContainerStatus{{State: waiting, LastTerminationState: over}}, true, true},
	}
	for _, tt := range tests {
		pod := &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: tt.status}}
		if begun(pod) != tt.begun || (ended(pod) != nil) != tt.ended {
			t.Errorf("%s: begun %v, ended %v", tt.name, begun(pod), ended(pod))
		}
	}
}

// Also through a shell, which takes words apart and expands them.
func TestPatternsMatchAsModprobeReads(t *testing.T) {
	folder := t.TempDir()
	lines := []string{"blacklist sctp", "\tinstall  sctp /bin/true", "# blacklist sctp", "blacklist sctp_diag", "options sctp a=1", "blacklist\tsctp"}
	if err := os.WriteFile(filepath.Join(folder, "a.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "b.bak"), []byte("blacklist sctp\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	shell := filepath.Join(folder, "as-ssh-does")
	if err := os.WriteFile(shell, []byte("#!/bin/sh\nshift\neval \"$*\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := filepath.Join(folder, "a.conf")
	want := []string{a + ":1: blacklist sctp", a + ":2: install  sctp /bin/true", a + ":6: blacklist\tsctp"}
	for _, way := range []string{"exec:env NODE={node}", "exec:" + shell + " {node}"} {
		access, err := cluster.ParseAccess(way)
		if err != nil {
			t.Fatal(err)
		}
		got, err := grep(t.Context(), access, "b", aboutSCTP, []string{folder, filepath.Join(folder, "none")})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: found %q, %v\nwant  %q", way, got, err, want)
		}
	}
}
