//! The story: from nothing to a tenant that is connected, checked, inventoried and guarded.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{
    DemoError, Ids, consent, rotation, search,
    steps::{Steps, promised, shorten},
    transcript::Transcript,
    world::{Customer, World},
};

/// Plays everything and checks every promise.
pub(crate) async fn tell(world: &World, transcript: &mut Transcript) -> Result<Ids, DemoError> {
    transcript.title(&format!(
        "TenantAtlas demo: API at {}, simulated tenants at {}",
        world.base_url,
        world.simulator_url()
    ));
    let mut steps = Steps {
        world,
        transcript,
        answers: Vec::new(),
        told_once: Vec::new(),
        said: String::new(),
    };
    let ids = connect(&mut steps).await?;
    check(&mut steps, &ids).await?;
    inventory(&mut steps, &ids).await?;
    compliance(&mut steps, &ids).await?;
    wrong_secret(&mut steps, &ids).await?;
    consent::platform(&mut steps, &ids).await?;
    rotation::rotate(&mut steps, &ids).await?;
    search::no_secret_anywhere(&mut steps)?;
    steps.transcript.title("\nEvery step was as promised.");
    Ok(ids)
}

async fn connect(steps: &mut Steps<'_>) -> Result<Ids, DemoError> {
    steps
        .transcript
        .step("A workspace, and the environment to look after");
    let body = json!({ "display_name": "Northwind managed services", "slug": "northwind" });
    let workspace = steps
        .post("/api/v1/workspaces", &body, 201)
        .await?
        .text("/id")
        .to_owned();
    let base = format!("/api/v1/workspaces/{workspace}");
    let body = json!({ "display_name": "Contoso production", "slug": "contoso-production" });
    let environment = steps
        .post(&format!("{base}/environments"), &body, 201)
        .await?
        .text("/id")
        .to_owned();
    steps
        .transcript
        .says("workspace 'northwind', environment 'contoso-production'; you are the owner");

    steps
        .transcript
        .step("A dedicated connection to Contoso's tenant, with a client secret");
    let customer = &steps.world.contoso;
    let answer = add_connection(steps, &base, &environment, customer, customer.secret()).await?;
    let connection = answer
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    promised(
        answer["is_default"] == true,
        "the first connection is the default one",
    )?;
    promised(
        answer["summary"]["readiness"] == "unknown",
        "a connection that nobody checked is not ready",
    )?;
    steps
        .transcript
        .says("stored sealed; it is the default; readiness: unknown (nobody has checked it yet)");
    Ok(Ids {
        workspace,
        environment,
        connection,
    })
}

async fn add_connection(
    steps: &mut Steps<'_>,
    base: &str,
    environment: &str,
    customer: &Customer,
    secret: &str,
) -> Result<Value, DemoError> {
    let body = json!({
        "environment_id": environment,
        "provider": "microsoft",
        "connection_type": "dedicated",
        "display_name": customer.name,
        "scope_identifier": customer.tenant_id,
        "credential": { "kind": "client_secret", "client_identifier": customer.client_id, "secret": secret, "expires_at": days_from_now(20) },
    });
    Ok(steps.post(&format!("{base}/connections"), &body, 201).await?.body)
}

/// A time, as bodies have it.
pub(super) fn days_from_now(days: i64) -> DateTime<Utc> {
    SystemClock.now() + TimeDelta::days(days)
}

/// Starts an operation and expects it to be accepted. Returns the path of its run.
async fn start(steps: &mut Steps<'_>, ids: &Ids, operation: &str) -> Result<String, DemoError> {
    start_with(steps, ids, &request(ids, operation)).await
}

/// The same with any body.
pub(super) async fn start_with(steps: &mut Steps<'_>, ids: &Ids, body: &Value) -> Result<String, DemoError> {
    let answer = steps.post(&runs(ids), body, 202).await?;
    promised(
        answer.text("/disposition") == "accepted",
        "an operation was accepted",
    )?;
    steps.said.clear();
    let path = answer.header("location").unwrap_or_default().to_owned();
    promised(!path.is_empty(), "an accepted run has a location")?;
    steps
        .transcript
        .says(&format!("202 accepted, {}", shorten(&path)));
    Ok(path)
}

pub(super) fn runs(ids: &Ids) -> String {
    format!("/api/v1/workspaces/{}/operation-runs", ids.workspace)
}

pub(super) fn request(ids: &Ids, operation: &str) -> Value {
    json!({ "operation_type": operation, "environment_id": ids.environment })
}

async fn check(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    steps
        .transcript
        .step("provider.connection.check: can it sign in, where does it arrive, what may it do");
    let path = start(steps, ids, "provider.connection.check").await?;
    let run = steps.finished(&path).await?;
    promised(run.text("/outcome") == "succeeded", "the check succeeds")?;
    steps.report(&run);
    let connection = steps
        .get(&format!(
            "/api/v1/workspaces/{}/connections/{}",
            ids.workspace, ids.connection
        ))
        .await?;
    promised(
        connection.text("/summary/readiness") == "ready",
        "a checked connection is ready",
    )?;
    steps.transcript.says("succeeded; the connection is ready");
    Ok(())
}

/// The simulator holds the reading of users, so that there is time to start the same again and
/// something else meanwhile.
async fn inventory(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    steps
        .transcript
        .step("inventory.sync: everything there is, page by page");
    let hold = steps.world.simulator.control().hold("/users");
    let path = start(steps, ids, "inventory.sync").await?;
    hold.reached().await;

    steps
        .transcript
        .step("Meanwhile the same again: one run, not two");
    let again = steps
        .post(&runs(ids), &request(ids, "inventory.sync"), 202)
        .await?;
    promised(
        again.text("/disposition") == "deduplicated",
        "the same operation is deduplicated",
    )?;
    promised(
        path.ends_with(again.text("/run/id")),
        "the deduplicated start names the same run",
    )?;
    steps.transcript.says("202 deduplicated: the same run");

    steps
        .transcript
        .step("Meanwhile something else: the target is busy, and the answer says with what");
    let busy = steps
        .post(&runs(ids), &request(ids, "compliance.snapshot"), 409)
        .await?;
    promised(
        busy.text("/code") == "scope_busy",
        "another operation meets a busy scope",
    )?;
    promised(
        path.ends_with(busy.text("/active_run/id")),
        "the refusal names the holder",
    )?;
    let holder = busy.text("/active_run/operation_type").to_owned();
    steps
        .transcript
        .says(&format!("409 scope_busy: {holder} holds it, {}", shorten(&path)));

    steps.transcript.step("The inventory goes on");
    let later = steps
        .world
        .simulator
        .control()
        .hold("/v1.0/deviceManagement/managedDevices?");
    hold.release();
    later.reached().await;
    steps.progress(&path).await?;
    later.release();
    let run = steps.finished(&path).await?;
    promised(run.text("/outcome") == "succeeded", "the inventory succeeds")?;
    let total = run
        .body
        .pointer("/counts/total")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    promised(
        total >= 2000,
        format!("at least 2,000 objects were read, not {total}"),
    )?;
    let pages = steps
        .world
        .simulator
        .control()
        .calls()
        .iter()
        .filter(|call| call.path.starts_with("/v1.0/users"))
        .count();
    promised(pages > 1, "the users came in several pages")?;
    steps.transcript.says(&format!(
        "succeeded: {total} objects, the users alone in {pages} pages"
    ));
    Ok(())
}

async fn compliance(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    steps
        .transcript
        .step("compliance.snapshot: how the tenant complies");
    let path = start(steps, ids, "compliance.snapshot").await?;
    let run = steps.finished(&path).await?;
    promised(run.text("/outcome") == "succeeded", "the snapshot succeeds")?;
    let snapshots = steps
        .get(&format!(
            "/api/v1/workspaces/{}/compliance-snapshots",
            ids.workspace
        ))
        .await?;
    let controls = snapshots
        .body
        .pointer("/items/0/controls")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    promised(!controls.is_empty(), "the snapshot has controls")?;
    for control in &controls {
        let text = |key: &str| control[key].as_str().unwrap_or_default().to_owned();
        let numbers = format!("{}/{}", control["compliant"], control["assessed"]);
        steps.transcript.says(&format!(
            "{:<14} {:>9}  {}",
            text("state"),
            numbers,
            text("title")
        ));
    }
    Ok(())
}

async fn wrong_secret(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    steps
        .transcript
        .step("A wrong secret: the run fails with a reason and a next step");
    let base = format!("/api/v1/workspaces/{}", ids.workspace);
    let body = json!({ "display_name": "Fabrikam production", "slug": "fabrikam-production" });
    let environment = steps
        .post(&format!("{base}/environments"), &body, 201)
        .await?
        .text("/id")
        .to_owned();
    let customer = &steps.world.fabrikam;
    let wrong = format!("{}x", customer.secret());
    let connection = add_connection(steps, &base, &environment, customer, &wrong).await?;
    let ids = Ids {
        workspace: ids.workspace.clone(),
        environment,
        connection: connection["id"].as_str().unwrap_or_default().to_owned(),
    };
    let path = start(steps, &ids, "provider.connection.check").await?;
    let run = steps.finished(&path).await?;
    promised(
        run.text("/outcome") == "failed",
        "a wrong secret makes the check fail",
    )?;
    promised(
        run.text("/reason_code") == "provider_credential_invalid",
        "the reason is the credential",
    )?;
    let next = run.text("/next_steps/0/label").to_owned();
    promised(!next.is_empty(), "there is a next step")?;
    steps
        .transcript
        .says(&format!("failed: {}", run.text("/reason_code")));
    steps.transcript.says(&format!("next:   {next}"));
    Ok(())
}
