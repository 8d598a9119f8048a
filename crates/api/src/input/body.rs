//! The body of a request: JSON, of limited size, in limited time. The bytes are wiped after
//! they were read and are never logged: they may hold a secret.

use std::marker::PhantomData;

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    web::Bytes,
};
use futures::{
    StreamExt as _,
    future::{Ready, ready},
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::decode::decode;
use crate::{
    idempotency::Print,
    problem::{Code, Problem},
    state::ApiSettings,
};

/// A body that was not read yet.
pub(crate) struct Body<T> {
    request: HttpRequest,
    payload: Payload,
    shape: PhantomData<T>,
}

impl<T> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            request: request.clone(),
            payload: payload.take(),
            shape: PhantomData,
        }))
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// Reads and decodes the body.
    pub(crate) async fn read(self, settings: &ApiSettings) -> Result<T, Problem> {
        decode(&self.bytes(settings).await?)
    }

    /// The same, with a digest of the body as it came: for requests that are made once.
    pub(crate) async fn read_with_print(self, settings: &ApiSettings) -> Result<(T, Print), Problem> {
        let bytes = self.bytes(settings).await?;
        Ok((decode(&bytes)?, Print::of(&bytes)))
    }

    async fn bytes(self, settings: &ApiSettings) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let Self {
            request,
            payload,
            shape: _,
        } = self;
        if !is_json(&request) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        let limit = settings.body_limit;
        let announced = announced_length(&request);
        if announced.is_some_and(|length| length > limit) {
            return Err(Problem::new(Code::PayloadTooLarge));
        }
        let collected = collect(payload, announced.unwrap_or(0), limit);
        tokio::time::timeout(settings.body_timeout, collected)
            .await
            .map_err(|_| Problem::new(Code::RequestTimeout))?
    }
}

async fn collect(
    mut payload: Payload,
    announced: usize,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced));
    while let Some(chunk) = payload.next().await {
        let chunk: Bytes = chunk.map_err(|_| Problem::new(Code::BadRequest))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::new(Code::PayloadTooLarge));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// JSON in UTF-8 (RFC 8259, 8.1), not compressed: what inflates can be of any size.
fn is_json(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let mut values = headers.get_all(CONTENT_TYPE);
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    plain && media.eq_ignore_ascii_case("application/json") && parts.all(is_utf8_or_no_charset)
}

fn is_utf8_or_no_charset(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    }
}

fn announced_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
