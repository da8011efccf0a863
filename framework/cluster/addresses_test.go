package cluster

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What the API names already, and what every node has for all Services, is no other address.
func TestOtherAddrs(t *testing.T) {
	const listed = `2: eth0    inet 192.0.2.11/24 scope global eth0\       valid_lft forever preferred_lft forever
2: eth0    inet6 2001:db8::11/64 scope global nodad \       valid_lft forever preferred_lft forever
3: cni0    inet 10.244.1.1/24 brd 10.244.1.255 scope global cni0\       valid_lft forever preferred_lft forever
4: kube-ipvs0    inet 10.96.0.1/32 scope global kube-ipvs0\       valid_lft forever preferred_lft forever
5: wg0    inet 198.51.100.1 peer 198.51.100.2/32 scope global wg0
`
	n := Node{Name: "a", Internal: []netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("2001:db8::11")}}
	file := filepath.Join(t.TempDir(), "listed")
	if err := os.WriteFile(file, []byte("#!/bin/sh\ncat <<'END'\n"+listed+"END\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := OtherAddrs(t.Context(), access(t, "exec:"+file+" {node}"), n)
	if want := []netip.Addr{netip.MustParseAddr("10.244.1.1")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	all := parseAddresses(listed)
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("2001:db8::11"), netip.MustParseAddr("10.244.1.1")}; !slices.Equal(all, want) {
		t.Errorf("%v", all)
	}
	if _, err := OtherAddrs(t.Context(), nil, n); err == nil {
		t.Error("addresses without access to the node")
	}
}
