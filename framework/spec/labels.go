package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
)

// keys are the keys of all labels, each with the test that a value must pass.
var keys = map[string]func(value string) bool{
	"Spec":    func(v string) bool { return Case{ID: v}.Chapter() != "" },
	"Chapter": func(v string) bool { return slices.Contains(slices.Collect(maps.Values(chapters)), v) },
	"Level":   func(v string) bool { return slices.Contains(levels, Level(v)) },
	"Needs":   func(v string) bool { return slices.Contains(needs, Need(v)) },
	"Effect":  func(v string) bool { return slices.Contains(effects, Effect(v)) },
	"Pace":    func(v string) bool { return slices.Contains(paces, Pace(v)) },
	"Pods":    func(v string) bool { return slices.Contains(pods, Pods(v)) },
}

// checkLabels refuses labels that a node was given by hand. Filters would heed them, and
// nothing else: the catalogue, what a spec needs, and whether it may run are told by its
// Case, which gives it one label of each key already. An unknown word would even be a
// filter of its own, known to nobody but its author.
func checkLabels(text string, args []any) error {
	for _, a := range args {
		labels, ok := a.(ginkgo.Labels)
		if !ok {
			continue
		}
		for _, l := range labels {
			if err := checkLabel(l); err != nil {
				return fmt.Errorf("%q: label %q: %w", text, l, err)
			}
		}
	}
	return nil
}

func checkLabel(label string) error {
	key, value, _ := strings.Cut(label, ":")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	knows, ok := keys[key]
	switch {
	case !ok:
		return fmt.Errorf("unknown key %q: want one of %s", key, strings.Join(slices.Sorted(maps.Keys(keys)), ", "))
	case !knows(value):
		return fmt.Errorf("unknown value %q", value)
	case key == "Needs":
		return errors.New("a need stands in the spec.Case, or nobody looks at it")
	}
	return fmt.Errorf("a second %s: each spec has one from its spec.Case", key)
}
