// Package known holds what is known not to work, a list for each network plugin: specs
// that fail there for a reason that somebody has written down elsewhere.
//
// It knows names, reasons and links. It refuses to know which network a cluster has, and
// what becomes of a verdict.
package known

import (
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Values of --known that are no names of lists.
const (
	Auto = "auto" // the list of the cluster's network, if there is one
	None = "none"
)

// folder is where the embedded lists stand in the source.
const folder = "ci/known/"

//go:embed *.yaml
var files embed.FS

// List is one file. The zero List is empty.
type List struct {
	Network     string       `json:"network"` // slug, as the detection of networks writes it
	Limitations []Limitation `json:"limitations"`
	File        string       `json:"-"` // where it was read, for people
}

// Limitation is a claim that does not hold, or several that break for one reason.
type Limitation struct {
	Spec   string `json:"spec"` // an ID, or a pattern of path.Match: POL-1*
	Reason string `json:"reason"`
	Link   string `json:"link"` // where it is documented or discussed
}

// Names are the embedded lists, by network.
func Names() []string {
	entries, _ := files.ReadDir(".") // an embedded folder can be read
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return out
}

// Named reads the list that --known names: an embedded one, or a file.
func Named(name string) (List, error) {
	switch {
	case slices.Contains(Names(), name):
		return embedded(name)
	case strings.ContainsAny(name, "/."):
		raw, err := os.ReadFile(name)
		if err != nil {
			return List{}, err
		}
		return parse(name, raw)
	}
	return List{}, fmt.Errorf("there is no list of known limitations %q: want %s, %s, the path of a file, or one of %s", name, Auto, None, strings.Join(Names(), ", "))
}

// Of returns the list of a network; it is empty for a network without one.
func Of(network string) (List, error) {
	if !slices.Contains(Names(), network) {
		return List{}, nil
	}
	return embedded(network)
}

func embedded(name string) (List, error) {
	raw, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return List{}, err
	}
	l, err := parse(folder+name+".yaml", raw)
	if err == nil && l.Network != name {
		err = fmt.Errorf("%s: the network is %q, and the file's name says %q", l.File, l.Network, name)
	}
	return l, err
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func parse(file string, raw []byte) (List, error) {
	l := List{File: file}
	if err := yaml.UnmarshalStrict(raw, &l); err != nil {
		return List{}, fmt.Errorf("%s: %w", file, err)
	}
	if !slug.MatchString(l.Network) {
		return List{}, fmt.Errorf("%s: network %q: want a name in lower case, such as cilium", file, l.Network)
	}
	for i, m := range l.Limitations {
		if err := m.validate(); err != nil {
			return List{}, fmt.Errorf("%s: limitation %d: %w", file, i+1, err)
		}
	}
	return l, nil
}

func (m Limitation) validate() error {
	switch {
	case m.Spec == "":
		return errors.New("it names no spec")
	case strings.TrimSpace(m.Reason) == "":
		return fmt.Errorf("%s has no reason", m.Spec)
	case m.Link == "":
		return fmt.Errorf("%s has no link", m.Spec)
	}
	if _, err := path.Match(m.Spec, ""); err != nil {
		return fmt.Errorf("spec %q: %w", m.Spec, err)
	}
	if u, err := url.Parse(m.Link); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%s: link %q: want an address that begins with https://", m.Spec, m.Link)
	}
	return nil
}

// Check compares the list with the IDs of all specs. A pattern that matches none is an
// error, for what it stood for has gone; so is a spec with two limitations.
func (l List) Check(ids []string) error {
	by := map[string]string{}
	for _, m := range l.Limitations {
		found := false
		for _, id := range ids {
			if !m.matches(id) {
				continue
			}
			if before, twice := by[id]; twice {
				return fmt.Errorf("%s: %s is listed twice, as %s and as %s", l.File, id, before, m.Spec)
			}
			found, by[id] = true, m.Spec
		}
		if !found {
			return fmt.Errorf("%s: there is no spec %s", l.File, m.Spec)
		}
	}
	return nil
}

// Find returns the limitation of a spec; ok is false for a spec that is not listed.
func (l List) Find(id string) (m Limitation, ok bool) {
	i := slices.IndexFunc(l.Limitations, func(m Limitation) bool { return m.matches(id) })
	if i < 0 {
		return Limitation{}, false
	}
	return l.Limitations[i], true
}

func (m Limitation) matches(id string) bool {
	ok, _ := path.Match(m.Spec, id) // a bad pattern was refused when it was read
	return ok
}
