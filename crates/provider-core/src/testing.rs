//! A tiny provider of nobody: proof that the core needs none in particular. For tests.

use async_trait::async_trait;
use kernel::{SecretText, Timestamp};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    AskedPermission, CallbackUnreadable, Check, CheckStatus, ConnectionAccess, ConnectionCheck,
    ConsentAnswer, ConsentCallback, ConsentState, ConsentUrls, CredentialInput, CredentialKind,
    CredentialRefusal, Destination, OpenedCredential, PlatformClient, PlatformVault, PreparedCredential,
    ProviderContext, ProviderExecutor, ProviderFailure, ProviderKey, ReasonCode, RequirementState,
    RunSignals, ScopeIdentifier, ScopeKind, ScopeProblem, ScopeRules, Severity, VaultError,
    VerificationState,
};

/// A provider whose targets are called `site-…` and whose good secrets are [`FakeProvider::SECRET`]
/// and, for rotations, [`FakeProvider::NEXT_SECRET`].
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeProvider;

impl FakeProvider {
    /// The secret that signs in.
    pub const SECRET: &'static str = "open-sesame";
    /// Another secret that signs in.
    pub const NEXT_SECRET: &'static str = "open-barley";
    /// The one requirement.
    pub const REQUIREMENT: &'static str = "permissions.inventory_read";
    /// The one realm.
    pub const REALM: &'static str = "main";
    /// The installation's own client.
    pub const PLATFORM_CLIENT: &'static str = "platform-client";

    /// Whether whoever brings this secret gets in.
    pub fn admits(secret: &SecretText) -> bool {
        [Self::SECRET, Self::NEXT_SECRET].contains(&secret.expose())
    }
}

impl ScopeRules for FakeProvider {
    fn provider(&self) -> ProviderKey {
        ProviderKey::new("fake").expect("a valid key")
    }

    fn canonical_identifier(&self, _kind: ScopeKind, text: &str) -> Result<ScopeIdentifier, ScopeProblem> {
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("site-") && lower.len() > 5 {
            Ok(ScopeIdentifier::canonical(lower))
        } else {
            Err(ScopeProblem::InvalidIdentifier)
        }
    }

    fn realm(&self, context: &ProviderContext) -> Result<String, ScopeProblem> {
        if context.0.is_empty() {
            Ok(Self::REALM.to_owned())
        } else {
            Err(ScopeProblem::InvalidProviderContext)
        }
    }

    fn canonical_client(&self, text: &str) -> Result<String, ScopeProblem> {
        Ok(text.to_owned())
    }

    fn prepare_credential(
        &self,
        input: CredentialInput,
        _now: Timestamp,
    ) -> Result<PreparedCredential, CredentialRefusal> {
        let refused = |field, code| Err(CredentialRefusal { field, code });
        match input {
            CredentialInput::ClientSecret(secret) if secret.expose().is_empty() => refused("secret", "empty"),
            CredentialInput::ClientSecret(secret) => Ok(PreparedCredential {
                kind: CredentialKind::ClientSecret,
                secret,
                fingerprint: None,
                expires_at: None,
            }),
            CredentialInput::CertificatePem(_) => refused("pem", "kind_not_supported"),
            CredentialInput::CertificatePfx { .. } => refused("pfx", "kind_not_supported"),
            CredentialInput::FederatedToken { .. } => refused("source", "kind_not_supported"),
        }
    }

    fn platform_client(&self, realm: &str) -> Option<PlatformClient> {
        (realm == Self::REALM).then(|| PlatformClient {
            client_identifier: Self::PLATFORM_CLIENT.to_owned(),
            kind: CredentialKind::ClientSecret,
            fingerprint: None,
            expires_at: None,
        })
    }

    fn platform_realms(&self) -> Vec<String> {
        vec![Self::REALM.to_owned()]
    }

    fn context(&self, destination: &Destination) -> ProviderContext {
        let mut map = Map::new();
        map.insert("realm".to_owned(), Value::String(destination.realm.clone()));
        ProviderContext(map)
    }

    fn requirements(&self, operation_type: &str) -> &'static [&'static str] {
        if operation_type == "inventory.sync" {
            &[Self::REQUIREMENT]
        } else {
            &[]
        }
    }
}

impl ConsentUrls for FakeProvider {
    fn asked_permissions(&self) -> Vec<AskedPermission> {
        vec![AskedPermission {
            requirement: Self::REQUIREMENT,
            name: "inventory",
            purpose: "Read what there is on the site",
        }]
    }

    fn permission_set(&self) -> String {
        "inventory".to_owned()
    }

    /// `?state=…&outcome=yes&site=…` or `?state=…&outcome=no`.
    fn read_callback(&self, query: &[(String, String)]) -> Result<ConsentCallback, CallbackUnreadable> {
        let only = |name: &str| {
            let mut values = query
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value);
            values.next().filter(|_| values.next().is_none())
        };
        let state = only("state").ok_or(CallbackUnreadable)?.clone();
        let answer = match only("outcome").map(String::as_str) {
            Some("yes") => ConsentAnswer::Agreed(
                only("site").and_then(|site| self.canonical_identifier(ScopeKind::Tenant, site).ok()),
            ),
            _ => ConsentAnswer::Refused(ReasonCode::ProviderConsentDeclined),
        };
        Ok(ConsentCallback { state, answer })
    }

    fn consent_url(
        &self,
        destination: &Destination,
        redirect: &Url,
        state: &str,
    ) -> Result<Url, ScopeProblem> {
        let client = destination.client_identifier.as_deref();
        let client = client.ok_or(ScopeProblem::MissingProviderContext)?;
        let mut url = Url::parse("https://agree.example.com/").expect("a valid address");
        url.query_pairs_mut()
            .append_pair("site", destination.scope_identifier.as_str())
            .append_pair("client", client)
            .append_pair("back", redirect.as_str())
            .append_pair("state", state);
        Ok(url)
    }
}

impl PlatformVault for FakeProvider {
    fn open(&self, realm: &str) -> Result<OpenedCredential, VaultError> {
        if realm != Self::REALM {
            return Err(VaultError::Missing);
        }
        Ok(OpenedCredential {
            version: 1,
            kind: CredentialKind::ClientSecret,
            secret: SecretText::new(Self::SECRET.to_owned()),
        })
    }
}

#[async_trait]
impl ProviderExecutor for FakeProvider {
    async fn check(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
    ) -> Result<ConnectionCheck, ProviderFailure> {
        signals.checkpoint(None).await?;
        let good = Self::admits(&access.credential.secret);
        let failure = (!good).then_some(ReasonCode::ProviderCredentialInvalid);
        Ok(ConnectionCheck {
            checks: vec![Check {
                key: "identity.sign_in".to_owned(),
                title: "Signing in".to_owned(),
                status: if good {
                    CheckStatus::Pass
                } else {
                    CheckStatus::Fail
                },
                severity: Severity::Critical,
                blocking: true,
                reason_code: failure,
            }],
            consent: good.then_some(ConsentState::Granted),
            verification: if good {
                VerificationState::Healthy
            } else {
                VerificationState::Blocked
            },
            requirements: vec![(Self::REQUIREMENT, RequirementState::Granted)],
            failure,
        })
    }
}
