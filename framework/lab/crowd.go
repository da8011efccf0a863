package lab

import (
	"context"
	"sync"
)

// crowd lets paths wait for each other.
type crowd struct {
	mu      sync.Mutex
	left    int           // paths that are still at work
	waiting int           // of these, those that wait
	met     chan struct{} // closed when all have come
	over    chan struct{} // closed when what goes on beside the paths is over
}

// Meet waits until every path that is still at work has come as far.
func (p *Path) Meet(ctx context.Context) {
	select {
	case <-p.others.arrive():
	case <-ctx.Done():
	}
}

func (c *crowd) arrive() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.met == nil {
		c.met = make(chan struct{})
	}
	together := c.met
	c.waiting++
	c.release()
	return together
}

// leave is for a path that is done, or has ended.
func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	c.release()
}

func (c *crowd) release() {
	if c.waiting > 0 && c.waiting == c.left {
		close(c.met)
		c.met, c.waiting = nil, 0
	}
}
