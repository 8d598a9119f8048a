//! What `/metrics` shows: requests by route template, and runs that wait and work. No workspace,
//! no name and no id is ever a label.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// The metrics of the process. Cheap to clone; all clones show the same numbers.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    runs: Family<RunLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status_class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    status: &'static str,
}

/// Upper bounds in seconds; the last ones are for readers who wait.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0,
];

impl Metrics {
    /// Metrics that count from zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("tenantatlas");
        let requests = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let runs = Family::default();
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time to answer a request",
            durations.clone(),
        );
        registry.register(
            "operation_runs",
            "Runs that wait or work at present",
            runs.clone(),
        );
        Self(Arc::new(Inner {
            registry: Mutex::new(registry),
            requests,
            durations,
            runs,
        }))
    }

    /// Lets another part of the process add metrics of its own.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let status_class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        let labels = RequestLabels {
            method,
            route: route.to_owned(),
            status_class,
        };
        self.0.requests.get_or_create(&labels).inc();
        let labels = RouteLabels {
            method,
            route: labels.route,
        };
        self.0
            .durations
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Notes how many runs wait and work.
    pub(crate) fn runs(&self, queued: u64, running: u64) {
        for (status, count) in [("queued", queued), ("running", running)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.0.runs.get_or_create(&RunLabels { status }).set(count);
        }
    }

    /// Everything as OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a string works");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_route_template_and_class() {
        let metrics = Metrics::new();
        metrics.answered(
            "GET",
            "/api/v1/workspaces/{workspace_id}",
            404,
            Duration::from_millis(3),
        );
        metrics.runs(2, 1);
        let text = metrics.text();
        let line = "tenantatlas_http_requests_total{method=\"GET\",route=\"/api/v1/workspaces/{workspace_id}\",status_class=\"4xx\"} 1";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("tenantatlas_operation_runs{status=\"queued\"} 2"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }
}
