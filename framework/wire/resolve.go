package wire

import "net/netip"

// Resolve asks the resolver of the agent's pod, with the servers and the search list that
// its resolv.conf has.
type Resolve struct {
	Name     string     `json:"name"` // without a dot at its end the search list applies
	Kind     RecordKind `json:"kind"`
	Patience Millis     `json:"patience"`
}

// RecordKind is a type of DNS records (RFC 1035 section 3.2.2, RFC 3596, RFC 2782).
type RecordKind string

// The kinds of records that agents ask for.
const (
	RecordA    RecordKind = "A"
	RecordAAAA RecordKind = "AAAA"
	RecordSRV  RecordKind = "SRV"
)

// ResolveReply is what the resolver said. Without records Failure says why there are none;
// Missing tells a name that is not there from a server that did not answer.
type ResolveReply struct {
	Addrs    []netip.Addr    `json:"addrs,omitempty"`    // sorted
	Services []ServiceRecord `json:"services,omitempty"` // sorted
	Missing  bool            `json:"missing,omitempty"`
	Failure  string          `json:"failure,omitempty"`
}

// ServiceRecord is what an SRV record says of where a service is.
type ServiceRecord struct {
	Target string `json:"target"`
	Port   uint16 `json:"port"`
}
