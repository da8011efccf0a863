package report

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Of runs that begin in the same second each has a folder, and one of them is the latest.
func TestFolder(t *testing.T) {
	root, now := filepath.Join(t.TempDir(), "_artifacts"), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	folders := make([]string, 8)
	var wg sync.WaitGroup
	for i := range folders {
		wg.Go(func() {
			var err error
			if folders[i], err = Folder(root, now); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, f := range folders {
		if info, err := os.Stat(f); err != nil || !info.IsDir() || seen[f] {
			t.Errorf("%s: %v, seen %v", f, err, seen[f])
		}
		seen[f] = true
	}
	if !seen[filepath.Join(root, "20260301T120000Z")] {
		t.Errorf("folders are %q", folders)
	}
	latest, err := os.Readlink(filepath.Join(root, "latest"))
	if err != nil || !seen[filepath.Join(root, latest)] {
		t.Errorf("the latest is %s, %v", latest, err)
	}
	if _, err := Folder(folders[0]+"/a-file/below", now); err != nil {
		t.Errorf("a folder that is not there yet: %v", err)
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Folder(filepath.Join(root, "file"), now); err == nil {
		t.Error("below a file there is a folder")
	}
}
