package reach

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Sharing is what is claimed of how a Service shares out associations, besides that all are
// answered: of the last three, one.
type Sharing struct {
	Service string              `json:"service"`
	Spread  []string            `json:"spread,omitempty"` // each of these servers gets some
	Sticky  bool                `json:"sticky,omitempty"` // each client is sent to one server
	Near    map[string][]string `json:"near,omitempty"`   // each client is sent to these servers only
}

// wrong are sentences on what is not as claimed.
func (s Sharing) wrong(asked []Asked) []string {
	switch {
	case s.Sticky:
		return Wandering(asked)
	case s.Near != nil:
		return Astray(asked, s.Near)
	default:
		return Idle(asked, s.Spread)
	}
}

// Shares counts, for each client and family, which servers have answered some probes.
func Shares(asked []Asked) map[Family]map[string]map[string]int {
	out := map[Family]map[string]map[string]int{}
	for _, a := range asked {
		f := Judge(a.Evidence)
		if f.Outcome != Answered || a.Twin {
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

// Astray says which clients were sent to other servers than those that are near them, by the
// words of both.
func Astray(asked []Asked, near map[string][]string) []string {
	var out []string
	for family, clients := range Shares(asked) {
		for client, shares := range clients {
			for server := range shares {
				if !slices.Contains(near[client], server) {
					out = append(out, fmt.Sprintf("%s: %s was sent elsewhere although it has %s near it (%s)", family, client, strings.Join(near[client], ", "), tally(shares)))
					break
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// Moved lists the clients that some probes of now found at another server than those before.
func Moved(before, now []Asked) []string {
	was := Shares(before)
	var out []string
	for family, clients := range Shares(now) {
		for client, shares := range clients {
			for server := range shares {
				if was[family][client][server] == 0 && len(was[family][client]) > 0 && !slices.Contains(out, client) {
					out = append(out, client)
				}
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
