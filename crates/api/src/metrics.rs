//! What `/metrics` shows: requests by route template, runs that wait and work, and what calls to
//! providers came to. No workspace, no name and no id is ever a label.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kernel::Timestamp;
use operations::{Lane, LaneDepth, PerLane};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use provider_core::CallTotals;

/// The metrics of the process. Cheap to clone; all clones show the same numbers.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    runs: Family<RunLabels, Gauge>,
    oldest: Family<LaneLabels, Gauge<f64, AtomicU64>>,
    chores: Family<ChoreLabels, Counter>,
    chore_success: Family<ChoreNames, Gauge<f64, AtomicU64>>,
    calls: Family<CallLabels, Counter>,
    time_lost: Family<LimitLabels, Counter<f64, AtomicU64>>,
    paused: Family<LimitLabels, Gauge>,
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
    lane: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    limit: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChoreLabels {
    chore: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChoreNames {
    chore: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabels {
    lane: &'static str,
}

/// How many limits have labels of their own. An adapter has a handful; should a table ever say
/// otherwise, the rest is one.
const LIMITS: usize = 50;
/// The label of that rest.
const OTHER: &str = "other";

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
        let (runs, oldest, calls) = (Family::default(), Family::default(), Family::default());
        let (time_lost, paused) = (Family::default(), Family::default());
        let (chores, chore_success) = (Family::default(), Family::default());
        registry.register(
            "chores",
            "Chores of this process, by how they went",
            chores.clone(),
        );
        registry.register(
            "chore_last_success_timestamp_seconds",
            "When a chore of this process last went as it should",
            chore_success.clone(),
        );
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
        registry.register(
            "operation_run_oldest_wait_seconds",
            "For how long the run that could begin for the longest time has been waiting",
            oldest.clone(),
        );
        registry.register(
            "provider_calls",
            "Attempts at calls to providers, of all processes together",
            calls.clone(),
        );
        registry.register(
            "provider_time_lost_seconds",
            "What runs lost by waiting for providers, in all processes together",
            time_lost.clone(),
        );
        registry.register(
            "provider_paused_connections",
            "Connections for which a limit is closed at present",
            paused.clone(),
        );
        Self(Arc::new(Inner {
            registry: Mutex::new(registry),
            requests,
            durations,
            runs,
            oldest,
            chores,
            chore_success,
            calls,
            time_lost,
            paused,
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
    pub(crate) fn runs(&self, depth: &PerLane<LaneDepth>) {
        for lane in Lane::ALL {
            let depth = depth.of(lane);
            let lane = lane.as_str();
            for (status, count) in [("queued", depth.queued), ("running", depth.running)] {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                self.0.runs.get_or_create(&RunLabels { lane, status }).set(count);
            }
            let oldest = self.0.oldest.get_or_create(&LaneLabels { lane });
            oldest.set(depth.oldest.as_secs_f64());
        }
    }

    /// Notes how a chore of this process has been going since it began: when it last went well, how often
    /// it did and how often it did not.
    pub fn chore(&self, chore: &'static str, last_success: Option<Timestamp>, (done, failed): (u64, u64)) {
        for (outcome, count) in [("done", done), ("failed", failed)] {
            let counter = self.0.chores.get_or_create(&ChoreLabels { chore, outcome });
            counter.inner().store(count, Ordering::Relaxed);
        }
        if let Some(at) = last_success {
            let gauge = self.0.chore_success.get_or_create(&ChoreNames { chore });
            gauge.set(Duration::from_micros(at.timestamp_micros().unsigned_abs()).as_secs_f64());
        }
    }

    /// Notes what calls came to, as the store counts them: what is shown is set and never added to,
    /// so each process shows the numbers of the whole installation.
    pub(crate) fn calls(&self, totals: Vec<CallTotals>) {
        for total in bounded(totals) {
            let CallTotals {
                limit,
                attempts,
                throttled,
                failed,
                lost,
                paused_connections,
            } = total;
            let answered = attempts.saturating_sub(throttled + failed);
            for (outcome, count) in [
                ("answered", answered),
                ("throttled", throttled),
                ("failed", failed),
            ] {
                let limit = limit.clone();
                let counter = self.0.calls.get_or_create_owned(&CallLabels { limit, outcome });
                counter.inner().store(count, Ordering::Relaxed);
            }
            let labels = LimitLabels { limit };
            let lost = lost.as_secs_f64().to_bits();
            let counter = self.0.time_lost.get_or_create_owned(&labels);
            counter.inner().store(lost, Ordering::Relaxed);
            let paused = i64::try_from(paused_connections).unwrap_or(i64::MAX);
            self.0.paused.get_or_create(&labels).set(paused);
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

/// The first limits as they are, and what is left as one.
fn bounded(mut totals: Vec<CallTotals>) -> Vec<CallTotals> {
    if totals.len() > LIMITS {
        let rest = totals.split_off(LIMITS);
        let mut other = CallTotals {
            limit: OTHER.to_owned(),
            attempts: 0,
            throttled: 0,
            failed: 0,
            lost: Duration::ZERO,
            paused_connections: 0,
        };
        for total in rest {
            other.attempts += total.attempts;
            other.throttled += total.throttled;
            other.failed += total.failed;
            other.lost += total.lost;
            other.paused_connections += total.paused_connections;
        }
        totals.push(other);
    }
    totals
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
        let depth = PerLane {
            checks: LaneDepth {
                queued: 2,
                running: 1,
                oldest: Duration::from_millis(2500),
            },
            ..PerLane::default()
        };
        metrics.runs(&depth);
        let text = metrics.text();
        let line = "tenantatlas_http_requests_total{method=\"GET\",route=\"/api/v1/workspaces/{workspace_id}\",status_class=\"4xx\"} 1";
        assert!(text.contains(line), "{text}");
        for line in [
            "tenantatlas_operation_runs{lane=\"checks\",status=\"queued\"} 2",
            "tenantatlas_operation_runs{lane=\"work\",status=\"queued\"} 0",
            "tenantatlas_operation_run_oldest_wait_seconds{lane=\"checks\"} 2.5",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn chores_show_when_they_last_went_well() {
        let metrics = Metrics::new();
        let at = Timestamp::from_timestamp_micros(1_500_000);
        metrics.chore("sweep", at, (7, 2));
        metrics.chore("events", None, (0, 3));
        let text = metrics.text();
        for line in [
            "tenantatlas_chores_total{chore=\"sweep\",outcome=\"done\"} 7",
            "tenantatlas_chores_total{chore=\"events\",outcome=\"failed\"} 3",
            "tenantatlas_chore_last_success_timestamp_seconds{chore=\"sweep\"} 1.5",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
        let never = "chore_last_success_timestamp_seconds{chore=\"events\"}";
        assert!(!text.contains(never), "{text}");
    }

    fn total(limit: String) -> CallTotals {
        CallTotals {
            limit,
            attempts: 10,
            throttled: 3,
            failed: 2,
            lost: Duration::from_millis(1500),
            paused_connections: 1,
        }
    }

    #[test]
    fn calls_are_shown_as_the_store_counts_them() {
        let metrics = Metrics::new();
        for _ in 0..2 {
            metrics.calls(vec![total("sign-in".to_owned())]);
        }
        let text = metrics.text();
        for line in [
            "tenantatlas_provider_calls_total{limit=\"sign-in\",outcome=\"answered\"} 5",
            "tenantatlas_provider_calls_total{limit=\"sign-in\",outcome=\"throttled\"} 3",
            "tenantatlas_provider_calls_total{limit=\"sign-in\",outcome=\"failed\"} 2",
            "tenantatlas_provider_time_lost_seconds_total{limit=\"sign-in\"} 1.5",
            "tenantatlas_provider_paused_connections{limit=\"sign-in\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
    }

    #[test]
    fn however_many_limits_there_are_the_labels_are_bounded() {
        let metrics = Metrics::new();
        metrics.calls(
            (0..1000)
                .map(|number| total(format!("limit-{number:04}")))
                .collect(),
        );
        let text = metrics.text();
        let shown = text
            .lines()
            .filter(|line| line.starts_with("tenantatlas_provider_paused_connections{"));
        assert_eq!(shown.count(), LIMITS + 1);
        let rest = "tenantatlas_provider_paused_connections{limit=\"other\"} 950";
        assert!(text.contains(rest), "{text}");
    }
}
