package e2e

import (
	"os"
	"path/filepath"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/ci/lanes"
	"sctp.test/framework/spec"
)

// writeLanes writes the list of each lane into a folder, for `make generate` and for the
// diff in `make test`. The tree must have been built.
func writeLanes(folder string) error {
	all, err := lanes.All()
	if err != nil {
		return err
	}
	var specs []lanes.Spec
	for _, r := range ginkgo.PreviewSpecs("").SpecReports {
		if c, ok := spec.Of(r.Labels()); ok {
			specs = append(specs, lanes.Spec{Text: c.ID + " " + spec.Text(c.ID), Labels: r.Labels()})
		}
	}
	files, err := lanes.Files(all, specs)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
