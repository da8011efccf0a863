package observer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Limits of a capture, for what needs no packets.
const (
	readyLimit = 45 * time.Second // for the first bytes: an exec on a node that is out of breath takes longer than 20 (seen)
	endLimit   = 20 * time.Second // for the last ones
)

// Watch is a capture on several nodes that is going on.
type Watch struct {
	captures map[string]*stream // by node
}

// Watch begins to capture on nodes, and returns when every packet that comes from now on
// is captured on all of them. The captures end by Stop, or broken off with ctx.
func (o *Observers) Watch(ctx context.Context, nodes ...string) (*Watch, error) {
	w := &Watch{captures: map[string]*stream{}}
	errs := make([]error, len(nodes))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, node := range nodes {
		wg.Go(func() {
			run, err := o.on(ctx, node)
			if err != nil {
				errs[i] = err
				return
			}
			s, err := begin(ctx, run)
			if err != nil {
				errs[i] = fmt.Errorf("capture on node %s: %w", node, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			w.captures[node] = s
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, s := range w.captures {
			s.cancel()
		}
		return nil, err
	}
	return w, nil
}

// Stop ends the captures and returns their pcapng streams by node, beside an error also
// those that were broken off.
func (w *Watch) Stop() (map[string][]byte, error) {
	out := map[string][]byte{}
	var errs []error
	var mu sync.Mutex
	var wg sync.WaitGroup
	for node, s := range w.captures {
		wg.Go(func() {
			raw, err := s.end()
			mu.Lock()
			defer mu.Unlock()
			out[node] = raw
			if err != nil {
				errs = append(errs, fmt.Errorf("capture on node %s: %w", node, err))
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// stream is the capture on one node.
type stream struct {
	cancel context.CancelFunc
	in     *io.PipeWriter
	out    firstly
	ended  chan struct{}
	err    error // after ended
}

// begin runs the agent's capture, whose first bytes say that it captures.
func begin(ctx context.Context, run runner) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	in, stdin := io.Pipe()
	s := &stream{cancel: cancel, in: stdin, ended: make(chan struct{}), out: firstly{first: make(chan struct{})}}
	go func() {
		defer close(s.ended)
		var stderr bytes.Buffer
		s.err = run(ctx, []string{agent, "capture"}, in, &s.out, &stderr)
		if text := strings.TrimSpace(stderr.String()); text != "" {
			s.err = errors.Join(s.err, errors.New(text))
		}
		_ = stdin.Close() // whoever writes to it is released, and what still reads from it sees the end
	}()
	timer := time.NewTimer(readyLimit)
	defer timer.Stop()
	select {
	case <-s.out.first:
		return s, nil
	case <-s.ended:
		if s.out.kept.Len() > 0 {
			return s, nil // it is over already, which Stop tells
		}
		cancel()
		return nil, fmt.Errorf("it ended at once: %w", cmp.Or(s.err, io.EOF))
	case <-timer.C:
		cancel()
		return nil, fmt.Errorf("nothing came from it in %v", readyLimit)
	}
}

// end asks for the rest and waits for it. A byte before the end of input serves those
// versions of exec that cannot tell of an end.
func (s *stream) end() ([]byte, error) {
	defer s.cancel()
	go func() {
		_, _ = s.in.Write([]byte("\n"))
		_ = s.in.Close()
	}()
	timer := time.NewTimer(endLimit)
	defer timer.Stop()
	select {
	case <-s.ended:
		return s.out.kept.Bytes(), s.err
	case <-timer.C:
		s.cancel()
		<-s.ended
		return s.out.kept.Bytes(), fmt.Errorf("it did not end in %v", endLimit)
	}
}

// firstly keeps what is written and tells when something was.
type firstly struct {
	kept  bytes.Buffer
	first chan struct{}
}

func (f *firstly) Write(p []byte) (int, error) {
	if f.kept.Len() == 0 && len(p) > 0 {
		close(f.first)
	}
	return f.kept.Write(p)
}
