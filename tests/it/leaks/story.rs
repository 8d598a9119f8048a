//! The main job of a child process, with everything in it that must not come out again: secrets
//! that work and secrets that do not, tokens, keys, what the provider says when it refuses, and
//! what it sends although nobody asked for it.

use std::path::Path;

use api::auth::LocalIssuer;
use chrono::TimeDelta;
use integration_tests::{Customer, TestDatabase, app::connection_body, process::Process};
use kernel::{Clock as _, IdSource as _, SecretBytes, SystemClock, SystemIds};
use microsoft_simulator::{
    AppOptions, AppRegistration, Fault, FaultKind, Simulator, SimulatorOptions, TenantOptions,
};
use serde_json::{Value, json};
use server::files;

use super::{
    evidence,
    needles::{Canary, Evidence},
    served::{Served, ask_for_everything},
};
use crate::{
    access::cases::Place,
    reads,
    wire::{Reply, Request, Wire},
};

pub(crate) struct Story {
    pub(crate) simulator: Simulator,
    pub(crate) process: Process,
    pub(crate) canaries: Vec<Canary>,
    /// Everything that was answered.
    pub(crate) answers: Vec<Evidence>,
    pub(super) wire: Wire,
    token: String,
    pub(super) contoso: Customer,
    pub(super) fabrikam: Customer,
    /// The installation's own client. Its tenant is nobody's.
    pub(super) platform: Customer,
}

/// A text that nothing else holds.
pub(super) fn unique() -> String {
    let id = SystemIds.next_uuid().simple().to_string();
    id.chars().rev().collect()
}

impl Story {
    /// Starts the simulator and the product. Nothing has happened yet.
    pub(crate) async fn begin(database: &TestDatabase) -> Self {
        let contoso = Customer {
            secret: format!("hN38Q~{}", unique()),
            ..Customer::new()
        };
        let special = format!("p\"~'\\s&=+%/<{}>? ;", unique());
        let fabrikam = Customer {
            secret: special,
            ..Customer::new()
        };
        let organization = format!("Organization {}", unique());
        let named = TenantOptions {
            display_name: organization.clone(),
            ..contoso.tenant()
        };
        let apps = vec![AppOptions::consented(fabrikam.client_id, &fabrikam.secret)];
        let tenants = vec![
            named,
            TenantOptions {
                apps,
                ..fabrikam.tenant()
            },
        ];
        let platform = Customer {
            secret: format!("pL48Q~{}", unique()),
            ..Customer::new()
        };
        let registration = AppRegistration::new(platform.client_id, "The installation");
        let options = SimulatorOptions {
            tenants,
            registrations: vec![registration.with_secret(&platform.secret)],
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options).await.expect("the simulator starts");

        let key = files::random_key();
        let key_file = database.folder.path().join("tokenkey");
        files::create_private(&key_file, files::encode_key(&key).as_bytes()).expect("written");
        let process = start_product(database, &simulator, &key_file, &platform);
        let mut canaries = vec![
            Canary::new("the secret that works", &contoso.secret),
            Canary::new("the secret with special characters", &fabrikam.secret),
            Canary::new("the secret of the installation's client", &platform.secret),
            Canary::of_bytes("the key of tokens", key.expose()),
            Canary::new("the name of the organization", &organization).may_stand_in(&["inventory", "file "]),
        ];
        canaries.extend(ring_canaries(database));
        let issuer = LocalIssuer::from_key(SecretBytes::new(key.expose().to_vec()));
        let token = issuer.mint("owner", None, TimeDelta::hours(1), SystemClock.now());
        let (_, signature) = token.rsplit_once('.').expect("three parts");
        canaries.push(Canary::new("the bearer token", &token));
        canaries.push(Canary::new("the signature of the bearer token", signature));
        let wire = Wire::to(&process.base_url());
        Self {
            simulator,
            process,
            canaries,
            answers: Vec::new(),
            wire,
            token,
            contoso,
            fabrikam,
            platform,
        }
    }

    /// Everything that happens.
    pub(crate) async fn tell(&mut self) {
        let served = ask_for_everything(&self.simulator, &self.contoso).await;
        self.canaries.extend(served.canaries.iter().cloned());
        let works = self.a_customer_whose_secret_works(&served).await;
        self.a_customer_whose_secret_is_wrong().await;
        self.a_customer_whose_secret_is_special().await;
        self.a_certificate_and_its_key().await;
        self.credentials_in_stages().await;
        self.consent_in_a_browser().await;
        self.secrets_in_wrong_places(&works).await;
        let works = reads::complete(works, async |request| self.ask(request).await).await;
        for target in reads::targets(&works) {
            let reply = self.ask(Request::get(&target)).await;
            assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        }
    }

    async fn a_customer_whose_secret_works(&mut self, served: &Served) -> Place {
        let label = format!("Label {}", unique());
        let (customer, secret) = (clone(&self.contoso), self.contoso.secret.clone());
        let place = self.connect(&label, &customer, &secret).await;
        let kept = &["row ", "file ", "answer "];
        self.canaries
            .push(Canary::new("the name of a workspace", &label).may_stand_in(kept));
        self.perform(&place, "provider.connection.check", "succeeded")
            .await;
        let run = self.more_than_was_asked_for(&place, served).await;
        self.words_of_the_provider(&place).await;
        self.perform(&place, "compliance.snapshot", "succeeded").await;
        let list = place.fill("/api/v1/workspaces/{workspace_id}/compliance-snapshots");
        let snapshots = self.ask(Request::get(&list)).await.json();
        let snapshot = snapshots["items"][0]["id"].as_str().expect("an id").to_owned();
        Place {
            run,
            snapshot,
            ..place
        }
    }

    /// The provider sends what no contract selects. The run takes it, and keeps what it should.
    async fn more_than_was_asked_for(&mut self, place: &Place, served: &Served) -> String {
        for (path, body) in &served.bodies {
            self.next_answer(
                path,
                1,
                FaultKind::Status {
                    status: 200,
                    body: body.to_string(),
                },
            );
        }
        let run = self.perform(place, "inventory.sync", "succeeded").await;
        let items = place.fill("/api/v1/workspaces/{workspace_id}/inventory/items");
        for (kind, sent) in [("device", served.devices), ("user", served.people)] {
            let items = self
                .ask(Request::get(&format!("{items}?kind={kind}")))
                .await
                .json();
            assert_eq!(
                items["items"].as_array().map(Vec::len),
                Some(sent),
                "it took what was sent: {items}"
            );
        }
        run
    }

    /// The provider refuses and explains itself at length, and answers with a page for people.
    async fn words_of_the_provider(&mut self, place: &Place) {
        let words = format!("Access to jo.{}@contoso.example was denied", unique());
        self.canaries.push(Canary::new("the words of a refusal", &words));
        let body = json!({ "error": { "code": "Authorization_RequestDenied", "message": words } });
        for path in ["/groups", "/users", "/organization"] {
            self.next_answer(
                path,
                2,
                FaultKind::Status {
                    status: 403,
                    body: body.to_string(),
                },
            );
        }
        self.perform(place, "inventory.sync", "").await;
        self.simulator.control().clear_faults();
        self.next_answer("/deviceManagement", 1, FaultKind::Html);
        self.perform(place, "compliance.snapshot", "").await;
        self.simulator.control().clear_faults();
    }

    /// What the provider answers to the next calls of a path.
    fn next_answer(&self, path: &str, times: u32, kind: FaultKind) {
        self.simulator.control().inject(Fault {
            path_contains: path.to_owned(),
            times,
            kind,
        });
    }

    async fn a_customer_whose_secret_is_wrong(&mut self) {
        let wrong = format!("wR08Q~{}", unique());
        self.canaries
            .push(Canary::new("the secret that does not work", &wrong));
        // The number alone is kept, in the log of calls; what begins with it is not.
        self.canaries
            .push(Canary::new("the provider's words about it", "AADSTS7000215: "));
        self.canaries
            .push(Canary::new("more of its words", "Invalid client secret provided"));
        let customer = clone(&self.contoso);
        let place = self.connect("The wrong secret", &customer, &wrong).await;
        self.perform(&place, "provider.connection.check", "failed").await;
    }

    async fn a_customer_whose_secret_is_special(&mut self) {
        let (customer, secret) = (clone(&self.fabrikam), self.fabrikam.secret.clone());
        let place = self.connect("The special secret", &customer, &secret).await;
        self.perform(&place, "provider.connection.check", "succeeded")
            .await;
        let rotated = format!("rO78Q~{}", unique());
        self.canaries.push(Canary::new("the secret after it", &rotated));
        self.simulator
            .control()
            .set_client_secret(customer.tenant_id, customer.client_id, &rotated);
        let path = place.fill("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential");
        let body = json!({ "kind": "client_secret", "secret": rotated });
        let put = self
            .ask(Request::new("PUT", &path).with("if-match", "*").json(&body))
            .await;
        assert_eq!(put.status, 200, "{}", put.text());
        let words = format!("AADSTS50034: nobody is called {}", unique());
        self.canaries
            .push(Canary::new("the words of the token endpoint", &words));
        let body = json!({ "error": "invalid_grant", "error_description": words, "error_codes": [50034] });
        self.next_answer(
            "/oauth2/",
            1,
            FaultKind::Status {
                status: 400,
                body: body.to_string(),
            },
        );
        self.perform(&place, "provider.connection.check", "failed").await;
        self.perform(&place, "provider.connection.check", "succeeded")
            .await;
    }

    /// A workspace of this name with a connection to `customer`.
    async fn connect(&mut self, name: &str, customer: &Customer, secret: &str) -> Place {
        let place = self.home(name).await;
        let body = connection_body(&place.environment, customer, secret);
        self.add(place, &body).await
    }

    /// The place with a connection, which is new.
    pub(super) async fn add(&mut self, place: Place, body: &Value) -> Place {
        let target = place.fill("/api/v1/workspaces/{workspace_id}/connections");
        Place {
            connection: self.create(&target, body).await,
            ..place
        }
    }

    /// A workspace of this name with an environment.
    pub(super) async fn home(&mut self, name: &str) -> Place {
        let body = json!({ "display_name": name, "slug": format!("w-{}", SystemIds.next_uuid().simple()) });
        let workspace = self.create("/api/v1/workspaces", &body).await;
        let base = format!("/api/v1/workspaces/{workspace}");
        let body = json!({ "display_name": "An environment", "slug": "production" });
        let environment = self.create(&format!("{base}/environments"), &body).await;
        Place {
            workspace,
            environment,
            ..Place::nowhere()
        }
    }

    pub(super) async fn create(&mut self, target: &str, body: &Value) -> String {
        let reply = self.ask(Request::new("POST", target).json(body)).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Starts an operation and waits for its end, which must be `outcome` if that is given.
    pub(super) async fn perform(&mut self, place: &Place, operation: &str, outcome: &str) -> String {
        self.perform_with(place, operation, json!({}), outcome).await
    }

    /// The same with these inputs.
    pub(super) async fn perform_with(
        &mut self,
        place: &Place,
        operation: &str,
        inputs: Value,
        outcome: &str,
    ) -> String {
        let body = json!({
            "operation_type": operation, "environment_id": place.environment, "inputs": inputs,
        });
        let target = place.fill("/api/v1/workspaces/{workspace_id}/operation-runs");
        let started = self.ask(Request::new("POST", &target).json(&body)).await;
        assert_eq!(started.status, 202, "{}", started.text());
        let location = started.header("location").expect("an address").to_owned();
        let run = self.ask(Request::get(&location).with("prefer", "wait=30")).await;
        assert_eq!(run.json()["status"], "completed", "{}", run.text());
        assert!(
            outcome.is_empty() || run.json()["outcome"] == outcome,
            "{outcome}: {}",
            run.text()
        );
        run.json()["id"].as_str().expect("an id").to_owned()
    }

    pub(super) async fn ask(&mut self, request: Request) -> Reply {
        let request = request.bearer(&self.token);
        self.walk(request).await
    }

    /// A request of nobody: what browsers send.
    pub(super) async fn walk(&mut self, request: Request) -> Reply {
        let reply = self.wire.send(&request).await;
        // A target may hold the very thing that must not come back: it names the place by its path.
        let path = request.target.split('?').next().unwrap_or_default();
        self.answers
            .extend(evidence::parts(&format!("{} {path}", request.method), &reply));
        reply
    }
}

fn clone(customer: &Customer) -> Customer {
    Customer {
        secret: customer.secret.clone(),
        ..*customer
    }
}

fn start_product(
    database: &TestDatabase,
    simulator: &Simulator,
    key_file: &Path,
    platform: &Customer,
) -> Process {
    let secret_file = database.folder.path().join("platform.secret");
    files::create_private(&secret_file, platform.secret.as_bytes()).expect("written");
    let config = database.folder.path().join("settings.toml");
    let text = format!(
        "[[provider.platform]]\ncloud = \"global\"\nclient_id = \"{}\"\nclient_secret_file = '{}'\n",
        platform.client_id,
        secret_file.display()
    );
    std::fs::write(&config, text).expect("written");
    let settings = [
        ("HTTP__PUBLIC_URL", "https://atlas.example.com/"),
        ("TELEMETRY__LOG", "trace"),
        ("PROVIDER__LOOPBACK_ENDPOINT", &simulator.base_url()),
        ("ACCESS__LOCAL_KEY_FILE", key_file.to_str().expect("text")),
    ];
    Process::start(
        Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test")),
        &["serve", "--config", config.to_str().expect("a path of text")],
        database,
        &settings,
    )
}

/// The keys with which secrets are sealed, as they stand in their file and as they are.
fn ring_canaries(database: &TestDatabase) -> Vec<Canary> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let keys = database.ring.lines().filter_map(|line| line.split_once(':'));
    let decoded = keys.map(|(_, key)| STANDARD.decode(key.trim()).expect("base64"));
    let canaries: Vec<_> = decoded
        .map(|key| Canary::of_bytes("a key of the ring", &key))
        .collect();
    assert!(!canaries.is_empty(), "the ring has a key");
    canaries
}
