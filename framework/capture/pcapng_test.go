package capture

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sctp.test/framework/wire"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Blocks as the agent writes them; its own tests have the same.
const (
	section = "0a0d0d0a 38000000 4d3c2b1a 0100 0000 ffffffffffffffff 0400 1200 736374702d6167656e742063617074757265 0000 0000 0000 38000000"
	veth0   = "01000000 34000000 6500 0000 00010000 0200 0500 7665746830 000000 0300 0300 706f64 00 0900 0100 09 000000 0000 0000 34000000"
	dataIn  = "06000000 34000000 00000000 04030201 08070605 05000000 78050000 4501020304 000000 0200 0400 11020000 0000 0000 34000000"
	dataOut = "06000000 34000000 00000000 04030201 09070605 05000000 05000000 4501020304 000000 0200 0400 02000000 0000 0000 34000000"
	bare    = "06000000 20000000 00000000 04030201 0a070605 00000000 05000000 20000000"
	ended   = "05000000 34000000 00000000 04030201 08070605 0600 0800 0700000000000000 0700 0800 0300000000000000 0000 0000 34000000"
	strange = "aa000000 10000000 01020304 10000000"
)

func TestRead(t *testing.T) {
	got, err := Read("b", unhex(t, section+veth0+dataIn+strange+dataOut+bare+ended))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(0, 0x0102030405060708)
	data := []byte{0x45, 1, 2, 3, 4}
	want := Capture{Node: "b", Dropped: 3, Complete: true, Packets: []Packet{
		{At: at, Node: "b", Link: "veth0", Kind: wire.LinkPod, Way: In, Data: data, Length: 1400, Unsummed: true},
		{At: at.Add(1), Node: "b", Link: "veth0", Kind: wire.LinkPod, Way: Out, Data: data, Length: 5},
		{At: at.Add(2), Node: "b", Link: "veth0", Kind: wire.LinkPod, Way: Unknown, Data: []byte{}, Length: 5},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, want\n%+v", got, want)
	}
}

func TestReadWhatIsBroken(t *testing.T) {
	tests := []struct {
		name, stream string
		packets      int
		err          string
	}{
		{"broken off between blocks", section + veth0 + dataIn, 1, ""},
		{"broken off within a block", section + veth0 + dataIn + dataOut[:60], 1, "capture of node b, at byte 160 of 187: it is cut off"},
		{"an error message", hex.EncodeToString([]byte("OCI runtime exec failed")), 0, `capture of node b: no pcapng but "OCI runtime exec failed"`},
		{"lengths that differ", section[:len(section)-8] + "3c000000", 0, "capture of node b, at byte 0 of 56: a block whose two lengths differ"},
		{"no block at all", "0a0d0d0a" + strings.Repeat("00", 8), 0, "capture of node b, at byte 0 of 12: a block of 0 bytes"},
		{"another byte order", strings.Replace(section, "4d3c2b1a", "1a2b3c4d", 1), 0, "capture of node b, at byte 0 of 56: no section of an agent"},
		{"another link type", section + strings.Replace(veth0, "6500", "0100", 1), 0, "capture of node b, at byte 56 of 108: an interface of link type 1"},
		{"an interface that was not described", section + dataIn, 0, "capture of node b, at byte 56 of 108: a packet of interface 0 of 0"},
		{"more data than the block has", section + veth0 + strings.Replace(dataIn, "05000000 7805", "50000000 7805", 1), 0, "capture of node b, at byte 108 of 160: it is cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Read("b", unhex(t, tt.stream))
			if len(got.Packets) != tt.packets || got.Complete {
				t.Errorf("%d packets, complete %v", len(got.Packets), got.Complete)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("error is %v, want %q", err, tt.err)
			}
		})
	}
}

// Whatever a node sends, nothing panics and no data is made up.
func FuzzRead(f *testing.F) {
	f.Add(unhex(f, section+veth0+dataIn+dataOut+bare+ended))
	for _, file := range captured(f) {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, _ := Read("b", raw)
		for _, p := range got.Packets {
			if !bytes.Contains(raw, p.Data) {
				t.Errorf("data that was not there: %x", p.Data)
			}
		}
		if err := Text(new(bytes.Buffer), []Capture{got}); err != nil {
			t.Error(err)
		}
		probe := Probe{Client: client, Target: server, ClientNode: "b", ServerNode: "b"}
		_ = Follow([]Capture{got}, probe).String()
		for _, l := range Vanished([]Capture{got}, probe) {
			_ = l.Text()
		}
		if judged, wrong := Sums([]Capture{got}); judged < len(wrong) {
			t.Errorf("%d wrong checksums of %d", len(wrong), judged)
		}
	})
}

func FuzzPacket(f *testing.F) {
	for _, b := range [][]byte{
		initOf(client, server), initAckOf(server6, client6), abortOf(server, client),
		about(server.Addr(), client.Addr(), 3, 2, 0, initOf(client, server)),
		about(server6.Addr(), client6.Addr(), 4, 1, 40, initOf(client6, server6)),
		sctp(client, server, tagS, raw(chunkData, 3, words(77, 1<<16|2, 46, 1)), raw(chunkSack, 0, words(1, 2, 3, 4))),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := Packet{Node: "b", Kind: wire.LinkPod, Way: In, Data: raw, Length: len(raw)}
		text := p.Text()
		if text == "" || strings.ContainsAny(text, "\r\n") {
			t.Errorf("written as %q", text)
		}
		probe := Probe{Client: client, Target: server, ClientNode: "b", ServerNode: "b"}
		_ = Follow([]Capture{{Node: "b", Packets: []Packet{p}}}, probe).String()
	})
}

// captured are streams that agents wrote on a testbed.
func captured(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.pcapng")
	if err != nil {
		t.Fatal(err)
	}
	return files
}
