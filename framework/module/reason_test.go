package module

import (
	"testing"

	"sctp.test/framework/wire"
)

const (
	blacklist = "/etc/modprobe.d/sctp-blacklist.conf:3: blacklist sctp"
	trap      = "/etc/modprobe.d/cis.conf:7: install sctp /bin/true"
	boot      = "/etc/modules-load.d/sctp-load.conf:1: sctp"
	file      = "/lib/modules/6.12/kernel/net/sctp/sctp.ko.xz"
)

// host is a node where nothing but the module's being loaded is missing.
func host(change func(*wire.HostModule)) wire.HostModule {
	h := wire.HostModule{Node: "b", Kernel: "6.12", File: file}
	change(&h)
	return h
}

func TestWhyOff(t *testing.T) {
	tests := []struct {
		name   string
		change func(*wire.HostModule)
		reason Reason
		want   string
	}{
		{
			"loaded", func(h *wire.HostModule) { h.Before, h.Config = true, []string{blacklist} }, Loaded,
			"node b has SCTP",
		},
		{
			"not shipped", func(h *wire.HostModule) { h.File = "" }, NotShipped,
			"the kernel of node b (6.12) ships no SCTP module: install the package with the extra kernel modules, or another kernel",
		},
		{
			"trapped", func(h *wire.HostModule) { h.Config = []string{blacklist, trap} }, Trapped,
			"modprobe on node b runs a command instead of loading SCTP (" + trap + "): remove that line",
		},
		{
			"trapped by a tab", func(h *wire.HostModule) { h.Config = []string{"/f.conf:1: install\tsctp\t/bin/false"} }, Trapped,
			"modprobe on node b runs a command instead of loading SCTP (/f.conf:1: install\tsctp\t/bin/false): remove that line",
		},
		{
			"blacklisted", func(h *wire.HostModule) { h.Config = []string{blacklist} }, Blacklisted,
			"SCTP is blacklisted on node b (" + blacklist + ") and nothing loads it at boot: remove that line, or load sctp yourself",
		},
		{
			"blacklisted and asked for at boot", func(h *wire.HostModule) { h.Config, h.AtBoot = []string{blacklist}, []string{boot} }, Blacklisted,
			"SCTP is to be loaded at boot on node b (" + boot + ") and is blacklisted (" + blacklist + "), which systemd-modules-load obeys: remove the line with the blacklist",
		},
		{
			"asked for at boot", func(h *wire.HostModule) { h.AtBoot = []string{boot} }, NotLoaded,
			"SCTP is to be loaded at boot on node b (" + boot + ") and is not loaded, though nothing forbids it: look at the log of systemd-modules-load",
		},
		{
			"refused by the kernel", func(h *wire.HostModule) { h.Message = "modprobe sctp: exit status 1: Key was rejected by service" }, NotLoaded,
			"SCTP could not be loaded on node b, though no file there forbids it: modprobe sctp: exit status 1: Key was rejected by service",
		},
		{
			"never asked for", func(*wire.HostModule) {}, NotLoaded,
			"SCTP is not loaded on node b, though nothing forbids it (" + file + "): no socket has asked for it yet, or the kernel could not run modprobe",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason, got := WhyOff(host(tt.change))
			if reason != tt.reason || got != tt.want {
				t.Errorf("%s: %s\nwant %s: %s", reason, got, tt.reason, tt.want)
			}
		})
	}
}

func TestWhy(t *testing.T) {
	on, off := []string{"SCTP", "SCTPv6"}, []string(nil)
	opens := func(errno string) []wire.Open { return []wire.Open{{Family: "ipv4", Type: "stream", Errno: errno}} }
	loaded, missing := host(func(h *wire.HostModule) { h.Before = true }), host(func(h *wire.HostModule) { h.File = "" })
	tests := []struct {
		name   string
		pod    wire.ModuleReply
		host   *wire.HostModule
		reason Reason
		want   string
	}{
		{
			"on, as pods see it",
			wire.ModuleReply{Protocols: on},
			nil, Loaded,
			"node b has SCTP",
		},
		{
			"on, and sockets open",
			wire.ModuleReply{Protocols: on, Opens: opens("")},
			nil, Loaded,
			"node b has SCTP",
		},
		{
			"off, and nobody may look",
			wire.ModuleReply{Protocols: off, Kernel: "6.12"},
			nil, Unknown,
			"node b (kernel 6.12) has no SCTP, and only the node itself can tell why: pass --node-access",
		},
		{
			"off, and root knows",
			wire.ModuleReply{Protocols: off},
			&missing, NotShipped,
			"the kernel of node b (6.12) ships no SCTP module: install the package with the extra kernel modules, or another kernel",
		},
		{
			"off when the run began, loaded since",
			wire.ModuleReply{Protocols: on, Opens: opens("")},
			&missing, NotShipped,
			"the kernel of node b (6.12) ships no SCTP module: install the package with the extra kernel modules, or another kernel",
		},
		{
			"forbidden by SELinux",
			wire.ModuleReply{Protocols: on, Opens: opens("EACCES")},
			&loaded, Forbidden,
			"a security policy forbids pods on node b to open SCTP sockets (EACCES): look for SELinux or seccomp denials in its audit log",
		},
		{
			"forbidden by seccomp",
			wire.ModuleReply{Protocols: off, Opens: opens("EPERM")},
			nil, Forbidden,
			"a security policy forbids pods on node b to open SCTP sockets (EPERM): look for SELinux or seccomp denials in its audit log",
		},
		{
			"on, but sockets do not open",
			wire.ModuleReply{Protocols: on, Opens: opens("EPROTONOSUPPORT")},
			&loaded, Unknown,
			"node b has SCTP, and yet pods there cannot open every kind of SCTP socket",
		},
		{
			"gone since the run began",
			wire.ModuleReply{Protocols: off, Opens: opens("EPROTONOSUPPORT")},
			&loaded, Unknown,
			"node b had SCTP when the run began and has none now: it was restarted, or somebody unloaded the module",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason, got := Node{Name: "b", Pod: tt.pod, Host: tt.host}.Why()
			if reason != tt.reason || got != tt.want {
				t.Errorf("%s: %s\nwant %s: %s", reason, got, tt.reason, tt.want)
			}
		})
	}
}

func TestFailed(t *testing.T) {
	n := Node{Pod: wire.ModuleReply{Opens: []wire.Open{
		{Family: "ipv4", Type: "stream"},
		{Family: "ipv4", Type: "seqpacket", Errno: "EPROTONOSUPPORT"},
		{Family: "ipv6", Type: "stream", Errno: "EAFNOSUPPORT"},
	}}}
	if got := n.Failed(true); len(got) != 2 {
		t.Errorf("with IPv6 %v failed", got)
	}
	if got := n.Failed(false); len(got) != 1 || got[0].Type != "seqpacket" {
		t.Errorf("without IPv6 %v failed", got)
	}
}
