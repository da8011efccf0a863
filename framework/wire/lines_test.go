package wire

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

var (
	server = Identity{UID: "3c1f", Namespace: "sctp-x", Pod: "server", Node: "node-a"}
	at4    = netip.MustParseAddrPort("10.244.2.4:80")
	at6    = netip.MustParseAddrPort("[fd00:244:2::4]:80")
	from   = netip.MustParseAddrPort("10.244.1.6:40321")
	short  = Timers{RTOInitial: 150, RTOMin: 100, RTOMax: 300, MaxInitTimeout: 300, MaxInits: 5, AssocMaxRetran: 6}
)

const shortLine = `{"rto_initial":150,"rto_min":100,"rto_max":300,"max_init_timeo":300,"max_inits":5,"assoc_maxrxt":6}`

// lines are what the suite and the agents write. Agents of another build must
// understand them: a change here needs another Version.
var lines = []struct {
	name  string
	value any
	line  string
}{
	{
		"hello",
		Hello{Version: 1, Boot: "b7", Server: server, Addrs: []netip.Addr{at4.Addr(), at6.Addr()}, Kernel: "6.1.0", MTU: 1450},
		`{"version":1,"boot":"b7","server":{"uid":"3c1f","ns":"sctp-x","pod":"server","node":"node-a"},"addrs":["10.244.2.4","fd00:244:2::4"],"kernel":"6.1.0","mtu":1450}`,
	},
	{
		"listen",
		Request{ID: 1, Listen: &Listen{Endpoint{SCTP, at6}, short}},
		`{"id":1,"listen":{"proto":"sctp","addr":"[fd00:244:2::4]:80","timers":` + shortLine + `}}`,
	},
	{"close", Request{ID: 2, Close: &Endpoint{TCP, at4}}, `{"id":2,"close":{"proto":"tcp","addr":"10.244.2.4:80"}}`},
	{
		"batch",
		Request{ID: 3, Batch: &Batch{AtOnce: 2, Probes: []Probe{{
			Proto: SCTP, Local: from.Addr(), Target: at4, Nonce: "7f3a09", Timers: short, Patience: 8000, Delay: 500,
			Messages: []Message{{Size: 1}, {Size: 1400, Stream: 1, PPID: 46}},
		}}}},
		`{"id":3,"batch":{"probes":[{"proto":"sctp","local":"10.244.1.6","target":"10.244.2.4:80","nonce":"7f3a09","timers":` + shortLine +
			`,"messages":[{"size":1},{"size":1400,"stream":1,"ppid":46}],"delay":500,"patience":8000}],"at_once":2}}`,
	},
	{
		"keep",
		Request{ID: 3, Keep: &Keep{
			Probe: Probe{Proto: TCP, Local: from.Addr(), Target: at4, Nonce: "7f3a09", Timers: short, Patience: 8000, Messages: []Message{{Size: 24}}}, Pause: 250,
		}},
		`{"id":3,"keep":{"probe":{"proto":"tcp","local":"10.244.1.6","target":"10.244.2.4:80","nonce":"7f3a09","timers":` + shortLine +
			`,"messages":[{"size":24}],"patience":8000},"pause":250}}`,
	},
	{"let go", Request{ID: 4, LetGo: &LetGo{"7f3a09"}}, `{"id":4,"let_go":{"nonce":"7f3a09"}}`},
	{"records", Request{ID: 4, Records: &Records{[]string{"7f3a09"}}}, `{"id":4,"records":{"nonces":["7f3a09"]}}`},
	{"module, looking only", Request{ID: 5, Module: &Module{}}, `{"id":5,"module":{}}`},
	{"module", Request{ID: 6, Module: &Module{Open: true}}, `{"id":6,"module":{"open":true}}`},
	{"state", Request{ID: 7, State: &State{}}, `{"id":7,"state":{}}`},

	{
		"dial",
		Request{ID: 8, Socket: &SocketOp{
			Do: DoDial, Socket: "c1", Many: true, Local: netip.AddrPortFrom(from.Addr(), 0), Target: at4, Timers: &short,
			Options: []Option{{Name: NoDelay}, {Name: OutStreams, Value: 5}}, Patience: 9000,
		}},
		`{"id":8,"socket":{"do":"dial","socket":"c1","many":true,"local":"10.244.1.6:0","target":"10.244.2.4:80","timers":` + shortLine +
			`,"options":[{"name":"nodelay","value":0},{"name":"out-streams","value":5}],"patience":9000}}`,
	},
	{
		"dial from several addresses",
		Request{ID: 8, Socket: &SocketOp{
			Do: DoDial, Socket: "c1", Local: netip.AddrPortFrom(from.Addr(), 0), Also: []netip.Addr{netip.MustParseAddr("fd00::6")}, Target: at4, Timers: &short,
			Options: []Option{{Name: PrimaryAddr, Addr: from.Addr()}, {Name: AuthKey, Value: 1, Key: "k"}},
		}},
		`{"id":8,"socket":{"do":"dial","socket":"c1","local":"10.244.1.6:0","also":["fd00::6"],"target":"10.244.2.4:80","timers":` + shortLine +
			`,"options":[{"name":"primary-addr","value":0,"addr":"10.244.1.6"},{"name":"auth-key","value":1,"key":"k"}]}}`,
	},
	{"silence", Request{ID: 9, Socket: &SocketOp{Do: DoSilence, Socket: "s1", Drop: Drop{Stream: 3}}}, `{"id":9,"socket":{"do":"silence","socket":"s1","drop":{"stream":3}}}`},
	{"accept", Request{ID: 9, Socket: &SocketOp{Do: DoAccept, Socket: "s1", From: "l"}}, `{"id":9,"socket":{"do":"accept","socket":"s1","from":"l"}}`},
	{
		"send",
		Request{ID: 10, Socket: &SocketOp{Do: DoSend, Socket: "c1", Assoc: 7, Nonce: "7f3a09", First: 2, Messages: []SendMessage{
			{Message: Message{Size: 5}}, {Message: Message{Size: 6, Stream: 1}, Unordered: true, Context: 3, Policy: "ttl", Value: 50},
		}}},
		`{"id":10,"socket":{"do":"send","socket":"c1","assoc":7,"nonce":"7f3a09","first":2,"messages":[{"size":5},` +
			`{"size":6,"stream":1,"unordered":true,"context":3,"pr_policy":"ttl","pr_value":50}]}}`,
	},
	{
		"receive",
		Request{ID: 11, Socket: &SocketOp{Do: DoReceive, Socket: "s1", Until: Until{Messages: 2, Event: EventAssoc, State: "COMM_LOST"}, Buffer: 100}},
		`{"id":11,"socket":{"do":"receive","socket":"s1","until":{"messages":2,"event":"assoc-change","state":"COMM_LOST"},"buffer":100}}`,
	},
	{"abort", Request{ID: 12, Socket: &SocketOp{Do: DoAbort, Socket: "c1", Cause: "why"}}, `{"id":12,"socket":{"do":"abort","socket":"c1","cause":"why"}}`},
	{
		"resolve",
		Request{ID: 13, Resolve: &Resolve{Name: "_sctp._sctp.headless.x.svc", Kind: RecordSRV, Patience: 5000}},
		`{"id":13,"resolve":{"name":"_sctp._sctp.headless.x.svc","kind":"SRV","patience":5000}}`,
	},
	{"exit", Request{ID: 14, Exit: &Exit{}}, `{"id":14,"exit":{}}`},

	{"done", Reply{ID: 1}, `{"id":1}`},
	{
		"error",
		Reply{ID: 2, Error: "listen: address already in use", Errno: "EADDRINUSE"},
		`{"id":2,"error":"listen: address already in use","errno":"EADDRINUSE"}`,
	},
	{
		"a silent probe",
		Reply{ID: 3, Batch: &BatchReply{
			Observations: []Observation{{
				Nonce: "7f3a09", Stage: StageConnect, Ender: EndedByKernel, Errno: "ETIMEDOUT", Detail: "connect", Local: from, Connect: 1_650_000, Total: 1_650_100,
			}},
			Counters: Counters{T1InitExpireds: 6, OutSCTPPacks: 6},
		}},
		`{"id":3,"batch":{"observations":[{"nonce":"7f3a09","stage":"connect","ender":"kernel","errno":"ETIMEDOUT","detail":"connect",` +
			`"local":"10.244.1.6:40321","connect_us":1650000,"total_us":1650100}],"counters":{"SctpOutSCTPPacks":6,"SctpT1InitExpireds":6}}}`,
	},
	{
		"an answered probe",
		Reply{ID: 4, Batch: &BatchReply{Observations: []Observation{{
			Nonce: "7f3a09", Stage: StageDone, Local: from, Connect: 900, Total: 41_000,
			Greeting: &Greeting{Nonce: "7f3a09", Server: server, Peer: from},
			Echoes:   []Echo{{Size: 1, Digest: "00ff"}, {Size: 1400, Digest: "ff00", Stream: 1, PPID: 46}},
			Assoc:    &Assoc{InStreams: 10, OutStreams: 9, FragPoint: 1400, SRTT: 1, Retrans: 2},
		}}}},
		`{"id":4,"batch":{"observations":[{"nonce":"7f3a09","stage":"done","local":"10.244.1.6:40321","connect_us":900,"total_us":41000,` +
			`"greeting":{"nonce":"7f3a09","server":{"uid":"3c1f","ns":"sctp-x","pod":"server","node":"node-a"},"peer":"10.244.1.6:40321"},` +
			`"echoes":[{"size":1,"digest":"00ff"},{"size":1400,"digest":"ff00","stream":1,"ppid":46}],` +
			`"assoc":{"in_streams":10,"out_streams":9,"frag_point":1400,"srtt_ms":1,"retrans":2}}],"counters":null}}`,
	},
	{
		"a probe with a damaged greeting",
		Reply{ID: 8, Batch: &BatchReply{Observations: []Observation{{
			Nonce: "7f3a09", Stage: StageEcho, Ender: EndedByAgent, Local: from, Connect: 900, Total: 41_000, Damaged: &Echo{Size: 170, Digest: "00ff"},
		}}}},
		`{"id":8,"batch":{"observations":[{"nonce":"7f3a09","stage":"echo","ender":"agent","local":"10.244.1.6:40321","connect_us":900,"total_us":41000,` +
			`"damaged":{"size":170,"digest":"00ff"}}],"counters":null}}`,
	},
	{
		"what was kept",
		Reply{ID: 3, Kept: &Observation{Nonce: "7f3a09", Stage: StageDone, Local: from, Connect: 900, Total: 41_000, Echoes: []Echo{{Size: 24, Digest: "00ff"}}}},
		`{"id":3,"kept":{"nonce":"7f3a09","stage":"done","local":"10.244.1.6:40321","connect_us":900,"total_us":41000,"echoes":[{"size":24,"digest":"00ff"}]}}`,
	},
	{
		"a record",
		Reply{ID: 5, Records: []Record{{Nonce: "7f3a09", Proto: UDP, Local: at4, Peer: from, Messages: []Echo{{Size: 1, Digest: "00ff"}}}}},
		`{"id":5,"records":[{"nonce":"7f3a09","proto":"udp","local":"10.244.2.4:80","peer":"10.244.1.6:40321","messages":[{"size":1,"digest":"00ff"}]}]}`,
	},
	{
		"the module",
		Reply{ID: 6, Module: &ModuleReply{
			Kernel: "6.1.0", BootID: "b", Loaded: []string{"sctp 430080"}, Protocols: []string{"SCTPv6", "SCTP"},
			Opens: []Open{{Family: "ipv4", Type: "stream"}, {Family: "ipv6", Type: "seqpacket", Errno: "EPROTONOSUPPORT"}},
		}},
		`{"id":6,"module":{"kernel":"6.1.0","boot_id":"b","loaded":["sctp 430080"],"protocols":["SCTPv6","SCTP"],` +
			`"opens":[{"family":"ipv4","type":"stream"},{"family":"ipv6","type":"seqpacket","errno":"EPROTONOSUPPORT"}]}}`,
	},
	{
		"the state of an agent that was starved",
		Reply{ID: 7, Stalled: 4200, State: &StateReply{Counters: Counters{CurrEstab: 1}, Listeners: []Endpoint{{SCTP, at4}}}},
		`{"id":7,"state":{"counters":{"SctpCurrEstab":1},"listeners":[{"proto":"sctp","addr":"10.244.2.4:80"}]},"stalled_ms":4200}`,
	},
	{
		"records",
		Reply{ID: 13, Resolve: &ResolveReply{Addrs: []netip.Addr{at4.Addr()}, Services: []ServiceRecord{{"a.headless.x.svc.cluster.local.", 6000}}}},
		`{"id":13,"resolve":{"addrs":["10.244.2.4"],"services":[{"target":"a.headless.x.svc.cluster.local.","port":6000}]}}`,
	},
	{
		"a name that is not there",
		Reply{ID: 13, Resolve: &ResolveReply{Missing: true, Failure: "no such host"}},
		`{"id":13,"resolve":{"missing":true,"failure":"no such host"}}`,
	},
	{
		"a dial that was refused",
		Reply{ID: 8, Socket: &SocketReply{Begun: 1, Ended: 2, Call: "connect: refused", Errno: "ECONNREFUSED", Local: from, Peer: at4}},
		`{"id":8,"socket":{"begun_us":1,"ended_us":2,"call":"connect: refused","errno":"ECONNREFUSED","local":"10.244.1.6:40321","peer":"10.244.2.4:80"}}`,
	},
	{
		"what was received",
		Reply{ID: 11, Socket: &SocketReply{Ended: 9, Late: true, Unread: true, Assoc: 7, Sent: 2, Events: []Event{
			{At: 3, Kind: EventMessage, Assoc: 7, Size: 5, Digest: "00ff", Stream: 1, SSN: 2, TSN: 3, PPID: 60, Unordered: true, Pieces: 2, Partial: 1, Cut: true, Context: 1},
			{At: 4, Kind: EventAssoc, State: "COMM_LOST", Error: 12, Cause: "why"},
			{At: 5, Kind: EventPeerAddr, State: "ADDR_UNREACHABLE", Addr: at4.Addr()},
			{At: 6, Kind: EventError, Errno: "ECONNRESET"},
		}}},
		`{"id":11,"socket":{"begun_us":0,"ended_us":9,"late":true,"unread":true,"assoc":7,"sent":2,"events":[` +
			`{"at_us":3,"kind":"message","assoc":7,"size":5,"digest":"00ff","stream":1,"ssn":2,"tsn":3,"ppid":60,"unordered":true,"pieces":2,"partial":1,"cut":true,"context":1},` +
			`{"at_us":4,"kind":"assoc-change","state":"COMM_LOST","error":12,"cause":"why"},` +
			`{"at_us":5,"kind":"peer-addr-change","state":"ADDR_UNREACHABLE","addr":"10.244.2.4"},{"at_us":6,"kind":"error","errno":"ECONNRESET"}]}}`,
	},
	{
		"the status of an association",
		Reply{ID: 12, Socket: &SocketReply{Status: &SocketStatus{
			State: "ESTABLISHED", InStreams: 3, OutStreams: 4, FragPoint: 1400, RWnd: 5, Unacked: 6, Pending: 7, Local: []netip.Addr{from.Addr()},
			Peers: []PeerAddr{{Addr: at4.Addr(), State: "ACTIVE", CWnd: 1, SRTT: 2, RTO: 3, MTU: 4}}, Stats: Counters{"rtxchunks": 1},
			Interleaving: true, AuthChunks: []int{0, 64},
		}}},
		`{"id":12,"socket":{"begun_us":0,"ended_us":0,"status":{"state":"ESTABLISHED","in_streams":3,"out_streams":4,"frag_point":1400,"rwnd":5,"unacked":6,"pending":7,` +
			`"local":["10.244.1.6"],"peers":[{"addr":"10.244.2.4","state":"ACTIVE","cwnd":1,"srtt_ms":2,"rto_ms":3,"mtu":4}],"stats":{"rtxchunks":1},"interleaving":true,"auth_chunks":[0,64]}}}`,
	},
	{
		"a host that loaded the module",
		HostModule{
			Node: "node-a", Kernel: "6.1.0", File: "sctp.ko", Config: []string{"/etc/modprobe.d/sctp.conf:1: blacklist sctp"}, After: true,
		},
		`{"node":"node-a","kernel":"6.1.0","file":"sctp.ko","config":["/etc/modprobe.d/sctp.conf:1: blacklist sctp"],"at_boot":null,` +
			`"before":false,"after":true}`,
	},
	{
		"a host that has none",
		HostModule{Node: "node-b", Kernel: "6.1.0", AtBoot: []string{"/etc/modules-load.d/s.conf:1: sctp"}, Message: "not found"},
		`{"node":"node-b","kernel":"6.1.0","config":null,"at_boot":["/etc/modules-load.d/s.conf:1: sctp"],"before":false,"after":false,"message":"not found"}`,
	},
}

func TestLines(t *testing.T) {
	for _, c := range lines {
		b, err := json.Marshal(c.value)
		if err != nil || string(b) != c.line {
			t.Errorf("%s is written as\n%s, %v, want\n%s", c.name, b, err, c.line)
		}
		back := reflect.New(reflect.TypeOf(c.value))
		if err := json.Unmarshal([]byte(c.line), back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), c.value) {
			t.Errorf("%s is read as %+v, %v", c.name, back.Elem(), err)
		}
	}
}

// Every question and every reply stands in lines, so that a new one cannot be forgotten.
func TestLinesAreComplete(t *testing.T) {
	var all strings.Builder
	for _, c := range lines {
		all.WriteString(c.line)
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[Hello](), reflect.TypeFor[Request](), reflect.TypeFor[Reply](), reflect.TypeFor[Observation](),
		reflect.TypeFor[Probe](), reflect.TypeFor[Timers](), reflect.TypeFor[Record](), reflect.TypeFor[Echo](), reflect.TypeFor[Assoc](),
		reflect.TypeFor[Batch](), reflect.TypeFor[Keep](), reflect.TypeFor[LetGo](), reflect.TypeFor[BatchReply](), reflect.TypeFor[Message](), reflect.TypeFor[Greeting](), reflect.TypeFor[Identity](),
		reflect.TypeFor[Module](), reflect.TypeFor[ModuleReply](), reflect.TypeFor[Open](), reflect.TypeFor[StateReply](), reflect.TypeFor[HostModule](),
		reflect.TypeFor[SocketOp](), reflect.TypeFor[SocketReply](), reflect.TypeFor[Option](), reflect.TypeFor[SendMessage](), reflect.TypeFor[Until](),
		reflect.TypeFor[Event](), reflect.TypeFor[SocketStatus](), reflect.TypeFor[PeerAddr](),
	} {
		for i := range typ.NumField() {
			if typ.Field(i).Anonymous {
				continue // its own fields stand beside the others
			}
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" || !strings.Contains(all.String(), `"`+name+`":`) {
				t.Errorf("%s.%s stands in no line", typ.Name(), typ.Field(i).Name)
			}
		}
	}
}

// The words of the protocol; the judge and the agent compare them literally.
func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		string(SCTP): "sctp", string(TCP): "tcp", string(UDP): "udp",
		string(StageSocket): "socket", string(StageConnect): "connect", string(StageSend): "send",
		string(StageEcho): "echo", string(StageClose): "close", string(StageDone): "done",
		string(EndedByKernel): "kernel", string(EndedByPeer): "peer", string(EndedByClock): "clock", string(EndedByAgent): "agent",
		T1InitExpireds: "SctpT1InitExpireds", T1CookieExpireds: "SctpT1CookieExpireds", CurrEstab: "SctpCurrEstab",
		InSCTPPacks: "SctpInSCTPPacks", OutSCTPPacks: "SctpOutSCTPPacks", ChecksumErrors: "SctpChecksumErrors",
		OutOfBlues: "SctpOutOfBlues", Aborteds: "SctpAborteds",
		string(LinkPod): "pod", string(LinkWire): "wire", string(LinkTunnel): "tunnel", string(LinkBridge): "bridge",
		string(LinkLoopback): "loopback", string(LinkOther): "other", LinkAll: "any",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What does not know a field ignores it; what breaks a line is an error, not a zero.
func TestStrangeLines(t *testing.T) {
	for line, ok := range map[string]bool{
		`{"id":1,"later":{"x":1}}`: true,
		`{}`:                       true,
		`{"id":-1}`:                false,
		`{"id":"1"}`:               false,
		`{"id":1,"batch":[]}`:      false,
		`{"id":1,"batch":{"observations":[{"local":"10.244.1.6"}]}}`: false,
		`{"id":1,"batch":{"observations":[{"nonce":"7f`:              false,
		`[]`: false,
		``:   false,
	} {
		var r Reply
		if err := json.Unmarshal([]byte(line), &r); (err == nil) != ok {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func FuzzHello(f *testing.F)   { fuzz[Hello](f) }
func FuzzRequest(f *testing.F) { fuzz[Request](f) }
func FuzzReply(f *testing.F)   { fuzz[Reply](f) }

// fuzz: a line that can be read can be written, and then reads the same.
func fuzz[T any](f *testing.F) {
	for _, c := range lines {
		f.Add([]byte(c.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var first, second T
		if json.Unmarshal(line, &first) != nil {
			return
		}
		b, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("read but not written again: %v", err)
		}
		if strings.ContainsAny(string(b), "\r\n") {
			t.Errorf("written as more than one line: %q", b)
		}
		if err := json.Unmarshal(b, &second); err != nil {
			t.Fatalf("written but not read again: %v\n%s", err, b)
		}
		again, err := json.Marshal(second)
		if err != nil || string(again) != string(b) {
			t.Errorf("written as\n%s\nand then as\n%s, %v", b, again, err)
		}
	})
}
