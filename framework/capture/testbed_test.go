package capture

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.txt anew")

// Captures that agents made on a testbed of two nodes with a bridge, no overlay and
// kube-proxy in nftables mode; each .txt is what people read of them.
var onTestbed = []struct {
	name  string // of the files
	probe Probe
}{
	{"node-port", Probe{ // of node b, where the server is
		Client: netip.MustParseAddrPort("10.244.1.64:42704"), Target: netip.MustParseAddrPort("10.89.0.12:32161"),
		Server: netip.MustParseAddrPort("10.244.2.66:80"), ClientNode: "a", Via: "b", ServerNode: "b",
	}},
	{"answer-lost", Probe{ // dropped in node b's forward hook
		Client: netip.MustParseAddrPort("10.244.1.64:34827"), Target: netip.MustParseAddrPort("10.244.2.66:80"),
		Server: netip.MustParseAddrPort("10.244.2.66:80"), ClientNode: "a", ServerNode: "b",
	}},
	{"no-endpoints", Probe{
		Client: netip.MustParseAddrPort("10.244.1.64:53210"), Target: netip.MustParseAddrPort("10.96.19.86:30100"), ClientNode: "a", ServerNode: "b",
	}},
	{"ipv6", Probe{
		Client: netip.MustParseAddrPort("[fd00:10:244:1::40]:60662"), Target: netip.MustParseAddrPort("[fd00:10:244:2::42]:80"), ClientNode: "a", ServerNode: "b",
	}},
}

func TestCapturesOfATestbed(t *testing.T) {
	for _, tt := range onTestbed {
		t.Run(tt.name, func(t *testing.T) {
			var captures []Capture
			for _, node := range []string{"a", "b"} {
				raw, err := os.ReadFile(filepath.Join("testdata", tt.name+"."+node+".pcapng"))
				if err != nil {
					t.Fatal(err)
				}
				c, err := Read(node, raw)
				if err != nil || !c.Complete {
					t.Fatalf("complete %v, %v", c.Complete, err)
				}
				captures = append(captures, c)
			}
			out := new(strings.Builder)
			if err := Text(out, captures); err != nil {
				t.Fatal(err)
			}
			out.WriteString(strings.ReplaceAll(Follow(captures, tt.probe).String(), "; ", ";\n") + "\n")
			golden(t, filepath.Join("testdata", tt.name+".txt"), out.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("written as\n%swant\n%s", got, want)
	}
}
