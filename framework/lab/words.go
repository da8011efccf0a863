package lab

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sctp.test/framework/wire"
)

// order is one word of Deploy, taken apart: x/server@2:80,81/tcp role=web.
type order struct {
	namespace string
	name      string
	place     int // node number; 0 leaves it to the fleet
	everyNode bool
	ports     []port
	labels    map[string]string
}

// port is a listener that an order asks for or, closed, one that is not to be there: !81.
type port struct {
	number uint16
	proto  wire.Proto
	closed bool
}

// String is the port as it stands in words: 80, 80/tcp.
func (p port) String() string {
	if p.proto == wire.SCTP {
		return strconv.Itoa(int(p.number))
	}
	return fmt.Sprintf("%d/%s", p.number, p.proto)
}

var (
	orderForm = regexp.MustCompile(`^([a-z]+)/([a-z0-9-]+)(?:@(\*|[1-9][0-9]?))?(?::([0-9a-z,/!]+))?$`)
	labelForm = regexp.MustCompile(`^[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*$`)
)

// parseOrder reads a word of Deploy.
func parseOrder(text string) (order, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return order{}, fmt.Errorf("an empty word")
	}
	m := orderForm.FindStringSubmatch(fields[0])
	if m == nil {
		return order{}, fmt.Errorf("%q is not of the form namespace/name@node:port,port", fields[0])
	}
	o := order{namespace: m[1], name: m[2], everyNode: m[3] == "*", labels: map[string]string{"pod": m[2]}}
	if o.namespace == outside {
		o.labels = map[string]string{} // it is no pod
		if m[3] != "" || len(fields) > 1 {
			return order{}, fmt.Errorf("%q: the agent outside of the cluster is on no node and has no labels", text)
		}
	}
	if m[3] != "" && !o.everyNode {
		o.place, _ = strconv.Atoi(m[3]) // the form admits digits only
	}
	for _, f := range fields[1:] {
		if !labelForm.MatchString(f) {
			return order{}, fmt.Errorf("%q in %q is no label=value", f, text)
		}
		key, value, _ := strings.Cut(f, "=")
		o.labels[key] = value
	}
	if m[4] == "" {
		return o, nil
	}
	for _, text := range strings.Split(m[4], ",") {
		p, err := parsePort(text)
		if err != nil {
			return order{}, fmt.Errorf("%q: %w", fields[0], err)
		}
		if slices.ContainsFunc(o.ports, func(q port) bool { return q.number == p.number && q.proto == p.proto }) {
			return order{}, fmt.Errorf("%q: port %s stands twice", fields[0], p)
		}
		o.ports = append(o.ports, p)
	}
	return o, nil
}

func parsePort(text string) (port, error) {
	text, closed := strings.CutPrefix(text, "!")
	digits, proto, named := strings.Cut(text, "/")
	p := port{proto: wire.SCTP, closed: closed}
	if named {
		p.proto = wire.Proto(proto)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return port{}, fmt.Errorf("%q is no port", text)
	}
	p.number = uint16(n)
	switch p.proto {
	case wire.SCTP, wire.TCP, wire.UDP:
		return p, nil
	}
	return port{}, fmt.Errorf("%q is no port: the protocols are tcp, udp and sctp, which need not be named", text)
}

// word is how a pod of an order is printed and named in tables.
func (o order) word(node int) string {
	if o.place != 0 {
		node = o.place // also where there are fewer nodes, and it sits on one of them
	}
	if o.everyNode || o.place != 0 {
		return fmt.Sprintf("%s/%s@%d", o.namespace, o.name, node)
	}
	return o.namespace + "/" + o.name
}
