package spec

// Verdict is what became of a spec. The list is closed.
type Verdict string

// The verdicts.
const (
	Pass            Verdict = "pass"
	Fail            Verdict = "fail"
	Inconclusive    Verdict = "inconclusive"   // a control failed: nothing is proven either way
	NotApplicable   Verdict = "not-applicable" // the cluster lacks what the spec needs
	KnownLimitation Verdict = "known-limitation"
	Informed        Verdict = "informational" // measured; cannot fail
	Error           Verdict = "error"         // ours: the suite could not judge
)

// VerdictEntry is the name of the Ginkgo report entry with which a failing spec says
// which of Fail, Inconclusive and Error it is. A spec that fails without it is a Fail.
const VerdictEntry = "verdict"

// ClassEntry is the name of the Ginkgo report entry with which a failing spec says what
// broke: a slug of the diagnosis table, for programs that compare runs.
const ClassEntry = "class"

// MeasureEntry is the name of the Ginkgo report entries with which a spec tells what it has
// measured, one sentence with a number and its unit in each.
const MeasureEntry = "measure"
