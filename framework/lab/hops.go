package lab

import (
	"slices"
	"sync"
	"time"

	"sctp.test/framework/reach"
)

// hop is the way from a node to a node, or within one.
type hop struct {
	family   reach.Family
	from, to string
}

// hops are the fastest handshakes of a run. The fastest tells how slow a way is: many
// handshakes are under way at the same time, and most have waited for a processor.
type hops struct {
	mu      sync.Mutex
	fastest map[hop]time.Duration
}

func (h *hops) measured(on hop, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fastest == nil {
		h.fastest = map[hop]time.Duration{}
	}
	if before, known := h.fastest[on]; !known || took < before {
		h.fastest[on] = took
	}
}

// slowest is the slowest of the ways from a node to some others or, where none of those was
// measured, of all that begin there.
func (h *hops) slowest(f reach.Family, from string, to []string) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var there, anywhere time.Duration
	known := false
	for on, took := range h.fastest {
		if on.family != f || on.from != from {
			continue
		}
		anywhere = max(anywhere, took)
		if slices.Contains(to, on.to) {
			there, known = max(there, took), true
		}
	}
	if known {
		return there
	}
	return anywhere
}
