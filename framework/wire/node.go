package wire

// Module asks what the node's kernel says about SCTP. Without Open nothing is touched:
// opening a socket may load the module.
type Module struct {
	Open bool `json:"open,omitempty"` // also try socket(2) for each family and type
}

// ModuleReply is what an unprivileged pod can see of the node's kernel.
type ModuleReply struct {
	Kernel    string   `json:"kernel"`    // uname -r
	BootID    string   `json:"boot_id"`   // /proc/sys/kernel/random/boot_id
	Loaded    []string `json:"loaded"`    // lines of /proc/modules whose name begins with sctp
	Protocols []string `json:"protocols"` // names in /proc/net/protocols that begin with SCTP
	Opens     []Open   `json:"opens,omitempty"`
}

// Open is the result of one socket(2).
type Open struct {
	Family string `json:"family"` // ipv4 or ipv6
	Type   string `json:"type"`   // stream or seqpacket
	Errno  string `json:"errno,omitempty"`
}

// State asks for the agent's counters and listeners.
type State struct{}

// StateReply is the whole of /proc/net/sctp/snmp (empty while SCTP is off), the Udp rows
// of /proc/net/snmp and snmp6, and the endpoints the agent listens on.
type StateReply struct {
	Counters  Counters   `json:"counters"`
	Listeners []Endpoint `json:"listeners"`
}

// HostModule is what root on a node finds out about the SCTP module, and what came of
// loading it.
type HostModule struct {
	Node    string   `json:"node"`
	Kernel  string   `json:"kernel"`            // uname -r
	File    string   `json:"file,omitempty"`    // of the module; "builtin"; empty when the kernel has none
	Config  []string `json:"config"`            // lines of modprobe.d about sctp, as file:number: text
	AtBoot  []string `json:"at_boot"`           // lines of modules-load.d that name sctp, likewise
	Before  bool     `json:"before"`            // loaded (or built in) when we came
	After   bool     `json:"after"`             // loaded when we left
	Message string   `json:"message,omitempty"` // what modprobe said when it failed
}
