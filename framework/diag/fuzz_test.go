package diag

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever stands in a file of symptoms, each of them is explained, in words on one line.
func FuzzExplain(f *testing.F) {
	files, err := filepath.Glob("testdata/real/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no files: ", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var saved struct{ Symptoms json.RawMessage }
		if err := json.Unmarshal(raw, &saved); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(saved.Symptoms))
	}
	f.Add([]byte(`[{},{"found":"x","direct":{},"tcp":{},"udp":{},"meanwhile":{},"passed":[1]}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var symptoms []Symptom
		if json.Unmarshal(raw, &symptoms) != nil {
			return
		}
		causes := Explain(symptoms)
		if (len(causes) == 0) != (len(symptoms) == 0) {
			t.Errorf("%d causes of %d symptoms", len(causes), len(symptoms))
		}
		for _, c := range causes {
			if c.Class == "" || strings.TrimSpace(c.Sentence) == "" {
				t.Errorf("no class or no sentence: %+v", c)
			}
		}
	})
}
