//! A platform connection: nothing to store, but an administrator of the customer has to agree.

use cli::Answer;
use serde_json::json;

use super::{
    DemoError, Ids,
    steps::{Steps, promised, shorten},
    story::{request, runs},
};

const HTML: (&str, &str) = ("accept", "text/html");

/// Connects Adatum by the installation's own client.
pub(super) async fn platform(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    let ids = connect(steps, ids).await?;
    let link = link(steps, &ids).await?;
    agree(steps, &link).await?;
    proven(steps, &ids).await
}

async fn connect(steps: &mut Steps<'_>, ids: &Ids) -> Result<Ids, DemoError> {
    let customer = &steps.world.adatum;
    steps.transcript.step(&format!(
        "A platform connection to {}: no secret to store, and blocked until somebody there agrees",
        customer.name
    ));
    let base = format!("/api/v1/workspaces/{}", ids.workspace);
    let body = json!({ "display_name": "Adatum production", "slug": "adatum-production" });
    let environment = steps.post(&format!("{base}/environments"), &body, 201).await?;
    let environment = environment.text("/id").to_owned();
    let body = json!({
        "environment_id": environment,
        "provider": "microsoft",
        "connection_type": "platform",
        "display_name": customer.name,
        "scope_identifier": customer.tenant_id,
    });
    let connection = steps.post(&format!("{base}/connections"), &body, 201).await?;
    let ids = Ids {
        workspace: ids.workspace.clone(),
        environment,
        connection: connection.text("/id").to_owned(),
    };
    let blocked = steps
        .post(&runs(&ids), &request(&ids, "inventory.sync"), 422)
        .await?;
    promised(
        blocked.text("/reason_code") == "provider_consent_missing",
        "without consent nothing runs",
    )?;
    let next = blocked.text("/next_steps/0/label");
    promised(!next.is_empty(), "a blocked start says what to do next")?;
    steps.transcript.says(&format!(
        "422 operation_blocked: {}",
        blocked.text("/reason_code")
    ));
    steps.transcript.says(&format!("next:   {next}"));
    Ok(ids)
}

/// The link: told once, so this answer alone is not searched for it.
async fn link(steps: &mut Steps<'_>, ids: &Ids) -> Result<String, DemoError> {
    steps
        .transcript
        .step("A consent link, to be sent to an administrator of the customer");
    let path = format!(
        "/api/v1/workspaces/{}/connections/{}/consent-link",
        ids.workspace, ids.connection
    );
    steps.transcript.request(&format!("POST {}", shorten(&path)));
    let answer = steps.world.client.post(&path, &json!({})).await?;
    promised(answer.status == 201, "a consent link is made")?;
    let link = answer.text("/url").to_owned();
    let text = link.rsplit('/').next().unwrap_or_default();
    steps.told_once.push(text.to_owned());
    let asked = answer
        .body
        .pointer("/asked_permissions")
        .and_then(serde_json::Value::as_array);
    steps.transcript.says(&format!(
        "valid until {}, once; it will ask for {} permissions",
        answer.text("/expires_at"),
        asked.map_or(0, Vec::len)
    ));
    Ok(link)
}

/// What the administrator does, with a browser that has no token and keeps one cookie.
async fn agree(steps: &mut Steps<'_>, link: &str) -> Result<(), DemoError> {
    steps
        .transcript
        .step("The administrator opens the link: our page, the provider's page, and back");
    let browser = &steps.world.browser;
    steps.transcript.request("GET /consent/…");
    let page = browser.get_with(link, &[HTML]).await?;
    steps.keep(&page);
    let text = page.body.as_str().unwrap_or_default();
    promised(
        page.status == 200 && text.contains("Northwind managed services"),
        "our page says who asks",
    )?;

    steps.transcript.request("POST /consent/…");
    let origin = ("origin", steps.world.base_url.as_str());
    let onward = browser.post_form(link, &[HTML, origin], &[]).await?;
    let provider = location(&onward, 303, "our page leads on")?;
    promised(
        provider.starts_with(&steps.world.simulator_url()),
        "the next page is the provider's",
    )?;
    let cookie = cookie(&onward);
    let state = parameter(&provider, "state");
    promised(!state.is_empty(), "the visit has a state")?;
    steps.told_once.push(state);
    let value = cookie.split('=').nth(1).unwrap_or_default();
    steps.told_once.push(value.to_owned());

    steps
        .transcript
        .request("POST the provider's consent page: approve");
    let back = browser
        .post_form(&provider, &[HTML], &[("decision", "approve")])
        .await?;
    let callback = location(&back, 302, "the provider's page leads back")?;

    steps.transcript.request("GET /consent/callback?…");
    let headers = [HTML, ("cookie", cookie.as_str())];
    let thanks = browser.get_with(&callback, &headers).await?;
    steps.keep(&thanks);
    promised(thanks.status == 200, "the answer is recorded")?;
    steps
        .transcript
        .says("recorded as a hint; a connection check was started to prove it");
    Ok(())
}

/// The check that the callback started.
async fn proven(steps: &mut Steps<'_>, ids: &Ids) -> Result<(), DemoError> {
    steps
        .transcript
        .step("The check proves it: a token for that very tenant, with the roles that were asked for");
    let operation = "operation_type=provider.connection.check";
    let list = format!("{}?connection_id={}&{operation}", runs(ids), ids.connection);
    let list = steps.get(&list).await?;
    let run = list.text("/items/0/id");
    promised(!run.is_empty(), "the callback started a check")?;
    let path = format!("{}/{run}", runs(ids));
    steps.said.clear();
    let run = steps.finished(&path).await?;
    promised(
        run.text("/outcome") == "succeeded",
        "the check proves the consent",
    )?;
    steps.report(&run);
    let path = format!(
        "/api/v1/workspaces/{}/connections/{}",
        ids.workspace, ids.connection
    );
    let connection = steps.get(&path).await?;
    promised(
        connection.text("/axes/consent/state") == "granted",
        "consent is granted",
    )?;
    promised(
        connection.text("/summary/readiness") == "ready",
        "a proven connection is ready",
    )?;
    steps.transcript.says("consent: granted; the connection is ready");
    Ok(())
}

fn location(answer: &Answer, status: u16, what: &str) -> Result<String, DemoError> {
    let location = answer.header("location").unwrap_or_default();
    promised(answer.status == status && !location.is_empty(), what)?;
    Ok(location.to_owned())
}

/// The cookie as a browser sends it back: without its attributes.
fn cookie(answer: &Answer) -> String {
    let header = answer.header("set-cookie").unwrap_or_default();
    header.split(';').next().unwrap_or_default().to_owned()
}

fn parameter(address: &str, name: &str) -> String {
    let url = url::Url::parse(address).ok();
    let mut pairs = url.iter().flat_map(url::Url::query_pairs);
    pairs
        .find(|(key, _)| key == name)
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
