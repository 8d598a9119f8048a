//! Callers of the API: each starts operations on random targets through random processes, now and
//! then cancels what it started, and writes down what it heard.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use cli::{Answer, Client, ClientError};
use kernel::{Clock as _, SystemClock};
use microsoft_simulator::{AppOptions, TenantOptions};
use operations::OperationType;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::{
    fleet::Fleet,
    history::{Event, Heard, History},
    seed::Numbers,
};
use crate::{
    Customer,
    app::{connection_body, created},
};

/// One of so many requests is a cancel.
const CANCELS: usize = 12;

/// Something to start operations on.
#[derive(Debug, Clone)]
pub struct Target {
    /// `/api/v1/workspaces/{id}`.
    pub base: String,
    /// The body of a start, but for the operation.
    pub body: Value,
}

/// Small customers that let the same client in, so that runs are short.
pub fn customers(count: usize) -> Vec<Customer> {
    let first = Customer::new();
    let alike = |_| Customer {
        client_id: first.client_id,
        secret: first.secret.clone(),
        ..Customer::new()
    };
    (0..count).map(alike).collect()
}

/// How the simulator knows one of them.
pub fn tenant(customer: &Customer) -> TenantOptions {
    TenantOptions {
        users: 3,
        groups: 2,
        devices: 2,
        policies: 2,
        compliance_policies: 1,
        conditional_access_policies: 1,
        apps: vec![AppOptions::consented(customer.client_id, &customer.secret)],
        ..TenantOptions::sample(customer.tenant_id)
    }
}

/// Connects the customers, spread over so many workspaces.
pub async fn connect(client: &Client, customers: &[Customer], workspaces: usize) -> Vec<Target> {
    let mut homes = Vec::new();
    for number in 0..workspaces {
        let body = json!({ "display_name": "A workspace", "slug": format!("storm-{number}") });
        let workspace = created(&client.post("/api/v1/workspaces", &body).await.expect("an answer"));
        let base = format!("/api/v1/workspaces/{workspace}");
        let path = format!("{base}/environments");
        let environment = created(&client.post(&path, &body).await.expect("an answer"));
        homes.push((base, environment));
    }
    let mut targets = Vec::new();
    for (number, customer) in customers.iter().enumerate() {
        let (base, environment) = &homes[number % homes.len()];
        let body = connection_body(environment, customer, &customer.secret);
        let path = format!("{base}/connections");
        let connection = created(&client.post(&path, &body).await.expect("an answer"));
        targets.push(Target {
            base: base.clone(),
            body: json!({ "environment_id": environment, "connection_id": connection }),
        });
    }
    targets
}

/// What callers share.
#[derive(Clone)]
pub struct Callers {
    /// Whom they ask.
    pub fleet: Fleet,
    /// What they start on.
    pub targets: Arc<Vec<Target>>,
    /// Where they write what they heard.
    pub history: Arc<Mutex<History>>,
    /// Set when they are to stop.
    pub done: Arc<AtomicBool>,
    /// How long each waits between two requests.
    pub pace: Duration,
}

impl Callers {
    /// One caller, until all are to stop.
    pub async fn call(self, seed: u64, number: usize) {
        let mut numbers = Numbers::part(seed, u64::try_from(number).expect("few"));
        let asked = self.fleet.answering();
        let mut ticks = tokio::time::interval(self.pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut mine: Option<(String, String)> = None;
        while !self.done.load(Ordering::Relaxed) {
            ticks.tick().await;
            let slot = asked[numbers.below(asked.len())];
            let target = &self.targets[numbers.below(self.targets.len())];
            let operation = OperationType::STARTABLE[numbers.below(OperationType::STARTABLE.len())];
            let cancels = numbers.below(CANCELS) == 0;
            let client = self.fleet.client(slot);
            let (invoked, from) = (Instant::now(), SystemClock.now());
            let heard = match mine.take().filter(|_| cancels) {
                Some((base, run)) => {
                    let path = format!("{base}/operation-runs/{run}/cancel");
                    canceled(client.post(&path, &Value::Null).await)
                }
                None => start(&client, target, operation.as_str()).await,
            };
            if let Heard::Accepted(run) = &heard {
                mine = Some((target.base.clone(), run.clone()));
            }
            let event = Event {
                slot,
                span: (invoked, Instant::now()),
                wall: (from, SystemClock.now()),
                heard,
            };
            self.history
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .0
                .push(event);
        }
    }
}

/// Starts an operation, and tells what was heard.
pub async fn start(client: &Client, target: &Target, operation: &str) -> Heard {
    heard(ask(client, target, operation, &[]).await)
}

/// The answer to a start with further headers.
pub async fn ask(
    client: &Client,
    target: &Target,
    operation: &str,
    headers: &[(&str, &str)],
) -> Result<Answer, ClientError> {
    let mut body = target.body.clone();
    body["operation_type"] = operation.into();
    let path = format!("{}/operation-runs", target.base);
    client.post_with(&path, headers, Some(&body)).await
}

/// What the answer to a start says.
pub fn heard(answer: Result<Answer, ClientError>) -> Heard {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Heard::Unknown(format!("{error:?}")),
    };
    match (answer.status, answer.text("/disposition"), answer.text("/code")) {
        (202, "accepted", _) => Heard::Accepted(answer.text("/run/id").to_owned()),
        (202, "deduplicated", _) => Heard::Deduplicated(answer.text("/run/id").to_owned()),
        (409, _, "scope_busy") => Heard::ScopeBusy(answer.text("/active_run/id").to_owned()),
        // A 408 comes from the HTTP server of a starved machine: it could not read the request in time.
        (503 | 408, ..) => Heard::Unavailable,
        (status, ..) => Heard::Unexpected(format!("{status} {}", answer.body)),
    }
}

fn canceled(answer: Result<Answer, ClientError>) -> Heard {
    match answer {
        Err(error) => Heard::Unknown(format!("{error:?}")),
        Ok(answer) => match (answer.status, answer.text("/code")) {
            (200 | 202, _) | (409, "run_already_completed") => Heard::Canceled,
            (503 | 408, _) => Heard::Unavailable,
            (status, _) => Heard::Unexpected(format!("{status} {}", answer.body)),
        },
    }
}
