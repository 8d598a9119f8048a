//! A credential in a body. The secrets have no `Debug` and no `Serialize`, and neither has
//! anything around them.

use chrono::{DateTime, Datelike as _, Utc};
use kernel::{Id, SecretText};
use provider_core::{CredentialInput, CredentialKind, CredentialRefusal, NewCredential, ScopeProblem};
use serde::Deserialize;
use tenancy::WorkspaceScope;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    ApiState,
    problem::{Code, Problem},
};

/// A credential to be stored. It is written once and never shown. Which fields it takes depends
/// on its kind: `client_secret` takes `secret`; `certificate` takes either `pem`, or `pfx` with
/// its `password`; `federated_token` takes `source`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCredential)]
pub(crate) struct CredentialBody {
    /// `client_secret`, `certificate` or `federated_token`.
    #[schema(example = "client_secret")]
    kind: String,
    /// The client that signs in with it. May be left out when the connection has one already.
    client_identifier: Option<String>,
    /// The secret's value, not its id.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    secret: Option<SecretText>,
    /// A certificate and its private key, both in PEM, one after the other.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    pem: Option<SecretText>,
    /// A PKCS #12 file with a certificate and its private key, in base64.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    pfx: Option<SecretText>,
    /// The password of the PKCS #12 file.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<SecretText>,
    /// The name of a token file that the operator of this installation configured.
    source: Option<String>,
    /// When a client secret ends, if you know. A certificate says so itself.
    expires_at: Option<DateTime<Utc>>,
}

/// A credential that was checked, and the client that it belongs to.
pub(super) struct CheckedCredential {
    /// In the provider's canonical form.
    pub(super) client_identifier: String,
    /// Ready to be stored.
    pub(super) credential: NewCredential,
}

/// The longest text of any field, in bytes.
const MAX_BYTES: usize = 64 * 1024;

impl CredentialBody {
    /// Checks the credential that stands at `pointer`, for a connection of `scope`'s workspace.
    /// `present` is the client that the connection has already. May take a while for a certificate
    /// behind a password: not for the inside of a unit of work.
    pub(super) fn check(
        self,
        (state, scope): (&ApiState, &WorkspaceScope),
        pointer: &str,
        present: Option<&str>,
    ) -> Result<CheckedCredential, Problem> {
        let at = |field: &str| format!("{pointer}/{field}");
        let client_identifier = match (&self.client_identifier, present) {
            (Some(text), _) => state
                .rules
                .canonical_client(text)
                .map_err(|problem| client_refusal(&at("client_identifier"), problem))?,
            (None, Some(present)) => present.to_owned(),
            (None, None) => return Err(Problem::invalid(&at("client_identifier"), "required")),
        };
        if client_identifier.len() > 255 {
            return Err(Problem::invalid(&at("client_identifier"), "too_long"));
        }
        // RFC 3339 knows years of four digits, and a credential that ended before 1970 is a slip.
        let expires_at = self.expires_at;
        if expires_at.is_some_and(|end| !(1970..=9999).contains(&end.year())) {
            return Err(Problem::invalid(&at("expires_at"), "invalid_value"));
        }
        if state.rules.is_platform_client(&client_identifier) {
            return Err(Problem::invalid(&at("client_identifier"), "platform_client"));
        }
        let input = self.input(pointer, scope.workspace_id().as_uuid())?;
        let now = state.clock.now();
        let prepared = state
            .rules
            .prepare_credential(input, now)
            .map_err(|CredentialRefusal { field, code }| Problem::invalid(&at(field), code))?;
        let credential = NewCredential {
            id: Id::next(&*state.ids),
            kind: prepared.kind,
            secret: prepared.secret,
            fingerprint: prepared.fingerprint,
            expires_at: prepared.expires_at.or(expires_at),
            created_at: now,
        };
        Ok(CheckedCredential {
            client_identifier,
            credential,
        })
    }

    /// The fields of this kind, all that it needs and none that it does not take.
    fn input(self, pointer: &str, workspace: Uuid) -> Result<CredentialInput, Problem> {
        let at = |field: &str| format!("{pointer}/{field}");
        let Self {
            kind,
            client_identifier: _,
            secret,
            pem,
            pfx,
            password,
            source,
            expires_at,
        } = self;
        let kind =
            CredentialKind::parse(&kind).ok_or_else(|| Problem::invalid(&at("kind"), "invalid_value"))?;
        let takes: &[&str] = match kind {
            CredentialKind::ClientSecret => &["secret", "expires_at"],
            CredentialKind::Certificate if pfx.is_some() => &["pfx", "password"],
            CredentialKind::Certificate => &["pem"],
            CredentialKind::FederatedToken => &["source"],
        };
        for (field, given) in [
            ("secret", secret.is_some()),
            ("pem", pem.is_some()),
            ("pfx", pfx.is_some()),
            ("password", password.is_some()),
            ("source", source.is_some()),
            ("expires_at", expires_at.is_some()),
        ] {
            if given && !takes.contains(&field) {
                return Err(Problem::invalid(&at(field), "not_for_this_kind"));
            }
        }
        let needed = |field: &str, text: Option<SecretText>| match text {
            Some(text) if text.expose().len() > MAX_BYTES => Err(Problem::invalid(&at(field), "too_long")),
            Some(text) => Ok(text),
            None => Err(Problem::invalid(&at(field), "required")),
        };
        Ok(match kind {
            CredentialKind::ClientSecret => CredentialInput::ClientSecret(needed("secret", secret)?),
            CredentialKind::Certificate if pfx.is_some() => CredentialInput::CertificatePfx {
                pfx: needed("pfx", pfx)?,
                password: password.unwrap_or_else(|| SecretText::new(String::new())),
            },
            CredentialKind::Certificate => CredentialInput::CertificatePem(needed("pem", pem)?),
            CredentialKind::FederatedToken => CredentialInput::FederatedToken {
                source: source.ok_or_else(|| Problem::invalid(&at("source"), "required"))?,
                workspace,
            },
        })
    }
}

fn client_refusal(pointer: &str, problem: ScopeProblem) -> Problem {
    let code = match problem {
        ScopeProblem::InvalidIdentifier => "invalid_client_identifier",
        ScopeProblem::UnsupportedCombination
        | ScopeProblem::MissingProviderContext
        | ScopeProblem::InvalidProviderContext => problem.code(),
    };
    Problem::at(Code::InvalidValue, pointer, code)
}
