package cluster

import (
	"slices"
	"strings"
	"testing"
)

// Whatever an API server answers, facts are words, and one that cannot be read is unknown.
func FuzzFacts(f *testing.F) {
	for _, text := range []string{
		`{"status":{"networkType":"OVNKubernetes","desired":{"version":"4.20.0"},"controlPlaneTopology":"External"},"items":[{}],"gitVersion":"v1.37.0"}`,
		"kind: KubeProxyConfiguration\nmode: nftables\n", "kind: KubeProxyConfiguration\nmode: \"\"\n", "mode: [", "kube-proxy --proxy-mode nftables --v=2", "-proxy-mode= x", "null",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw := []byte(text)
		_, _, _, _ = networkType(raw), desiredRelease(raw), hasPools(raw), hosted(raw)
		words := strings.Fields(text)
		for what, got := range map[string]string{
			"version": gitVersion(raw), "configured mode": configuredMode(text), "mode of flags": flagMode(words), "plugin": plugin(nil, networkType(raw)),
			"proxy": serviceProxy("", map[string]map[string]string{"kube-proxy": {"config.conf": text}}, words),
		} {
			if got == "" {
				t.Errorf("the %s is empty", what)
			}
		}
		if mode := flagMode(words); mode != Unknown && !strings.Contains(text, mode) {
			t.Errorf("mode %q", mode)
		}
	})
}

// Whatever systemctl says, only known units that it names are taken for components.
func FuzzUnits(f *testing.F) {
	f.Add("kube-proxy.service loaded active running kube-proxy\nkubelet.service loaded\n\n")
	f.Add("kube-router\x00\r\n\tcalico-felix.service.service")
	f.Fuzz(func(t *testing.T, text string) {
		var ran []string
		found, err := unitsOn(t.Context(), onNodes(map[string]string{"list-units": text}, &ran), "a")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range found {
			if !slices.Contains(units, c.Name) || !strings.Contains(text, c.Name) || c.Node != "a" {
				t.Errorf("%+v is found in %q", c, text)
			}
		}
	})
}

func FuzzParseAccess(f *testing.F) {
	for _, text := range []string{"none", "pod", "exec:ssh root@{node}", "exec: {node}", "exec:"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		switch a, err := ParseAccess(text); {
		case err != nil && a != nil, err == nil && (a == nil) != (text == "none"):
			t.Errorf("%q: %+v, %v", text, a, err)
		case a != nil && (len(a.command) == 0) != (text == "pod"):
			t.Errorf("%q runs %q", text, a.command)
		}
	})
}
