//! What can be a credential and what cannot: looked at once when it comes in, before it is stored.
//! Pure but for the one form that it gives to a certificate. Keeps nothing and shows nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{SecretText, Timestamp};
use provider_core::{CredentialInput, CredentialKind, CredentialRefusal, PreparedCredential};
use uuid::Uuid;

use crate::{
    certificate::{self, ClientCertificate, Problem},
    federated::FederatedSources,
    jwt,
};

/// Longer than any secret that Entra makes (they have about 40 characters).
const LONGEST_SECRET: usize = 512;

/// What the fingerprints that we show begin with: who sends one back has lost the secret.
const FINGERPRINTS: [&str; 2] = ["hmac-sha256:", "sha256:"];

/// Makes a credential of what a caller sent, or says why it cannot be one.
pub(crate) fn prepare(
    input: CredentialInput,
    sources: &FederatedSources,
    now: Timestamp,
) -> Result<PreparedCredential, CredentialRefusal> {
    match input {
        CredentialInput::ClientSecret(secret) => match check_secret(secret.expose()) {
            Ok(()) => Ok(plain(CredentialKind::ClientSecret, secret)),
            Err(code) => Err(refusal("secret", code)),
        },
        CredentialInput::CertificatePem(pem) => {
            certified(certificate::from_pem(pem.expose()), now).map_err(|problem| of_file("pem", problem))
        }
        CredentialInput::CertificatePfx { pfx, password } => {
            let found = certificate::from_pfx_text(pfx.expose(), password.expose());
            certified(found, now).map_err(|problem| of_file("pfx", problem))
        }
        CredentialInput::FederatedToken { source, workspace }
            if sources.is_for_connections(&source, workspace) =>
        {
            Ok(plain(CredentialKind::FederatedToken, SecretText::new(source)))
        }
        CredentialInput::FederatedToken { .. } => Err(refusal("source", "unknown_source")),
    }
}

const fn refusal(field: &'static str, code: &'static str) -> CredentialRefusal {
    CredentialRefusal { field, code }
}

const fn of_file(field: &'static str, problem: Problem) -> CredentialRefusal {
    let field = if problem.is_of_password() {
        "password"
    } else {
        field
    };
    refusal(field, problem.code())
}

const fn plain(kind: CredentialKind, secret: SecretText) -> PreparedCredential {
    PreparedCredential {
        kind,
        secret,
        fingerprint: None,
        expires_at: None,
    }
}

fn certified(
    found: Result<ClientCertificate, Problem>,
    now: Timestamp,
) -> Result<PreparedCredential, Problem> {
    let found = found?;
    found.check_time(now)?;
    Ok(PreparedCredential {
        kind: CredentialKind::Certificate,
        secret: found.to_pem()?,
        fingerprint: Some(found.fingerprint()),
        expires_at: Some(found.not_after()),
    })
}

/// Whether `secret` may be a client's secret: the mistakes that people make with them have a code
/// each, so that they can be told what they did.
pub(crate) fn check_secret(secret: &str) -> Result<(), &'static str> {
    if secret.is_empty() {
        Err("empty")
    } else if secret.contains("-----BEGIN ") || is_pfx(secret) {
        Err("certificate_instead_of_secret")
    } else if secret.chars().any(char::is_control) {
        Err("control_character")
    } else if secret.trim().len() != secret.len() {
        Err("surrounding_white_space")
    } else if is_placeholder(secret) {
        Err("placeholder")
    } else if !secret.is_ascii() {
        // Word processors turn quotes and dashes into others; Entra makes none of them.
        Err("unexpected_character")
    } else if Uuid::try_parse(secret).is_ok() {
        // The portal lists a secret's id beside its value, and the id is what stays visible
        // (AADSTS7000215 says so in its own words).
        Err("secret_id_instead_of_value")
    } else if jwt::is_shaped(secret) {
        Err("token_instead_of_secret")
    } else if secret.len() > LONGEST_SECRET {
        Err("too_long")
    } else {
        Ok(())
    }
}

/// Whether a form shows this in place of a secret.
fn is_placeholder(secret: &str) -> bool {
    FINGERPRINTS.iter().any(|begin| secret.starts_with(begin))
        || secret
            .chars()
            .all(|character| matches!(character, '*' | '•' | '●'))
}

/// Whether it is base64 of a DER SEQUENCE longer than any secret. Only its beginning is decoded.
fn is_pfx(secret: &str) -> bool {
    secret.len() > LONGEST_SECRET
        && secret
            .get(..4)
            .and_then(|begin| STANDARD.decode(begin).ok())
            .is_some_and(|bytes| bytes.starts_with(&[0x30, 0x82]))
}

#[cfg(test)]
mod tests;
