package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"galatea/internal/gauge"
)

// print writes the tables for people.
func (r report) print(to io.Writer) error {
	fmt.Fprintf(to, "%s, %s, %d processors, ONNX Runtime %s everywhere; medians of %d rounds of %v a measurement; client of %d thread(s)\n",
		r.When, r.System, r.Processors, r.Runtime, r.Rounds, time.Duration(r.Seconds*float64(time.Second)), r.ClientThreads)
	fmt.Fprintln(to, "memory: of all processes of the server after the load; proportional counts once what they share, resident once for each")
	for _, m := range r.Models {
		if err := m.print(to); err != nil {
			return err
		}
	}
	return nil
}

func (m modelReport) print(to io.Writer) error {
	fmt.Fprintf(to, "\n%s: %s\n\n", m.Name, m.What)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "server\tformat\tconnections\trequests/s\t(rounds)\tp50 ms\tp99 ms\tMiB proportional\tresident\tprocesses\tothers")
	for _, r := range m.Rows {
		if r.Invalid != "" {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t(%.0f to %.0f)\t%s\t%s\t%s\t%s\t%d\t%.0f%%\n", r.Server, r.Format, r.Connections, r.Rate, r.Lowest, r.Highest,
			figure(r.P50), figure(r.P99), mib(r.Shared), mib(r.Resident), r.Processes, 100*r.Others)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "against Galatea\tits requests/s over the server's\tin binary\tp50\tp99\tmemory\tat the server's top rate: its p99 ms\tGalatea's\tothers")
	for _, r := range m.Rows {
		if r.Invalid != "" || r.Server == galatea {
			continue
		}
		own, others := 0.0, "-"
		if r.AtItsRate > 0 {
			own, others = r.P99, fmt.Sprintf("%.0f%%", 100*gauge.MedianOf(r.Paced, func(s sample) float64 { return s.Others }))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Server, times(inverse(r.Same.Rate)), times(inverse(r.Binary.Rate)),
			times(r.Same.P50), times(r.Same.P99), times(r.Same.Memory), figure(own), figure(r.AtItsRate), others)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(to)
	for _, r := range m.Rows {
		what := r.What
		if r.Releases != "" {
			what += " (" + r.Releases + ")"
		}
		fmt.Fprintf(to, "%s: %s\n", r.Server, what)
		if r.Invalid != "" {
			fmt.Fprintf(to, "  NO FIGURES: %s\n", r.Invalid)
		}
		if r.NotPaced != "" {
			fmt.Fprintf(to, "  Galatea at its rate, NO FIGURE: %s\n", r.NotPaced)
		}
	}
	return nil
}

// figure has three digits or so; what is not known is a dash.
func figure(v float64) string {
	switch {
	case v <= 0:
		return "-"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// times is a ratio; what is not known is a dash.
func times(v float64) string {
	if v <= 0 {
		return "-"
	}
	return figure(v) + "x"
}

// mib is bytes in MiB; what is not known is a dash.
func mib(bytes float64) string { return figure(bytes / (1 << 20)) }

func inverse(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return 1 / v
}
