//! A fleet of customers: one simulator, API and worker processes of the product, and one connection for
//! each customer, ten customers in a workspace.

use std::path::PathBuf;

use cli::Client;
use futures::{StreamExt as _, stream};
use microsoft_simulator::{Simulator, SimulatorOptions, TenantOptions};
use serde_json::json;
use server::files;
use url::Url;

use crate::{
    Customer, TestDatabase,
    app::{connection_body, created},
    chaos::raw::Raw,
    process::Process,
};

/// How large the fleet is.
#[derive(Debug, Clone, Copy)]
pub struct FleetOptions {
    /// Customers.
    pub tenants: usize,
    /// Users of each; half as many devices.
    pub users: usize,
    /// API processes.
    pub api: usize,
    /// Worker processes.
    pub workers: usize,
}

/// Where one customer's operations are started.
struct Post {
    base: String,
    environment: String,
}

/// Everything that runs.
pub struct Fleet {
    /// The database.
    pub database: TestDatabase,
    /// The API processes.
    pub api: Vec<Process>,
    /// The workers; none until they are asked for.
    pub workers: Vec<Process>,
    simulator: Simulator,
    clients: Vec<Client>,
    posts: Vec<Post>,
    binary: PathBuf,
}

impl Fleet {
    /// Starts the API processes and connects every customer.
    pub async fn start(database: TestDatabase, binary: PathBuf, options: FleetOptions) -> Self {
        let customers: Vec<_> = (0..options.tenants).map(|_| Customer::new()).collect();
        let tenants = customers.iter().map(|customer| TenantOptions {
            users: options.users,
            groups: options.users / 20,
            devices: options.users / 2,
            ..customer.tenant()
        });
        let simulator = Simulator::start(SimulatorOptions {
            tenants: tenants.collect(),
            ..SimulatorOptions::default()
        });
        let simulator = simulator.await.expect("the simulator starts");
        let key_file = database.folder.path().join("token.key");
        let key = files::random_key();
        files::create_private(&key_file, files::encode_key(&key).as_bytes()).expect("a file");
        let issuer = api::auth::LocalIssuer::from_key(key);
        #[expect(clippy::disallowed_methods, reason = "a tool outside the product")]
        let token = issuer.mint("owner", None, chrono::TimeDelta::hours(12), chrono::Utc::now());
        let key_file = key_file.display().to_string();
        let settings = [("ACCESS__LOCAL_KEY_FILE", key_file.as_str())];
        let api: Vec<_> = (0..options.api)
            .map(|_| Process::start(&binary, &["serve", "--no-worker"], &database, &settings))
            .collect();
        let clients: Vec<_> = api
            .iter()
            .map(|process| {
                let base = Url::parse(&process.base_url()).expect("an address");
                Client::new(base, Some(token.clone())).expect("a client")
            })
            .collect();
        let mut fleet = Self {
            database,
            api,
            workers: Vec::new(),
            simulator,
            clients,
            posts: Vec::new(),
            binary,
        };
        for (number, ten) in customers.chunks(10).enumerate() {
            fleet.connect(number, ten).await;
        }
        fleet
    }

    async fn connect(&mut self, number: usize, customers: &[Customer]) {
        let client = &self.clients[0];
        let body = json!({ "display_name": "A workspace", "slug": format!("w-{number}") });
        let workspace = created(&client.post("/api/v1/workspaces", &body).await.expect("an answer"));
        let base = format!("/api/v1/workspaces/{workspace}");
        for (place, customer) in customers.iter().enumerate() {
            let body = json!({ "display_name": "An environment", "slug": format!("e-{place}") });
            let path = format!("{base}/environments");
            let environment = created(&client.post(&path, &body).await.expect("an answer"));
            let body = connection_body(&environment, customer, &customer.secret);
            let path = format!("{base}/connections");
            created(&client.post(&path, &body).await.expect("an answer"));
            self.posts.push(Post {
                base: base.clone(),
                environment,
            });
        }
    }

    /// Starts `count` workers.
    pub fn start_workers(&mut self, count: usize) {
        let endpoint = self.simulator.base_url();
        for _ in 0..count {
            let settings = [("PROVIDER__LOOPBACK_ENDPOINT", endpoint.as_str())];
            let process = Process::start(&self.binary, &["worker"], &self.database, &settings);
            self.workers.push(process);
        }
    }

    /// Starts `operation` once for each customer, `at_once` requests at a time. Returns how many were
    /// accepted.
    pub async fn start_everywhere(&self, operation: &str, at_once: usize) -> u64 {
        let starts = self.posts.iter().enumerate().map(|(number, post)| {
            let client = &self.clients[number % self.clients.len()];
            let body = json!({ "operation_type": operation, "environment_id": post.environment });
            let path = format!("{}/operation-runs", post.base);
            async move {
                let answer = client.post(&path, &body).await.expect("an answer");
                assert_eq!(answer.status, 202, "{}", answer.body);
            }
        });
        stream::iter(starts).buffer_unordered(at_once).count().await as u64
    }

    /// Waits until no run is active any more.
    pub async fn settled(&self) {
        let raw = Raw::open(&self.database).await;
        let active = "SELECT count(*) FROM operation_runs WHERE completed_at IS NULL";
        while raw.number(active).await > 0 {
            std::thread::park_timeout(std::time::Duration::from_millis(100));
        }
    }

    /// How many runs succeeded.
    pub async fn succeeded(&self) -> i64 {
        let sql = "SELECT count(*) FROM operation_runs WHERE outcome = 'succeeded'";
        self.database.number(sql).await
    }

    /// Stops everything.
    pub async fn stop(self) {
        drop((self.workers, self.api));
        self.simulator.stop().await;
    }
}
