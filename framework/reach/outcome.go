// Package reach judges. It parses the tables that stand in specs, turns what agents
// observed into outcomes, compares the two and writes the text a person reads.
//
// It is pure: no clock, no network, no Kubernetes. It imports wire only, so that saved
// evidence can be judged again by the same code.
package reach

import "slices"

// Outcome is what became of one probe. The list is closed.
type Outcome string

// The six outcomes.
const (
	Answered    Outcome = "answered"    // the client got its nonce back and every echo
	Silent      Outcome = "silent"      // nothing came back until the kernel gave up
	Refused     Outcome = "refused"     // somebody answered with an ABORT or a reset
	Unreachable Outcome = "unreachable" // the network said that there is no way
	Unsupported Outcome = "unsupported" // one of the two hosts has no SCTP
	Broken      Outcome = "broken"      // we could not ask, or could not read the reply
)

// Word is what a table may say about a cell.
type Word string

// The words of tables. The names of the outcomes are words too, but for Broken, which
// no spec may expect.
const (
	Denied   Word = "denied" // Silent, Refused or Unreachable, at stage connect
	NotAsked Word = "-"
)

// words are all that a cell may contain.
var words = []Word{
	Word(Answered), Denied, Word(Silent), Word(Refused), Word(Unreachable), Word(Unsupported), NotAsked,
}

// denials are the outcomes that Denied stands for.
var denials = []Outcome{Silent, Refused, Unreachable}

// Denies says whether a cell with this word expects that no data gets through.
func (w Word) Denies() bool { return w == Denied || slices.Contains(denials, Outcome(w)) }

// Admits says whether a finding is what w asks for. A denial must have ended while
// connecting: a peer that connects and then goes silent was not denied. An answer must
// be flawless: from the server that was meant, recorded there, with every byte.
func (w Word) Admits(f Finding) bool {
	switch {
	case w == NotAsked:
		return true
	case f.Outcome == Answered:
		return w == Word(Answered) && len(f.Flaws) == 0
	case slices.Contains(denials, f.Outcome):
		return f.Connecting && (w == Denied || w == Word(f.Outcome))
	default:
		return w == Word(f.Outcome) && f.Outcome != Broken
	}
}
