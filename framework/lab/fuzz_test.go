package lab

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Whatever word a spec has, it is refused, or says the same when it is written again.
func FuzzParseOrder(f *testing.F) {
	for _, text := range []string{"x/web:80,!81,80/tcp", "y/web@* role=web empty=", "out/web:80", "host/web@12:6000/udp", "x/web:080", "x/web:+1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOrder(text)
		if err != nil {
			return
		}
		word := o.namespace + "/" + o.name
		switch {
		case o.everyNode:
			word += "@*"
		case o.place > 0:
			word += fmt.Sprintf("@%d", o.place)
		}
		var ports []string
		for _, p := range o.ports {
			ports = append(ports, strings.Repeat("!", map[bool]int{true: 1}[p.closed])+p.String())
		}
		if len(ports) > 0 {
			word += ":" + strings.Join(ports, ",")
		}
		if o.namespace != outside {
			for _, key := range slices.Sorted(maps.Keys(o.labels)) {
				word += " " + key + "=" + o.labels[key]
			}
		}
		if again, err := parseOrder(word); err != nil || !reflect.DeepEqual(again, o) {
			t.Errorf("%q is %+v, and %q is %+v, %v", text, o, word, again, err)
		}
	})
}

func FuzzParseLabels(f *testing.F) {
	f.Add("role=web", "role-")
	f.Add("a-=-", "=")
	f.Fuzz(func(t *testing.T, first, second string) {
		labels, err := parseLabels([]string{first, second})
		if err != nil {
			return
		}
		for key, value := range labels {
			if value == nil && first != key+"-" && second != key+"-" || value != nil && first != key+"="+*value && second != key+"="+*value {
				t.Errorf("%q and %q are %v", first, second, labels)
			}
		}
	})
}
