package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aliasd/aliasd/queue"
)

// depth asks the store at each scrape how the queue stands.
type depth struct {
	source Source
	now    func() time.Time
}

var _ prometheus.Collector = (*depth)(nil)

func requestsDesc() *prometheus.Desc {
	return prometheus.NewDesc("aliasd_requests", "Requests by state.", []string{"state"}, nil)
}

func oldestDesc() *prometheus.Desc {
	return prometheus.NewDesc("aliasd_oldest_waiting_seconds",
		"Age of the oldest request that is neither final nor mismatched; 0 where there is none.", nil, nil)
}

func pausedDesc() *prometheus.Desc {
	return prometheus.NewDesc("aliasd_paused", "1 while all writing is stopped.", nil, nil)
}

func storeDesc() *prometheus.Desc {
	return prometheus.NewDesc("aliasd_store_up", "1 where the store answered this scrape.", nil, nil)
}

// Describe implements prometheus.Collector.
func (d *depth) Describe(out chan<- *prometheus.Desc) {
	out <- requestsDesc()
	out <- oldestDesc()
	out <- pausedDesc()
	out <- storeDesc()
}

// Collect implements prometheus.Collector. Where the store does not answer, only aliasd_store_up 0 is given: a depth of
// 0 would look like an empty queue.
func (d *depth) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	stats, since, err := d.read(ctx)
	if err != nil {
		out <- prometheus.MustNewConstMetric(storeDesc(), prometheus.GaugeValue, 0)
		out <- prometheus.NewInvalidMetric(requestsDesc(), err)
		return
	}
	out <- prometheus.MustNewConstMetric(storeDesc(), prometheus.GaugeValue, 1)
	for _, s := range queue.States() {
		out <- prometheus.MustNewConstMetric(requestsDesc(), prometheus.GaugeValue, float64(stats.ByState[s]), string(s))
	}
	out <- prometheus.MustNewConstMetric(oldestDesc(), prometheus.GaugeValue, d.age(stats.OldestWaiting))
	out <- prometheus.MustNewConstMetric(pausedDesc(), prometheus.GaugeValue, one(!since.IsZero()))
}

func (d *depth) read(ctx context.Context) (queue.Stats, time.Time, error) {
	stats, err := d.source.Stats(ctx)
	if err != nil {
		return stats, time.Time{}, fmt.Errorf("read the queue's state: %w", err)
	}
	since, _, err := d.source.Paused(ctx)
	if err != nil {
		return stats, since, fmt.Errorf("read whether writing is paused: %w", err)
	}
	return stats, since, nil
}

func (d *depth) age(since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return d.now().Sub(since).Seconds()
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
