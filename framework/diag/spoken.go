package diag

import "slices"

// Classes of what specs find by themselves, without the table: a share, a count, an object,
// a name, an association. They stand beside those of the table in the closed list that
// reports and fault tests compare.
const (
	ServiceUneven      Class = "service-uneven"       // a pod of a Service gets no associations, or those of others
	ServiceNotSticky   Class = "service-not-sticky"   // a client is sent to several pods where it is to stay at one
	APIChangesProtocol Class = "api-changes-protocol" // an object does not say SCTP although it did when it was written
	NamesWrong         Class = "names-wrong"          // cluster DNS does not say where pods are
	AssociationsFail   Class = "associations-fail"    // some of many
	AssociationWrong   Class = "association-wrong"    // in some other way
	BadChecksum        Class = "bad-checksum"         // the table has it, too
	AssociationLeft    Class = "association-left"     // when a spec has ended
)

// spoken is what is said of symptoms whose class the spec itself has found, and where to look
// next. It has a row for each class above, and for each of assoc.Classes.
var spoken = []row{
	{
		class: ServiceUneven,
		says:  proxies("%s does not share out associations as the Service asks for", "%s do not share out associations as the Service asks for"),
		look: func(ss []Symptom) string {
			return serviceProxy(ss) + "; the Service's EndpointSlices: which pods they list as ready, and for which zones or nodes"
		},
	},
	{
		class: ServiceNotSticky,
		says:  proxies("%s does not keep to the Service's session affinity", "%s do not keep to the Service's session affinity"),
		look: func(ss []Symptom) string {
			return serviceProxy(ss) + ": whether they have affinity for SCTP as they have it for TCP, and for how many seconds"
		},
	},
	{
		class: APIChangesProtocol,
		says:  fixed("objects on the API server have another protocol than they must have"),
		look:  fixed("webhooks and policies that change objects (`kubectl get mutatingwebhookconfigurations,mutatingadmissionpolicies`), and the controllers that write EndpointSlices"),
	},
	{
		class: NamesWrong,
		says:  each(clientNodes, "cluster DNS does not tell pods on node %s where the pods are", "cluster DNS does not tell pods on nodes %s where the pods are"),
		look:  fixed("the log and the configuration of the cluster's DNS server (CoreDNS), and the Service's EndpointSlices: whether they list a named SCTP port"),
	},
	{
		class: AssociationsFail,
		says:  each(ends, "some of many associations fail (%s)", "some of many associations fail (%s)"),
		look:  fixed("packet loss and load of both nodes, and their kernels' logs (`nf_conntrack: table full`); probes.jsonl has every attempt"),
	},
	{
		class: "end-not-told",
		says:  each(ends, "an end of an association is not told in time that its peer is gone (%s)", "ends of associations are not told in time that their peers are gone (%s)"),
		look:  chunkFilters,
	},
	{
		class: AssociationWrong,
		says:  each(between, "an association does not do what it must (%s)", "associations do not do what they must (%s)"),
		look:  fixed("associations.jsonl: what both ends were told to do, and what their kernels said; then packet filters and connection tracking of both nodes"),
	},
	{
		class: BadChecksum,
		says:  each(serverNodes, "SCTP packets with a bad checksum come to node %s", "SCTP packets with a bad checksum come to nodes %s"),
		look:  fixed("checksum offload (`ethtool -k`) of the nodes that they come from, /sys/module/sctp/parameters/no_checksums there, and whatever rewrites packets between the nodes"),
	},
	{
		class: AssociationLeft,
		says:  each(serverNodes, "an association stands on node %s that its ends have ended", "associations stand on nodes %s that their ends have ended"),
		look:  fixed("/proc/net/sctp/assocs of the pods, and packet filters that look into chunks: a SHUTDOWN or an ABORT that is dropped leaves an end behind"),
	},
	{
		class: "connect-failed",
		says:  each(ends, "an association does not come up where ordinary probes were answered before (%s)", "associations do not come up where ordinary probes were answered before (%s)"),
		look:  fixed("connection tracking (`conntrack -L -p sctp`) of both nodes, and associations.jsonl: in what the attempt differs from a probe, its ports, addresses, streams and timers"),
	},
	{
		class: "chunk-lost",
		says:  each(between, "chunks other than DATA are lost (%s)", "chunks other than DATA are lost (%s)"),
		look:  chunkFilters,
	},
	{
		class: "data-lost",
		says:  each(between, "associations come up and their DATA or SACK chunks are lost (%s)", "associations come up and their DATA or SACK chunks are lost (%s)"),
		look:  chunkFilters,
	},
	{
		class: "size-black-hole",
		says:  each(between, "packets above a size are lost without a word (%s)", "packets above a size are lost without a word (%s)"),
		look:  mtus,
	},
	{
		class: "message-damaged",
		says:  each(between, "messages change on the way (%s)", "messages change on the way (%s)"),
		look:  rewriters,
	},
	{
		class: "streams-changed",
		says:  each(between, "the ends of an association do not have the streams that they agreed on (%s)", "the ends of associations do not have the streams that they agreed on (%s)"),
		look:  fixed("whatever rewrites INIT and INIT-ACK chunks on the way: firewalls and NAT that know SCTP"),
	},
}

// Spoken lists the classes of what specs find by themselves.
func Spoken() []string {
	var out []string
	for _, r := range spoken {
		out = append(out, string(r.class))
	}
	return out
}

// found is the row of what a spec has found. Proxies that share out associations as EndpointSlices
// tell them to are not to blame.
func found(s Symptom) row {
	if s.Found == ServiceUneven && s.Unlisted != "" {
		return wrongEndpoints(byLack)
	}
	i := slices.IndexFunc(spoken, func(r row) bool { return r.class == s.Found })
	if i < 0 {
		return unexplained
	}
	return spoken[i]
}
