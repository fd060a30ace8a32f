package app

import (
	"context"
	"log/slog"
	"time"

	"galatea/repository"
)

// A run that takes longer than stuckAfter is reported, once, with the name of its lane.
const (
	watchEvery = 5 * time.Second
	stuckAfter = 30 * time.Second
)

// each goes through what is loaded; *repository.Router does.
type each interface {
	Each(f func(repository.Info))
}

// watchdog names instances that are stuck in one execution.
func watchdog(ctx context.Context, models each, log *slog.Logger) {
	type lane struct {
		model   string
		version int64
		index   int
	}
	reported := map[lane]time.Time{}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		models.Each(func(info repository.Info) {
			for i, l := range info.Stats.Lanes {
				at := lane{info.ID.Name, info.ID.Version, i}
				if l.BusySince.IsZero() || time.Since(l.BusySince) < stuckAfter || reported[at].Equal(l.BusySince) {
					continue
				}
				reported[at] = l.BusySince
				log.Warn("an instance is stuck in one execution", slog.String("model", at.model), slog.Int64("version", at.version),
					slog.Int("instance", i), slog.Duration("for", time.Since(l.BusySince)), slog.Int("waiting", info.Stats.Pending))
			}
		})
	}
}
