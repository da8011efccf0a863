package marks

import "errors"

// OfDead picks the marks of runs that are not alive, each of which is asked about once.
func OfDead(all []Mark, alive func(run string) (bool, error)) ([]Mark, error) {
	var out []Mark
	known := map[string]bool{}
	for _, m := range all {
		lives, asked := known[m.Run]
		if !asked {
			var err error
			if lives, err = alive(m.Run); err != nil {
				return nil, err
			}
			known[m.Run] = lives
		}
		if !lives {
			out = append(out, m)
		}
	}
	return out, nil
}

// Unwind undoes what killed runs have left, marks being in the order in which Find lists them.
// takeBack takes back their MachineConfigs and says whether they are gone: it comes when no
// mark keeps a roll-out from ending any more, and while the pools and policies that they were
// made for are there. At the first thing that cannot be undone it stops: what comes after it is
// there for the next time.
func Unwind(left []Mark, undo func(Mark) error, takeBack func() (gone bool, err error)) error {
	for _, m := range left {
		if !m.Holds() {
			continue
		}
		if err := undo(m); err != nil {
			return err
		}
	}
	gone, unlike := takeBack()
	if !gone {
		return unlike
	}
	for _, m := range left {
		if m.Holds() {
			continue
		}
		if err := undo(m); err != nil {
			return errors.Join(unlike, err)
		}
	}
	return unlike
}
