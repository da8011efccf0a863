package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"sctp.test/framework/reach"
	"sctp.test/framework/spec"
	"sctp.test/framework/wire"
)

// fail fails the spec for a series that is wrong.
func (l *Lab) fail(ctx context.Context, series *reach.Series, messages []wire.Message) {
	ginkgo.GinkgoHelper()
	ginkgo.Fail(l.told(ctx, series, messages))
}

// told is the failure for a series that is wrong, after looking for the cause.
func (l *Lab) told(ctx context.Context, series *reach.Series, messages []wire.Message) string {
	l.explain(ctx, series, messages)
	ground, text := series.Conclusion()
	return l.record(ctx, reach.Basis{Ground: ground, Rests: reach.OnTables}, text)
}

// conclude fails the spec on a ground, for something that no table and no path shows.
func (l *Lab) conclude(ctx context.Context, ground reach.Ground, text string) {
	ginkgo.GinkgoHelper()
	ginkgo.Fail(l.record(ctx, reach.Basis{Ground: ground, Rests: reach.OnOther}, text))
}

// record puts a verdict into the report and, with all evidence, on disk, and returns the
// text with which the spec is to fail.
func (l *Lab) record(ctx context.Context, b reach.Basis, text string) string {
	text = l.evident(ctx, b, text)
	l.enter(spec.VerdictEntry, string(b.Ground))
	return text
}

// evident puts a verdict's text and all evidence on disk, and returns the text with what is
// missing.
func (l *Lab) evident(ctx context.Context, b reach.Basis, text string) string {
	l.recorded = true
	err := l.save()
	l.collect(context.WithoutCancel(ctx))
	if err == nil {
		err = l.put("verdict.txt", []byte(text))
	}
	if raw, jsonErr := json.Marshal(b); err == nil {
		err = cmp.Or(jsonErr, l.put("verdict.json", append(raw, '\n')))
	}
	if err != nil {
		text += fmt.Sprintf("  the evidence could not be saved: %v\n", err)
	}
	return text
}

// whereabouts is the last line of a failure.
func (l *Lab) whereabouts() string {
	return fmt.Sprintf("  evidence: %s      again: with FOCUS=%s\n", l.folder(), l.id)
}

// folder is where the spec's evidence goes.
func (l *Lab) folder() string { return filepath.Join(l.run.Artifacts, l.id) }

// save writes every observation of the spec, so that it can be judged again.
func (l *Lab) save() error {
	if err := os.MkdirAll(l.folder(), 0o755); err != nil {
		return err
	}
	if err := errors.Join(l.saveWalks(), l.saveNames()); err != nil {
		return err
	}
	var lines strings.Builder
	enc := json.NewEncoder(&lines)
	for _, line := range l.evidence {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	if err := l.put("probes.jsonl", []byte(lines.String())); err != nil || l.symptoms == nil {
		return err
	}
	raw, err := json.MarshalIndent(l.symptoms, "", "  ")
	if err != nil {
		return err
	}
	return l.put("symptoms.json", raw)
}

// put writes a file beside the other evidence.
func (l *Lab) put(name string, what []byte) error {
	return os.WriteFile(filepath.Join(l.folder(), name), what, 0o644)
}

// saveWalks writes every step and its reply, and what was expected.
func (l *Lab) saveWalks() error {
	if len(l.walks) == 0 {
		return nil
	}
	var lines strings.Builder
	enc := json.NewEncoder(&lines)
	for _, w := range l.walks {
		for _, line := range w.Lines() {
			if err := enc.Encode(line); err != nil {
				return err
			}
		}
	}
	return l.put("associations.jsonl", []byte(lines.String()))
}
