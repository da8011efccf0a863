package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"sctp.test/framework/spec"
)

// Whatever stands in report.yaml, it is refused, or everything is made of it again, and can be
// read.
func FuzzRead(f *testing.F) {
	raw, err := yaml.Marshal(made(
		Result{ID: "POD-01", Chapter: "pod", Level: spec.Core, Verdict: spec.Pass, Measured: []string{"1 s"}},
		Result{ID: "SVC-04", Chapter: "service", Level: spec.Core, Verdict: spec.Fail, Reason: "SVC-04: why \x1b[1m\n]]>\nmore", Class: "service-down"},
		Result{ID: "MSG-02", Chapter: "message", Level: spec.Extended, Verdict: spec.NotApplicable, Reason: "see https://example.org/1."},
	))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("apiVersion: " + version + "\nspecs: [{id: ../x, verdict: what}, {}]\nseconds: 1e300\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "report.yaml"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Read(folder)
		if err != nil {
			return
		}
		if err := r.Write(folder); err != nil {
			t.Fatal(err)
		}
		again, err := Read(folder)
		if err != nil || len(again.Specs) != len(r.Specs) || again.sentence() != r.sentence() {
			t.Errorf("read again: %+v, %v; first %+v", again, err, r)
		}
		junit, err := os.ReadFile(filepath.Join(folder, "junit.xml"))
		if err != nil {
			t.Fatal(err)
		}
		for dec := xml.NewDecoder(bytes.NewReader(junit)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%v in %q", err, junit)
			}
		}
	})
}
