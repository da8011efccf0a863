package lab

import (
	"context"
	"slices"
	"sync"
	"testing"

	"sctp.test/framework/wire"
)

// What a kernel does not allow is told of its node and fails nothing; what else it says of an
// option is left to whoever needs that.
func TestRefusals(t *testing.T) {
	idata := Sockets{Client: []wire.Option{{Name: wire.IData, Value: 1}}, Server: []wire.Option{{Name: wire.IData, Value: 1}}}
	eperm := Refusal{"b", "set i-data to 1", "EPERM"}
	for errno, want := range map[string][]Refusal{"": nil, "EPERM": {eperm}, "EINVAL": nil} {
		on(t, func(t *testing.T, b *bench) {
			b.forbids = map[string]string{"b": errno}
			var mu sync.Mutex
			got := map[string][]Refusal{}
			_, found, text := onBench(t, b, func(ctx context.Context, p *Path) {
				refused := p.Refusals(ctx, idata)
				mu.Lock()
				defer mu.Unlock()
				got[p.client.node] = refused
			})
			if len(found) > 0 || !slices.Equal(got["b"], want) || len(got["a"]) > 0 {
				t.Errorf("%s: refused are %+v, faults %d:\n%s", errno, got, len(found), text)
			}
		})
	}
}

func TestDisallowed(t *testing.T) {
	got := Disallowed("interleaved messages", []Refusal{
		{"b", "set i-data to 1", "EPERM"}, {"a", "set i-data to 1", "EPERM"}, {"b", "set i-data to 1", "EPERM"}, {"c", "set i-data to 1", "ENOPROTOOPT"},
	})
	want := []string{
		"the kernels of nodes c do not allow interleaved messages (set i-data to 1: ENOPROTOOPT)",
		"the kernels of nodes a, b do not allow interleaved messages (set i-data to 1: EPERM)",
	}
	if !slices.Equal(got, want) || Disallowed("anything", nil) != nil {
		t.Errorf("it says %q", got)
	}
}
