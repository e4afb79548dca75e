package graph

import "sync/atomic"

// meter counts what a client asked, and tells its observer.
type meter struct {
	next         Observer
	calls, units atomic.Int64
}

var _ Observer = (*meter)(nil)

// Call counts one HTTP call.
func (m *meter) Call(method string, status int) {
	m.calls.Add(1)
	m.next.Call(method, status)
}

// Throttled passes it on.
func (m *meter) Throttled() { m.next.Throttled() }

// Spent counts resource units.
func (m *meter) Spent(units int) {
	m.units.Add(int64(units))
	m.next.Spent(units)
}

// Calls counts the HTTP calls to Graph so far, repeated ones too; sign-ins are not among them.
func (c *Client) Calls() int { return int(c.observer.calls.Load()) }

// Units counts the resource units that Graph said its answers cost, or that its documents say where it did not.
func (c *Client) Units() int { return int(c.observer.units.Load()) }
