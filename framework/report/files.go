package report

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Write puts report.yaml, junit.xml and report.html into the folder of a run.
func (r Report) Write(folder string) error {
	raw, err := yaml.Marshal(r)
	if err != nil {
		return fmt.Errorf("report.yaml: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "report.yaml"), raw, 0o644); err != nil {
		return err
	}
	raw, err = r.junit()
	if err != nil {
		return fmt.Errorf("junit.xml: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "junit.xml"), raw, 0o644); err != nil {
		return err
	}
	return WriteHTML(folder)
}

// Read reads report.yaml of the folder of a run, also one that an older or a newer suite of
// the same version of the format has written.
func Read(folder string) (Report, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "report.yaml"))
	if err != nil {
		return Report{}, err
	}
	var r Report
	if err := yaml.Unmarshal(raw, &r); err != nil {
		return Report{}, fmt.Errorf("report.yaml: %w", err)
	}
	if r.APIVersion != version {
		return Report{}, fmt.Errorf("report.yaml of %s: its version is %q, and this suite reads %s", folder, r.APIVersion, version)
	}
	conformant := r.Conformant
	r.conclude() // a file from before these fields has none of them
	r.Conformant = conformant
	return r, nil
}
