package reach

// Basis is the ground on which a spec fails and the evidence on which that rests, as it stands
// in verdict.json beside the text.
type Basis struct {
	Ground Ground `json:"ground"`
	Rests  Rests  `json:"rests"`
}

// Rests is a kind of evidence.
type Rests string

// What verdicts rest on. The first two kinds are judged again from files.
const (
	OnTables  Rests = "tables"      // probes.jsonl
	OnPaths   Rests = "paths"       // associations.jsonl
	OnOther   Rests = "other"       // counters, names, the API's objects, what could not be done
	OnNothing Rests = "interrupted" // the spec was not at its end
)
