//! The client: one attempt, one connection, no redirect, no proxy, no cookie, no retry of its own.
//! An answer counts by its status; of its body a little is read, so that a receiver that is still
//! talking is not cut off, and nothing of it is kept.

use std::{error::Error, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Certificate, Client, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use webhooks::{
    DestinationPolicy, FailureCode, SendOutcome, SignedMessage, WebhookSender, WebhookUrl, retry,
    signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER},
};

use crate::lookup::{GuardedLookup, NameLookup, NoWay};

const USER_AGENT: &str = concat!("TenantAtlas-Webhooks/", env!("CARGO_PKG_VERSION"));
/// How much of an answer's body is read, in bytes.
const READ_AT_MOST: usize = 8 << 10;
/// How many header lines an answer may have.
const MOST_HEADERS: usize = 100;

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for webhooks cannot be made")]
pub struct ClientError(#[source] reqwest::Error);

/// What rules a sender.
#[derive(Debug, Clone)]
pub struct SenderSettings {
    /// Where it may go.
    pub policy: DestinationPolicy,
    /// The time for one attempt, from the name to the last byte.
    pub total: Duration,
    /// Authorities that are trusted beside the machine's own, as PEM.
    pub extra_roots: Vec<String>,
}

impl SenderSettings {
    /// The usual ones, for destinations that `policy` allows.
    pub const fn new(policy: DestinationPolicy) -> Self {
        Self {
            policy,
            total: Duration::from_secs(15),
            extra_roots: Vec::new(),
        }
    }
}

/// Sends webhooks over HTTP.
pub struct Sender {
    client: Client,
    policy: Arc<DestinationPolicy>,
}

impl Sender {
    /// A sender that asks `lookup` for addresses.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes a client for receivers"
    )]
    pub fn new(settings: &SenderSettings, lookup: Arc<dyn NameLookup>) -> Result<Self, ClientError> {
        let policy = Arc::new(settings.policy.clone());
        let guard = GuardedLookup {
            lookup,
            policy: Arc::clone(&policy),
        };
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .dns_resolver(guard)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .http1_only()
            .http1_max_headers(MOST_HEADERS)
            .no_gzip()
            // A connection that is kept would outlive the check of its name.
            .pool_max_idle_per_host(0)
            .timeout(settings.total)
            .https_only(!settings.policy.names_private());
        for root in &settings.extra_roots {
            let certificate = Certificate::from_pem(root.as_bytes()).map_err(ClientError)?;
            builder = builder.tls_certs_merge([certificate]);
        }
        Ok(Self {
            client: builder.build().map_err(ClientError)?,
            policy,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sends to receivers")]
    async fn exchange(
        &self,
        url: &WebhookUrl,
        message: &SignedMessage<'_>,
    ) -> Result<SendOutcome, FailureCode> {
        let request = self
            .client
            .post(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, message.id())
            .header(TIMESTAMP_HEADER, message.at().timestamp())
            .header(SIGNATURE_HEADER, message.signatures())
            .body(message.body().to_vec());
        let response = request.send().await.map_err(|error| classify(&error))?;
        let status = response.status().as_u16();
        let header = response.headers().get(RETRY_AFTER);
        let retry_after = header
            .and_then(|header| header.to_str().ok())
            .and_then(|text| retry::told(text, message.at()));
        read_a_little(response).await;
        Ok(SendOutcome::Answered { status, retry_after })
    }
}

#[async_trait]
impl WebhookSender for Sender {
    async fn send(&self, message: &SignedMessage<'_>) -> SendOutcome {
        // Rules may have become stricter since the URL was saved, and a host that is an address
        // never reaches the resolver.
        let Ok(url) = WebhookUrl::parse(message.url().as_str(), &self.policy) else {
            return SendOutcome::Failed(FailureCode::DestinationBlocked);
        };
        self.exchange(&url, message)
            .await
            .unwrap_or_else(SendOutcome::Failed)
    }
}

/// Reads what fits within the time of the attempt, and forgets it. However it ends, the status is
/// known already.
async fn read_a_little(mut response: Response) {
    let mut read = 0;
    while read < READ_AT_MOST {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

fn classify(error: &reqwest::Error) -> FailureCode {
    match below::<NoWay>(error) {
        Some(NoWay::Blocked) => FailureCode::DestinationBlocked,
        Some(NoWay::Unknown) => FailureCode::DnsFailed,
        None if error.is_timeout() => FailureCode::Timeout,
        None if error.is_connect() && is_handshake(error) => FailureCode::TlsFailed,
        None if error.is_connect() => FailureCode::ConnectFailed,
        None => FailureCode::ResponseInvalid,
    }
}

/// The error of type `E` somewhere below.
fn below<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Whether `InvalidData` stands somewhere below: what rustls says of a handshake that failed. An
/// I/O error hides what it wraps from `source`, so it is opened.
fn is_handshake(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    let wrapped = io
        .and_then(io::Error::get_ref)
        .map(|inner| inner as &(dyn Error + 'static));
    io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData)
        || wrapped.is_some_and(is_handshake)
        || error.source().is_some_and(is_handshake)
}

#[cfg(test)]
mod tests;
