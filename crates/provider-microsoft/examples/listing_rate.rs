//! How fast a long list is read: through the adapter, or by a plain loop with the same options.
//!
//! ```text
//! microsoft-simulator --users 200000 --groups 0 --devices 0 --policies 0 --compliance-policies 0 \
//!     --conditional-access-policies 0 --ready-file ready.json
//! cargo run --release -p provider-microsoft --example listing_rate -- ready.json adapter
//! cargo run --release -p provider-microsoft --example listing_rate -- ready.json plain
//! ```
//!
//! The ready file is JSON with `base_url`, `tenant_id`, `client_id` and `client_secret`. Both ways ask
//! for the same properties of users, 999 on a page, and keep none of them. The first way goes through
//! the whole of [`MicrosoftProvider::collect`] with a sink that throws everything away: tokens, limits,
//! records, checks of links and rows, items, points to go on at. The second is what is left without
//! all that. Prints objects, seconds, objects a second, and the most memory that was in use.

use std::{env, error::Error, fs, io::Write as _, sync::Arc, time::Duration, time::Instant};

use async_trait::async_trait;
use inventory::{InventoryExecutor as _, ItemKind, ObservationSink, ObservedItem};
use kernel::{SecretText, SequentialIds, SystemClock};
use provider_core::{
    CallRecord, ConnectionAccess, ConnectionId, CredentialKind, Destination, Interrupt, OpenedCredential,
    Pause, Progress, ResumePoint, RunSignals, ScopeIdentifier, ScopeKind, ScopeRules as _,
};
use provider_microsoft::{EndpointOverride, MicrosoftProvider, MicrosoftScopeRules, MicrosoftSettings};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

/// The same as in the contract `users.list`.
const QUERY: &str = "$select=id,displayName,accountEnabled,userType,createdDateTime,onPremisesSyncEnabled,\
                     assignedLicenses&$top=999";

/// Where to sign in, and as whom.
#[derive(Deserialize)]
struct Ready {
    base_url: Url,
    tenant_id: Uuid,
    client_id: Uuid,
    client_secret: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("the path of the ready file is missing")?;
    let way = arguments.next().ok_or("adapter or plain?")?;
    let ready: Ready = serde_json::from_str(&fs::read_to_string(path)?)?;
    let began = Instant::now();
    let objects = match way.as_str() {
        "adapter" => adapter(ready).await?,
        "plain" => plain(ready).await?,
        _ => return Err("adapter or plain?".into()),
    };
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
    let rate = objects as f64 / seconds;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .map_or("unknown", str::trim);
    writeln!(
        std::io::stdout(),
        "{way}: {objects} objects in {seconds:.3} s, {rate:.0} objects/s, at most {peak} of memory"
    )?;
    Ok(())
}

/// Throws everything away.
struct Nothing;

#[async_trait]
impl ObservationSink for Nothing {
    async fn accept(&mut self, _: Vec<ObservedItem>, _: Option<&ResumePoint>) -> Result<(), Interrupt> {
        Ok(())
    }
}

#[async_trait]
impl RunSignals for Nothing {
    async fn checkpoint(&self, _: Option<Progress>) -> Result<(), Interrupt> {
        Ok(())
    }

    fn wait_budget(&self) -> Duration {
        Duration::from_mins(10)
    }

    fn resume_point(&self) -> Option<ResumePoint> {
        None
    }

    async fn save(&self, _: &ResumePoint) -> Result<(), Interrupt> {
        Ok(())
    }

    fn pauses(&self) -> Vec<Pause> {
        Vec::new()
    }

    fn record(&self, _: CallRecord) {}
}

async fn adapter(ready: Ready) -> Result<u64, Box<dyn Error>> {
    let mut settings = MicrosoftSettings::new(Arc::new(SystemClock), Arc::new(SequentialIds::default()));
    settings.endpoint_override = Some(EndpointOverride::loopback(ready.base_url)?);
    let provider = MicrosoftProvider::new(settings)?;
    let access = ConnectionAccess {
        connection_id: ConnectionId::from_uuid(Uuid::from_u128(1)),
        workspace: Uuid::from_u128(2),
        destination: Destination {
            provider: MicrosoftScopeRules::default().provider(),
            realm: "global".to_owned(),
            scope_kind: ScopeKind::Tenant,
            scope_identifier: ScopeIdentifier::canonical(ready.tenant_id.to_string()),
            client_identifier: Some(ready.client_id.to_string()),
        },
        credential: OpenedCredential {
            version: 1,
            kind: CredentialKind::ClientSecret,
            secret: SecretText::new(ready.client_secret),
        },
    };
    let collection = provider.collect(&access, &Nothing, &mut Nothing).await?;
    let users = collection
        .sections
        .iter()
        .find(|section| section.kind == ItemKind::User)
        .ok_or("there are no users")?;
    Ok(users.items)
}

/// What the plain loop reads of a user.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "is only read")]
struct User {
    id: String,
    display_name: Option<String>,
    account_enabled: Option<bool>,
    #[serde(rename = "userType")]
    kind: Option<String>,
    created_date_time: Option<String>,
    on_premises_sync_enabled: Option<bool>,
    assigned_licenses: Option<Vec<serde_json::Value>>,
}

#[derive(Deserialize)]
struct Page {
    value: Vec<User>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "what the one door to the network is compared with"
)]
async fn plain(ready: Ready) -> Result<u64, Box<dyn Error>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &ready.client_id.to_string()),
        ("client_secret", &ready.client_secret),
        ("scope", &format!("{}.default", ready.base_url)),
    ];
    let sign_in = ready
        .base_url
        .join(&format!("{}/oauth2/v2.0/token", ready.tenant_id))?;
    let answer = client.post(sign_in).form(&form).send().await?;
    let token: Token = answer.error_for_status()?.json().await?;
    let mut next = Some(format!("{}v1.0/users?{QUERY}", ready.base_url));
    let mut objects = 0;
    while let Some(url) = next {
        let request = client.get(url).bearer_auth(&token.access_token);
        let page: Page = request.send().await?.error_for_status()?.json().await?;
        objects += page.value.len() as u64;
        next = page.next;
    }
    Ok(objects)
}
