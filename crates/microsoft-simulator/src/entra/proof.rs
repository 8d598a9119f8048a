//! Whether a token request proves that it comes from the application: secret, certificate, or foreign token.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::assertion::Assertion;
use crate::certificate::{Certificate, sha1_thumbprint, sha256_thumbprint};
use crate::control::Control;
use crate::credential::AppCredential;
use crate::entra_error::EntraError;

/// How an application proved itself; the number is the claim `appidacr` of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Secret,
    Assertion,
}

impl Proof {
    pub(crate) fn authentication_class(self) -> &'static str {
        match self {
            Self::Secret => "1",
            Self::Assertion => "2",
        }
    }
}

/// One application and what is registered for it.
pub(super) struct Prover<'a> {
    pub(super) client: Uuid,
    pub(super) credentials: &'a [AppCredential],
    pub(super) now: DateTime<Utc>,
    pub(super) control: &'a Control,
    /// Audiences that are accepted in an assertion that the application signed itself.
    pub(super) audiences: [String; 3],
}

impl Prover<'_> {
    pub(super) fn secret(&self, sent: &str) -> Result<Proof, EntraError> {
        let mut refusal = EntraError::bad_secret(self.client);
        for credential in self.credentials {
            match credential {
                AppCredential::Secret { value, expires_at } if value == sent => {
                    if expires_at.is_none_or(|end| self.now < end) {
                        return Ok(Proof::Secret);
                    }
                    refusal = EntraError::expired_secret(self.client);
                }
                _ => {}
            }
        }
        Err(refusal)
    }

    pub(super) fn assertion(&self, text: &str) -> Result<Proof, EntraError> {
        let assertion = Assertion::read(text)?;
        let issuer = assertion.text("iss")?;
        if self.is_client(issuer) {
            self.certificate(&assertion)?;
        } else if Uuid::try_parse(issuer).is_ok() {
            return Err(EntraError::wrong_assertion_client(self.client));
        } else {
            self.federated(&assertion)?;
        }
        Ok(Proof::Assertion)
    }

    fn is_client(&self, text: &str) -> bool {
        self.client.to_string().eq_ignore_ascii_case(text)
    }

    /// An assertion that the application signed with a registered certificate.
    fn certificate(&self, assertion: &Assertion<'_>) -> Result<(), EntraError> {
        let algorithm = assertion.algorithm(&["PS256", "RS256"])?;
        if !self.is_client(assertion.text("sub")?) {
            return Err(EntraError::wrong_assertion_subject());
        }
        let id = assertion.text("jti")?;
        let der = self
            .named_certificate(assertion)
            .ok_or_else(|| self.refused("The key was not found"))?;
        let certificate = Certificate::read(der)
            .ok_or_else(|| self.refused("The registered certificate cannot be read"))?;
        if !assertion.is_signed_by(algorithm, &certificate.public_key) {
            return Err(self.refused("The signature does not match the key"));
        }
        if certificate.not_after < self.now.timestamp() {
            return Err(self.refused("The key used is expired"));
        }
        let audience = assertion.text("aud")?;
        if !self.audiences.iter().any(|accepted| accepted == audience) {
            return Err(EntraError::wrong_assertion_audience());
        }
        assertion.check_times(self.now.timestamp())?;
        let fresh = self
            .control
            .note_assertion(self.client, id, assertion.expires(), self.now.timestamp());
        if fresh {
            Ok(())
        } else {
            Err(EntraError::replayed_assertion())
        }
    }

    fn refused(&self, reason: &str) -> EntraError {
        EntraError::bad_certificate(self.client, reason)
    }

    /// The certificate that every thumbprint in the header names. SHA-1 goes with RS256 only.
    fn named_certificate(&self, assertion: &Assertion<'_>) -> Option<&[u8]> {
        let sha1 = assertion.thumbprint("x5t");
        let sha256 = assertion.thumbprint("x5t#S256");
        let sha1_is_enough = assertion.header("alg") == Some("RS256") && sha1.is_some();
        if sha256.is_none() && !sha1_is_enough {
            return None;
        }
        self.credentials.iter().find_map(|credential| match credential {
            AppCredential::Certificate { der } => {
                let agrees = sha1.as_ref().is_none_or(|sent| *sent == sha1_thumbprint(der))
                    && sha256.as_ref().is_none_or(|sent| *sent == sha256_thumbprint(der));
                agrees.then_some(der.as_slice())
            }
            _ => None,
        })
    }

    /// A token of another issuer that a federated credential trusts.
    fn federated(&self, assertion: &Assertion<'_>) -> Result<(), EntraError> {
        let algorithm = assertion.algorithm(&["RS256"])?;
        let sent = [
            assertion.text("iss")?,
            assertion.text("sub")?,
            assertion.text("aud")?,
        ];
        let trusted: Vec<_> = self.credentials.iter().filter_map(trust).collect();
        let key = matching_key(&trusted, sent)?;
        if !assertion.is_signed_by(algorithm, key) {
            return Err(self.refused("The signature does not match a key of the issuer"));
        }
        assertion.check_times(self.now.timestamp())
    }
}

/// Issuer, subject and audience, and the key of the issuer.
type Trust<'a> = ([&'a str; 3], &'a [u8]);

fn trust(credential: &AppCredential) -> Option<Trust<'_>> {
    match credential {
        AppCredential::Federated {
            issuer,
            subject,
            audience,
            public_key,
        } => Some(([issuer, subject, audience], public_key)),
        _ => None,
    }
}

/// The key of the credential that agrees in all three texts, or which text is wrong: with nothing in common there
/// is no record to speak of, otherwise the first of issuer, subject and audience that no record has.
fn matching_key<'a>(trusted: &[Trust<'a>], sent: [&str; 3]) -> Result<&'a [u8], EntraError> {
    let agrees = |(texts, _): &Trust<'_>, count: usize| texts[..count] == sent[..count];
    if let Some((_, key)) = trusted.iter().find(|trust| agrees(trust, 3)) {
        return Ok(key);
    }
    let related = |(texts, _): &Trust<'_>| texts.iter().zip(sent).any(|(text, sent)| *text == sent);
    Err(if !trusted.iter().any(related) {
        EntraError::no_federated_record(sent)
    } else if !trusted.iter().any(|trust| agrees(trust, 1)) {
        EntraError::federated_mismatch(700_211, "issuer", sent[0])
    } else if !trusted.iter().any(|trust| agrees(trust, 2)) {
        EntraError::federated_mismatch(700_213, "subject", sent[1])
    } else {
        EntraError::federated_mismatch(700_212, "audience", sent[2])
    })
}
