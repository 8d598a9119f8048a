//! The time between an agreement and the moment when the provider knows of it: "not there yet" is
//! asked again for ten minutes, more and more seldom, and then it counts.

use chrono::{DateTime, TimeDelta};
use integration_tests::{TestApp, TestDatabase, on_both_engines};
use microsoft_simulator::RECOMMENDED_ROLES;

use super::scene::{OPERATIONS, Scene, age_hints, end_pauses, hints, token_requests};

on_both_engines!(
    a_consent_that_the_provider_does_not_know_yet_is_asked_again,
    roles_that_are_not_there_yet_are_asked_again,
    a_permission_that_nothing_needs_is_not_waited_for,
    after_ten_minutes_the_answer_counts,
    a_typed_agreement_is_pending_and_then_nothing,
);

/// The pause that the connection shows, from when it was looked at to when it will be again.
async fn pause(scene: &Scene<'_>) -> TimeDelta {
    let view = scene.view().await;
    let time = |pointer| {
        let text = view.text(pointer);
        DateTime::parse_from_rfc3339(text).unwrap_or_else(|_| panic!("{pointer} in {}", view.body))
    };
    time("/axes/verification/next_check_at") - time("/axes/verification/checked_at")
}

/// One look that came too early: what the run and the connection say afterwards.
async fn too_early(scene: &Scene<'_>) -> TimeDelta {
    assert_eq!(scene.app.drain().await, 1, "it looked");
    assert_eq!(scene.app.drain().await, 0, "it waits, and nobody hurries it");
    let run = scene.active_run().await;
    assert_eq!(
        (&run["status"], &run["operation_type"]),
        (&"queued".into(), &OPERATIONS[0].into())
    );
    assert!(run["not_before"].is_string(), "{run}");
    let view = scene.view().await;
    assert_eq!(
        scene.standing().await,
        "required pending blocked retry_later",
        "{}",
        view.body
    );
    assert_eq!(
        view.text("/axes/verification/reason_code"),
        "provider_consent_pending"
    );
    scene.is_blocked(&OPERATIONS[1..]).await;
    let again = scene.start(OPERATIONS[0]).await;
    assert_eq!(
        (again.status, again.text("/disposition")),
        (202, "deduplicated"),
        "{}",
        again.body
    );
    pause(scene).await
}

async fn a_consent_that_the_provider_does_not_know_yet_is_asked_again(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    scene.agree().await;
    control.set_replication_misses(app.contoso.tenant_id, 4);
    let mut pauses = Vec::new();
    for waited in [0, 20, 40, 500] {
        if waited > 0 {
            age_hints(&app, waited).await;
            end_pauses(&app).await;
        }
        pauses.push(too_early(&scene).await);
        assert_eq!(token_requests(&app), pauses.len(), "one request each time");
    }
    let seconds: Vec<_> = pauses.iter().map(TimeDelta::num_seconds).collect();
    assert!(
        seconds[0] >= 2 && seconds[1] >= 20 && seconds[3] == 60,
        "{seconds:?}"
    );
    assert!(
        pauses.is_sorted() && seconds[0] < seconds[1] && seconds[1] < seconds[2],
        "{pauses:?}"
    );
    end_pauses(&app).await;
    let run = scene.active_run().await["id"].as_str().expect("an id").to_owned();
    assert_eq!(app.drain().await, 1);
    assert_eq!(scene.standing().await, "granted healthy ready -");
    let run = scene.run(&run).await;
    assert_eq!(
        run.text("/outcome"),
        "succeeded",
        "the same run to the end: {}",
        run.body
    );
    let view = scene.view().await;
    assert_eq!(
        view.text("/axes/verification/next_check_at"),
        "",
        "nothing is awaited any more"
    );
    app.stop().await;
}

/// Without the optional role the report of grants is skipped. That is no answer that came too early.
async fn a_permission_that_nothing_needs_is_not_waited_for(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    scene.agree().await;
    let needed = RECOMMENDED_ROLES
        .into_iter()
        .filter(|role| *role != "Application.Read.All");
    assert!(control.set_app_roles(app.contoso.tenant_id, app.platform.client_id, needed));
    assert_eq!(app.drain().await, 1);
    assert_eq!(scene.standing().await, "granted healthy ready -");
    app.stop().await;
}

async fn roles_that_are_not_there_yet_are_asked_again(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    scene.agree().await;
    control.set_role_misses(app.contoso.tenant_id, 2);
    for _ in 0..2 {
        too_early(&scene).await;
        end_pauses(&app).await;
    }
    assert_eq!(app.drain().await, 1);
    assert_eq!(scene.standing().await, "granted healthy ready -");
    app.stop().await;
}

/// The end of the window, for a connection whose check `waits` already.
async fn counts(scene: &Scene<'_>) {
    let app = scene.app;
    let run = scene.active_run().await["id"].as_str().expect("an id").to_owned();
    age_hints(app, 600).await;
    end_pauses(app).await;
    assert_eq!(app.drain().await, 1);
    let run = scene.run(&run).await;
    assert_eq!(
        (
            run.text("/status"),
            run.text("/outcome"),
            run.text("/reason_code")
        ),
        ("completed", "failed", "provider_consent_missing"),
        "{}",
        run.body
    );
    assert_eq!(run.text("/next_steps/0/kind"), "grant_consent");
    assert_eq!(scene.standing().await, "required blocked blocked grant_consent");
    let view = scene.view().await;
    assert_eq!(view.text("/axes/consent/reason_code"), "provider_consent_missing");
    assert_eq!(view.text("/axes/verification/next_check_at"), "");
    assert_eq!(hints(app).await, 0, "the hint is forgotten");
}

async fn after_ten_minutes_the_answer_counts(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    scene.agree().await;
    control.set_replication_misses(app.contoso.tenant_id, 1_000);
    too_early(&scene).await;
    // A moment before the end it is still early.
    age_hints(&app, 580).await;
    end_pauses(&app).await;
    too_early(&scene).await;
    counts(&scene).await;
    assert_eq!(token_requests(&app), 3, "one request for each look");
    // Whoever agrees later does not revive the old hint.
    control.set_replication_misses(app.contoso.tenant_id, 0);
    scene.is_blocked(&OPERATIONS).await;
    assert_eq!((app.drain().await, token_requests(&app)), (0, 3), "nobody looked");
    scene.agree().await;
    app.drain().await;
    assert_eq!(scene.standing().await, "granted healthy ready -");
    app.stop().await;
}

/// F07: everything is right about the answer, but nobody agreed at the provider.
async fn a_typed_agreement_is_pending_and_then_nothing(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let ended = scene.forge().await;
    assert_eq!(
        (ended.status, &ended.json()["result"]),
        (200, &"recorded".into()),
        "{}",
        ended.text()
    );
    assert_eq!(scene.standing().await, "required pending blocked retry_later");
    too_early(&scene).await;
    counts(&scene).await;
    let graph = app.simulator.as_ref().expect("runs").control().calls();
    assert!(
        graph.iter().all(|call| !call.path.starts_with("/v1.0")),
        "nothing was read: {graph:?}"
    );
    let held = app.database.number("SELECT count(*) FROM platform_targets").await;
    assert_eq!(held, 0);
    app.stop().await;
}
