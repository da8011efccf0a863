package diag

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// What was seen on a cluster that was broken on purpose is explained as it was there. The
// files hold the first symptoms of a spec that a fault of fixtures/faults turned red.
func TestRealSymptoms(t *testing.T) {
	files, err := filepath.Glob("testdata/real/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no files: ", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var saved struct {
				Fault    string    `json:"fault"`
				Class    string    `json:"class"`
				Sentence string    `json:"sentence"`
				Symptoms []Symptom `json:"symptoms"`
			}
			if err := json.Unmarshal(raw, &saved); err != nil {
				t.Fatal(err)
			}
			causes := Explain(saved.Symptoms)
			if len(causes) == 0 || causes[0].Class != saved.Class || causes[0].Sentence != saved.Sentence {
				t.Errorf("%s: explained as %+v, want %s, %q", saved.Fault, causes, saved.Class, saved.Sentence)
			}
		})
	}
}
