package reach

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Shares counts, for each client and family, which servers have answered some probes.
func Shares(asked []Asked) map[Family]map[string]map[string]int {
	out := map[Family]map[string]map[string]int{}
	for _, a := range asked {
		f := Judge(a.Evidence)
		if f.Outcome != Answered {
			continue
		}
		if out[a.Family] == nil {
			out[a.Family] = map[string]map[string]int{}
		}
		if out[a.Family][a.Client] == nil {
			out[a.Family][a.Client] = map[string]int{}
		}
		out[a.Family][a.Client][name(f.By)]++
	}
	return out
}

// Idle says which of some servers got no association of all that were begun, one sentence for
// each family in which that is so.
func Idle(asked []Asked, servers []string) []string {
	var out []string
	for family, clients := range Shares(asked) {
		all := map[string]int{}
		for _, shares := range clients {
			for server, n := range shares {
				all[server] += n
			}
		}
		for _, s := range servers {
			if all[s] == 0 {
				out = append(out, fmt.Sprintf("%s: %s got none of the associations (%s)", family, s, tally(all)))
			}
		}
	}
	slices.Sort(out)
	return out
}

// Wandering says which clients were sent to more than one server.
func Wandering(asked []Asked) []string {
	var out []string
	for family, clients := range Shares(asked) {
		for client, shares := range clients {
			if len(shares) > 1 {
				out = append(out, fmt.Sprintf("%s: %s was sent to several servers (%s)", family, client, tally(shares)))
			}
		}
	}
	slices.Sort(out)
	return out
}

// tally lists how many associations each server got.
func tally(shares map[string]int) string {
	var out []string
	for _, server := range slices.Sorted(maps.Keys(shares)) {
		out = append(out, fmt.Sprintf("%s %d", server, shares[server]))
	}
	return strings.Join(out, ", ")
}
