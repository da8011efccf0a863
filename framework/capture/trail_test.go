package capture

import (
	"net/netip"
	"testing"

	"sctp.test/framework/wire"
)

// Hops of the tests' cluster.
var (
	aFromPod, aToWire, aFromWire, aToPod = Hop{"a", FromPod}, Hop{"a", ToWire}, Hop{"a", FromWire}, Hop{"a", ToPod}
	bFromPod, bToWire, bFromWire, bToPod = Hop{"b", FromPod}, Hop{"b", ToWire}, Hop{"b", FromWire}, Hop{"b", ToPod}
	cFromPod, cToWire, cFromWire, cToPod = Hop{"c", FromPod}, Hop{"c", ToWire}, Hop{"c", FromWire}, Hop{"c", ToPod}
)

// Questions of the tests.
var (
	direct    = Probe{Client: client, Target: server, Server: server, ClientNode: "a", ServerNode: "b"}
	toService = Probe{Client: client, Target: service, Server: server, ClientNode: "a", ServerNode: "b"}
	sameNode  = Probe{Client: client, Target: server, Server: server, ClientNode: "a", ServerNode: "a"}
	toNode    = Probe{Client: client, Target: nodePt, Server: server, ClientNode: "a", Via: "b", ServerNode: "c"}
)

// forth and back are a handshake's first two packets between pods, seen at these hops.
func forth(w *watched, hops ...Hop) { w.pass(initOf(client, server), hops...) }
func back(w *watched, hops ...Hop)  { w.pass(initAckOf(server, client), hops...) }

type trailTest struct {
	name  string
	probe Probe
	scene func(w *watched)
	want  string
}

func runTrails(t *testing.T, tests []trailTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, "a", "b", "c")
			tt.scene(w)
			if got := Follow(w.captures, tt.probe).String(); got != tt.want {
				t.Errorf("trail is\n%s, want\n%s", got, tt.want)
			}
		})
	}
}

func TestTrailBetweenPods(t *testing.T) {
	const all = "INIT left the client pod and node a, reached node b and the server pod"
	runTrails(t, []trailTest{
		{"nothing", direct, func(*watched) {}, "no INIT from 10.244.1.7:40321 to 10.244.2.4:80 was seen on node a"},
		{"first hop", direct, func(w *watched) { forth(w, aFromPod) }, "INIT left the client pod, never left node a"},
		{"second hop", direct, func(w *watched) { forth(w, aFromPod, aToWire) }, "INIT left the client pod and node a, never reached node b"},
		{
			"third hop", direct, func(w *watched) { forth(w, aFromPod, aToWire, bFromWire) },
			"INIT left the client pod and node a, reached node b, never reached the server pod",
		},
		{"no answer", direct, func(w *watched) { forth(w, aFromPod, aToWire, bFromWire, bToPod) }, all + "; no answer was seen from there"},
		{"again and again", direct, func(w *watched) {
			forth(w, aFromPod, aToWire, bFromWire, aFromPod, aToWire, aFromPod)
		}, "INIT left the client pod and node a, reached node b, never reached the server pod"},
		{"first hop back", direct, func(w *watched) {
			forth(w, aFromPod, aToWire, bFromWire, bToPod)
			back(w, bFromPod)
		}, all + "; the server pod answered INIT-ACK, which left the server pod, never left node b"},
		{"second hop back", direct, func(w *watched) {
			forth(w, aFromPod, aToWire, bFromWire, bToPod)
			back(w, bFromPod, bToWire)
		}, all + "; the server pod answered INIT-ACK, which left the server pod and node b, never reached node a"},
		{"third hop back", direct, func(w *watched) {
			forth(w, aFromPod, aToWire, bFromWire, bToPod)
			back(w, bFromPod, bToWire, aFromWire)
		}, all + "; the server pod answered INIT-ACK, which left the server pod and node b, reached node a, never reached the client pod"},
		{"all the way", direct, func(w *watched) {
			forth(w, aFromPod, aToWire, bFromWire, bToPod)
			back(w, bFromPod, bToWire, aFromWire, aToPod)
		}, all + "; the server pod answered INIT-ACK, which came back to the client pod"},
		{"handed over unseen", direct, func(w *watched) { // bpf_redirect_peer
			forth(w, aFromPod, aToWire, bFromWire)
			back(w, bFromPod, bToWire, aFromWire)
		}, all + "; the server pod answered INIT-ACK, which left the server pod and node b, reached node a, never reached the client pod"},
		{"a closed port", direct, func(w *watched) {
			forth(w, aFromPod, aToWire, bFromWire, bToPod)
			w.pass(abortOf(server, client), bFromPod, bToWire, aFromWire, aToPod)
		}, all + "; the server pod answered ABORT as 10.244.2.4, which came back to the client pod"},
		{"an abort later on", direct, func(w *watched) {
			forth(w, aFromPod, aToWire, bFromWire, bToPod)
			back(w, bFromPod, bToWire, aFromWire, aToPod)
			w.pass(abortOf(server, client), bFromPod)
		}, all + "; the server pod answered INIT-ACK, which came back to the client pod; then ABORT left the server pod, never left node b"},
		{"another association", direct, func(w *watched) {
			forth(w, aFromPod)
			w.pass(sctp(server, client, tagC+1, initChunk(chunkInitAck, tagS)), bFromPod, aToPod)
			w.pass(sctp(client, server, 0, initChunk(chunkInit, tagC+2)), bFromWire, bToPod)
		}, "INIT left the client pod, never left node a"},
		{"on one node", sameNode, func(w *watched) {
			w.pass(initOf(client, server), aFromPod)
			w.see("a", wire.LinkBridge, In, initOf(client, server))
		}, "INIT left the client pod, never reached the server pod"},
		{"on one node, there and back", sameNode, func(w *watched) {
			w.pass(initOf(client, server), aFromPod, aToPod)
			w.pass(initAckOf(server, client), aFromPod, aToPod)
		}, "INIT left the client pod, reached the server pod; the server pod answered INIT-ACK, which came back to the client pod"},
		{"on one node, refused by the node", sameNode, func(w *watched) {
			w.pass(initOf(client, server), aFromPod)
			w.pass(abortOf(server, client), aToPod)
		}, "INIT left the client pod, never reached the server pod; node a answered ABORT as 10.244.2.4, which came back to the client pod"},
	})
}

func TestTrailByServices(t *testing.T) {
	masqueraded := func(w *watched, hops ...Hop) { w.pass(initOf(masq, server), hops...) }
	runTrails(t, []trailTest{
		{"by a Service", toService, func(w *watched) {
			w.pass(initOf(client, service), aFromPod)
			forth(w, aToWire, bFromWire, bToPod)
			back(w, bFromPod, bToWire, aFromWire)
			w.pass(initAckOf(service, client), aToPod)
		}, "INIT left the client pod and node a, reached node b and the server pod; node a rewrote 10.96.0.5:30100 to 10.244.2.4:80; " +
			"the server pod answered INIT-ACK, which came back to the client pod"},
		{"nobody rewrites", toService, func(w *watched) {
			w.pass(initOf(client, service), aFromPod, aToWire, bFromWire)
			w.pass(abortOf(service, client), bToWire, aFromWire, aToPod)
		}, "INIT left the client pod and node a, reached node b, never reached the server pod; node a did not rewrite 10.96.0.5:30100; " +
			"node b answered ABORT as 10.96.0.5, which came back to the client pod"},
		{"the answer keeps its sender", toService, func(w *watched) {
			w.pass(initOf(client, service), aFromPod)
			forth(w, aToWire, bFromWire, bToPod)
			back(w, bFromPod, bToWire, aFromWire, aToPod)
		}, "INIT left the client pod and node a, reached node b and the server pod; node a rewrote 10.96.0.5:30100 to 10.244.2.4:80; " +
			"the server pod answered INIT-ACK, which came back to the client pod as 10.244.2.4:80, whom it did not ask"},
		{"rejected on the client's node", toService, func(w *watched) {
			w.pass(initOf(client, service), aFromPod)
			w.pass(about(service.Addr(), client.Addr(), 3, 3, 0, initOf(client, service)), aToPod)
		}, "INIT left the client pod, never left node a; " +
			"node a answered icmp port unreachable as 10.96.0.5, which came back to the client pod"},
		{"somebody on the way answers", toService, func(w *watched) {
			w.pass(initOf(client, service), aFromPod, aToWire)
			router := netip.MustParseAddr("192.168.7.1")
			w.pass(about(router, client.Addr(), 3, 13, 0, initOf(client, service)[:28]), aFromWire)
		}, "INIT left the client pod and node a, never reached node b; node a did not rewrite 10.96.0.5:30100; " +
			"somebody between nodes b and a answered icmp administratively prohibited as 192.168.7.1, which reached node a, never reached the client pod"},
		{"a node's port", toNode, func(w *watched) {
			w.pass(initOf(client, nodePt), aFromPod, aToWire, bFromWire)
			masqueraded(w, bToWire, cFromWire, cToPod)
			w.pass(initAckOf(server, masq), cFromPod, cToWire, bFromWire)
			w.pass(initAckOf(nodePt, client), bToWire, aFromWire, aToPod)
		}, "INIT left the client pod and node a, reached node b, left node b, reached node c and the server pod; " +
			"node b rewrote 192.168.7.12:31234 to 10.244.2.4:80; the server pod answered INIT-ACK, which came back to the client pod"},
		{"a node's port, lost by the node", toNode, func(w *watched) {
			w.pass(initOf(client, nodePt), aFromPod, aToWire, bFromWire)
		}, "INIT left the client pod and node a, reached node b, never left node b"},
		{"a node's port, passed on as it is", toNode, func(w *watched) {
			w.pass(initOf(client, nodePt), aFromPod, aToWire, bFromWire, bToWire)
		}, "INIT left the client pod and node a, reached node b, left node b, never reached node c; node b did not rewrite 192.168.7.12:31234"},
		{"a node's port, the answer lost there", toNode, func(w *watched) {
			w.pass(initOf(client, nodePt), aFromPod, aToWire, bFromWire)
			masqueraded(w, bToWire, cFromWire, cToPod)
			w.pass(initAckOf(server, masq), cFromPod, cToWire, bFromWire)
		}, "INIT left the client pod and node a, reached node b, left node b, reached node c and the server pod; " +
			"node b rewrote 192.168.7.12:31234 to 10.244.2.4:80; the server pod answered INIT-ACK, which left the server pod and node c, reached node b, never left node b"},
		{"out and in again", Probe{Client: client, Target: nodePt, Server: server, ClientNode: "a", Via: "b", ServerNode: "a"}, func(w *watched) {
			w.pass(initOf(client, nodePt), aFromPod, aToWire, bFromWire)
			masqueraded(w, bToWire, aFromWire)
		}, "INIT left the client pod and node a, reached node b, left node b, reached node a, never reached the server pod; " +
			"node b rewrote 192.168.7.12:31234 to 10.244.2.4:80"},
		{"astray", Probe{Client: client, Target: service, Server: server, ClientNode: "a", ServerNode: "a"}, func(w *watched) {
			w.pass(initOf(client, service), aFromPod, aToWire)
		}, "INIT left the client pod, never reached the server pod; node a did not rewrite 10.96.0.5:30100; it went astray and left node a"},
		{"to a pod of another node", toService, func(w *watched) {
			w.pass(initOf(client, service), aFromPod)
			w.pass(initOf(client, netip.MustParseAddrPort("10.244.3.9:80")), aToWire, cToPod)
		}, "INIT left the client pod and node a, never reached node b; node a rewrote 10.96.0.5:30100 to 10.244.3.9:80; it went astray and reached a pod of node c"},
	})
}

func TestTrailOfHosts(t *testing.T) {
	host := netip.MustParseAddrPort("192.168.7.11:40321")
	fromHost := Probe{Client: host, Target: service, Server: server, ClientNode: "a", ServerNode: "b", ClientOnHost: true}
	toHost := Probe{Client: client, Target: nodePt, Server: nodePt, ClientNode: "a", ServerNode: "b", ServerOnHost: true}
	both := Probe{Client: host, Target: host, ClientNode: "a", ServerNode: "a", ClientOnHost: true, ServerOnHost: true}
	runTrails(t, []trailTest{
		{"a client on its node's network", fromHost, func(w *watched) {
			w.pass(initOf(host, server), aToWire, bFromWire, bToPod) // rewritten before anybody could see it
			w.pass(initAckOf(server, host), bFromPod, bToWire, aFromWire)
		}, "INIT left node a, reached node b and the server pod; node a rewrote 10.96.0.5:30100 to 10.244.2.4:80; " +
			"the server pod answered INIT-ACK, which came back to the client on node a"},
		{"a server on its node's network", toHost, func(w *watched) {
			w.pass(initOf(client, nodePt), aFromPod, aToWire, bFromWire)
		}, "INIT left the client pod and node a, reached node b; no answer was seen from there"},
		{"and it answers", toHost, func(w *watched) {
			w.pass(initOf(client, nodePt), aFromPod, aToWire, bFromWire)
			w.pass(initAckOf(nodePt, client), bToWire)
		}, "INIT left the client pod and node a, reached node b; node b answered INIT-ACK, which left node b, never reached node a"},
		{"both on one node", both, func(w *watched) {
			w.see("a", wire.LinkLoopback, Out, initOf(host, host))
		}, "INIT was seen, but nobody watched its way"},
	})
}

func TestTrailOfIPv6(t *testing.T) {
	w := watch(t, "a", "b")
	w.pass(initOf(client6, server6), aFromPod, aToWire, bFromWire)
	w.pass(about(server6.Addr(), client6.Addr(), 4, 1, 40, initOf(client6, server6)), bToWire, aFromWire, aToPod)
	got := Follow(w.captures, Probe{Client: client6, Target: server6, ClientNode: "a", ServerNode: "b"}).String()
	const want = "INIT left the client pod and node a, reached node b, never reached the server pod; " +
		"node b answered icmp6 unrecognised next header as fd00:244:2::4, which came back to the client pod"
	if got != want {
		t.Errorf("trail is\n%s, want\n%s", got, want)
	}
}

func TestTrailOfAnAssociation(t *testing.T) {
	there, home := []Hop{aFromPod, aToWire, bFromWire, bToPod}, []Hop{bFromPod, bToWire, aFromWire, aToPod}
	data := func(tsn uint32) []byte { return raw(chunkData, 3, words(tsn, 0, 0, 1)) }
	echo := sctp(client, server, tagS, raw(chunkCookieEcho, 0, words(1, 2)))
	ack := sctp(server, client, tagC, raw(chunkCookieAck, 0, nil))
	begun := func(w *watched) {
		forth(w, there...)
		back(w, home...)
	}
	const all = "INIT left the client pod and node a, reached node b and the server pod; the server pod answered INIT-ACK, which came back to the client pod"
	runTrails(t, []trailTest{
		{"the cookie", direct, func(w *watched) {
			begun(w)
			w.pass(echo, aFromPod, aToWire, aFromPod, aToWire)
		}, all + "; then COOKIE-ECHO left the client pod and node a, never reached node b"},
		{"its answer", direct, func(w *watched) {
			begun(w)
			w.pass(echo, there...)
			w.pass(ack, bFromPod, bToWire, aFromWire)
		}, all + "; then COOKIE-ACK left the server pod and node b, reached node a, never reached the client pod"},
		{"only some data", direct, func(w *watched) {
			begun(w)
			w.pass(echo, there...)
			w.pass(ack, home...)
			w.pass(sctp(client, server, tagS, data(77)), aFromPod, aToWire)
			w.pass(sctp(client, server, tagS, data(77)), there...) // again, and this time it arrives
			w.pass(sctp(client, server, tagS, data(78)), aFromPod, aToWire, bFromWire)
			w.pass(sctp(client, server, tagS, data(79)), aFromPod)
			w.pass(sctp(server, client, tagC, raw(chunkSack, 0, words(77, 9, 0))), bFromPod)
			w.pass(sctp(server, client, tagC, raw(chunkHeartbeat, 0, nil)), bFromPod)
		}, all + "; then DATA tsn 78 stream 0 ssn 0 ppid 0 len 4 left the client pod and node a, reached node b, never reached the server pod"},
		{"everything arrives", direct, func(w *watched) {
			begun(w)
			w.pass(echo, there...)
			w.pass(ack, home...)
			w.pass(sctp(client, server, tagS, data(77)), there...)
		}, all},
	})
}

// On an overlay the wire shows nothing, the tunnel does.
func TestTrailByTunnel(t *testing.T) {
	w := watch(t, "a", "b")
	w.pass(initOf(client, server), aFromPod)
	w.see("a", wire.LinkTunnel, Out, initOf(client, server))
	got := Follow(w.captures, direct)
	if got.Reached != aToWire {
		t.Errorf("trail is %s", got)
	}
}

func TestTrailOfAnUnknownPort(t *testing.T) {
	probe := direct
	probe.Client = netip.AddrPortFrom(client.Addr(), 0)
	other := netip.AddrPortFrom(client.Addr(), 40322)
	w := watch(t, "a", "b")
	forth(w, aFromPod, aToWire, bFromWire, bToPod)
	w.pass(sctp(other, server, 0, initChunk(chunkInit, tagC-1)), aFromPod, aToWire)
	got := Follow(w.captures, probe)
	if got.Tag != tagC-1 || got.Reached != aToWire {
		t.Errorf("of two attempts that which came least far is %s", got)
	}
	if got := Follow(w.captures, direct); got.Tag != tagC {
		t.Errorf("with a port, followed tag %#x", got.Tag)
	}
	if got := Follow(watch(t, "a").captures, probe).String(); got != "no INIT from 10.244.1.7 to 10.244.2.4:80 was seen on node a" {
		t.Errorf("trail is %s", got)
	}
}

// A client without SCTP has no address to name.
func TestTrailOfNoClient(t *testing.T) {
	probe := direct
	probe.Client = netip.AddrPort{}
	if got := Follow(watch(t, "a").captures, probe).String(); got != "no INIT to 10.244.2.4:80 was seen on node a" {
		t.Errorf("trail is %s", got)
	}
}

// What nobody watched is not said to be lost there.
func TestTrailOfHalf(t *testing.T) {
	w := watch(t, "a")
	forth(w, aFromPod, aToWire)
	if got := Follow(w.captures, direct).String(); got != "INIT left the client pod and node a; no answer was seen from there" {
		t.Errorf("trail is %s", got)
	}
	w = watch(t, "a", "b")
	forth(w, aFromPod)
	w.captures[0].Dropped = 4
	if got := Follow(w.captures, direct).String(); got != "INIT left the client pod, never left node a; the capture of node a has lost 4 packets" {
		t.Errorf("trail is %s", got)
	}
}
