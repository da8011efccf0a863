package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Folder makes the folder for the results of a run that begins now, called after the time, and
// points root/latest at it. Runs that begin in the same second do not meet.
func Folder(root string, now time.Time) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	stamp := now.UTC().Format("20060102T150405Z")
	name := stamp
	for n := 2; ; n++ {
		err := os.Mkdir(filepath.Join(root, name), 0o755)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		name = fmt.Sprintf("%s-%d", stamp, n)
	}
	latest, next := filepath.Join(root, "latest"), filepath.Join(root, ".latest-"+name)
	if err := os.Symlink(name, next); err != nil {
		return "", err
	}
	return filepath.Join(root, name), os.Rename(next, latest)
}
