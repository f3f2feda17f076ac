package main

import (
	"fmt"
	"slices"
	"time"
)

// result is what one measurement has found. Zero values were not measured.
type result struct {
	elapsed        time.Duration
	records        int
	bytes          int64
	p50, p99, p999 time.Duration
	cpu            time.Duration
	rss            int64
	extra          int64 // memory that the load has added, in bytes
}

// measurement is a measurement in progress.
type measurement struct {
	s     *system
	began time.Time
	cpu   time.Duration
}

func begin(s *system) *measurement {
	return &measurement{s: s, began: time.Now(), cpu: s.cpu()}
}

func (m *measurement) end(records, size int, latencies []time.Duration) result {
	r := result{
		elapsed: time.Since(m.began), records: records, bytes: int64(records) * int64(size), cpu: m.s.cpu() - m.cpu,
		rss: m.s.rss(),
	}
	if len(latencies) > 0 {
		slices.Sort(latencies)
		at := func(q float64) time.Duration { return latencies[min(len(latencies)-1, int(q*float64(len(latencies))))] }
		r.p50, r.p99, r.p999 = at(0.5), at(0.99), at(0.999)
	}
	return r
}

func (r result) rate() float64      { return float64(r.records) / r.elapsed.Seconds() }
func (r result) megabytes() float64 { return float64(r.bytes) / 1e6 / r.elapsed.Seconds() }
func (r result) cpuPerGB() float64  { return r.cpu.Seconds() / (float64(r.bytes) / 1e9) }
func (r result) cpuShare() float64  { return 100 * r.cpu.Seconds() / r.elapsed.Seconds() }
func ms(d time.Duration) float64    { return float64(d.Microseconds()) / 1000 }
func mib(n int64) float64           { return float64(n) / (1 << 20) }

// median returns the median of the results, of each number separately.
func median(rs []result) result {
	pick := func(of func(result) int64) int64 {
		var all []int64
		for _, r := range rs {
			all = append(all, of(r))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	mid := slices.Clone(rs)
	slices.SortFunc(mid, func(a, b result) int {
		if a.rate() < b.rate() {
			return -1
		}
		return 1
	})
	r := mid[len(mid)/2]
	r.p50 = time.Duration(pick(func(r result) int64 { return int64(r.p50) }))
	r.p99 = time.Duration(pick(func(r result) int64 { return int64(r.p99) }))
	r.p999 = time.Duration(pick(func(r result) int64 { return int64(r.p999) }))
	r.rss = pick(func(r result) int64 { return r.rss })
	r.extra = pick(func(r result) int64 { return r.extra })
	return r
}

// systems are the names of what is compared, in the order of the lines.
var systems = [2]string{"chronik", "kafka"}

// reportStart prints how long each system takes to start, and its memory after that.
func reportStart(results map[string]result) {
	fmt.Println("start-up until it serves, idle memory")
	for _, name := range systems {
		r := results[name]
		fmt.Printf("  %-8s %7.0f ms %7.1f MiB\n", name, ms(r.elapsed), mib(r.rss))
	}
	chronik, kafka := results[systems[0]], results[systems[1]]
	fmt.Printf("  %-8s %7.3f    %7.3f\n", "ratio", chronik.elapsed.Seconds()/kafka.elapsed.Seconds(),
		mib(chronik.rss)/mib(kafka.rss))
}

// report prints one case: a line for each system, and one of ratios (Chronik divided by Kafka).
func report(c benchCase, results map[string]result) {
	chronik, kafka := results[systems[0]], results[systems[1]]
	ratio := func(a, b float64) string {
		if b == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", a/b)
	}
	fmt.Printf("\n%s: %s\n", c.name, c.what)
	if chronik.records == 0 {
		fmt.Printf("  %-8s %9s %12s %10s\n", "", "CPU %", "added MiB", "RSS MiB")
		for _, name := range systems {
			r := results[name]
			fmt.Printf("  %-8s %9.2f %12.1f %10.1f\n", name, r.cpuShare(), mib(r.extra), mib(r.rss))
		}
		fmt.Printf("  %-8s %9s %12s %10s\n", "ratio", ratio(chronik.cpuShare(), kafka.cpuShare()),
			ratio(mib(chronik.extra), mib(kafka.extra)), ratio(mib(chronik.rss), mib(kafka.rss)))
		return
	}
	fmt.Printf("  %-8s %11s %9s %9s %9s %9s %9s %9s\n", "", "records/s", "MB/s", "p50 ms", "p99 ms", "p99.9 ms",
		"CPU s/GB", "RSS MiB")
	for _, name := range systems {
		r := results[name]
		fmt.Printf("  %-8s %11.0f %9.1f %9.2f %9.2f %9.2f %9.2f %9.1f\n", name, r.rate(), r.megabytes(), ms(r.p50),
			ms(r.p99), ms(r.p999), r.cpuPerGB(), mib(r.rss))
	}
	fmt.Printf("  %-8s %11s %9s %9s %9s %9s %9s %9s\n", "ratio", ratio(chronik.rate(), kafka.rate()),
		ratio(chronik.megabytes(), kafka.megabytes()),
		ratio(ms(chronik.p50), ms(kafka.p50)), ratio(ms(chronik.p99), ms(kafka.p99)),
		ratio(ms(chronik.p999), ms(kafka.p999)),
		ratio(chronik.cpuPerGB(), kafka.cpuPerGB()), ratio(mib(chronik.rss), mib(kafka.rss)))
}
