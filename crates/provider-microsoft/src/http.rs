//! The one door to the network: the only place that makes a client and sends a request.
//!
//! No redirects, no proxy, no retries of its own, bodies with a cap. Knows nothing of Entra or
//! Graph. Must never put an address, a header or a body into an error or a log line.

use std::{error::Error, io, time::Duration};

use chrono::DateTime;
use kernel::{SecretText, Timestamp};
use provider_core::ReasonCode;
use reqwest::{
    Client, RequestBuilder, Response,
    header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
    redirect,
};
use url::Url;
use uuid::Uuid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("TenantAtlas/", env!("CARGO_PKG_VERSION"));
const TOKEN_CAP: usize = 1 << 20;
const PAGE_CAP: usize = 16 << 20;
const PUBLIC_CAP: usize = 64 << 10;
const PUBLIC_TIMEOUT: Duration = Duration::from_secs(3);
const JSON: &str = "application/json";
const USED: HeaderName = HeaderName::from_static("x-ms-throttle-limit-percentage");
/// Longer challenges are not read.
const LONGEST_CHALLENGE: usize = 8 << 10;

/// The client could not be made, for example because the machine has no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made")]
pub struct ClientError(#[source] reqwest::Error);

/// Why no whole answer came. The cause has lost its address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection, no answer in time, or an answer that broke off.
    #[error("no whole answer came")]
    Unreachable(#[source] reqwest::Error),
    /// The handshake failed.
    #[error("the TLS handshake failed")]
    Tls(#[source] reqwest::Error),
    /// More than we read.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
}

impl TransportError {
    pub(crate) const fn reason(&self) -> ReasonCode {
        match self {
            Self::Unreachable(_) => ReasonCode::ProviderUnreachable,
            Self::Tls(_) => ReasonCode::ProviderTlsFailed,
            Self::TooLarge(_) => ReasonCode::ProviderResponseInvalid,
        }
    }
}

/// A whole answer with those of its headers that anybody reads.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// As sent; may be garbage.
    pub(crate) retry_after: Option<String>,
    /// When the other side says that it answered.
    pub(crate) date: Option<Timestamp>,
    /// The other side's name for the exchange. A UUID or nothing, so that it can be logged.
    pub(crate) request_id: Option<Uuid>,
    /// How much of a limit is used, in percent; told only when it is much (Graph page "Microsoft
    /// Graph service-specific throttling limits").
    pub(crate) used_percent: Option<u16>,
    /// What would make a refused token acceptable, as sent; may be garbage.
    pub(crate) challenge: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) const fn is_success(&self) -> bool {
        self.status == 200
    }
}

/// The client.
pub(crate) struct Door(Client);

impl Door {
    /// Plain http only with `plain`, which means a loopback override.
    pub(crate) fn new(plain: bool) -> Result<Self, ClientError> {
        Self::within(plain, TOTAL_TIMEOUT)
    }

    /// The same with another time for one whole exchange, from the connection to the last byte.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes a client")]
    fn within(plain: bool, total: Duration) -> Result<Self, ClientError> {
        Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(total)
            .https_only(!plain)
            .build()
            .map(Self)
            .map_err(ClientError)
    }

    /// Posts a form, as a token request does.
    pub(crate) async fn post_form(
        &self,
        url: Url,
        form: &[(&str, &str)],
        request_id: Uuid,
    ) -> Result<Answer, TransportError> {
        let request = self.0.post(url).header(ACCEPT, JSON).form(form);
        Self::exchange(request, request_id, TOKEN_CAP).await
    }

    /// Gets an object or a page.
    pub(crate) async fn get(
        &self,
        url: Url,
        bearer: &SecretText,
        headers: &[(&str, &str)],
        request_id: Uuid,
    ) -> Result<Answer, TransportError> {
        // `bearer_auth` marks the header as sensitive: it is not shown, and not indexed by HTTP/2.
        let mut request = self.0.get(url).bearer_auth(bearer.expose());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::exchange(request, request_id, PAGE_CAP).await
    }

    /// Posts JSON: the envelope of several reads, and nothing else.
    pub(crate) async fn post_json(
        &self,
        url: Url,
        bearer: &SecretText,
        body: Vec<u8>,
        request_id: Uuid,
    ) -> Result<Answer, TransportError> {
        let request = self.0.post(url).bearer_auth(bearer.expose());
        let request = request.header(ACCEPT, JSON).header(CONTENT_TYPE, JSON).body(body);
        Self::exchange(request, request_id, PAGE_CAP).await
    }

    /// Gets what everybody may read, without a token.
    pub(crate) async fn get_public(&self, url: Url, request_id: Uuid) -> Result<Answer, TransportError> {
        let request = self.0.get(url).timeout(PUBLIC_TIMEOUT).header(ACCEPT, JSON);
        Self::exchange(request, request_id, PUBLIC_CAP).await
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sends a request")]
    async fn exchange(
        request: RequestBuilder,
        request_id: Uuid,
        cap: usize,
    ) -> Result<Answer, TransportError> {
        let response = request
            .header("client-request-id", request_id.hyphenated().to_string())
            .send()
            .await
            .map_err(classify)?;
        let headers = response.headers();
        let mut answer = Answer {
            status: response.status().as_u16(),
            retry_after: text(headers, &RETRY_AFTER).map(str::to_owned),
            date: text(headers, &DATE).and_then(http_date),
            request_id: text(headers, &HeaderName::from_static("request-id"))
                .and_then(|text| Uuid::try_parse(text).ok()),
            used_percent: text(headers, &USED).and_then(percent),
            challenge: text(headers, &WWW_AUTHENTICATE)
                .filter(|text| text.len() <= LONGEST_CHALLENGE)
                .map(str::to_owned),
            body: Vec::new(),
        };
        answer.body = read(response, cap).await?;
        Ok(answer)
    }
}

async fn read(mut response: Response, cap: usize) -> Result<Vec<u8>, TransportError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(classify)? {
        if body.len() + chunk.len() > cap {
            return Err(TransportError::TooLarge(cap));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A share of 1, such as `0.83`, in percent.
pub(crate) fn percent(text: &str) -> Option<u16> {
    let share: f32 = text.trim().parse().ok()?;
    let percent = (0.0..=100.0).contains(&share).then(|| (share * 100.0).round())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 10,000"
    )]
    Some(percent as u16)
}

/// A date as HTTP writes it today (RFC 9110, 5.6.7). The two older forms are not read.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(text.trim())
        .ok()
        .map(|date| date.to_utc())
}

fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    if error.is_connect() && error.source().is_some_and(is_handshake) {
        TransportError::Tls(error)
    } else {
        TransportError::Unreachable(error)
    }
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
