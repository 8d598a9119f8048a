//! Refusals of a secret, a client assertion or a federated token.
//!
//! Where no public recording of status or OAuth error exists, the family of the number decides.

use chrono::DateTime;
use uuid::Uuid;

use super::EntraError;

impl EntraError {
    pub(crate) fn bad_secret(client: Uuid) -> Self {
        let sentence = format!(
            "Invalid client secret provided. Send the value of the secret, not its id, for a secret of app '{client}'."
        );
        Self::new(401, "invalid_client", 7_000_215, sentence)
    }

    pub(crate) fn expired_secret(client: Uuid) -> Self {
        let sentence = format!("The provided client secret keys for app '{client}' are expired.");
        Self::new(401, "invalid_client", 7_000_222, sentence)
    }

    pub(crate) fn no_credential() -> Self {
        let sentence =
            "The request body must contain one of these parameters: client_assertion, client_secret.";
        Self::new(401, "invalid_client", 7_000_218, sentence)
    }

    /// Status and error as in MSAL .NET #4712 (a number of the same family).
    pub(crate) fn malformed_assertion(reason: &str) -> Self {
        let sentence = format!("JWT token is invalid or malformed: {reason}.");
        Self::new(400, "invalid_request", 50027, sentence)
    }

    /// Error as in a recording in the tests of Microsoft.Identity.Web.
    pub(crate) fn unsupported_algorithm(name: &str, allowed: &[&str]) -> Self {
        let sentence = format!(
            "Invalid JWT token. '{name}' is not a supported signature algorithm. Supported signing algorithms are: \
             '{}'.",
            allowed.join(",")
        );
        Self::new(401, "invalid_client", 5_002_738, sentence)
    }

    pub(crate) fn bad_certificate(client: Uuid, reason: &str) -> Self {
        let sentence = format!(
            "The key that signed the client assertion was not accepted for application '{client}'. [Reason - {reason}.]"
        );
        Self::new(401, "invalid_client", 700_027, sentence)
    }

    pub(crate) fn wrong_assertion_client(client: Uuid) -> Self {
        let sentence = format!("The application of the client assertion is not the client_id '{client}'.");
        Self::new(401, "invalid_client", 700_021, sentence)
    }

    /// Seen in MSAL for Java #430.
    pub(crate) fn wrong_assertion_subject() -> Self {
        let sentence = "Subject must match the issuer claim in the client assertion.";
        Self::new(401, "invalid_client", 50048, sentence)
    }

    /// Error as in MSAL .NET #2746.
    pub(crate) fn wrong_assertion_audience() -> Self {
        let sentence = "Client assertion audience claim does not match Realm issuer.";
        Self::new(401, "invalid_client", 700_023, sentence)
    }

    pub(crate) fn assertion_time(now: i64, starts: Option<i64>, expires: i64) -> Self {
        let moment = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        let sentence = format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry \
             time of assertion {}.",
            moment(now),
            moment(starts.unwrap_or_default()),
            moment(expires)
        );
        Self::new(401, "invalid_client", 700_024, sentence)
    }

    /// The umbrella number: how the real service words this is not known, and it is off unless a test asks.
    pub(crate) fn replayed_assertion() -> Self {
        let sentence = "The client assertion was used before.";
        Self::new(401, "invalid_client", 50012, sentence)
    }

    pub(crate) fn no_federated_record([issuer, subject, audience]: [&str; 3]) -> Self {
        let sentence = format!(
            "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. \
             Assertion Subject: '{subject}'. Assertion Audience: '{audience}'."
        );
        Self::new(400, "invalid_request", 70021, sentence)
    }

    pub(crate) fn federated_mismatch(code: u32, what: &str, sent: &str) -> Self {
        let sentence =
            format!("No matching federated identity record found for presented assertion {what} '{sent}'.");
        Self::new(401, "invalid_client", code, sentence)
    }
}
