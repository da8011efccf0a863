package report

import (
	"encoding/xml"
	"fmt"
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
			Properties: []junitProperty{{"id", s.ID}, {"level", string(s.Level)}, {"verdict", string(s.Verdict)}, {"claim", s.Claim}, {"source", s.Source}},
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

func (e Environment) properties() []junitProperty {
	out := []junitProperty{{"kubernetes", e.Kubernetes}, {"families", fmt.Sprint(e.Families)}, {"image", e.Image}, {"module", e.Module}}
	for _, n := range e.Nodes {
		out = append(out, junitProperty{"node " + n.Name, fmt.Sprintf("kernel %s, %s, %s, SCTP before the run: %s", n.Kernel, n.OS, n.Runtime, n.Before)})
	}
	return out
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
