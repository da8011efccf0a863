package diag

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sctp.test/framework/reach"
)

// Class is a kind of cause, by the slug that reports and fault tests compare.
type Class string

// row is a line of the decision table: the class of symptoms for which all conditions hold.
// The first row that fits counts, so what explains more stands further up.
type row struct {
	class Class
	when  []condition
	says  func([]Symptom) string // what is broken, naming nodes
	look  func([]Symptom) string // where to look next
}

var table = []row{
	{
		"no-memory",
		[]condition{yes(noMemory)},
		each(clientNodes, "the kernel of node %s has no memory for an association", "the kernels of nodes %s have no memory for an association"),
		each(clientNodes, "net.sctp.sctp_mem and the memory of node %s; a client that asks for 65535 streams needs more of it", "net.sctp.sctp_mem and the memory of nodes %s; a client that asks for 65535 streams needs more of it"),
	},
	{
		notAsked,
		[]condition{yes(harnessFails)},
		fixed("the cause is not known, for the suite could not ask again"),
		fixed("the agents' logs, beside the verdict"),
	},
	{
		"no-sctp-on-client-node",
		[]condition{yes(noSocket)},
		each(clientNodes, "SCTP is not available on node %s", "SCTP is not available on nodes %s"),
		each(clientNodes, "whether module sctp is loaded on node %s or blacklisted in /etc/modprobe.d there (MOD-01)", "whether module sctp is loaded on nodes %s or blacklisted in /etc/modprobe.d there (MOD-01)"),
	},
	{
		"sctp-forbidden",
		[]condition{yes(noPermission)},
		each(clientNodes, "pods on node %s may not open SCTP sockets", "pods on nodes %s may not open SCTP sockets"),
		fixed("the pods' seccomp profiles, and denials of SELinux or AppArmor in the nodes' audit logs"),
	},
	{
		"no-sctp-on-server-node",
		[]condition{yes(noProtocol)},
		each(serverNodes, "a host without SCTP answers for node %s", "hosts without SCTP answer for nodes %s"),
		each(serverNodes, "whether module sctp is loaded on node %s (MOD-01), and whether the address leads to a pod there", "whether module sctp is loaded on nodes %s (MOD-01), and whether the addresses lead to pods there"),
	},
	{
		"policy-admits-denied",
		[]condition{no(wantsAnswer), yes(answers), yes(underPolicy), yes(deniesBeside)},
		engines("the policy engine for %s on node %s admits a path that the policy denies, though it denies others", "the policy engines for %s on nodes %s admit paths that the policy denies, though they deny others"),
		policyEngine,
	},
	{
		"policy-ignores-sctp",
		[]condition{no(wantsAnswer), yes(answers), yes(underPolicy), no(tcpAnswers), no(tellsApart)},
		engines("the policy engine for %s on node %s denies TCP and lets SCTP pass", "the policy engines for %s on nodes %s deny TCP and let SCTP pass"),
		policyEngine,
	},
	{
		"policy-admits-denied", // of a policy that admits SCTP only TCP is denied by whoever enforces it
		[]condition{no(wantsAnswer), yes(answers), yes(underPolicy), no(tcpAnswers)},
		engines("the policy engine for %s on node %s admits a path that the policy denies, though it denies TCP there", "the policy engines for %s on nodes %s admit paths that the policy denies, though they deny TCP there"),
		policyEngine,
	},
	{
		"policy-not-enforced",
		[]condition{no(wantsAnswer), yes(answers), yes(underPolicy)},
		engines("what the policy denies for %s on node %s is answered, as if it were not enforced", "what the policy denies for %s on nodes %s is answered, as if it were not enforced"),
		policyEngine,
	},
	wrongEndpoints(byExcess, no(wantsAnswer), yes(answers), yes(overlisted)),
	{
		"service-leads-on",
		[]condition{no(wantsAnswer), yes(answers), yes(translated)},
		proxies("%s leads to a pod where the Service must lead nowhere", "%s lead to pods where the Service must lead nowhere"),
		serviceProxy,
	},
	{
		"answered-without-server",
		[]condition{no(wantsAnswer), yes(answers)},
		each(servers, "something answers at %s where nothing should", "something answers where nothing should: at %s"),
		each(nodes, "who listens there on node %s", "who listens there on nodes %s"),
	},
	{
		"policy-leaks",
		[]condition{yes(deniedNow), yes(underPolicy)},
		engines("the policy engine for %s on node %s let a path pass that it denies when asked again", "the policy engines for %s on nodes %s let paths pass that they deny when asked again"),
		func(ss []Symptom) string {
			return policyEngine(ss) + "; whether it was late or short of processor time, and whether it fails open"
		},
	},
	{
		"intermittent",
		[]condition{yes(deniedNow)},
		each(ends, "the path was open, and asked again it is denied, as it must be (%s)", "paths were open, and asked again they are denied, as they must be (%s)"),
		fixed("what changed while it was asked: probes.jsonl has every attempt"),
	},
	wrongEndpoints(byExcess, yes(fromElsewhere), yes(overlisted)),
	{
		"wrong-backend",
		[]condition{yes(fromElsewhere), yes(translated)},
		proxies("%s leads to a pod, or a port of one, that is not behind the address", "%s lead to pods, or ports of them, that are not behind the address"),
		serviceProxy,
	},
	{
		"wrong-backend",
		[]condition{yes(fromElsewhere)},
		each(servers, "another pod answers at the address of %s", "other pods answer at the addresses of %s"),
		fixed("whether two pods have one address, and routes and neighbours of both nodes (`ip route get`, `ip neigh`)"),
	},
	{
		"client-address-lost",
		[]condition{yes(wantsAnswer), yes(answers), yes(masked)},
		each(ends, "the server sees another address than its client's (%s)", "servers see other addresses than their clients' (%s)"),
		fixed("rules that masquerade or translate sources on both nodes (`nft list ruleset`, `iptables-save -t nat`), and the network plugin's setting for it"),
	},
	{
		"message-damaged",
		[]condition{yes(wantsAnswer), yes(answers), yes(flawed)},
		func(ss []Symptom) string {
			return "the answer is not what it must be: " + reach.Judge(ss[0].Again.Evidence).Flaws[0] + each(between, " (%s)", " (%s)")(ss)
		},
		rewriters,
	},
	wrongEndpoints(byExcess, yes(wantsAnswer), yes(overlisted), yes(directAnswers)), // some associations may be answered
	{
		"service-stale",
		[]condition{yes(wantsAnswer), yes(partly), yes(translated), yes(directAnswers)},
		proxies("%s leads some associations to a pod that answers and others nowhere, as to a pod that is gone", "%s lead some associations to pods that answer and others nowhere, as to pods that are gone"),
		serviceProxy,
	},
	{
		"intermittent",
		[]condition{yes(wantsAnswer), yes(answers)},
		each(ends, "the path failed, and asked again it is answered (%s)", "paths failed, and asked again they are answered (%s)"),
		fixed("packet loss and load of the nodes; probes.jsonl has every attempt"),
	},
	{
		"policy-denies-allowed",
		[]condition{yes(wantsAnswer), yes(underPolicy), no(serverHeard), no(translated)},
		whoDenies(engines("the policy engine for %s on node %s denies a path that the policy admits", "the policy engines for %s on nodes %s deny paths that the policy admits")),
		whoDenies(policyEngine),
	},
	{
		"policy-denies-allowed", // where the pod's own address is open it is the service proxy's doing
		[]condition{yes(wantsAnswer), yes(underPolicy), no(serverHeard), yes(translated), no(directAnswers)},
		whoDenies(engines("the policy engine for %s on node %s denies a path that the policy admits", "the policy engines for %s on nodes %s deny paths that the policy admits")),
		whoDenies(policyEngine),
	},
	wrongEndpoints(byLack, yes(wantsAnswer), yes(unlisted), no(answers), yes(directAnswers)),
	{
		"service-down",
		[]condition{yes(wantsAnswer), no(overSCTP), no(answers), yes(translated), yes(directAnswers)},
		each(protocolAndNode, "the service proxy leads nowhere for %s (the pod's address works): not SCTP's fault", "the service proxies lead nowhere for %s (the pod's address works): not SCTP's fault"),
		serviceProxy,
	},
	{
		"not-sctp",
		[]condition{yes(wantsAnswer), no(overSCTP)},
		each(protocolAndEnds, "%s: not SCTP's fault", "%s: not SCTP's fault"),
		fixed("the same path over SCTP, in the same table, and the network plugin"),
	},
	{
		"no-route",
		[]condition{yes(wantsAnswer), yes(noRoute)},
		each(ends, "there is no route to the server (%s)", "there is no route to the servers (%s)"),
		fixed("routes and neighbours of both nodes (`ip route get`, `ip neigh`), and packet filters that reject in the output hook"),
	},
	{
		"policy-lingers",
		[]condition{yes(wantsAnswer), yes(lifted), no(answers), no(serverHeard)},
		whoDenies(engines("the policy engine for %s on node %s still enforces a policy that is gone", "the policy engines for %s on nodes %s still enforce a policy that is gone")),
		whoDenies(policyEngine),
	},
	{
		"bad-checksum",
		[]condition{yes(serverBadSums)},
		each(sender, "SCTP packets from node %s arrive with a bad checksum", "SCTP packets from nodes %s arrive with a bad checksum"),
		checksums,
	},
	{
		"bad-checksum",
		[]condition{yes(clientBadSums)},
		each(sender, "SCTP packets from node %s arrive with a bad checksum", "SCTP packets from nodes %s arrive with a bad checksum"),
		checksums,
	},
	{
		"size-black-hole",
		[]condition{yes(smallPass)},
		sizes,
		mtus,
	},
	{
		"data-lost",
		[]condition{yes(connectedOnce), no(brokenOff)},
		each(between, "associations come up and their DATA or SACK chunks are lost (%s)", "associations come up and their DATA or SACK chunks are lost (%s)"),
		chunkFilters,
	},
	{
		"data-lost",
		[]condition{yes(connectedOnce)},
		each(between, "associations come up and break off, as where DATA or SACK chunks are lost (%s)", "associations come up and break off, as where DATA or SACK chunks are lost (%s)"),
		chunkFilters,
	},
	{
		"host-port-not-mapped",
		[]condition{yes(hostPort), no(serverHeard), yes(directAnswers)},
		each(nodes, "node %s does not lead its hostPort to the pod for SCTP (the pod's address works)", "nodes %s do not lead their hostPorts to the pods for SCTP (the pods' addresses work)"),
		fixed("the network plugin's portmap, and the runtime: containerd before 1.4 and CRI-O before 1.19 leave SCTP out"),
	},
	{
		"service-wrong-port",
		[]condition{yes(refused), yes(serverStray), yes(translated), yes(directAnswers)},
		proxies("%s leads to a port of the pod where nobody listens for SCTP", "%s lead to a port of the pod where nobody listens for SCTP"),
		serviceProxy,
	},
	{
		"port-closed",
		[]condition{yes(refused), yes(serverStray)},
		each(servers, "the pod of %s is reached, and nobody listens on that port", "the pods of %s are reached, and nobody listens on those ports"),
		fixed("on which port and address the server listens, and whether it has begun to"),
	},
	{
		"accept-queue-full",
		[]condition{yes(refused), yes(serverHeard)},
		each(servers, "associations are refused although %s listens, as by a full accept queue", "associations are refused although they listen, as by full accept queues: %s"),
		fixed("the listen backlog of the server, and whether it accepts what it gets"),
	},
	{
		"service-down",
		[]condition{yes(notLet), no(serverHeard), yes(translated), yes(directAnswers), no(tcpAnswers)},
		proxies("%s leads nowhere, neither for SCTP nor for TCP (the pod's address works)", "%s lead nowhere, neither for SCTP nor for TCP (the pod's address works)"),
		serviceProxy,
	},
	{
		"service-node-answers",
		[]condition{yes(refused), no(serverHeard), yes(translated)},
		proxies("associations are refused before they reach a pod: %s does not translate the address for SCTP", "associations are refused before they reach a pod: %s do not translate the address for SCTP"),
		serviceProxy,
	},
	{
		"refused-on-the-way",
		[]condition{yes(refused), no(serverHeard)},
		each(ends, "another host refuses associations before they reach the server (%s)", "other hosts refuse associations before they reach the servers (%s)"),
		fixed("who answers INIT with ABORT: a host with SCTP where nobody listens has the address, or rules that translate it lead there"),
	},
	{
		"service-rejects",
		[]condition{yes(silent), yes(rejected), yes(translated), no(serverHeard)},
		proxies("%s rejects SCTP to the address, as if it had no endpoints", "%s reject SCTP to the address, as if it had no endpoints"),
		fixed("the Service's EndpointSlices: do they list an SCTP port?"),
	},
	{
		"rejected-by-icmp",
		[]condition{yes(silent), yes(rejected), no(serverHeard)},
		each(ends, "a host on the way rejects SCTP with ICMP (%s)", "a host on the way rejects SCTP with ICMP (%s)"),
		fixed("packet filters with a reject rule on both nodes"),
	},
	{
		"reply-from-elsewhere",
		[]condition{yes(silent), yes(clientStray), yes(translated)},
		proxies("replies come from an address that the client did not ask: %s does not translate them back", "replies come from addresses that the clients did not ask: %s do not translate them back"),
		fixed("connection tracking (`conntrack -L -p sctp`) of both nodes; a server bound to the wildcard lists all its addresses"),
	},
	{
		"reply-from-elsewhere",
		[]condition{yes(silent), yes(clientStray)},
		each(back, "replies belong to none of the client's associations (%s)", "replies belong to none of the clients' associations (%s)"),
		rewriters,
	},
	{
		"cookie-lost",
		[]condition{yes(silent), yes(cookieLost)},
		each(between, "the INIT is answered, and the COOKIE-ECHO or its COOKIE-ACK is lost (%s)", "INITs are answered, and COOKIE-ECHOs or their COOKIE-ACKs are lost (%s)"),
		fixed("packet filters that look into chunks, and connection tracking of both nodes (INVALID packets)"),
	},
	{
		"reply-lost",
		[]condition{yes(silent), yes(serverSpoke), no(clientHeard)},
		each(back, "SCTP reaches the server and its replies are lost (%s)", "SCTP reaches the servers and their replies are lost (%s)"),
		fixed("packet filters for the way back, and connection tracking of both nodes"),
	},
	{
		"network-down",
		[]condition{yes(silent), yes(twinsDead), no(directAnswers)},
		each(ends, "nothing gets through, neither SCTP nor the other protocols that were asked: not SCTP's fault (%s)", "nothing gets through, neither SCTP nor the other protocols that were asked: not SCTP's fault (%s)"),
		fixed("the network plugin and the connection between the nodes"),
	},
	{
		"network-down",
		[]condition{yes(silent), yes(twinsDead), no(translated)},
		each(ends, "nothing gets through, neither SCTP nor the other protocols that were asked: not SCTP's fault (%s)", "nothing gets through, neither SCTP nor the other protocols that were asked: not SCTP's fault (%s)"),
		fixed("the network plugin and the connection between the nodes"),
	},
	{
		"network-down",
		[]condition{yes(silent), no(serverHeard), no(translated), no(tcpAnswers)},
		each(ends, "neither SCTP nor TCP gets through: not SCTP's fault (%s)", "neither SCTP nor TCP gets through: not SCTP's fault (%s)"),
		fixed("packet filters and routes between the nodes, and the network plugin"),
	},
	{
		"service-no-rule",
		[]condition{yes(silent), no(serverHeard), yes(translated), yes(directAnswers), yes(tcpAnswers)},
		proxies("%s has no working rule for SCTP (the pod's address and the TCP twin work)", "%s have no working rule for SCTP (the pod's address and the TCP twin work)"),
		func(ss []Symptom) string {
			return serviceProxy(ss) + "; packet filters on the way there that know TCP only"
		},
	},
	{
		"sctp-dropped",
		[]condition{yes(silent), no(serverHeard), yes(tcpAnswers)},
		each(ends, "SCTP is dropped before it reaches the server, TCP is not (%s)", "SCTP is dropped before it reaches the server, TCP is not (%s)"),
		fixed("packet filters for IP protocol 132 on both nodes and in the network between them: firewalls, security groups"),
	},
}

// unexplained is what no row of the table fits.
var unexplained = row{
	class: "unexplained",
	says:  each(ends, "no known cause fits what was seen (%s)", "no known cause fits what was seen (%s)"),
	look:  fixed("the facts above, and probes.jsonl"),
}

// Classes is the closed list of slugs, in the order of the table.
func Classes() []Class {
	var out []Class
	for _, r := range append(slices.Clone(table), unexplained) {
		if !slices.Contains(out, r.class) {
			out = append(out, r.class)
		}
	}
	return out
}

// What is wrong with the EndpointSlices of a Service, first that which explains the symptom.
func byLack(s Symptom) string   { return cmp.Or(s.Unlisted, s.Overlisted) }
func byExcess(s Symptom) string { return cmp.Or(s.Overlisted, s.Unlisted) }

// wrongEndpoints is the row of a Service whose EndpointSlices are wrong.
func wrongEndpoints(what func(Symptom) string, when ...condition) row {
	return row{
		"endpoints-wrong",
		when,
		func(ss []Symptom) string {
			text := inFamilies(what, ss)
			if ss[0].Node != "" {
				text += proxies(": %s cannot know better", ": %s cannot know better")(ss)
			}
			return text
		},
		fixed("`kubectl get endpointslices -o yaml` beside the Service; its pods' condition Ready and their kubelets; who writes the slices (kube-controller-manager), and admission that changes them"),
	}
}

// inFamilies is what there is to say of symptoms, each thing once, with the families of which it
// is said.
func inFamilies(what func(Symptom) string, ss []Symptom) string {
	families := map[string][]string{}
	for _, s := range ss {
		families[what(s)] = append(families[what(s)], string(s.Family))
	}
	var out []string
	for _, text := range slices.Sorted(maps.Keys(families)) {
		slices.Sort(families[text])
		out = append(out, fmt.Sprintf("%s (%s)", text, strings.Join(slices.Compact(families[text]), ", ")))
	}
	return strings.Join(out, "; ")
}

func fixed(text string) func([]Symptom) string { return func([]Symptom) string { return text } }

// each puts a list of what symptoms have in common into a sentence for one or for several.
func each(what func(Symptom) string, one, several string) func([]Symptom) string {
	return func(ss []Symptom) string {
		var all []string
		for _, s := range ss {
			all = append(all, what(s))
		}
		slices.Sort(all)
		all = slices.Compact(all)
		if len(all) == 1 {
			return fmt.Sprintf(one, all[0])
		}
		return fmt.Sprintf(several, strings.Join(all, ", "))
	}
}

// Where to look is the same for some classes, whoever names them.
var (
	chunkFilters = fixed("packet filters that look into chunks, and connection tracking (`conntrack -L -p sctp`) of both nodes")
	mtus         = fixed("MTU of the pods, of the nodes and of the network between them, and whether ICMP \"packet too big\" comes through")
	rewriters    = fixed("checksum offload of the nodes' interfaces, and whatever rewrites packets between them")
)

func clientNodes(s Symptom) string { return s.ClientNode }
func serverNodes(s Symptom) string { return cmp.Or(s.ServerNode, s.Node) }
func nodes(s Symptom) string       { return s.Node }

func servers(s Symptom) string { return s.Server + " on node " + cmp.Or(s.ServerNode, s.Node) }

// enforcer is the node whose policy engine decides: where policies are for egress only, the
// client's; else that of the pod which answered or should have.
func enforcer(s Symptom) string {
	if s.Egress {
		return s.ClientNode
	}
	return cmp.Or(reach.Judge(s.Again.Evidence).By.Node, s.ServerNode, s.Node)
}

// engines says of whose engines a sentence is, and on which nodes they are.
func engines(one, several string) func([]Symptom) string {
	return func(ss []Symptom) string {
		side := "servers"
		if ss[0].Egress {
			side = "clients"
		}
		return each(enforcer, fmt.Sprintf(one, side, "%s"), fmt.Sprintf(several, side, "%s"))(ss)
	}
}

// sender is the node whose packets arrive with a bad checksum.
func sender(s Symptom) string {
	if facts(s)[serverBadSums] {
		return s.ClientNode
	}
	return s.ServerNode
}

func checksums(ss []Symptom) string {
	return each(sender, "checksum offload of node %s", "checksum offload of nodes %s")(ss) +
		" (`ethtool -k` of its interfaces), /sys/module/sctp/parameters/no_checksums there, and whatever rewrites packets between the nodes"
}

// ends are the nodes between which a path runs.
func ends(s Symptom) string {
	switch s.ServerNode {
	case "": // no pod is behind the address, or is to be
		return "from " + at(s.ClientNode)
	case s.ClientNode:
		return "within node " + s.ServerNode
	}
	return at(s.ClientNode) + " to " + at(s.ServerNode)
}

// Outside stands in place of a node's name where an agent is on none of the cluster's.
const Outside = "out"

func at(node string) string {
	if node == Outside {
		return "outside"
	}
	return "node " + node
}

// back is the way of replies.
func back(s Symptom) string {
	s.ClientNode, s.ServerNode = s.ServerNode, s.ClientNode
	return ends(s)
}

// between is where it does not matter who sent.
func between(s Symptom) string {
	if s.ClientNode == s.ServerNode {
		return ends(s)
	}
	if s.ClientNode == Outside || s.ServerNode == Outside {
		return "between " + at(s.ClientNode) + " and " + at(s.ServerNode)
	}
	return fmt.Sprintf("between nodes %s and %s", min(s.ClientNode, s.ServerNode), max(s.ClientNode, s.ServerNode))
}

// whoDenies has a sentence say whose engine denies what it must not. On a path between two nodes
// that of either may; where those that deny on paths within their node explain all the others,
// it is they.
func whoDenies(say func([]Symptom) string) func([]Symptom) string {
	return func(ss []Symptom) string {
		var within []Symptom
		denying := map[string]bool{}
		for _, s := range ss {
			if s.ClientNode == s.ServerNode {
				within, denying[s.ServerNode] = append(within, s), true
			}
		}
		if slices.ContainsFunc(ss, func(s Symptom) bool { return !denying[s.ClientNode] && !denying[s.ServerNode] }) {
			within = ss
		}
		return say(within)
	}
}

func protocol(s Symptom) string        { return strings.ToUpper(string(s.Again.Evidence.Probe.Proto)) }
func protocolAndEnds(s Symptom) string { return protocol(s) + " fails (" + ends(s) + ")" }
func protocolAndNode(s Symptom) string { return protocol(s) + " on node " + s.Node }

func policyEngine(ss []Symptom) string {
	return "the network plugin's policy agent " + each(enforcer, "on node %s", "on nodes %s")(ss) + ", and the policy: " + strings.Join(append(slices.Clone(ss[0].Policies), ss[0].Lifted...), ", ")
}

// proxies says of whose service proxies a sentence is. Which node answers for the address of a
// load balancer only that knows.
func proxies(one, several string) func([]Symptom) string {
	return func(ss []Symptom) string {
		named, unnamed := proxyNodes(ss)
		var who []string
		switch len(named) {
		case 0:
		case 1:
			who = append(who, "the service proxy of node "+named[0])
		default:
			who = append(who, "the service proxies of nodes "+strings.Join(named, ", "))
		}
		for _, server := range unnamed {
			who = append(who, "the node that answers for "+server)
		}
		text := one
		if len(named)+len(unnamed) > 1 {
			text = several
		}
		return fmt.Sprintf(text, strings.Join(who, " and "))
	}
}

// proxyNodes are the nodes whose service proxies packets meet, and the servers for which nobody
// knows them.
func proxyNodes(ss []Symptom) (named, unnamed []string) {
	for _, s := range ss {
		if s.Node != "" {
			named = append(named, s.Node)
		} else {
			unnamed = append(unnamed, s.Server)
		}
	}
	slices.Sort(named)
	slices.Sort(unnamed)
	return slices.Compact(named), slices.Compact(unnamed)
}

func serviceProxy(ss []Symptom) string {
	named, unnamed := proxyNodes(ss)
	where := "on the node that answers for the address, which the Service's events may name"
	switch {
	case len(unnamed) > 0:
	case len(named) == 1:
		where = "on node " + named[0]
	default:
		where = "on nodes " + strings.Join(named, ", ")
	}
	return "the log of the service proxy (kube-proxy) " + where + ", and its rules for " + ss[0].Address
}

// sizes says from which size on messages are lost.
func sizes(ss []Symptom) string {
	s := ss[0]
	return fmt.Sprintf("single messages of %d bytes pass and those of %d do not: packets above a size are lost without a word (%s)",
		slices.Max(s.Passed), slices.Min(s.Lost), each(between, "%s", "%s")(ss))
}
