//! Two workspaces that know nothing of each other, one of them with a member of each role and at
//! least two of everything that can be listed.

use std::collections::BTreeMap;

use api::auth::LocalIssuer;
use integration_tests::{
    TestApp, TestDatabase,
    app::{connection_body, created},
};
use serde_json::json;

use super::cases::{Case, Place, connection, credential, schedule};
use crate::{
    throttling,
    webhooks::kit,
    wire::{Reply, Request, Wire},
};

/// The roles, which are also the subjects of the members.
pub(crate) const ROLES: [&str; 4] = ["owner", "manager", "operator", "readonly"];
/// Owns the other workspace.
pub(crate) const NEIGHBOUR: &str = "neighbour";
/// Belongs nowhere.
pub(crate) const NOBODY: &str = "nobody";

pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) wire: Wire,
    /// With a member of each role. Its run waits in the queue.
    pub(crate) ours: Place,
    /// An environment of `ours` that the connection of `ours` does not lie in.
    pub(crate) second_environment: String,
    /// A notification of each of them.
    pub(crate) inbox: BTreeMap<&'static str, String>,
    /// Of [`NEIGHBOUR`]. It has no run and no snapshot.
    pub(crate) theirs: Place,
}

impl World {
    pub(crate) async fn build(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let (mut ours, second_environment) = furnish(&app).await;
        let neighbour = app.client(NEIGHBOUR);
        let home = app.home(&neighbour, &app.fabrikam, &app.fabrikam.secret).await;
        (ours.webhook, ours.delivery) = kit::seed(&app, "owner", &ours.workspace).await;
        let (webhook, delivery) = kit::seed(&app, NEIGHBOUR, &home.workspace).await;
        let theirs = Place {
            webhook,
            delivery,
            workspace: home.workspace,
            environment: home.environment,
            connection: home.connection,
            ..Place::nowhere()
        };
        ours.run = queued(&app, &ours).await;
        ours.schedule = scheduled(&app, "owner", &ours).await;
        scheduled(&app, "owner", &ours).await;
        throttling::kit::seed(&app.program.database, &ours, 3).await;
        let inbox = notified(&app, &ours).await;
        ours.notification.clone_from(&inbox["owner"]);
        Self {
            inbox,
            wire: Wire::to(&app.base_url),
            app,
            ours,
            second_environment,
            theirs,
        }
    }

    /// Calls an operation at `place` as `subject`.
    pub(crate) async fn call(&self, case: &Case, place: &Place, subject: &str) -> Reply {
        self.wire.send(&self.request(case, place, subject)).await
    }

    /// The call of an operation at `place` by `subject`, with a body that would be accepted.
    pub(crate) fn request(&self, case: &Case, place: &Place, subject: &str) -> Request {
        // Each has an inbox of his own.
        let own = self.inbox.get(subject);
        let own = own.filter(|_| {
            place.workspace == self.ours.workspace && place.notification == self.ours.notification
        });
        let place = match own.cloned() {
            Some(notification) => &Place {
                notification,
                ..place.clone()
            },
            None => place,
        };
        bare(case, place).bearer(&self.app.token(subject))
    }
}

/// `place` as a case may use it up: with a connection of its own, which is not the default and
/// has the credentials that the case takes away.
pub(crate) async fn spare(app: &TestApp, place: &Place, case: &Case) -> Place {
    if !case.spends {
        return place.clone();
    }
    if case.path.contains("{schedule_id}") {
        return Place {
            schedule: scheduled(app, "owner", place).await,
            ..place.clone()
        };
    }
    let (wire, token) = (Wire::to(&app.base_url), app.token("owner"));
    if case.path.contains("{webhook_id}") {
        let (webhook, delivery) = kit::seed(app, "owner", &place.workspace).await;
        return Place {
            webhook,
            delivery,
            ..place.clone()
        };
    }
    let create = place.fill("/api/v1/workspaces/{workspace_id}/connections");
    let made = Request::new("POST", &create)
        .bearer(&token)
        .json(&connection(place));
    let made = wire.send(&made).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let own = Place {
        connection: made.json()["id"].as_str().expect("an id").to_owned(),
        ..place.clone()
    };
    if case.path.ends_with("/credential/next") || case.path.ends_with("/credential/promote") {
        let path = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/next";
        let staged = Request::new("PUT", &own.fill(path))
            .bearer(&token)
            .with("if-match", "*");
        let staged = wire.send(&staged.json(&credential(place))).await;
        assert_eq!(staged.status, 200, "{}", staged.text());
    }
    own
}

/// The call of an operation at `place`, without a token.
pub(crate) fn bare(case: &Case, place: &Place) -> Request {
    let mut request = Request::new(case.method, &place.fill(case.path));
    if case.matched {
        request = request.with("if-match", "*");
    }
    match case.body {
        Some(body) => request.json(&body(place)),
        None => request,
    }
}

/// The workspace of the four roles, after two rounds of the main job.
async fn furnish(app: &TestApp) -> (Place, String) {
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let body = json!({ "display_name": "The second workspace", "slug": "the-second-one" });
    created(&owner.post("/api/v1/workspaces", &body).await.expect("an answer"));
    for role in &ROLES[1..] {
        let body = json!({ "issuer": LocalIssuer::ISSUER, "subject": role, "role": role });
        created(
            &owner
                .post(&format!("{}/members", home.base), &body)
                .await
                .expect("an answer"),
        );
    }
    let body = json!({ "display_name": "Another environment", "slug": "staging" });
    let second = created(
        &owner
            .post(&format!("{}/environments", home.base), &body)
            .await
            .expect("an answer"),
    );
    let body = connection_body(&second, &app.fabrikam, &app.fabrikam.secret);
    created(
        &owner
            .post(&format!("{}/connections", home.base), &body)
            .await
            .expect("an answer"),
    );
    for operation in [
        "provider.connection.check",
        "inventory.sync",
        "compliance.snapshot",
        "compliance.snapshot",
        "provider.connection.check",
    ] {
        assert_eq!(
            home.start(&owner, operation).await.text("/disposition"),
            "accepted"
        );
        app.drain().await;
    }
    let list = format!("{}/compliance-snapshots", home.base);
    let snapshot = owner
        .get(&list)
        .await
        .expect("an answer")
        .text("/items/0/id")
        .to_owned();
    let place = Place {
        workspace: home.workspace,
        environment: home.environment,
        connection: home.connection,
        run: String::new(),
        snapshot,
        ..Place::nowhere()
    };
    (place, second)
}

/// A schedule of the place's, made by `subject`.
pub(crate) async fn scheduled(app: &TestApp, subject: &str, place: &Place) -> String {
    let path = place.fill("/api/v1/workspaces/{workspace_id}/schedules");
    let answer = app.client(subject).post(&path, &schedule(place)).await;
    created(&answer.expect("an answer"))
}

/// Gives every role a notification of the owner's, who keeps two.
async fn notified(app: &TestApp, place: &Place) -> BTreeMap<&'static str, String> {
    app.settle().await;
    let of = |subject: &str| format!("(SELECT id FROM principals WHERE subject = '{subject}')");
    for role in &ROLES[1..] {
        let oldest = format!(
            "SELECT min(sequence) FROM notifications WHERE principal_id = {}",
            of("owner")
        );
        let given = format!(
            "UPDATE notifications SET principal_id = {} WHERE principal_id = {} AND sequence = ({oldest})",
            of(role),
            of("owner")
        );
        assert_eq!(app.database.tamper(&given).await, 1);
    }
    let mut inbox = BTreeMap::new();
    for role in ROLES {
        let path = place.fill("/api/v1/workspaces/{workspace_id}/notifications");
        let list = app.client(role).get(&path).await.expect("an answer");
        inbox.insert(role, list.text("/items/0/id").to_owned());
    }
    inbox
}

async fn queued(app: &TestApp, place: &Place) -> String {
    let body = json!({ "operation_type": "provider.connection.check", "environment_id": place.environment });
    let path = place.fill("/api/v1/workspaces/{workspace_id}/operation-runs");
    app.client("owner")
        .post(&path, &body)
        .await
        .expect("an answer")
        .text("/run/id")
        .to_owned()
}
