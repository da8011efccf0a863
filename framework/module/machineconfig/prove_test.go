package machineconfig

import (
	"reflect"
	"strings"
	"testing"
)

// What a node shows that is not as it should be, one thing at a time.
func TestProof(t *testing.T) {
	tests := []struct {
		name   string
		change func(*world)
		want   []string
	}{
		{"nothing", func(*world) {}, nil},
		{
			"the blacklist is still there", func(w *world) { w.files["a"][Blacklist] = "# nobody edits this\nblacklist sctp\n" },
			[]string{`a: /etc/modprobe.d/sctp-blacklist.conf is to forbid sctp no more, and says "# nobody edits this\nblacklist sctp\n"`},
		},
		{
			"an install line, by which modprobe succeeds and loads nothing", func(w *world) {
				w.files["a"][Blacklist], w.modules["a"], w.journal["a"] = "install sctp /bin/true\n", "", ""
			},
			[]string{
				`a: /etc/modprobe.d/sctp-blacklist.conf is to forbid sctp no more, and says "install sctp /bin/true\n"`,
				`a: the kernel has no module sctp that is Live: /proc/modules says ""`,
				`a: systemd-modules-load says nothing of sctp in the journal of this boot`,
			},
		},
		{
			"it is blacklisted elsewhere, and the unit succeeds", func(w *world) {
				w.modules["a"], w.journal["a"] = "", "Module 'sctp' is blacklisted\n"
			},
			[]string{
				`a: the kernel has no module sctp that is Live: /proc/modules says ""`,
				`a: systemd-modules-load did not load sctp: Module 'sctp' is blacklisted`,
			},
		},
		{
			"built in", func(w *world) {
				w.modules["a"], w.journal["a"], w.files["a"]["protocols"] = "", "Module 'sctp' is built in\n", "SCTP 1 2\n"
			},
			nil,
		},
		{
			"on its way", func(w *world) { w.modules["a"] = "sctp 450560 2 - Loading 0x0\n" },
			[]string{`a: the kernel has no module sctp that is Live: /proc/modules says "sctp 450560 2 - Loading 0x0"`},
		},
		{
			"a socket loaded it, nobody at boot", func(w *world) { w.journal["a"] = "Inserted module 'overlay'\n" },
			[]string{`a: systemd-modules-load says nothing of sctp in the journal of this boot`},
		},
		{
			"a file is not there", func(w *world) { delete(w.files["a"], AtBoot) },
			[]string{"a: /etc/modules-load.d/sctp-load.conf is to have sctp loaded at boot, and is not there"},
		},
		{
			"the file that is empty is not there, which forbids nothing", func(w *world) { delete(w.files["a"], Blacklist) },
			[]string{"a: /etc/modprobe.d/sctp-blacklist.conf is to forbid sctp no more, and is not there"},
		},
		{
			"it was not rebooted", func(w *world) { w.nodes[0].BootID = "a-boot-1" },
			[]string{"a: it was not rebooted, although no node disruption policy spares it that"},
		},
		{
			"nothing loads it at boot", func(w *world) { w.files["a"][AtBoot] = "#sctp\nsctp_diag\n" },
			[]string{`a: /etc/modules-load.d/sctp-load.conf is to have sctp loaded at boot, and says "#sctp\nsctp_diag\n"`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.provider()
			r, err := p.Enable(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tt.change(w)
			if got := wrongs(t, p, r); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("wrong are %q\nwant %q", got, tt.want)
			}
		})
	}
}

// Without a reboot, systemd-modules-load has nothing to do, and nothing to say, where somebody has
// loaded the module before; after a reboot that is no excuse.
func TestProofWhereItWasLoadedBefore(t *testing.T) {
	for want, policy := range map[string]Policies{"": rebootless(t), "a: systemd-modules-load says nothing of sctp in the journal of this boot": {}} {
		w := newWorld(t)
		w.disruption = policy
		w.modules["a"] = "sctp 450560 2 - Live 0xffffffffc0000000\n"
		p := w.provider()
		r, err := p.Enable(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.journal["a"] = ""
		if got := strings.Join(wrongs(t, p, r), "; "); got != want {
			t.Errorf("wrong are %q, want %q", got, want)
		}
	}
}

func TestProofNeedsTheNodes(t *testing.T) {
	w := newWorld(t)
	p := w.provider()
	r, err := p.Enable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.unreachable = true
	if proofs, err := p.Prove(t.Context(), r); err == nil || proofs != nil {
		t.Errorf("proved %v without looking", proofs)
	}
	if _, _, err := p.Untouched(t.Context(), &Rollout{Record: r.Record, Outside: []string{"a"}}); err == nil {
		t.Error("found untouched without looking")
	}
}

// Only what says that it was loaded proves it: a line that just mentions sctp does not.
func TestLoader(t *testing.T) {
	for _, tt := range []struct {
		journal string
		before  bool
		wrong   string
	}{
		{"Inserted module 'overlay'\nInserted module 'sctp'\n", false, ""},
		{"Module 'sctp' is builtin", false, ""},
		{"Module 'sctp' is built in", false, ""},
		{"Module 'sctp' is blacklisted\nInserted module 'sctp'", false, ""}, // by a policy, without a reboot
		{"Inserted module 'sctp'\nModule 'sctp' is deny-listed (by kmod)", false, "systemd-modules-load did not load sctp: Module 'sctp' is deny-listed (by kmod)"},
		{"Failed to find module 'sctp'", false, "systemd-modules-load did not load sctp: Failed to find module 'sctp'"},
		{"Failed to insert module 'sctp': Key was rejected by service", false, "systemd-modules-load did not load sctp: Failed to insert module 'sctp': Key was rejected by service"},
		{"Inserted module 'sctp_diag'", false, "systemd-modules-load says nothing of sctp in the journal of this boot"},
		{"Not Inserted module 'sctp'", false, "systemd-modules-load did not load sctp: Not Inserted module 'sctp'"},
		{"", false, "systemd-modules-load says nothing of sctp in the journal of this boot"},
		{"", true, ""},
		{"Module 'sctp' is already loaded", true, ""},
	} {
		fact, wrong := loader(tt.journal, tt.before)
		if wrong != tt.wrong || (fact == "") != (wrong != "") {
			t.Errorf("%q, before %v: %q, %q", tt.journal, tt.before, fact, wrong)
		}
	}
}

func TestRebooted(t *testing.T) {
	for _, tt := range []struct {
		reboot bool
		now    string
		wrong  string
	}{
		{true, "2", ""},
		{true, "1", "it was not rebooted, although no node disruption policy spares it that"},
		{false, "1", ""},
		{false, "2", "it was rebooted, although the node disruption policy needs no reboot"},
	} {
		fact, wrong := rebooted(Disruption{Reboot: tt.reboot}, "1", tt.now)
		if wrong != tt.wrong || (fact == "") != (wrong != "") {
			t.Errorf("%+v: %q, %q", tt, fact, wrong)
		}
	}
}

func TestDifferences(t *testing.T) {
	was := Evidence{Config: "r0", Files: map[string]string{"/x": "644 sha256:1", "/y": absent}}
	tests := []struct {
		name   string
		now    Evidence
		booted bool
		want   []string
	}{
		{"none", was, true, nil},
		{"loaded, and not booted since", Evidence{Config: "r0", Files: was.Files, Loaded: true}, false, nil},
		{"loaded after a boot", Evidence{Config: "r0", Files: was.Files, Loaded: true}, true, []string{"node b has SCTP after its reboot, and had none before"}},
		{"nobody looks any more", Evidence{Config: "r0"}, true, nil},
		{
			"all",
			Evidence{Config: "r1", Files: map[string]string{"/x": "600 sha256:1", "/y": "644 sha256:2"}},
			true,
			[]string{"node b: /x was 644 sha256:1 and is 600 sha256:1", "node b: /y was absent and is 644 sha256:2", "node b has r1, and had r0"},
		},
	}
	for _, tt := range tests {
		if got := differences("b", was, tt.now, tt.booted); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q\nwant %q", tt.name, got, tt.want)
		}
	}
	if got := differences("b", Evidence{Config: "r0"}, Evidence{Config: "r0", Files: was.Files, Loaded: true}, true); len(got) > 0 {
		t.Errorf("nobody had looked before: %q", got)
	}
}
