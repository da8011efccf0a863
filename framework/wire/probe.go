package wire

import "net/netip"

// Batch asks for several probes, at the same time or one after another. Counters of the network namespace
// are read before the first and after the last, so the agent runs one batch at a time.
type Batch struct {
	Probes []Probe `json:"probes"`
	AtOnce int     `json:"at_once,omitempty"` // so many at the same time, in order; 0 is all
}

// Probe is one attempt: a fresh socket with a kernel-chosen source port, connect,
// greeting, messages and their echoes, and a graceful end.
type Probe struct {
	Proto    Proto          `json:"proto"`
	Local    netip.Addr     `json:"local"` // the one address to bind to; a wildcard end would list all of them in its INIT
	Target   netip.AddrPort `json:"target"`
	Nonce    string         `json:"nonce"`
	Timers   Timers         `json:"timers"`
	Messages []Message      `json:"messages,omitempty"`
	Delay    Millis         `json:"delay,omitempty"` // to wait before the socket is opened
	Patience Millis         `json:"patience"`        // wall-clock limit for everything after connect; connect itself is ended by the kernel
}

// Keep asks for a probe that goes on until it is let go: it sends its one message again, and
// waits for the echo, as often as there is time. It is answered when it has ended; batches run
// beside it, and count what it sends.
type Keep struct {
	Probe Probe  `json:"probe"`
	Pause Millis `json:"pause"` // between an echo and the next message
}

// LetGo ends in order what is kept under a nonce.
type LetGo struct {
	Nonce string `json:"nonce"`
}

// Message describes one message to be sent and echoed. Its bytes are Payload(nonce, index, Size).
type Message struct {
	Size   int    `json:"size"` // bytes, at least 1
	Stream uint16 `json:"stream,omitempty"`
	PPID   uint32 `json:"ppid,omitempty"` // payload protocol identifier in host order
}

// Stage is how far a probe came: the last stage that was begun.
type Stage string

// The stages of a probe, in order.
const (
	StageSocket  Stage = "socket"  // socket(2), options, bind(2)
	StageConnect Stage = "connect" // connect(2) until SO_ERROR is known
	StageSend    Stage = "send"    // sending the greeting and the messages
	StageEcho    Stage = "echo"    // waiting for the server's greeting and the echoes
	StageClose   Stage = "close"   // SHUTDOWN until the peer has answered it
	StageDone    Stage = "done"
)

// Ender says who ended a probe that did not reach StageDone.
type Ender string

// The possible enders.
const (
	EndedByKernel Ender = "kernel" // a system call returned Errno
	EndedByPeer   Ender = "peer"   // end of file where an echo was due
	EndedByClock  Ender = "clock"  // Patience ran out: proves nothing about the network
	EndedByAgent  Ender = "agent"  // the agent itself could not go on; Detail says why
)

// Observation is what the client's side saw of one probe. It contains no judgement.
type Observation struct {
	Nonce   string         `json:"nonce"`
	Stage   Stage          `json:"stage"`
	Ender   Ender          `json:"ender,omitempty"`
	Errno   string         `json:"errno,omitempty"` // symbolic, e.g. ETIMEDOUT
	Detail  string         `json:"detail,omitempty"`
	Local   netip.AddrPort `json:"local"`
	Connect Micros         `json:"connect_us"` // time in StageConnect
	Total   Micros         `json:"total_us"`

	Greeting *Greeting `json:"greeting,omitempty"`
	Damaged  *Echo     `json:"damaged,omitempty"` // what came in place of the greeting of this probe
	Echoes   []Echo    `json:"echoes,omitempty"`
	Assoc    *Assoc    `json:"assoc,omitempty"`
}

// Micros is a duration in microseconds.
type Micros int64

// Greeting is the server's answer to the first message, which carries the nonce.
type Greeting struct {
	Nonce  string         `json:"nonce"`
	Server Identity       `json:"server"`
	Peer   netip.AddrPort `json:"peer"` // the client's address as the server sees it
}

// Echo is one message that came back. Only messages of one stream keep their order: of
// two streams either may come first.
type Echo struct {
	Size   int    `json:"size"`
	Digest string `json:"digest"` // see Digest
	Stream uint16 `json:"stream,omitempty"`
	PPID   uint32 `json:"ppid,omitempty"`
}

// Assoc is taken from SCTP_STATUS and SCTP_GET_ASSOC_STATS just before the close, or when
// an association that still lives is given up.
type Assoc struct {
	InStreams  uint16 `json:"in_streams"`
	OutStreams uint16 `json:"out_streams"`
	FragPoint  uint32 `json:"frag_point"` // bytes
	SRTT       uint32 `json:"srtt_ms"`
	Retrans    uint64 `json:"retrans"` // DATA chunks sent again
}

// BatchReply has one observation per probe, in order, and what moved meanwhile in the
// agent's network namespace.
type BatchReply struct {
	Observations []Observation `json:"observations"`
	Counters     Counters      `json:"counters"`
}

// Counters are differences of /proc/net/sctp/snmp, of the Icmp rows of /proc/net/snmp and
// /proc/net/snmp6, and of AttemptFails, UDPOut and UDP6Out, by the kernel's names; those that
// did not move are left out.
type Counters map[string]int64

// Names of counters that the suite looks at.
const (
	OutSCTPPacks     = "SctpOutSCTPPacks"
	InSCTPPacks      = "SctpInSCTPPacks"
	ChecksumErrors   = "SctpChecksumErrors"
	OutOfBlues       = "SctpOutOfBlues"
	T1InitExpireds   = "SctpT1InitExpireds"
	T1CookieExpireds = "SctpT1CookieExpireds"
	Aborteds         = "SctpAborteds"
	CurrEstab        = "SctpCurrEstab"
	InPktDiscards    = "SctpInPktDiscards"
	UDPIn            = "UdpInDatagrams"
	UDP6In           = "Udp6InDatagrams"
	UDPOut           = "UdpOutDatagrams"
	UDP6Out          = "Udp6OutDatagrams"

	AttemptFails  = "TcpAttemptFails"     // TCP connections that came to nothing
	Unreachables  = "IcmpInDestUnreachs"  // ICMP errors that came in
	Unreachables6 = "Icmp6InDestUnreachs" // and ICMPv6 errors
)

// Records asks which of these nonces the agent's servers have seen.
type Records struct {
	Nonces []string `json:"nonces"`
}

// Record is what a server wrote down about one nonce: the second witness of a delivery.
type Record struct {
	Nonce    string         `json:"nonce"`
	Proto    Proto          `json:"proto"`
	Local    netip.AddrPort `json:"local"`
	Peer     netip.AddrPort `json:"peer"`
	Messages []Echo         `json:"messages,omitempty"` // as received
}
