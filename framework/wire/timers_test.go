package wire

import (
	"slices"
	"testing"
	"time"
)

// The profiles of design.md, and the kernel's defaults. Values are in milliseconds.
func TestInitWindow(t *testing.T) {
	for _, c := range []struct {
		name   string
		timers Timers
		waits  []int
		window time.Duration
	}{
		{"deny", Timers{RTOInitial: 150, MaxInitTimeout: 300, MaxInits: 5}, []int{150, 300, 300, 300, 300, 300}, 1650 * time.Millisecond},
		{"deny, slow path", Timers{RTOInitial: 400, MaxInitTimeout: 800, MaxInits: 5}, []int{400, 800, 800, 800, 800, 800}, 4400 * time.Millisecond},
		{"open", Timers{RTOInitial: 200, MaxInitTimeout: 800, MaxInits: 4}, []int{200, 400, 800, 800, 800}, 3 * time.Second},
		{
			"kernel",
			Timers{RTOInitial: 3000, MaxInitTimeout: 60_000, MaxInits: 8},
			[]int{3000, 6000, 12_000, 24_000, 48_000, 60_000, 60_000, 60_000, 60_000},
			333 * time.Second,
		},
		{"one INIT and no more", Timers{RTOInitial: 150, MaxInitTimeout: 300}, []int{150}, 150 * time.Millisecond},
		{"the limit is under the first wait", Timers{RTOInitial: 500, MaxInitTimeout: 300, MaxInits: 1}, []int{300, 300}, 600 * time.Millisecond},
		{"the limit is no power of two", Timers{RTOInitial: 100, MaxInitTimeout: 350, MaxInits: 3}, []int{100, 200, 350, 350}, time.Second},
	} {
		var waits []time.Duration
		for _, ms := range c.waits {
			waits = append(waits, time.Duration(ms)*time.Millisecond)
		}
		if got := c.timers.InitWaits(); !slices.Equal(got, waits) {
			t.Errorf("%s: waits %v, want %v", c.name, got, waits)
		}
		if got := c.timers.InitWindow(); got != c.window {
			t.Errorf("%s: window %v, want %v", c.name, got, c.window)
		}
		if got := c.timers.Inits(); got != len(c.waits) {
			t.Errorf("%s: %d INITs, want %d", c.name, got, len(c.waits))
		}
	}
}

// Many retransmissions must not overflow the doubling.
func TestInitWindowOfManyInits(t *testing.T) {
	timers := Timers{RTOInitial: 100, MaxInitTimeout: 200, MaxInits: 1000}
	if got, want := timers.InitWindow(), 200_100*time.Millisecond; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestMillis(t *testing.T) {
	if got := Millis(1650).Duration(); got != 1650*time.Millisecond {
		t.Errorf("%v", got)
	}
}
