//! A credential in a body. The secret has no `Debug` and no `Serialize`, and neither has
//! anything around it.

use chrono::{DateTime, Datelike as _, Utc};
use kernel::{Id, SecretText};
use provider_core::{CredentialKind, NewCredential, ScopeProblem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    ApiState,
    problem::{Code, Problem},
};

/// A credential to be stored. It is written once and never shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCredential)]
pub(crate) struct CredentialBody {
    /// `client_secret`.
    #[schema(example = "client_secret")]
    kind: String,
    /// The client that signs in with it. May be left out when the connection has one already.
    client_identifier: Option<String>,
    /// The secret.
    #[schema(value_type = String, format = Password, write_only)]
    secret: SecretText,
    /// When it ends, if you know.
    expires_at: Option<DateTime<Utc>>,
}

/// A credential that was checked, and the client that it belongs to.
pub(super) struct CheckedCredential {
    /// In the provider's canonical form.
    pub(super) client_identifier: String,
    /// Ready to be stored.
    pub(super) credential: NewCredential,
}

impl CredentialBody {
    /// Checks the credential that stands at `pointer`. `present` is the client that the
    /// connection has already.
    pub(super) fn check(
        self,
        state: &ApiState,
        pointer: &str,
        present: Option<&str>,
    ) -> Result<CheckedCredential, Problem> {
        let Self {
            kind,
            client_identifier,
            secret,
            expires_at,
        } = self;
        let at = |field: &str| format!("{pointer}/{field}");
        let kind =
            CredentialKind::parse(&kind).ok_or_else(|| Problem::invalid(&at("kind"), "invalid_value"))?;
        let client_identifier = match (client_identifier, present) {
            (Some(text), _) => state
                .rules
                .canonical_client(&text)
                .map_err(|problem| client_refusal(&at("client_identifier"), problem))?,
            (None, Some(present)) => present.to_owned(),
            (None, None) => return Err(Problem::invalid(&at("client_identifier"), "required")),
        };
        if client_identifier.len() > 255 {
            return Err(Problem::invalid(&at("client_identifier"), "too_long"));
        }
        if secret.expose().len() > Self::MAX_SECRET_BYTES {
            return Err(Problem::invalid(&at("secret"), "too_long"));
        }
        state
            .rules
            .check_secret(kind, &secret)
            .map_err(|code| Problem::invalid(&at("secret"), code))?;
        // RFC 3339 knows years of four digits, and a credential that ended before 1970 is a slip.
        if expires_at.is_some_and(|end| !(1970..=9999).contains(&end.year())) {
            return Err(Problem::invalid(&at("expires_at"), "invalid_value"));
        }
        let credential = NewCredential {
            id: Id::next(&*state.ids),
            kind,
            secret,
            expires_at,
            created_at: state.clock.now(),
        };
        Ok(CheckedCredential {
            client_identifier,
            credential,
        })
    }

    /// The longest secret.
    const MAX_SECRET_BYTES: usize = 4096;
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
