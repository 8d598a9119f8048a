//! A credential is changed without a gap: the next one is stored, tried, and promoted.

use cli::Answer;
use serde_json::json;

use super::{
    DemoError, Ids,
    steps::{Steps, promised},
    story::{days_from_now, request, start_with},
};

/// Gives Contoso's connection its second secret, goes back once, and forward again.
pub(super) async fn rotate(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    let connection = format!(
        "/api/v1/workspaces/{}/connections/{}",
        ids.workspace, ids.connection
    );
    let credential = format!("{connection}/credential");
    store_next(steps, &connection).await?;
    try_next(steps, ids).await?;

    steps
        .transcript
        .step("Promote it; the old one is kept for a while, so going back is one call");
    for (action, in_use) in [("promote", 2), ("rollback", 1), ("rollback", 2)] {
        let present = steps.get(&connection).await?;
        let path = format!("{credential}/{action}");
        let changed = steps.post_if(&path, etag(&present), 200).await?;
        promised(
            version(&changed, "credential") == Some(in_use),
            format!("{action} puts the other credential in use"),
        )?;
        let kept = changed.text("/previous_credential/keep_until").to_owned();
        promised(!kept.is_empty(), "the other one is kept")?;
        steps.transcript.says(&format!(
            "in use: version {in_use}; the other one is kept until {kept}"
        ));
    }
    let path = start_with(steps, ids, &request(ids, "provider.connection.check")).await?;
    let run = steps.finished(&path).await?;
    promised(
        run.text("/outcome") == "succeeded",
        "the credential in use signs in",
    )?;
    let present = steps.get(&connection).await?;
    promised(
        present.text("/summary/readiness") == "ready",
        "after the rotation the connection is ready",
    )?;
    steps.transcript.says("succeeded; the connection is ready");
    Ok(())
}

async fn store_next(steps: &mut Steps<'_>, connection: &str) -> Result<(), DemoError> {
    steps
        .transcript
        .step("Contoso's secret ends in 20 days: the next one is stored, and runs go on with the old one");
    let present = steps.get(connection).await?;
    let body = json!({
        "kind": "client_secret",
        "secret": steps.world.contoso.later_secret(1),
        "expires_at": days_from_now(180),
    });
    let path = format!("{connection}/credential/next");
    let stored = steps.put_if(&path, etag(&present), &body).await?;
    promised(
        version(&stored, "credential") == Some(1) && version(&stored, "next_credential") == Some(2),
        "the next credential stands beside the one in use",
    )?;
    steps
        .transcript
        .says("in use: version 1; next: version 2, which nobody has tried");
    let path = format!("{connection}/credential/promote");
    let refused = steps.post_if(&path, etag(&stored), 409).await?;
    promised(
        refused.text("/code") == "credential_not_verified",
        "what nobody tried is not promoted",
    )?;
    let next = refused.text("/next_steps/0/label");
    promised(!next.is_empty(), "the refusal says what to do next")?;
    steps
        .transcript
        .says(&format!("409 {}; next: {next}", refused.text("/code")));
    Ok(())
}

async fn try_next(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    steps
        .transcript
        .step("A check tries it: inputs {\"credential\": \"next\"}");
    let mut body = request(ids, "provider.connection.check");
    body["inputs"] = json!({ "credential": "next" });
    let path = start_with(steps, ids, &body).await?;
    let run = steps.finished(&path).await?;
    promised(
        run.text("/outcome") == "succeeded",
        "the next credential signs in",
    )?;
    steps.transcript.says("succeeded");
    Ok(())
}

fn etag(answer: &Answer) -> &str {
    answer.header("etag").unwrap_or_default()
}

fn version(answer: &Answer, credential: &str) -> Option<u64> {
    answer.body[credential]["version"].as_u64()
}
