//! One database, the processes that take turns on it, and the provider beside them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use api::auth::LocalIssuer;
use chrono::TimeDelta;
use cli::Client;
use integration_tests::{
    Customer, Engine, TestDatabase,
    chaos::{
        callers::{self, Target},
        failpoints::VARIABLE,
        raw::Raw,
    },
    process::Process,
};
use kernel::{Clock as _, SystemClock};
use microsoft_simulator::{Simulator, SimulatorOptions};
use serde_json::json;
use url::Url;

use crate::webhooks::kit::Receiver;

/// For everything that is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);
/// Customers, each with one connection.
pub(crate) const CUSTOMERS: usize = 6;

/// The point at which a process is to die, and at which hit.
pub(crate) type Armed = (&'static str, u64);

pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) simulator: Simulator,
    customers: Vec<Customer>,
    settings: Vec<(String, String)>,
    token: String,
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"))
}

impl Stage {
    /// Nothing where the engine is missing.
    pub(crate) async fn new(engine: Engine, migrated: bool) -> Option<Self> {
        let database = TestDatabase::create(engine, migrated).await?;
        let customers = callers::customers(CUSTOMERS);
        let options = SimulatorOptions {
            tenants: customers.iter().map(callers::tenant).collect(),
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options).await.expect("the simulator starts");
        let secret = server::files::random_key();
        let key_file = database.folder.path().join("tokenkey");
        server::files::create_private(&key_file, server::files::encode_key(&secret).as_bytes())
            .expect("written");
        let now = SystemClock.now();
        let settings = [
            ("PROVIDER__LOOPBACK_ENDPOINT", simulator.base_url()),
            ("ACCESS__LOCAL_KEY_FILE", key_file.display().to_string()),
            ("WORKER__LEASE_SECONDS", "1.0".to_owned()),
            ("WORKER__SWEEP_SECONDS", "0.1".to_owned()),
            ("WORKER__POLL_MILLISECONDS", "50".to_owned()),
            ("WORKER__MAX_ATTEMPTS", "5".to_owned()),
            ("WORKER__WORKSPACE_LIMIT", "16".to_owned()),
            ("HTTP__THREADS", "1".to_owned()),
            ("TELEMETRY__LOG", "warn".to_owned()),
        ];
        Some(Self {
            settings: settings.map(|(key, value)| (key.to_owned(), value)).into(),
            token: LocalIssuer::from_key(secret).mint("owner", None, TimeDelta::hours(2), now),
            customers,
            database,
            simulator,
        })
    }

    /// A settings file for what the environment cannot say: receivers of webhooks on this machine.
    fn file(&self) -> PathBuf {
        let path = self.database.folder.path().join("settings.toml");
        let text = "[webhooks]\nallowed_private_destinations = [\"127.0.0.1/32\"]\n";
        std::fs::write(&path, text).expect("written");
        path
    }

    /// An API with a worker, on its way up.
    pub(crate) fn spawn(&self, armed: Option<Armed>) -> Process {
        let file = self.file();
        let arguments = ["serve", "--config", file.to_str().expect("text")];
        Process::spawn(binary(), &arguments, &self.database, &self.settings(), armed)
    }

    /// The same, up and unarmed.
    pub(crate) fn serve(&self) -> Process {
        let mut process = self.spawn(None);
        tokio::task::block_in_place(|| process.wait_until_ready()).expect("it comes up");
        process
    }

    /// The same within a script of the shell, which says what the process is to do without and ends with
    /// `exec "$0" "$@"`.
    pub(crate) fn serve_under(&self, script: &str) -> Process {
        let (program, file) = (binary().to_str().expect("text"), self.file());
        let arguments = [
            "-c",
            script,
            program,
            "serve",
            "--config",
            file.to_str().expect("text"),
        ];
        let mut process = Process::spawn(
            Path::new("/bin/sh"),
            &arguments,
            &self.database,
            &self.settings(),
            None,
        );
        tokio::task::block_in_place(|| process.wait_until_ready()).expect("it comes up");
        process
    }

    /// Processes that are started from now on reach PostgreSQL by this port of this machine.
    pub(crate) fn reach_database_by(&mut self, port: u16) {
        let (_, name) = self.database.url.rsplit_once('/').expect("a database");
        self.set(
            "DATABASE__URL",
            &format!("postgres://postgres@127.0.0.1:{port}/{name}"),
        );
    }

    /// Changes a setting of processes that are started from now on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        let pairs = self.settings.iter();
        pairs.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    pub(crate) fn client(&self, process: &Process) -> Client {
        let base = Url::parse(&process.base_url()).expect("an address");
        Client::new(base, Some(self.token.clone())).expect("a client")
    }

    /// Runs a command of the product to its end.
    pub(crate) fn command(&self, arguments: &[&str], armed: Option<Armed>) -> Output {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env("TENANTATLAS__DATABASE__URL", &self.database.url)
            .env("TENANTATLAS__KEYS__RING_FILE", self.database.ring_file())
            .envs(armed.map(|(point, hit)| (VARIABLE, format!("{point}:{hit}"))));
        tokio::task::block_in_place(|| command.output()).expect("runs")
    }

    /// The same, which must go well.
    pub(crate) fn done(&self, arguments: &[&str]) {
        let output = self.command(arguments, None);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
    }

    /// The customers connected, in one workspace.
    pub(crate) async fn connect(&self, client: &Client) -> Vec<Target> {
        callers::connect(client, &self.customers, 1).await
    }

    /// A webhook for everything, verified.
    pub(crate) async fn subscribe(&self, client: &Client, base: &str) -> Receiver {
        let receiver = Receiver::listen().await;
        let path = format!("{base}/webhooks");
        let made = client.post(&path, &json!({ "url": receiver.url })).await;
        let made = made.expect("an answer");
        assert_eq!(made.status, 201, "{}", made.body);
        let path = format!("{path}/{}", made.text("/webhook/id"));
        let verify = format!("{path}/verify");
        let verify = client.post_with(&verify, &[("if-match", "*")], None).await;
        let verify = verify.expect("an answer");
        assert!((200..300).contains(&verify.status), "{}", verify.body);
        until("the webhook is verified", || async {
            client.get(&path).await.expect("an answer").text("/state") == "enabled"
        })
        .await;
        receiver
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw::open(&self.database).await
    }
}

/// Looks until it is so.
pub(crate) async fn until(what: &str, so: impl AsyncFn() -> bool) -> Duration {
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while begin.elapsed() < DEADLINE {
        looks.tick().await;
        if so().await {
            return begin.elapsed();
        }
    }
    panic!("in vain: {what}");
}
