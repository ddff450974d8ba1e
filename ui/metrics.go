package ui

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/basewright/basewright/core"
)

// Metrics are the figures for Prometheus, by name. None names an instance: who
// scrapes them has no login.
type Metrics struct {
	registry  *prometheus.Registry
	diagnoses *prometheus.CounterVec
	took      prometheus.Histogram
	findings  *prometheus.CounterVec
	changes   *prometheus.CounterVec
	mended    prometheus.Histogram
	schedules *prometheus.CounterVec
	logins    *prometheus.CounterVec
	shed      prometheus.Counter
	requests  *prometheus.CounterVec
	latency   *prometheus.HistogramVec
}

// NewMetrics returns figures that are all zero.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		diagnoses: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "basewright_diagnoses_total", Help: "Diagnoses by status and what asked for them."}, []string{"status", "trigger"}),
		took:      prometheus.NewHistogram(prometheus.HistogramOpts{Name: "basewright_diagnosis_seconds", Help: "Time of a diagnosis.", Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30}}),
		findings:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "basewright_findings_total", Help: "Findings by code."}, []string{"code"}),
		changes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "basewright_changes_total", Help: "Changes by how they ended."}, []string{"state"}),
		mended:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "basewright_change_seconds", Help: "Time of a change, from its approval to its end.", Buckets: []float64{1, 5, 10, 30, 60, 180, 600}}),
		schedules: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "basewright_schedule_runs_total", Help: "Runs of schedules by kind and how they ended."}, []string{"kind", "outcome"}),
		logins:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "basewright_logins_total", Help: "Tries to log in."}, []string{"outcome"}),
		shed:      prometheus.NewCounter(prometheus.CounterOpts{Name: "basewright_http_shed_total", Help: "Requests that were sent away because too many came at once."}),
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "basewright_http_requests_total", Help: "HTTP requests."}, []string{"method", "route", "status"}),
		latency:   prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "basewright_http_seconds", Help: "Time of HTTP requests.", Buckets: []float64{.002, .01, .05, .25, 1, 5, 30}}, []string{"route"}),
	}
	m.registry.MustRegister(m.diagnoses, m.took, m.findings, m.changes, m.mended, m.schedules, m.logins, m.shed, m.requests, m.latency,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a figure that is asked for when it is read.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Diagnosis counts a diagnosis that ended.
func (m *Metrics) Diagnosis(d *core.Diagnosis, err error) {
	if err != nil {
		m.diagnoses.WithLabelValues("failed", "").Inc()
		return
	}
	m.diagnoses.WithLabelValues(string(d.Status), string(d.Trigger)).Inc()
	m.took.Observe(float64(d.DurationMS) / 1000)
	for _, f := range d.Findings {
		m.findings.WithLabelValues(f.Code).Inc()
	}
}

// Change counts a change that ended.
func (m *Metrics) Change(c *core.Change) {
	m.changes.WithLabelValues(string(c.State)).Inc()
	if !c.Finished.IsZero() {
		m.mended.Observe(c.Finished.Sub(c.Created).Seconds())
	}
}

// Schedule counts a run of a schedule that ended.
func (m *Metrics) Schedule(s core.Schedule, outcome string) {
	m.schedules.WithLabelValues(string(s.Kind), outcome).Inc()
}

// Gauges adds a figure for each value of a label, all asked for when they are
// read.
func (m *Metrics) Gauges(name, help, label string, values func() map[string]float64) {
	m.registry.MustRegister(&gauges{prometheus.NewDesc(name, help, []string{label}, nil), values})
}

type gauges struct {
	desc   *prometheus.Desc
	values func() map[string]float64
}

func (g *gauges) Describe(out chan<- *prometheus.Desc) { out <- g.desc }

func (g *gauges) Collect(out chan<- prometheus.Metric) {
	for value, n := range g.values() {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, n, value)
	}
}

// request counts by the route, not by the address: strangers make those up.
func (m *Metrics) request(method, route string, status int, took time.Duration) {
	if route == "" {
		method, route = "", "none"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

func (c *call) metrics() (any, error) {
	promhttp.HandlerFor(c.Metrics.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(http.ResponseWriter(c.Writer), c.Request)
	return nil, nil
}
