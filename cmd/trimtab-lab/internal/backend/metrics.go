package backend

import "github.com/prometheus/client_golang/prometheus"

// collector gives a backend's load to Prometheus.
type collector struct{ b *Backend }

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("backend_"+name, help, labels, nil)
}

// Describe sends nothing: the names are known when they are collected.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the backend's load as of now.
func (c collector) Collect(out chan<- prometheus.Metric) {
	total, report := c.b.Totals(), c.b.Report()
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge(metric("cores", "Emulated cores."), c.b.cfg.Cores)
	gauge(metric("utilization_ratio", "Busy cores over cores, averaged over the report window."), report.CPUUtilization)
	gauge(metric("memory_utilization_ratio", "Open requests and sockets over what the memory is for."), report.MemUtilization)
	gauge(metric("requests_in_flight", "Requests in progress."), float64(total.OpenRequests))
	gauge(metric("sockets_open", "WebSockets open."), float64(total.OpenSockets))
	counter(metric("busy_core_seconds_total", "Time that cores were busy, summed over cores."), total.BusySeconds)
	requests := metric("requests_total", "Requests and WebSockets ended.", "code")
	counter(requests, float64(total.Served+total.Sockets-uint64(total.OpenSockets)), "200")
	counter(requests, float64(total.Failed), "500")
	counter(metric("sockets_total", "WebSockets opened."), float64(total.Sockets))
	messages := metric("messages_total", "Messages answered one by one.", "code")
	counter(messages, float64(total.Messages), "200")
	counter(messages, float64(total.FailedMessages), "500")
}
