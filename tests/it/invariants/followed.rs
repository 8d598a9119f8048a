//! A workspace in which something followed from everything: a kept answer, notifications, deliveries at their
//! first and second attempt, turns of a schedule, a pause. All of it by the product itself.

use std::{sync::Arc, time::Duration};

use integration_tests::{Engine, TestDatabase, app::connection_body};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use serde_json::json;
use tokio::sync::Notify;
use worker::Scheduler;

use crate::{webhooks::kit::Scene, wire::Request};

pub(super) struct Followed {
    pub(super) scene: Scene,
    /// A run that a named request started.
    started: String,
    /// A run that a schedule started.
    scheduled: String,
}

impl Followed {
    pub(super) async fn begin(database: TestDatabase) -> Self {
        let scene = Scene::begin(database).await;
        scene
            .verified(&["environment.created", "operation.completed"])
            .await;
        scene.receiver.answer(&["500 Broken", "204 Fine"]);
        let environments = format!("{}/environments", scene.base);
        let body = json!({ "display_name": "An environment", "slug": "production" });
        let environment = scene.done("POST", &environments, Some(&body)).await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        assert_eq!(delivered(&scene).await, 1, "it fails");
        scene.clock.advance(Duration::from_secs(10));
        assert_eq!(delivered(&scene).await, 1, "it is delivered");
        let body = connection_body(&environment, &scene.app.contoso, &scene.app.contoso.secret);
        let connections = format!("{}/connections", scene.base);
        scene.done("POST", &connections, Some(&body)).await;
        let started = start(&scene, &environment).await;
        let scheduled = turn(&scene, &environment).await;
        delivered(&scene).await;
        // One that is still on its way.
        scene.receiver.answer(&["500 Broken"]);
        scene.happen("late").await;
        assert_eq!(delivered(&scene).await, 1);
        Self {
            scene,
            started,
            scheduled,
        }
    }

    /// Runs statements around the product, all on one connection. Names of runs in braces become their ids.
    pub(super) async fn damage(&self, database: &TestDatabase, sql: &str) {
        let now = SystemClock.now().timestamp_micros();
        let nowhere = SystemIds.next_uuid().to_string();
        let engine = database.engine;
        let random = match engine {
            Engine::Sqlite => "randomblob(16)",
            Engine::Postgres => "gen_random_uuid()",
        };
        let mut sql = sql.replace("{now}", &now.to_string()).replace("{random}", random);
        for (name, id) in [
            ("started", &self.started),
            ("scheduled", &self.scheduled),
            ("nowhere", &nowhere),
        ] {
            let literal = match engine {
                Engine::Sqlite => format!("x'{}'", id.replace('-', "")),
                Engine::Postgres => format!("'{id}'::uuid"),
            };
            sql = sql.replace(&format!("'{{{name}}}'"), &format!("'{id}'"));
            sql = sql.replace(&format!("{{{name}}}"), &literal);
        }
        database.tamper(&sql).await;
    }
}

/// Gives every event its number, and delivers what is due. Returns how many attempts were made.
async fn delivered(scene: &Scene) -> usize {
    scene.app.settle().await;
    scene.deliverer.drain().await.expect("the queue answers")
}

/// A start under a key, and its end.
async fn start(scene: &Scene, environment: &str) -> String {
    let body = json!({ "operation_type": "inventory.sync", "environment_id": environment });
    let request = Request::new("POST", &format!("{}/operation-runs", scene.base))
        .bearer(&scene.app.token("owner"))
        .json(&body)
        .with("idempotency-key", "once");
    let reply = scene.wire.send(&request).await;
    assert_eq!(reply.json()["disposition"], "accepted", "{}", reply.text());
    assert_eq!(scene.app.drain().await, 1);
    reply.json()["run"]["id"].as_str().expect("an id").to_owned()
}

/// A schedule whose turn comes, and one that a person pauses.
async fn turn(scene: &Scene, environment: &str) -> String {
    let path = format!("{}/schedules", scene.base);
    let body = json!({
        "display_name": "Every night", "operation_type": "inventory.sync", "environment_id": environment,
        "cron": "0 3 * * *", "time_zone": "Europe/Berlin", "jitter_seconds": 0,
    });
    let paused = scene.done("POST", &path, Some(&body)).await;
    let paused = paused["id"].as_str().expect("an id");
    scene.done("POST", &format!("{path}/{paused}/pause"), None).await;
    let turning = scene.done("POST", &path, Some(&body)).await;
    let come = "UPDATE schedules SET next_tick_at = 1000000, next_due_at = 1000000 WHERE state = 'active'";
    assert_eq!(scene.app.database.tamper(come).await, 1);
    let database = Arc::new(scene.app.program.database.clone());
    let scheduler = Scheduler {
        storage: database.clone(),
        due: database,
        rules: scene.app.program.rules.clone(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        wake: Arc::new(Notify::new()),
    };
    assert_eq!(scheduler.run_once().await.expect("passes").started, 1);
    assert_eq!(scene.app.drain().await, 1);
    let turning = format!("{path}/{}", turning["id"].as_str().expect("an id"));
    let turned = scene.done("GET", &turning, None).await;
    turned["last_turn"]["run_id"].as_str().expect("an id").to_owned()
}
