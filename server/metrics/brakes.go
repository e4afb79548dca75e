package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aliasd/aliasd/queue"
)

// brakes asks the store at each scrape what was spent of the caps, by all nodes together.
type brakes struct {
	source Source
	limits queue.Limits
	now    func() time.Time
}

var _ prometheus.Collector = (*brakes)(nil)

func usedDesc() *prometheus.Desc {
	return prometheus.NewDesc("aliasd_cap_used", "What was spent of a cap in the last hour, by all nodes: writes, and removals (addresses that holders lost).", []string{"cap"}, nil)
}

func limitDesc() *prometheus.Desc {
	return prometheus.NewDesc("aliasd_cap_limit", "The cap that this node keeps to, per hour; 0 is none.", []string{"cap"}, nil)
}

func paceDesc() *prometheus.Desc {
	return prometheus.NewDesc("aliasd_pace_wait_seconds", "How long the next write has to wait for the pace; 0 where it may go now.", nil, nil)
}

// Describe implements prometheus.Collector.
func (b *brakes) Describe(out chan<- *prometheus.Desc) {
	out <- usedDesc()
	out <- limitDesc()
	out <- paceDesc()
}

// Collect implements prometheus.Collector. Where the store does not answer, nothing is said to be spent, not even 0.
func (b *brakes) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(limitDesc(), float64(b.limits.Caps.Writes), "writes")
	gauge(limitDesc(), float64(b.limits.Caps.Removals), "removals")
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	now := b.now()
	used, err := b.source.Used(ctx, now)
	if err != nil {
		out <- prometheus.NewInvalidMetric(usedDesc(), fmt.Errorf("read what was spent: %w", err))
		return
	}
	gauge(usedDesc(), float64(used.Writes), "writes")
	gauge(usedDesc(), float64(used.Removals), "removals")
	gauge(paceDesc(), max(0, used.NextSlot.Sub(now).Seconds()))
}
