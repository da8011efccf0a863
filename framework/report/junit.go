package report

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sctp.test/framework/spec"
)

// junitSuite is the form of JUnit that CI systems agree on.
type junitSuite struct {
	XMLName    xml.Name        `xml:"testsuite"`
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name       string          `xml:"name,attr"`
	Class      string          `xml:"classname,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Failure    *junitText      `xml:"failure,omitempty"`
	Error      *junitText      `xml:"error,omitempty"`
	Skipped    *junitText      `xml:"skipped,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"`
}

// junit renders the report: a fail is a failure, error and inconclusive are errors, what
// could not apply is skipped with its reason.
func (r Report) junit() ([]byte, error) {
	suite := junitSuite{
		Name: "sctp", Tests: len(r.Specs), Time: seconds(r.Seconds),
		Timestamp: r.Started.Format("2006-01-02T15:04:05"), Properties: r.Environment.properties(),
	}
	for _, s := range r.Specs {
		c := junitCase{
			Name: s.ID + " " + s.Text, Class: "sctp." + s.Chapter, Time: seconds(s.Seconds),
			Properties: s.properties(),
		}
		text := &junitText{Message: FirstLine(s.Reason), Type: string(s.Verdict), Text: printable(s.Reason)}
		switch s.Verdict {
		case spec.Fail:
			c.Failure = text
			suite.Failures++
		case spec.Error, spec.Inconclusive:
			c.Error = text
			suite.Errors++
		case spec.NotApplicable, spec.KnownLimitation:
			c.Skipped = text
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, c)
	}
	raw, err := xml.MarshalIndent(suite, "", "  ")
	return append([]byte(xml.Header), raw...), err
}

// properties leave out what is not known: an empty value would read as none.
func (e Environment) properties() []junitProperty {
	mtu := ""
	if e.MTU > 0 {
		mtu = strconv.Itoa(e.MTU)
	}
	out := known(
		junitProperty{"kubernetes", e.Kubernetes},
		junitProperty{"kernel", strings.Join(e.kernels(), ", ")},
		junitProperty{"cni", e.CNI},
		junitProperty{"proxyMode", e.ProxyMode},
		junitProperty{"families", strings.Join(e.Families, ", ")},
		junitProperty{"mtu", mtu},
		junitProperty{"image", e.Image},
		junitProperty{"imageDigest", e.ImageDigest},
		junitProperty{"module", e.Module},
	)
	for _, n := range e.Nodes {
		out = append(out, junitProperty{"node " + n.Name, fmt.Sprintf("kernel %s, %s, %s, SCTP before the run: %s", n.Kernel, n.OS, n.Runtime, n.Before)})
	}
	return out
}

// kernels are the nodes' kernels, each once.
func (e Environment) kernels() []string {
	var out []string
	for _, n := range e.Nodes {
		if !slices.Contains(out, n.Kernel) {
			out = append(out, n.Kernel)
		}
	}
	return out
}

func (s Result) properties() []junitProperty {
	return known(
		junitProperty{"id", s.ID},
		junitProperty{"chapter", s.Chapter},
		junitProperty{"level", string(s.Level)},
		junitProperty{"needs", s.needs()},
		junitProperty{"verdict", string(s.Verdict)},
		junitProperty{"class", s.Class},
		junitProperty{"measured", strings.Join(s.Measured, "; ")},
		junitProperty{"claim", s.Claim},
		junitProperty{"source", s.Source},
	)
}

// needs lists what the spec needs of a cluster, for people.
func (s Result) needs() string {
	var out []string
	for _, n := range s.Needs {
		out = append(out, string(n))
	}
	return strings.Join(out, ", ")
}

func known(all ...junitProperty) []junitProperty {
	return slices.DeleteFunc(all, func(p junitProperty) bool { return p.Value == "" })
}

// printable replaces what XML has no way to say, such as the escape sequences of
// terminals. encoding/xml does so in attributes, but not in CDATA.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c != 0xFFFE && c != 0xFFFF {
			return c
		}
		return '\uFFFD'
	}, text)
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
