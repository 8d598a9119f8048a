//! Refusals on the consent page, and of the person who looks at it.

use uuid::Uuid;

use super::EntraError;

impl EntraError {
    /// OAuth error code.
    pub(crate) fn error(&self) -> &'static str {
        self.error
    }

    pub(crate) fn duplicate_parameter(name: &str) -> Self {
        let sentence =
            format!("The request is not properly formatted. The parameter '{name}' is duplicated.");
        Self::new(400, "invalid_request", 9_000_411, sentence)
    }

    /// Shown on a page; it never reaches the address that was asked for.
    pub(crate) fn unknown_redirect_uri(uri: &str, client: Uuid) -> Self {
        let sentence = format!(
            "The redirect URI '{uri}' of the request does not match the redirect URIs of application '{client}'."
        );
        Self::new(400, "invalid_request", 50011, sentence)
    }

    /// The person at the consent page said no.
    pub(crate) fn declined(error: &'static str) -> Self {
        Self::new(302, error, 65004, "User declined to consent to access the app.")
    }

    /// The person at the consent page belongs to another directory.
    pub(crate) fn wrong_directory(tenant: &str) -> Self {
        let sentence = format!(
            "The user account of another directory does not exist in tenant '{tenant}' and cannot access the \
             application there."
        );
        Self::new(302, "access_denied", 50020, sentence)
    }
}
