package reach

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Sharing is what is claimed of how a Service shares out associations, besides that all are
// answered: of spread, sticky and near, one.
type Sharing struct {
	Service string              `json:"service"`
	Spread  []string            `json:"spread,omitempty"` // each of these servers gets some
	Sticky  bool                `json:"sticky,omitempty"` // each client is sent to one server
	Near    map[string][]string `json:"near,omitempty"`   // each client is sent to these servers only
	Nodes   map[string]string   `json:"nodes,omitempty"`  // of the servers, by their words
}

// Unfair is something about a share that is not as claimed.
type Unfair struct {
	Family Family
	Client string // that was sent wrongly; "" where it is all of them together
	Server string // that got nothing; "" where it is another thing
	Text   string
}

// wrong is what is not as claimed, in the order of its sentences.
func (s Sharing) wrong(asked []Asked) []Unfair {
	judge := s.idle
	switch {
	case s.Sticky:
		judge = s.wandering
	case s.Near != nil:
		judge = s.astray
	}
	var out []Unfair
	for family, clients := range shares(asked) {
		out = append(out, judge(family, clients, asked)...)
	}
	slices.SortFunc(out, func(a, b Unfair) int { return cmp.Compare(a.Text, b.Text) })
	return out
}

// share counts, for each client, which servers have answered some probes.
type share map[string]map[string]int

// shares counts, for each client and family, which servers have answered some probes.
func shares(asked []Asked) map[Family]share {
	out := map[Family]share{}
	for _, a := range asked {
		f := Judge(a.Evidence)
		if f.Outcome != Answered {
			continue
		}
		if out[a.Family] == nil {
			out[a.Family] = share{}
		}
		if out[a.Family][a.Client] == nil {
			out[a.Family][a.Client] = map[string]int{}
		}
		out[a.Family][a.Client][name(f.By)]++
	}
	return out
}

// idle says which servers got no association of all that were begun.
func (s Sharing) idle(family Family, clients share, asked []Asked) []Unfair {
	all := map[string]int{}
	var from []string
	for client, servers := range clients {
		from = append(from, who(asked, family, client))
		for server, n := range servers {
			all[server] += n
		}
	}
	slices.Sort(from)
	var out []Unfair
	for _, server := range s.Spread {
		if all[server] == 0 {
			out = append(out, Unfair{family, "", server, fmt.Sprintf("%s: %s got none of the associations of %s (%s)", family, s.at(server), strings.Join(from, ", "), s.tally(all))})
		}
	}
	return out
}

// wandering says which clients were sent to more than one server.
func (s Sharing) wandering(family Family, clients share, asked []Asked) []Unfair {
	var out []Unfair
	for client, servers := range clients {
		if len(servers) > 1 {
			out = append(out, Unfair{family, client, "", fmt.Sprintf("%s: %s was sent to several servers (%s)", family, who(asked, family, client), s.tally(servers))})
		}
	}
	return out
}

// astray says which clients were sent to other servers than those that are near them.
func (s Sharing) astray(family Family, clients share, asked []Asked) []Unfair {
	var out []Unfair
	for client, servers := range clients {
		far := slices.ContainsFunc(slices.Collect(maps.Keys(servers)), func(server string) bool { return !slices.Contains(s.Near[client], server) })
		if !far {
			continue
		}
		near := "no server"
		if len(s.Near[client]) > 0 {
			near = strings.Join(s.Near[client], ", ")
		}
		out = append(out, Unfair{family, client, "", fmt.Sprintf("%s: %s was sent elsewhere although it has %s near it (%s)", family, who(asked, family, client), near, s.tally(servers))})
	}
	return out
}

// who is a client with its address and its node, as the paths of its probes name it.
func who(asked []Asked, family Family, client string) string {
	for _, a := range asked {
		if from, _, full := strings.Cut(a.Path, " -> "); full && a.Family == family && a.Client == client {
			return from
		}
	}
	return client
}

// at is a server with its node.
func (s Sharing) at(server string) string {
	if node := s.Nodes[server]; node != "" {
		return server + " on " + node
	}
	return server
}

// Moved lists the clients that some probes of now found at another server than those before,
// and those whose TCP twins did.
func Moved(before, now []Asked) (own, twins []string) {
	ownBefore, twinsBefore := apart(before)
	ownNow, twinsNow := apart(now)
	return moved(ownBefore, ownNow), moved(twinsBefore, twinsNow)
}

func moved(before, now []Asked) []string {
	was := shares(before)
	var out []string
	for family, clients := range shares(now) {
		for client, servers := range clients {
			for server := range servers {
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
func (s Sharing) tally(servers map[string]int) string {
	var out []string
	for _, server := range slices.Sorted(maps.Keys(servers)) {
		out = append(out, fmt.Sprintf("%s %d", s.at(server), servers[server]))
	}
	return strings.Join(out, ", ")
}

// share judges a batch by what is claimed of the share. That of the TCP twin counts where it
// was asked alone, and as often: beside a round of its Service it is asked once.
func (s *Series) share(asked []Asked) {
	if s.Sharing == nil {
		return
	}
	own, twins := apart(asked)
	if len(own) > 0 {
		s.Shared, s.twin = s.Sharing.wrong(own), ""
		return
	}
	switch unfair := s.Sharing.wrong(twins); {
	case len(shares(twins)) == 0:
		s.twin = "its TCP twin is not answered at all"
	case len(unfair) > 0:
		s.twin = "its TCP twin does no better, which is " + NotSCTP
	default:
		s.twin = "its TCP twin shares them out as it should"
	}
}

// unfair is the failure for a share that is wrong.
func (s *Series) unfair() string {
	var what []string
	for _, u := range s.Shared {
		what = append(what, u.Text)
	}
	if s.twin != "" {
		what = append(what, s.twin)
	}
	return fmt.Sprintf("%s: %s%s shares out its associations wrongly: %s\n%s  evidence: %s      again: %s\n",
		s.ID, s.Report.cause(), s.Sharing.Service, strings.Join(what, "; "), Told(s.Report.Causes), s.Report.Evidence, s.Report.Again)
}
