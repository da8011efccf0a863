package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sctp.test/framework/cluster"
	"sctp.test/framework/reach"
)

// Every node's own other address has a name, and what all nodes have, such as a bridge with the
// same address everywhere, has none.
func TestOtherAddressesOfNodes(t *testing.T) {
	on(t, func(t *testing.T, b *bench) {
		file := filepath.Join(t.TempDir(), "ip")
		const script = `#!/bin/sh
echo "2: eth0    inet 192.0.2.$([ "$1" = a ] && echo 1 || echo 2)/24 scope global eth0"
echo "3: docker0    inet 172.17.0.1/16 scope global docker0"
echo "4: eth1    inet 198.51.100.$([ "$1" = a ] && echo 1 || echo 2)/24 scope global eth1"
`
		if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if b.Access, err = cluster.ParseAccess("exec:" + file + " {node}"); err != nil {
			t.Fatal(err)
		}
		l := b.lab(t, "x/server@1:80", "x/client@2")
		for i, n := range []string{"node@1:svc/web:80", "node@2:svc/web:80"} {
			l.addServer(reach.Name{Word: n, Node: i + 1}, target{addrs: map[reach.Family]netip.AddrPort{reach.IPv4: netip.MustParseAddrPort("192.0.2.1:31000")}})
		}
		got, err := l.EnlistOthers(t.Context(), "svc/web:80")
		if want := []string{"198.51.100.1", "198.51.100.2"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
		if matrices, err := l.matrices(l.Others("x/client@2")); err != nil || len(matrices) != 2 {
			t.Errorf("%v, %v", matrices, err)
		}
		if at := l.targets["other@2:svc/web:80"].addrs[reach.IPv4].String(); at != "198.51.100.2:31000" {
			t.Error(at)
		}
		if _, err := l.EnlistOthers(t.Context(), "svc/nobody:80"); err == nil {
			t.Error("the NodePort of nobody")
		}
	})
}
