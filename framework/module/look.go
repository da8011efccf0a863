package module

import (
	"context"
	"fmt"
	"strings"

	"sctp.test/framework/cluster"
	"sctp.test/framework/wire"
)

// Where modprobe.d(5) and modules-load.d(5) have their files. /lib is left out: where it
// is not /usr/lib itself, modprobe there is older than any kernel with nft.
var (
	modprobeDirs = []string{"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d"}
	bootDirs     = []string{"/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d"}
)

// aboutSCTP picks the lines of modprobe.d that keep sctp from being loaded.
func aboutSCTP(fields []string) bool {
	return len(fields) > 1 && (fields[0] == "blacklist" || fields[0] == "install") && fields[1] == "sctp"
}

// namesSCTP picks the lines of modules-load.d that have sctp loaded at boot.
func namesSCTP(fields []string) bool { return len(fields) == 1 && fields[0] == "sctp" }

// Look asks a node by commands what the loader would find there. It changes nothing. The words
// of the commands mean nothing to a shell, through which access may lead, as with ssh.
func Look(ctx context.Context, access *cluster.Access, node string) (wire.HostModule, error) {
	h := wire.HostModule{Node: node}
	release, err := access.Run(ctx, node, "uname", "-r")
	if err != nil {
		return h, err
	}
	h.Kernel = strings.TrimSpace(release)
	file, err := maybe(access.Run(ctx, node, "modinfo", "-F", "filename", "sctp"))
	if err != nil {
		return h, err
	}
	h.File = strings.TrimSpace(file)
	h.Config, err = grep(ctx, access, node, aboutSCTP, modprobeDirs)
	if err != nil {
		return h, err
	}
	h.AtBoot, err = grep(ctx, access, node, namesSCTP, bootDirs)
	if err != nil {
		return h, err
	}
	modules, err := maybe(access.Run(ctx, node, "cat", "/proc/modules")) // a kernel without modules has no such file
	h.Before = strings.HasPrefix(modules, "sctp ") || strings.Contains(modules, "\nsctp ") || strings.Contains(h.File, "builtin")
	h.After = h.Before
	return h, err
}

// grep lists lines of the .conf files as the loader does: /file:number: text.
func grep(ctx context.Context, access *cluster.Access, node string, pick func(fields []string) bool, dirs []string) ([]string, error) {
	out, err := maybe(access.Run(ctx, node, append([]string{"grep", "-Rsn", "sctp"}, dirs...)...))
	var found []string
	for line := range strings.Lines(out) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && strings.HasSuffix(parts[0], ".conf") && pick(strings.Fields(parts[2])) {
			found = append(found, fmt.Sprintf("%s:%s: %s", parts[0], parts[1], strings.TrimSpace(parts[2])))
		}
	}
	return found, err
}

// maybe takes an exit status for an answer: grep and modinfo say with it that there is
// nothing, and grep also that a folder is missing.
func maybe(out string, err error) (string, error) {
	if status, ok := cluster.ExitStatus(err); ok && status <= 2 {
		return out, nil
	}
	return out, err
}
