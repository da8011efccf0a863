package lab

import (
	"encoding/json"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"sctp.test/framework/reach"
	"sctp.test/framework/wire"
	"sctp.test/manifests"
)

// policies are the files of the policies that apply.
func policies(objects []object) []string {
	var out []string
	for _, o := range objects {
		if isPolicy(o) {
			out = append(out, "manifests/"+o.file+" in "+o.namespace)
		}
	}
	return out
}

// onlyEgress says whether all policies are of egress and not of ingress: then the client's node
// decides.
func onlyEgress(objects []object) bool {
	ingress := slices.ContainsFunc(objects, func(o object) bool { return isPolicy(o) && !egressOnly(o.file) })
	return slices.ContainsFunc(objects, isPolicy) && !ingress
}

// speaksOfSCTP says whether a policy's file has a rule for SCTP.
func speaksOfSCTP(file string) bool {
	o, err := manifests.Untyped(file)
	if err != nil {
		return false
	}
	raw, err := json.Marshal(o.Object["spec"])
	return err == nil && strings.Contains(strings.ToUpper(string(raw)), "SCTP") // each kind of policy says it otherwise
}

// egressOnly is onlyEgress of a file.
func egressOnly(file string) bool {
	o, err := manifests.Untyped(file)
	if err != nil {
		return false
	}
	if types, stated, _ := unstructured.NestedStringSlice(o.Object, "spec", "policyTypes"); stated {
		return slices.Equal(types, []string{string(networkingv1.PolicyTypeEgress)})
	}
	_, out, _ := unstructured.NestedSlice(o.Object, "spec", "egress")
	_, in, _ := unstructured.NestedSlice(o.Object, "spec", "ingress")
	return out && !in
}

// realm is what one policy engine treats alike: a protocol of a family, between pods of its
// node.
type realm struct {
	family reach.Family
	proto  wire.Proto
	node   string
}

// realm is where a path is judged: at the client's node for egress, else at the server's.
func (l *Lab) realm(f reach.Family, client, server string) realm {
	t := l.targets[server]
	if onlyEgress(l.applied) {
		return realm{f, t.proto, l.member(client).node}
	}
	return realm{f, t.proto, strings.Join(l.nodesBehind(server), ", ")}
}

func (l *Lab) nodesBehind(server string) []string {
	var nodes []string
	for _, m := range l.behind(l.targets[server]) {
		nodes = append(nodes, m.node)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// closed are the realms in which a path was denied as it was to be. Where no policy applies,
// that says nothing of one. A path between two nodes does not either: engines may judge what
// leaves a node for what lies behind, so that the client's may have denied what the server's
// is to deny.
func (l *Lab) closed(results []reach.Result) map[realm]bool {
	out := map[realm]bool{}
	for _, r := range results {
		for i, row := range r.Found {
			for j, c := range row {
				client, server := r.Rows[i].Word, r.Columns[j].Word
				within := slices.Equal(l.nodesBehind(server), []string{l.member(client).node})
				if w := r.Want[i][j]; within && w.Denies() && w.Admits(c.Finding) {
					out[l.realm(r.Family, client, server)] = true
				}
			}
		}
	}
	return out
}

// peer is whom a policy speaks of.
type peer struct {
	family reach.Family
	proto  wire.Proto
	client string
}

// misread are the clients that an engine which is known to be at work admits though it is to
// deny them: then the other engines read the policy so, too, and those of which the table does
// not show that they are at work need not be dead.
func (l *Lab) misread(r reach.Report) map[peer]bool {
	closed, out := l.closed(r.Results), map[peer]bool{}
	for _, p := range r.Wrong() {
		at := l.realm(p.Family, p.Row.Word, p.Column.Word)
		if p.Want.Denies() && p.Outcome == reach.Answered && closed[at] {
			out[peer{p.Family, at.proto, p.Row.Word}] = true
		}
	}
	return out
}
