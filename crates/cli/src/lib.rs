//! A small client of the API for people, pipelines and the demo. `atlasctl`, the command around
//! it, follows.
//!
//! Knows HTTP and problem documents, and no crate of ours: what it can do, any client can.

use std::time::Duration;

use serde_json::Value;
use url::Url;

/// A client with a base address and, usually, a bearer token.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// An answer of the API, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body: JSON, or a JSON string of what it was.
    pub body: Value,
}

impl Answer {
    /// The header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The text at this JSON pointer (RFC 6901); empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client could not be made.
    #[error("the HTTP client cannot be made")]
    Build(#[source] reqwest::Error),
    /// The path is not one.
    #[error("not an address below the base address")]
    BadPath,
    /// The request did not arrive, or its answer did not.
    #[error("no answer from the API")]
    NoAnswer(#[source] reqwest::Error),
}

impl Client {
    /// A client of the API at `base`.
    pub fn new(base: Url, token: Option<String>) -> Result<Self, ClientError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the door of this client; it never goes to a provider"
        )]
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_mins(1))
            .build()
            .map_err(ClientError::Build)?;
        Ok(Self { http, base, token })
    }

    /// Reads `path`.
    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.send(reqwest::Method::GET, path, &[], None).await
    }

    /// Reads `path` with further headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, ClientError> {
        self.send(reqwest::Method::GET, path, headers, None).await
    }

    /// Posts `body` to `path`.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        self.send(reqwest::Method::POST, path, &[], Some(body)).await
    }

    /// Posts `body`, if there is one, to `path` with further headers.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        self.send(reqwest::Method::POST, path, headers, body).await
    }

    /// Posts a form to `path` with further headers, as a browser does.
    pub async fn post_form(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Result<Answer, ClientError> {
        let request = self.request(reqwest::Method::POST, path, headers)?;
        answer(request.form(fields)).await
    }

    /// Puts `body` at `path` with further headers.
    pub async fn put_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, ClientError> {
        self.send(reqwest::Method::PUT, path, headers, Some(body)).await
    }

    /// Sends any request.
    pub async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        let request = self.request(method, path, headers)?;
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        answer(request).await
    }

    fn request(
        &self,
        method: reqwest::Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<reqwest::RequestBuilder, ClientError> {
        let url = self.base.join(path).map_err(|_| ClientError::BadPath)?;
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, ClientError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the door of this client; it never goes to a provider"
    )]
    let response = request
        .send()
        .await
        .map_err(|error| ClientError::NoAnswer(error.without_url()))?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let text = response
        .text()
        .await
        .map_err(|error| ClientError::NoAnswer(error.without_url()))?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer {
        status,
        headers,
        body,
    })
}
