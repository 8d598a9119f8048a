//! The port through which a message leaves the building. The worker holds it; what stands behind
//! it knows HTTP.

use async_trait::async_trait;
use kernel::Timestamp;

use crate::{outcome::SendOutcome, secret::SigningSecret, signature::signatures, url::WebhookUrl};

/// The longest body that is sent, in bytes (Standard Webhooks asks for thin ones).
pub const LONGEST_BODY: usize = 20 << 10;

/// A message, signed for one attempt.
pub struct SignedMessage<'a> {
    url: &'a WebhookUrl,
    id: &'a str,
    at: Timestamp,
    body: &'a [u8],
    signatures: String,
}

/// The body is longer than [`LONGEST_BODY`], or there is no secret to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsignedReason {
    /// Too long.
    #[error("the body is longer than {LONGEST_BODY} bytes")]
    TooLarge,
    /// No secret. Nothing leaves unsigned.
    #[error("there is no secret to sign with")]
    NoSecret,
}

impl<'a> SignedMessage<'a> {
    /// Signs `body` under the time `at` with each of `secrets`.
    pub fn sign(
        url: &'a WebhookUrl,
        id: &'a str,
        at: Timestamp,
        body: &'a [u8],
        secrets: &[SigningSecret],
    ) -> Result<Self, UnsignedReason> {
        if body.len() > LONGEST_BODY {
            return Err(UnsignedReason::TooLarge);
        }
        if secrets.is_empty() {
            return Err(UnsignedReason::NoSecret);
        }
        let signatures = signatures(secrets, id, at, body);
        Ok(Self {
            url,
            id,
            at,
            body,
            signatures,
        })
    }

    /// Where to.
    pub const fn url(&self) -> &WebhookUrl {
        self.url
    }

    /// The id, the same for every attempt.
    pub const fn id(&self) -> &str {
        self.id
    }

    /// The time that was signed.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The bytes that were signed.
    pub const fn body(&self) -> &[u8] {
        self.body
    }

    /// The value of the signature header.
    pub fn signatures(&self) -> &str {
        &self.signatures
    }
}

/// Sends messages. Given to the worker alone.
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Makes one attempt. Judges the destination anew, follows nothing, and reports a status or
    /// a code.
    async fn send(&self, message: &SignedMessage<'_>) -> SendOutcome;
}
