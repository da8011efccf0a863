package wire

import "net/netip"

// SocketOp is one step with one SCTP socket of the agent. Sockets have names and live
// until they are closed, aborted or reset, whoever asks: a session that breaks does not
// end them. Steps of one socket may overlap, as a receive that waits while messages are
// sent.
type SocketOp struct {
	Do     Verb   `json:"do"`
	Socket string `json:"socket,omitempty"` // its name; listen, dial, accept and peel-off give it one
	From   string `json:"from,omitempty"`   // accept and peel-off: the socket that the new one comes from; dial: a one-to-many socket that exists

	Many    bool           `json:"many,omitempty"`   // listen, dial: one-to-many style (RFC 6458 section 3), else one-to-one
	Assoc   int32          `json:"assoc,omitempty"`  // of a one-to-many socket: which association is meant
	Local   netip.AddrPort `json:"local,omitzero"`   // listen, dial: port 0 is the kernel's choice
	Also    []netip.Addr   `json:"also,omitempty"`   // listen, dial: this end's other addresses, of any family; the peer is told them (RFC 9260 section 5.1.2)
	Target  netip.AddrPort `json:"target,omitzero"`  // dial
	Timers  *Timers        `json:"timers,omitempty"` // listen, dial; set: of the living association
	Options []Option       `json:"options,omitempty"`

	Nonce    string        `json:"nonce,omitempty"`    // send: see Payload
	First    int           `json:"first,omitempty"`    // send: the index of the first message
	Messages []SendMessage `json:"messages,omitempty"` // send

	Until  Until  `json:"until,omitzero"`   // receive
	Buffer int    `json:"buffer,omitempty"` // receive: bytes read by one system call, 0 for the agent's choice
	Cause  string `json:"cause,omitempty"`  // abort: the upper layer's reason (RFC 9260 section 3.3.10.12)
	Drop   Drop   `json:"drop,omitzero"`    // silence

	Patience Millis `json:"patience,omitempty"` // of whatever waits; 0 does not wait
}

// Verb says what a SocketOp does.
type Verb string

// The verbs.
const (
	DoListen   Verb = "listen"
	DoDial     Verb = "dial"     // returns when the kernel has decided
	DoAccept   Verb = "accept"   // of a one-to-many socket: the next association that has begun is peeled off
	DoPeelOff  Verb = "peel-off" // an association of a one-to-many socket gets a socket of its own
	DoSend     Verb = "send"     // returns when the kernel has taken the last message
	DoReceive  Verb = "receive"
	DoSet      Verb = "set"      // timers and options of a living socket
	DoStatus   Verb = "status"   // SCTP_STATUS and what belongs to it
	DoSilence  Verb = "silence"  // from now on the socket drops what comes, or some of it: to its peer it has vanished
	DoHear     Verb = "hear"     // the end of a silence
	DoShutdown Verb = "shutdown" // SHUTDOWN when everything is delivered (RFC 9260 section 9.2)
	DoAbort    Verb = "abort"    // ABORT at once (section 9.1), and close
	DoClose    Verb = "close"
	DoReset    Verb = "reset" // abort and close every socket of the agent
)

// Drop says which packets a silence is about. The zero value is all of them.
type Drop struct {
	From   netip.Addr `json:"from,omitzero"`    // those that come from this address
	Stream uint16     `json:"stream,omitempty"` // those that begin with DATA of this stream, which is not 0
}

// Option is a socket option that takes a number, an address, or a number and a key.
type Option struct {
	Name  OptionName `json:"name"`
	Value int        `json:"value"`
	Addr  netip.Addr `json:"addr,omitzero"`
	Key   string     `json:"key,omitempty"` // the bytes of a shared key (RFC 4895 section 3)
}

// OptionName is one of the options that an agent knows.
type OptionName string

// The options. Times are in milliseconds, sizes in bytes; 1 is on and 0 is off.
const (
	OutStreams      OptionName = "out-streams"            // SCTP_INITMSG, RFC 6458 section 8.1.3
	InStreams       OptionName = "in-streams"             // likewise, the most that are accepted
	NoDelay         OptionName = "nodelay"                // SCTP_NODELAY, section 8.1.5
	NoFragments     OptionName = "disable-fragments"      // SCTP_DISABLE_FRAGMENTS, section 8.1.11
	MaxSegment      OptionName = "maxseg"                 // SCTP_MAXSEG, section 8.1.16
	MaxBurst        OptionName = "max-burst"              // SCTP_MAX_BURST, section 8.1.24
	PartialDelivery OptionName = "partial-delivery-point" // section 8.1.21
	AutoClose       OptionName = "autoclose"              // seconds; SCTP_AUTOCLOSE, section 8.1.8
	Interleave      OptionName = "fragment-interleave"    // level; SCTP_FRAGMENT_INTERLEAVE, section 8.1.20
	IData           OptionName = "i-data"                 // SCTP_INTERLEAVING_SUPPORTED, RFC 8260 section 4.3.1; after Interleave
	StreamScheduler OptionName = "stream-scheduler"       // by the kernel's number, 2 is round robin; SCTP_STREAM_SCHEDULER, section 4.3.2
	SendBuffer      OptionName = "sndbuf"                 // SO_SNDBUF
	ReceiveBuffer   OptionName = "rcvbuf"                 // SO_RCVBUF
	SackDelay       OptionName = "sack-delay"             // SCTP_DELAYED_SACK, RFC 6458 section 8.1.19
	SackFrequency   OptionName = "sack-frequency"         // packets; likewise
	Heartbeats      OptionName = "hb-interval"            // SCTP_PEER_ADDR_PARAMS, section 8.1.12; 0 is off
	PathMaxRetrans  OptionName = "path-maxrxt"            // likewise
	HeartbeatNow    OptionName = "heartbeat"              // likewise: one on demand
	PartialReliable OptionName = "pr-supported"           // SCTP_PR_SUPPORTED, RFC 7496 section 4.5
	StreamResets    OptionName = "enable-stream-reset"    // bits; SCTP_ENABLE_STREAM_RESET, RFC 6525 section 6.3.1
	ReconfSupported OptionName = "reconf-supported"       // SCTP_RECONFIG_SUPPORTED
	ResetOutgoing   OptionName = "reset-outgoing"         // stream; SCTP_RESET_STREAMS, RFC 6525 section 6.3.2
	AuthSupported   OptionName = "auth-supported"         // SCTP_AUTH_SUPPORTED
	AuthChunk       OptionName = "auth-chunk"             // type; SCTP_AUTH_CHUNK, RFC 6458 section 8.3.2; after AuthSupported
	AuthKey         OptionName = "auth-key"               // number, and the key itself; SCTP_AUTH_KEY, section 8.3.3
	AuthActiveKey   OptionName = "auth-active-key"        // number; SCTP_AUTH_ACTIVE_KEY, section 8.1.18
	SenderDry       OptionName = "sender-dry"             // SCTP_SENDER_DRY_EVENT, section 6.1.9
	EncapsPort      OptionName = "udp-encaps-port"        // of the peers to come; SCTP_REMOTE_UDP_ENCAPS_PORT, RFC 6951 section 6.1

	PrimaryAddr   OptionName = "primary-addr" // of the peer; SCTP_PRIMARY_ADDR, RFC 6458 section 8.1.9
	AddAddress    OptionName = "bindx-add"    // of this end; SCTP_BINDX_ADD_ADDR, section 9.1
	RemoveAddress OptionName = "bindx-rem"    // likewise
)

// SendMessage is a message with what RFC 6458 section 5.3.4 lets a sender say of it.
type SendMessage struct {
	Message
	Unordered bool   `json:"unordered,omitempty"`
	Context   uint32 `json:"context,omitempty"`   // comes back with a failure to send
	Policy    string `json:"pr_policy,omitempty"` // ttl, rtx or prio (RFC 7496 section 3); "" is reliable
	Value     uint32 `json:"pr_value,omitempty"`  // milliseconds, retransmissions or a priority
}

// Until says what ends a receive besides its patience, an end of file and an error: so
// many messages, or an event of this kind and state. The zero value waits for the end.
type Until struct {
	Messages int       `json:"messages,omitempty"`
	Event    EventKind `json:"event,omitempty"`
	State    string    `json:"state,omitempty"`
}

// SocketReply is what came of a step.
type SocketReply struct {
	Begun Micros `json:"begun_us"` // on the agent's clock, which begins with its main process and is monotonic
	Ended Micros `json:"ended_us"`
	Call  string `json:"call,omitempty"`  // what the kernel refused, and its words
	Errno string `json:"errno,omitempty"` // symbolic

	Late   bool           `json:"late,omitempty"`   // the patience ended before anything else did
	Unread bool           `json:"unread,omitempty"` // it ended a receive while the socket had something to read
	Assoc  int32          `json:"assoc,omitempty"`
	Local  netip.AddrPort `json:"local,omitzero"`
	Peer   netip.AddrPort `json:"peer,omitzero"`
	Sent   int            `json:"sent,omitempty"` // messages that the kernel took
	Events []Event        `json:"events,omitempty"`
	Status *SocketStatus  `json:"status,omitempty"`
}

// EventKind says what a socket delivered.
type EventKind string

// The kinds of events: a message, an end, or a notification of RFC 6458 section 6.1.
const (
	EventMessage   EventKind = "message"
	EventEOF       EventKind = "eof"
	EventError     EventKind = "error"
	EventAssoc     EventKind = "assoc-change"     // COMM_UP COMM_LOST RESTART SHUTDOWN_COMP CANT_STR_ASSOC
	EventPeerAddr  EventKind = "peer-addr-change" // ADDR_AVAILABLE ADDR_UNREACHABLE ADDR_CONFIRMED ...
	EventRemote    EventKind = "remote-error"
	EventFailed    EventKind = "send-failed" // UNSENT SENT
	EventShutdown  EventKind = "shutdown"
	EventPartial   EventKind = "partial-delivery" // ABORTED
	EventDry       EventKind = "sender-dry"
	EventReset     EventKind = "stream-reset"
	EventUnknown   EventKind = "unknown"
	EventMalformed EventKind = "malformed" // a notification that is shorter than its kind
)

// Event is one thing that a socket delivered, in the order of delivery.
type Event struct {
	At    Micros    `json:"at_us"` // when it was read
	Kind  EventKind `json:"kind"`
	Assoc int32     `json:"assoc,omitempty"`

	Size      int    `json:"size,omitempty"` // of a message
	Digest    string `json:"digest,omitempty"`
	Stream    uint16 `json:"stream,omitempty"`
	SSN       uint16 `json:"ssn,omitempty"`
	TSN       uint32 `json:"tsn,omitempty"`
	PPID      uint32 `json:"ppid,omitempty"` // in host order
	Unordered bool   `json:"unordered,omitempty"`
	Pieces    int    `json:"pieces,omitempty"`  // system calls it took, the last with MSG_EOR
	Partial   int    `json:"partial,omitempty"` // of these, those that had room for more and no MSG_EOR: the kernel delivered a part
	Cut       bool   `json:"cut,omitempty"`     // it never came to MSG_EOR

	State   string     `json:"state,omitempty"` // of a notification
	Error   uint32     `json:"error,omitempty"` // of a notification: a cause code of RFC 9260 section 3.3.10, or what the kernel has
	Cause   string     `json:"cause,omitempty"` // of an ABORT, the upper layer's reason
	Context uint32     `json:"context,omitempty"`
	Addr    netip.Addr `json:"addr,omitzero"`
	Errno   string     `json:"errno,omitempty"` // of EventError
}

// SocketStatus is what the kernel tells of a living association.
type SocketStatus struct {
	State      string       `json:"state"` // ESTABLISHED ...
	InStreams  uint16       `json:"in_streams"`
	OutStreams uint16       `json:"out_streams"`
	FragPoint  uint32       `json:"frag_point"`
	RWnd       uint32       `json:"rwnd"`    // the peer's window, bytes
	Unacked    uint16       `json:"unacked"` // DATA chunks under way
	Pending    uint16       `json:"pending"` // DATA chunks received and not read
	Local      []netip.Addr `json:"local"`
	Peers      []PeerAddr   `json:"peers"` // the primary one first
	Stats      Counters     `json:"stats"` // SCTP_GET_ASSOC_STATS, by the kernel's names without "sas_"

	Interleaving bool  `json:"interleaving,omitempty"` // both ends have agreed on I-DATA chunks; SCTP_INTERLEAVING_SUPPORTED
	AuthChunks   []int `json:"auth_chunks,omitempty"`  // types of chunks that the peer wants authenticated; SCTP_PEER_AUTH_CHUNKS, RFC 6458 section 8.2.3
}

// PeerAddr is struct sctp_paddrinfo (RFC 6458 section 8.2.2).
type PeerAddr struct {
	Addr  netip.Addr `json:"addr"`
	State string     `json:"state"` // ACTIVE INACTIVE PF UNCONFIRMED
	CWnd  uint32     `json:"cwnd"`  // bytes
	SRTT  Millis     `json:"srtt_ms"`
	RTO   Millis     `json:"rto_ms"`
	MTU   uint32     `json:"mtu"` // bytes
}
