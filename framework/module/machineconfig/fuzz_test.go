package machineconfig

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A file says the same in whichever way its URL is written, and what cannot be read is an error.
func FuzzContents(f *testing.F) {
	f.Add("data:,blacklist%20sctp%0A", "", []byte("sctp\n"))
	f.Add("data:;base64,c2N0cA==", "gzip", []byte{})
	f.Add("data:text/plain;charset=utf-8;base64,%", "xz", []byte("#sctp\r\n;\x00"))
	f.Fuzz(func(t *testing.T, source, compression string, content []byte) {
		var file File
		file.Contents.Source, file.Contents.Compression = &source, compression
		if raw, err := file.contents(); err != nil && len(raw) > 0 && compression == "" {
			t.Errorf("%q is %q and %v", source, raw, err)
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(content)
		_ = z.Close()
		for _, way := range []struct{ source, compression string }{
			{"data:," + url.PathEscape(string(content)), ""},
			{"data:;base64," + base64.StdEncoding.EncodeToString(content), ""},
			{"data:;base64," + base64.StdEncoding.EncodeToString(packed.Bytes()), "gzip"},
		} {
			file.Contents.Source, file.Contents.Compression = &way.source, way.compression
			if got, err := file.contents(); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%q is written as %q and read as %q, %v", content, way.source, got, err)
			}
		}
		if !forbids(append(slices.Clone(content), "\nblacklist sctp"...)) || !loads(append(slices.Clone(content), "\n sctp\n"...)) {
			t.Errorf("%q hides what stands behind it", content)
		}
	})
}

// Whatever an API server answers, what the suite asks of it does not panic.
func FuzzDecode(f *testing.F) {
	for _, raw := range []string{
		`{"metadata":{"name":"worker","generation":2},"spec":{"paused":true,"machineConfigSelector":{"matchLabels":{"a":"b"}},"nodeSelector":{"matchExpressions":[{"key":"k","operator":"In"}]}},` +
			`"status":{"observedGeneration":2,"conditions":[{"type":"Degraded","status":"True"}],"machineCount":1}}`,
		`{"spec":{"config":{"storage":{"files":[{"path":"/etc/modprobe.d/sctp-blacklist.conf"},{"path":"/etc/modules-load.d/sctp-load.conf","contents":{"source":"data:,sctp"}}]}}}}`,
		`{"status":{"nodeDisruptionPolicyStatus":{"clusterPolicies":{"files":[{"path":"/","actions":[{"type":"None"}]}]}}}}`,
		`{"metadata":{"name":"n"},"spec":{"config":[{"name":"a"}]},"status":{"conditions":[{"type":"UpdatingConfig","status":"True"}]}}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var pool Pool
		if decode(raw, &pool) == nil {
			pools := []Pool{pool, {}}
			name, ok := Primary(pools, pool.Metadata.Labels)
			if ok && !pool.Has(pool.Metadata.Labels) || !ok && name != "" {
				t.Errorf("%+v is in pool %q", pool.Metadata.Labels, name)
			}
			_, _ = pool.Rested(pool.Target()), pool.Degraded()
			_, _ = draw(pools, []Node{{Name: "a", Labels: pool.Metadata.Labels}}, []string{"a"}, nil)
		}
		var config Config
		if decode(raw, &config) == nil {
			_ = config.Spec.Config.enables()
			_ = new(Rollout).read(config)
		}
		var policies Policies
		if decode(raw, &policies) == nil {
			if d := policies.disruption(AtBoot); d.Reboot && !d.Drain {
				t.Errorf("%+v reboots nodes that are not drained", policies)
			}
		}
		var nodes NodePool
		if decode(raw, &nodes) == nil {
			_ = nodes.unfit("x")
		}
	})
}

// Whatever stat and sha256sum say, each watched file has one line, and no other file has.
func FuzzDigests(f *testing.F) {
	f.Add("/etc/modprobe.d/sctp-blacklist.conf=644\n", "e3b0  /etc/modprobe.d/sctp-blacklist.conf\n")
	f.Add("=\n/etc/shadow=600", "  \n\x00  /etc/shadow")
	f.Fuzz(func(t *testing.T, modes, sums string) {
		got := digests(modes, sums)
		if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(slices.Values(watched))) {
			t.Errorf("digests of %v", got)
		}
		for path, text := range got {
			if strings.Contains(text, "\n") {
				t.Errorf("%s has %q", path, text)
			}
		}
	})
}

// Whatever stands in a journal, it proves something or is wrong.
func FuzzLoader(f *testing.F) {
	f.Add("Inserted module 'sctp'\n", false)
	f.Add("Failed to find module 'sctp'\nInserted module 'sctp'", true)
	f.Fuzz(func(t *testing.T, journal string, before bool) {
		fact, wrong := loader(journal, before)
		if (fact == "") == (wrong == "") || wrong != "" && before {
			t.Errorf("fact %q, wrong %q", fact, wrong)
		}
		if fact, wrong := loader(journal+"\nInserted module 'sctp'\n", false); fact == "" || wrong != "" {
			t.Errorf("fact %q, wrong %q", fact, wrong)
		}
	})
}
