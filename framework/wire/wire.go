// Package wire is what the suite and the agents say to each other: JSON lines over
// one long-lived stream per agent.
//
// It knows the shape of questions and observations and nothing else: no sockets, no
// Kubernetes, no verdicts. It imports the standard library only, because the agent
// that imports it must stay small.
package wire

import (
	"net/netip"
	"time"
)

// Version is the version of this protocol. An agent whose Hello carries another one
// must not be asked anything.
const Version = 1

// Hello is the first line an agent writes when a session opens.
type Hello struct {
	Version int          `json:"version"`
	Boot    string       `json:"boot"` // random, made when the agent's main process starts: another value means that its state is gone
	Server  Identity     `json:"server"`
	Addrs   []netip.Addr `json:"addrs"` // status.podIPs
	Kernel  string       `json:"kernel"`
	MTU     int          `json:"mtu,omitempty"` // bytes, of the interface that has the first address; 0 is not known
}

// Identity says which agent is speaking.
type Identity struct {
	UID       string `json:"uid"` // metadata.uid of the agent's pod
	Namespace string `json:"ns"`
	Pod       string `json:"pod"`
	Node      string `json:"node"`
}

// Request is one question to an agent. Exactly one of its pointers is set.
type Request struct {
	ID      uint64    `json:"id"`
	Listen  *Listen   `json:"listen,omitempty"`
	Close   *Endpoint `json:"close,omitempty"`
	Batch   *Batch    `json:"batch,omitempty"`
	Records *Records  `json:"records,omitempty"`
	Keep    *Keep     `json:"keep,omitempty"`
	LetGo   *LetGo    `json:"let_go,omitempty"`
	Module  *Module   `json:"module,omitempty"`
	State   *State    `json:"state,omitempty"`
	Socket  *SocketOp `json:"socket,omitempty"`
	Resolve *Resolve  `json:"resolve,omitempty"`
	Exit    *Exit     `json:"exit,omitempty"`
}

// Exit ends the agent's main process, and with it the container, which the kubelet starts
// again. The stream may end before the reply.
type Exit struct{}

// Reply answers the request with the same ID. Error is set when the agent could not
// do what was asked (a port in use, a malformed question); what happened to a probe
// is never an error but an Observation.
type Reply struct {
	ID      uint64       `json:"id"`
	Error   string       `json:"error,omitempty"`
	Errno   string       `json:"errno,omitempty"` // symbolic, where Error came from a system call
	Batch   *BatchReply  `json:"batch,omitempty"`
	Records []Record     `json:"records,omitempty"`
	Module  *ModuleReply `json:"module,omitempty"`
	State   *StateReply  `json:"state,omitempty"`
	Stalled Millis       `json:"stalled_ms,omitempty"` // the longest time in the last half minute in which the agent's process did not run
	Socket  *SocketReply `json:"socket,omitempty"`

	Resolve *ResolveReply `json:"resolve,omitempty"`
	Kept    *Observation  `json:"kept,omitempty"`
}

// Proto is a transport protocol by its name in the Kubernetes API, in lower case.
type Proto string

// The transport protocols agents speak.
const (
	SCTP Proto = "sctp"
	TCP  Proto = "tcp"
	UDP  Proto = "udp"
)

// Endpoint is a listener of an agent.
type Endpoint struct {
	Proto Proto          `json:"proto"`
	Addr  netip.AddrPort `json:"addr"`
}

// Listen asks for a listener that greets, records and echoes (see Greeting) until it
// is closed. Listening where this agent already listens is not an error.
type Listen struct {
	Endpoint
	Timers Timers `json:"timers"`
}

// ListenVariable is the variable in the environment of an agent's main process that makes it
// listen from its first moment: a list of Listen in JSON, in which the unspecified address of a
// family stands for the pod's own.
const ListenVariable = "LISTEN"

// Timers are the per-socket SCTP timers of one end. They are set with SCTP_RTOINFO,
// SCTP_INITMSG and SCTP_ASSOCINFO (RFC 6458 sections 8.1.1 to 8.1.3), never by sysctl,
// so that neither the node's nor the pod's settings can change a verdict.
type Timers struct {
	RTOInitial     Millis `json:"rto_initial"`
	RTOMin         Millis `json:"rto_min"`
	RTOMax         Millis `json:"rto_max"`
	MaxInitTimeout Millis `json:"max_init_timeo"`
	MaxInits       int    `json:"max_inits"`    // retransmissions: MaxInits+1 INITs leave before the kernel gives up
	AssocMaxRetran int    `json:"assoc_maxrxt"` // consecutive retransmissions after which the association is failed
}

// Millis is a duration in whole milliseconds, the unit of the kernel's SCTP options.
type Millis int

// Duration converts m.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// InitWindow is the time from the first INIT to ETIMEDOUT when nobody answers:
// the sum over i=0..MaxInits of min(RTOInitial*2^i, MaxInitTimeout).
func (t Timers) InitWindow() time.Duration {
	var sum time.Duration
	for _, wait := range t.InitWaits() {
		sum += wait
	}
	return sum
}

// InitWaits is how long the kernel waits after each of the INITs that InitWindow
// adds up.
func (t Timers) InitWaits() []time.Duration {
	waits := make([]time.Duration, max(t.Inits(), 0))
	step := t.RTOInitial
	for i := range waits {
		step = min(step, t.MaxInitTimeout)
		waits[i] = step.Duration()
		step *= 2
	}
	return waits
}

// Inits is the number of INIT chunks on the wire when nobody answers.
func (t Timers) Inits() int { return t.MaxInits + 1 }
