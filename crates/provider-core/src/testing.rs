//! A tiny provider of nobody: proof that the core needs none in particular. For tests.

use async_trait::async_trait;
use kernel::SecretText;
use serde_json::{Map, Value};

use crate::{
    Check, CheckStatus, ConnectionAccess, ConnectionCheck, ConsentState, CredentialKind, Destination,
    ProviderContext, ProviderExecutor, ProviderFailure, ProviderKey, ReasonCode, RequirementState,
    RunSignals, ScopeIdentifier, ScopeKind, ScopeProblem, ScopeRules, Severity, VerificationState,
};

/// A provider whose targets are called `site-…` and whose one good secret is [`FakeProvider::SECRET`].
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeProvider;

impl FakeProvider {
    /// The secret that signs in.
    pub const SECRET: &'static str = "open-sesame";
    /// The one requirement.
    pub const REQUIREMENT: &'static str = "permissions.inventory_read";
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
            Ok("main".to_owned())
        } else {
            Err(ScopeProblem::InvalidProviderContext)
        }
    }

    fn canonical_client(&self, text: &str) -> Result<String, ScopeProblem> {
        Ok(text.to_owned())
    }

    fn check_secret(&self, _kind: CredentialKind, secret: &SecretText) -> Result<(), &'static str> {
        if secret.expose().is_empty() {
            Err("empty")
        } else {
            Ok(())
        }
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

#[async_trait]
impl ProviderExecutor for FakeProvider {
    async fn check(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
    ) -> Result<ConnectionCheck, ProviderFailure> {
        signals.checkpoint(None).await?;
        let good = access.credential.secret.expose() == Self::SECRET;
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
