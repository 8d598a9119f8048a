//! A page costs the same number of SQL statements whatever it holds.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use api::{
    ApiSettings,
    auth::{LocalIssuer, TokenVerifier},
};
use chrono::TimeDelta;
use cli::Client;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use serde_json::json;
use server::{
    compose::{Program, ProviderSetup},
    files,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::credential_life::kit::Life;

on_both_engines!(a_page_of_two_hundred_costs_as_many_statements_as_one_of_five);

const TAGS: usize = 3;

/// Another process of the same installation, which counts its statements.
struct Counting {
    client: Client,
    statements: Arc<AtomicUsize>,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Counting {
    async fn beside(life: &Life) -> Self {
        life.app.settle().await;
        let database = &life.app.database;
        let setup = ProviderSetup::default();
        let mut program = Program::open(&database.database_url(), database.key_ring(), false, setup)
            .await
            .expect("opens");
        let statements = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&statements);
        program.database.watch_statements(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let issuer = LocalIssuer::from_key(files::random_key());
        let verifier = TokenVerifier::new(vec![issuer.verifier_issuer()]);
        let key = program.database.derived_key("cursor");
        // It looks for watchers once, at its start, and never again: what is counted is what pages cost.
        let settings = ApiSettings {
            wait_poll: Duration::from_hours(1),
            ..ApiSettings::default()
        };
        let state = program.api(verifier, key, settings);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = CancellationToken::new();
        let until = shutdown.clone().cancelled_owned();
        let token = issuer.mint("owner", None, TimeDelta::hours(1), SystemClock.now());
        let serving = tokio::spawn(api::serve(listener, Arc::new(state), 1, until));
        while statements.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        Self {
            client: Client::new(Url::parse(&url).expect("an address"), Some(token)).expect("a client"),
            statements,
            shutdown,
            serving,
        }
    }

    /// How many statements reading `path` takes, which gives so many items.
    async fn cost(&self, path: &str, items: usize) -> usize {
        let before = self.statements.load(Ordering::SeqCst);
        let page = self.client.get(path).await.expect("an answer");
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(page.body["items"].as_array().map(Vec::len), Some(items));
        for item in page.body["items"].as_array().expect("a page") {
            if let Some(tags) = item.get("tags") {
                assert_eq!(tags.as_object().map(serde_json::Map::len), Some(TAGS), "{item}");
                assert_eq!(item["credential"]["state"], "valid", "{item}");
            }
        }
        self.statements.load(Ordering::SeqCst) - before
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.expect("joins").expect("serves to the end");
    }
}

async fn grow(life: &Life, count: usize) {
    for _ in 0..count {
        let body = json!({
            "scope_identifier": SystemIds.next_uuid(),
            "tags": { "tier": "gold", "site": "north", "team": "one" },
            "credential": {
                "kind": "client_secret", "client_identifier": SystemIds.next_uuid(), "secret": "a-secret",
            },
        });
        let made = life.connect(body).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
}

async fn a_page_of_two_hundred_costs_as_many_statements_as_one_of_five(database: TestDatabase) {
    let life = Life::begin(database).await;
    grow(&life, 5).await;
    let counting = Counting::beside(&life).await;
    let connections = life.path("/connections?limit=200&tag=tier:gold");
    let blocked = life.path("/connections?limit=200&tag=tier:gold&readiness=unknown");
    let calendar = life.path("/expiry-calendar?limit=200");
    // The first request of a process may have to look up more.
    counting.cost(&connections, 5).await;
    let five = [
        counting.cost(&connections, 5).await,
        counting.cost(&blocked, 5).await,
        counting.cost(&calendar, 6).await,
    ];
    assert!(five.iter().all(|count| (3..20).contains(count)), "{five:?}");
    grow(&life, 195).await;
    let two_hundred = [
        counting.cost(&connections, 200).await,
        counting.cost(&blocked, 200).await,
        counting.cost(&calendar, 200).await,
    ];
    assert_eq!(two_hundred, five, "statements do not grow with the page");
    counting.stop().await;
    life.end().await;
}
