// Command rejudge judges the saved evidence of a run again, from its files alone, and says
// whether it comes to the same verdicts.
//
//	go run ./framework/rejudge _artifacts/latest            every spec of a run
//	go run ./framework/rejudge _artifacts/latest/POL-05     one
//
// It exits with 0 when every verdict is the same, 1 when one is not, and 2 when there is
// nothing to judge or it cannot be read.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sctp.test/framework/assoc"
	"sctp.test/framework/diag"
	"sctp.test/framework/reach"
)

// Exit statuses.
const (
	exitSame = iota
	exitOther
	exitBadInput
)

// Names of the files in a spec's folder.
const (
	probes       = "probes.jsonl"
	associations = "associations.jsonl"
	symptoms     = "symptoms.json"
	verdict      = "verdict.txt"
	basis        = "verdict.json" // beside it: on which ground, and on what it rests
)

func main() {
	status, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rejudge:", err)
	}
	os.Exit(status)
}

func run(args []string, out io.Writer) (int, error) {
	if len(args) != 1 {
		return exitBadInput, errors.New("name one folder: of a run, or of a spec in it")
	}
	folders, err := folders(args[0])
	if err != nil {
		return exitBadInput, err
	}
	status := exitSame
	for _, f := range folders {
		same, text, err := rejudge(f)
		if err != nil {
			return exitBadInput, err
		}
		if !same {
			status = exitOther
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return exitBadInput, err
		}
	}
	return status, nil
}

// folders are those of specs at or below a folder.
func folders(root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, probes)); err == nil {
		return []string{root}, nil
	}
	found, err := filepath.Glob(filepath.Join(root, "*", probes))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("neither %s nor a folder in it has a %s", root, probes)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found, err
}

// rejudge says whether the evidence in a folder comes to the verdict that stands beside it,
// and both in a line or, where they differ, in full.
func rejudge(folder string) (same bool, text string, err error) {
	id := filepath.Base(folder)
	causes, err := explain(folder)
	if err != nil {
		return false, "", fmt.Errorf("%s: %w", folder, err)
	}
	series, err := replay(folder, causes)
	if err != nil {
		return false, "", fmt.Errorf("%s: %w", folder, err)
	}
	said, was, err := before(folder)
	if err != nil {
		return false, "", fmt.Errorf("%s: %w", folder, err)
	}
	walks, err := replayWalks(folder)
	if err != nil {
		return false, "", fmt.Errorf("%s: %w", folder, err)
	}
	elsewhere := false
	ground, now := reach.Verdict(series)
	if ground == "" {
		ground, now, elsewhere, err = assoc.Verdict(walks, causes)
		if err != nil {
			return false, "", fmt.Errorf("%s: %s: %w", folder, associations, err)
		}
	}
	switch same := ground == was.Ground && now == said; {
	case same && ground == "" && len(series)+len(walks) == 0:
		return true, fmt.Sprintf("%s: it has neither tables nor paths to judge again", id), nil
	case same && ground == "":
		return true, fmt.Sprintf("%s: as claimed, in %d series and %d walks", id, len(series), len(walks)), nil
	case was.Rests == reach.OnNothing:
		return true, fmt.Sprintf("%s: not judged again, for it did not come to its end: %s", id, firstLine(said)), nil
	case was.Rests == reach.OnOther && ground == "":
		return true, fmt.Sprintf("%s: tables and paths are as claimed; not judged again is what it rests on: %s", id, firstLine(said)), nil
	case was.Rests != reach.OnOther && same && elsewhere:
		return true, fmt.Sprintf("%s: not judged again is what no socket has told: %s", id, firstLine(said)), nil
	case was.Rests != reach.OnOther && same:
		return true, fmt.Sprintf("%s: %s again: %s", id, ground, firstLine(now)), nil
	}
	return false, fmt.Sprintf("%s: judged again it is %q:\n%s\nand the run said %q:\n%s", id, ground, now, was.Ground, said), nil
}

// before reads the verdict of the run: nothing for a pass.
func before(folder string) (said string, was reach.Basis, err error) {
	text, err := os.ReadFile(filepath.Join(folder, verdict))
	if errors.Is(err, os.ErrNotExist) {
		return "", was, nil
	}
	if err != nil {
		return "", was, err
	}
	raw, err := os.ReadFile(filepath.Join(folder, basis))
	if err != nil {
		return "", was, err
	}
	if err := json.Unmarshal(raw, &was); err != nil {
		return "", was, fmt.Errorf("%s: %w", basis, err)
	}
	return string(text), was, nil
}

// replay judges the probes again. Causes are those of the series that is wrong.
func replay(folder string, causes []reach.Cause) ([]*reach.Series, error) {
	file, err := os.Open(filepath.Join(folder, probes))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	series, err := reach.Replay(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", probes, err)
	}
	for _, s := range series {
		if len(s.Report.Wrong())+len(s.Shared) > 0 {
			s.Report.Causes = causes
		}
	}
	return series, nil
}

// explain names the causes of what a spec has found out about its failure.
func explain(folder string) ([]reach.Cause, error) {
	raw, err := os.ReadFile(filepath.Join(folder, symptoms))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var saved []diag.Symptom
	if err := json.Unmarshal(raw, &saved); err != nil {
		return nil, fmt.Errorf("%s: %w", symptoms, err)
	}
	return diag.Explain(saved), nil
}

// replayWalks reads what was done on paths, and what was expected there. Most specs do not
// open associations by themselves.
func replayWalks(folder string) ([]*assoc.Walk, error) {
	file, err := os.Open(filepath.Join(folder, associations))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	walks, err := assoc.Replay(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", associations, err)
	}
	return walks, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
