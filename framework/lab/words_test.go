package lab

import (
	"reflect"
	"testing"

	"sctp.test/framework/wire"
)

func TestParseOrder(t *testing.T) {
	pod := func(more ...string) map[string]string {
		labels := map[string]string{"pod": "web"}
		for i := 0; i < len(more); i += 2 {
			labels[more[i]] = more[i+1]
		}
		return labels
	}
	sctp80, sctp81, tcp80 := port{80, wire.SCTP, false}, port{81, wire.SCTP, false}, port{80, wire.TCP, false}
	tests := []struct {
		text string
		want order
	}{
		{"x/web", order{namespace: "x", name: "web", labels: pod()}},
		{"x/web:80", order{namespace: "x", name: "web", ports: []port{sctp80}, labels: pod()}},
		{"x/web:80,81,80/tcp", order{namespace: "x", name: "web", ports: []port{sctp80, sctp81, tcp80}, labels: pod()}},
		{"x/web:80,!81", order{namespace: "x", name: "web", ports: []port{sctp80, {81, wire.SCTP, true}}, labels: pod()}},
		{"x/web:80/sctp", order{namespace: "x", name: "web", ports: []port{sctp80}, labels: pod()}},
		{"x/web@2:80", order{namespace: "x", name: "web", place: 2, ports: []port{sctp80}, labels: pod()}},
		{"y/web@*", order{namespace: "y", name: "web", everyNode: true, labels: pod()}},
		{"out/web:80", order{namespace: "out", name: "web", ports: []port{sctp80}, labels: map[string]string{}}},
		{"host/web@1:6000", order{namespace: "host", name: "web", place: 1, ports: []port{{number: 6000, proto: wire.SCTP}}, labels: pod()}},
		{"  x/web   role=web app.kubernetes.io/name=a- empty= ", order{namespace: "x", name: "web", labels: pod("role", "web", "app.kubernetes.io/name", "a-", "empty", "")}},
	}
	for _, tt := range tests {
		if got, err := parseOrder(tt.text); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q is %+v, %v\nwant %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseOrderRefuses(t *testing.T) {
	const form = " is not of the form namespace/name@node:port,port"
	const protocols = " is no port: the protocols are tcp, udp and sctp, which need not be named"
	for text, want := range map[string]string{
		"":                      "an empty word",
		" \t":                   "an empty word",
		"web":                   `"web"` + form,
		"X/web":                 `"X/web"` + form,
		"x/web@":                `"x/web@"` + form,
		"x/web@0":               `"x/web@0"` + form,
		"x/web@100":             `"x/web@100"` + form,
		"x/web@same":            `"x/web@same"` + form,
		"x/web:":                `"x/web:"` + form,
		"x/web:80@2":            `"x/web:80@2"` + form,
		"x/web: 80":             `"x/web:"` + form,
		"x/web:0":               `"x/web:0": "0" is no port`,
		"x/web:65536":           `"x/web:65536": "65536" is no port`,
		"x/web:http":            `"x/web:http": "http" is no port`,
		"x/web:80,":             `"x/web:80,": "" is no port`,
		"x/web:80,81,80":        `"x/web:80,81,80": port 80 stands twice`,
		"x/web:80,!80":          `"x/web:80,!80": port 80 stands twice`,
		"x/web:80/icmp":         `"x/web:80/icmp": "80/icmp"` + protocols,
		"x/web:80/":             `"x/web:80/": "80/"` + protocols,
		"x/web:80/tcp/udp":      `"x/web:80/tcp/udp": "80/tcp/udp"` + protocols,
		"x/web role":            `"role" in "x/web role" is no label=value`,
		"x/web =web":            `"=web" in "x/web =web" is no label=value`,
		"out/web@1":             `"out/web@1": the agent outside of the cluster is on no node and has no labels`,
		"out/web role=web":      `"out/web role=web": the agent outside of the cluster is on no node and has no labels`,
		"x/web role=web,app=no": `"role=web,app=no" in "x/web role=web,app=no" is no label=value`,
	} {
		if got, err := parseOrder(text); err == nil || err.Error() != want {
			t.Errorf("%q is %+v, error %v\nwant error %s", text, got, err, want)
		}
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{"x/web": "x/web", "x/web@1": "x/web@1", "x/web@*": "x/web@2"} {
		o, err := parseOrder(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.word(2); got != want {
			t.Errorf("%s on node 2 is called %s, want %s", text, got, want)
		}
	}
	for p, want := range map[port]string{{80, wire.SCTP, false}: "80", {80, wire.TCP, true}: "80/tcp", {53, wire.UDP, false}: "53/udp"} {
		if p.String() != want {
			t.Errorf("a port is written %s, want %s", p, want)
		}
	}
}
