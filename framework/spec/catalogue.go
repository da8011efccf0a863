package spec

import (
	"fmt"
	"strings"
)

// Catalogue is the list of all specs in the tree, as a Markdown page.
func Catalogue() string {
	var b strings.Builder
	b.WriteString("# Catalogue\n\nEvery claim the suite judges. Made from the specs by `make generate`; do not edit.\n")
	chapter := ""
	for _, id := range IDs() {
		c := registry[id]
		if c.Chapter() != chapter {
			chapter = c.Chapter()
			fmt.Fprintf(&b, "\n## %s\n\n| ID | level | needs | effect | pods | claim | source |\n|---|---|---|---|---|---|---|\n", chapter)
		}
		var needs []string
		for _, n := range c.Needs {
			needs = append(needs, string(n))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", id, c.Level, strings.Join(needs, ", "), c.Effect, c.Pods, c.Claim, c.Source)
	}
	return b.String()
}
