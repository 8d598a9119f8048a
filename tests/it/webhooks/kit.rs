//! A receiver that answers as it is told, and a workspace with a webhook that leads to it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use integration_tests::{TestApp, TestDatabase};
use kernel::{Clock, SystemClock, SystemIds, Timestamp};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use webhook_sender::{Sender, SenderSettings, SystemLookup};
use webhooks::{SigningSecret, signature::signatures};
use worker::{Deliverer, DelivererParts, DeliverySettings};

use crate::wire::{Reply, Request, Wire};

/// A message as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    head: String,
    pub(crate) body: String,
}

impl Seen {
    /// In small letters.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| Some(line.split_once(':')?.0))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        line.unwrap_or_else(|| panic!("{name} is missing in {}", self.head))
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// How many signatures are there, and whether `secret` made one of them.
    pub(crate) fn signed_by(&self, secret: &str) -> (usize, bool) {
        let seconds = self.header("webhook-timestamp").parse().expect("seconds");
        let at = Timestamp::from_timestamp(seconds, 0).expect("in range");
        let secrets = [SigningSecret::from_text(secret).expect("a secret")];
        let expected = signatures(&secrets, self.id(), at, self.body.as_bytes());
        let all: Vec<_> = self.header("webhook-signature").split(' ').collect();
        (all.len(), all.contains(&expected.as_str()))
    }
}

/// Listens on this machine, and writes down what comes.
pub(crate) struct Receiver {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

const OK: &str = "204 No Content";

impl Receiver {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let answers = Arc::<Mutex<VecDeque<&'static str>>>::default();
        let (log, queue) = (Arc::clone(&seen), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&queue)));
            }
        });
        Self {
            url: format!("http://{address}/hook?key=hunter2-canary"),
            seen,
            answers,
        }
    }

    /// Answers the next messages with these; after the last, that one again and again.
    pub(crate) fn answer(&self, answers: &[&'static str]) {
        *self.answers.lock().expect("nobody panics") = answers.iter().copied().collect();
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().expect("nobody panics"))
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
) {
    let mut bytes = Vec::new();
    let message = loop {
        let mut part = [0; 4_096];
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return,
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let message = Seen {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if message.header("content-length") == body.len().to_string() {
            break message;
        }
    };
    seen.lock().expect("nobody panics").push(message);
    let answer = {
        let mut answers = answers.lock().expect("nobody panics");
        let first = answers.front().copied().unwrap_or(OK);
        if answers.len() > 1 {
            answers.pop_front();
        }
        first
    };
    let head = format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 12\r\n\r\nbody-canary!");
    // Whoever has heard enough goes away.
    let _ = stream.write_all(head.as_bytes()).await;
}

/// Where the webhooks of [`seed`] lead. Nothing is ever sent there.
pub(crate) const URL: &str = "https://hooks.example.com/tenantatlas";

/// Two webhooks of a workspace, one of them enabled and with deliveries that were given up: the ids
/// of that one and of its newest delivery.
pub(crate) async fn seed(app: &TestApp, subject: &str, workspace: &str) -> (String, String) {
    let (client, path) = (
        app.client(subject),
        format!("/api/v1/workspaces/{workspace}/webhooks"),
    );
    let body = json!({ "url": URL });
    let made = client.post(&path, &body).await.expect("an answer");
    let webhook = made.text("/webhook/id").to_owned();
    app.database
        .tamper("UPDATE webhook_endpoints SET verified_at = created_at")
        .await;
    client.post(&path, &body).await.expect("an answer");
    app.settle().await;
    let given_up = "UPDATE webhook_deliveries SET state = 'exhausted', next_attempt_at = NULL, \
        finished_at = created_at WHERE state = 'pending'";
    app.database.tamper(given_up).await;
    let log = client
        .get(&format!("{path}/{webhook}/deliveries"))
        .await
        .expect("an answer");
    (webhook, log.text("/items/0/id").to_owned())
}

/// The machine's clock, some time ahead.
#[derive(Default)]
pub(crate) struct Ahead(AtomicI64);

impl Ahead {
    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("no test waits for ages");
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + TimeDelta::microseconds(self.0.load(Ordering::Relaxed))
    }
}

/// The product, a workspace of `owner`, and a receiver.
pub(crate) struct Scene {
    pub(crate) app: TestApp,
    pub(crate) wire: Wire,
    pub(crate) base: String,
    pub(crate) receiver: Receiver,
    pub(crate) clock: Arc<Ahead>,
    pub(crate) deliverer: Deliverer,
}

/// A webhook and the secret that was shown.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Scene {
    pub(crate) async fn begin(database: TestDatabase) -> Self {
        Self::of(TestApp::start(database).await).await
    }

    pub(crate) async fn of(app: TestApp) -> Self {
        let wire = Wire::to(&app.base_url);
        let clock = Arc::<Ahead>::default();
        let deliverer = deliverer(&app, &clock, DeliverySettings::default());
        let mut scene = Self {
            receiver: Receiver::listen().await,
            base: String::new(),
            wire,
            app,
            clock,
            deliverer,
        };
        let body = json!({ "display_name": "A workspace", "slug": "hooked" });
        let made = scene.call("POST", "/api/v1/workspaces", Some(&body)).await;
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        scene.base = format!("/api/v1/workspaces/{id}");
        scene
    }

    /// Calls as the owner, with an `If-Match` that holds for whatever is there.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let request = Request::new(method, path)
            .bearer(&self.app.token("owner"))
            .with("if-match", "*");
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.wire.send(&request).await
    }

    /// The same, which must go well.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.call(method, path, body).await;
        assert!(
            (200..300).contains(&reply.status),
            "{method} {path}: {}",
            reply.text()
        );
        reply.json()
    }

    /// A webhook for `event_types`, not verified yet.
    pub(crate) async fn hook(&self, event_types: &[&str]) -> Hook {
        let body = json!({ "url": self.receiver.url, "event_types": event_types });
        let made = self
            .done("POST", &format!("{}/webhooks", self.base), Some(&body))
            .await;
        let id = made["webhook"]["id"].as_str().expect("an id").to_owned();
        Hook {
            path: format!("{}/webhooks/{id}", self.base),
            id,
            secret: made["secret"].as_str().expect("a secret").to_owned(),
        }
    }

    /// The same, verified.
    pub(crate) async fn verified(&self, event_types: &[&str]) -> Hook {
        let hook = self.hook(event_types).await;
        self.done("POST", &format!("{}/verify", hook.path), None).await;
        self.drain().await;
        let seen = self.receiver.take();
        assert_eq!(seen.len(), 1, "the verification: {seen:?}");
        assert_eq!(self.state(&hook).await, "enabled");
        hook
    }

    pub(crate) async fn state(&self, hook: &Hook) -> String {
        let webhook = self.done("GET", &hook.path, None).await;
        webhook["state"].as_str().expect("a state").to_owned()
    }

    /// Something that happens: an environment is made.
    pub(crate) async fn happen(&self, slug: &str) {
        let body = json!({ "display_name": "An environment", "slug": slug });
        self.done("POST", &format!("{}/environments", self.base), Some(&body))
            .await;
    }

    /// The log, newest first.
    pub(crate) async fn log(&self, hook: &Hook) -> Vec<Value> {
        let page = self.done("GET", &format!("{}/deliveries", hook.path), None).await;
        page["items"].as_array().expect("items").clone()
    }

    /// Numbers what happened, from which deliveries follow.
    pub(crate) async fn publish(&self) {
        self.app.settle().await;
    }

    /// The same, and delivers until nothing is due. Returns how many attempts were made.
    pub(crate) async fn drain(&self) -> usize {
        self.publish().await;
        self.deliverer.drain().await.expect("the queue answers")
    }

    /// The actions of the audit log about webhooks, newest first.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let page = self
            .done("GET", &format!("{}/audit-events?limit=200", self.base), None)
            .await;
        let action = |event: &Value| event["action"].as_str().expect("an action").to_owned();
        let all = page["items"].as_array().expect("items").iter().map(action);
        all.filter(|action| action.starts_with("webhook.")).collect()
    }
}

/// A deliverer on the test's clock, with the real sender.
pub(crate) fn deliverer(app: &TestApp, clock: &Arc<Ahead>, settings: DeliverySettings) -> Deliverer {
    let database = &app.program.database;
    let sender = Sender::new(
        &SenderSettings::new(app.program.webhooks.clone()),
        Arc::new(SystemLookup),
    );
    Deliverer::new(DelivererParts {
        queue: Arc::new(database.clone()),
        vault: Arc::new(database.vault()),
        sender: Arc::new(sender.expect("the client can be made")),
        clock: clock.clone(),
        ids: Arc::new(SystemIds),
        settings,
    })
}
