//! Whether a connection gets another identity, and which. Pure: the rules and the connection as it
//! was read, no store.

use provider_core::{ConnectionPatch, ConnectionType, NewCredential, ProviderConnection};
use serde_json::{Map, Value};
use tenancy::DisplayName;

use super::{
    credential::CheckedCredential,
    target::{TargetInput, normalize},
};
use crate::{
    ApiState,
    problem::{Code, Problem},
};

/// The identity that a caller asks for.
pub(super) struct Wanted {
    /// Whose identity it is.
    pub(super) connection_type: ConnectionType,
    /// The target, in any form.
    pub(super) scope_identifier: String,
    /// How people call the target. Left out, the present target keeps its name, and another one is
    /// called like the connection.
    pub(super) scope_display_name: Option<DisplayName>,
    /// The provider's own detail.
    pub(super) provider_context: Option<Map<String, Value>>,
    /// For a dedicated one only.
    pub(super) credential: Option<CheckedCredential>,
}

/// What there is to do.
pub(super) enum Decision {
    /// It is so already.
    Unchanged,
    /// The same target by another name: nothing that was found out about it is wrong now.
    Renamed(ConnectionPatch),
    /// Another identity, with its credential if it needs one.
    Changed(Box<ProviderConnection>, Option<NewCredential>),
}

impl Wanted {
    /// What there is to do to `present`.
    pub(super) fn decide(self, state: &ApiState, present: &ProviderConnection) -> Result<Decision, Problem> {
        let scope = &present.target_scope;
        let given = self.scope_display_name;
        let input = TargetInput {
            provider: scope.provider().as_str(),
            scope_kind: Some(scope.scope_kind().as_str()),
            scope_identifier: &self.scope_identifier,
            scope_display_name: given.clone().unwrap_or_else(|| present.display_name.clone()),
            provider_context: self.provider_context,
        };
        let (target_scope, realm) = normalize(state, input)?;
        // The name of the present target says nothing about another one.
        let target_scope = if given.is_none() && target_scope.scope_key() == scope.scope_key() {
            scope.clone()
        } else {
            target_scope
        };
        let changed = ProviderConnection {
            connection_type: self.connection_type,
            target_scope,
            realm,
            client_identifier: None,
            ..present.clone()
        };
        between(present, changed, self.credential)
    }
}

/// What leads from `present` to `changed`, whose client comes with the credential.
fn between(
    present: &ProviderConnection,
    mut changed: ProviderConnection,
    credential: Option<CheckedCredential>,
) -> Result<Decision, Problem> {
    let same = present.connection_type == changed.connection_type
        && present.target_scope.scope_key() == changed.target_scope.scope_key()
        && present.realm == changed.realm;
    if let Some(checked) = credential {
        changed.client_identifier = Some(checked.client_identifier);
        return Ok(Decision::Changed(Box::new(changed), Some(checked.credential)));
    }
    let name = changed.target_scope.scope_display_name();
    if same && name == present.target_scope.scope_display_name() {
        return Ok(Decision::Unchanged);
    }
    if same {
        return Ok(Decision::Renamed(ConnectionPatch {
            scope_display_name: Some(name.clone()),
            ..ConnectionPatch::default()
        }));
    }
    match changed.connection_type {
        ConnectionType::Platform => Ok(Decision::Changed(Box::new(changed), None)),
        // The stored one is bound to the identity that it was stored for.
        ConnectionType::Dedicated => Err(Problem::at(
            Code::CredentialRequired,
            "/credential",
            "credential_required",
        )),
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Id, SecretText, SequentialIds, Timestamp};
    use provider_core::{
        ConnectionDraft, CredentialKind, ProviderKey, ScopeIdentifier, ScopeKind, Tags, TargetScope,
    };

    use super::*;

    fn connection(connection_type: ConnectionType, site: &str, realm: &str) -> ProviderConnection {
        let ids = SequentialIds::default();
        let name = || DisplayName::new("Site").expect("a name");
        let draft = ConnectionDraft {
            workspace_id: Id::next(&ids),
            environment_id: Id::next(&ids),
            id: Id::next(&ids),
            display_name: name(),
            tags: Tags::default(),
            connection_type,
            target_scope: TargetScope::stored(
                ProviderKey::new("fake").expect("a key"),
                ScopeKind::Tenant,
                ScopeIdentifier::canonical(site.to_owned()),
                name(),
            ),
            realm: realm.to_owned(),
            client_identifier: None,
            created_at: Timestamp::default(),
        };
        draft.connection()
    }

    fn credential() -> CheckedCredential {
        CheckedCredential {
            client_identifier: "client-2".to_owned(),
            credential: NewCredential {
                id: Id::next(&SequentialIds::default()),
                kind: CredentialKind::ClientSecret,
                secret: SecretText::new("open-sesame".to_owned()),
                fingerprint: None,
                expires_at: None,
                created_at: Timestamp::default(),
            },
        }
    }

    fn outcome(
        present: &ProviderConnection,
        changed: ProviderConnection,
        credential: Option<CheckedCredential>,
    ) -> String {
        match between(present, changed, credential) {
            Ok(Decision::Unchanged) => "unchanged".to_owned(),
            Ok(Decision::Renamed(_)) => "renamed".to_owned(),
            Ok(Decision::Changed(changed, credential)) => format!(
                "{} as {:?}, {}",
                changed.target_scope.scope_identifier().as_str(),
                changed.client_identifier,
                if credential.is_some() { "stored" } else { "none" }
            ),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn another_dedicated_identity_needs_its_credential() {
        let dedicated = |site, realm| connection(ConnectionType::Dedicated, site, realm);
        let present = dedicated("site-1", "main");
        assert_eq!(outcome(&present, dedicated("site-1", "main"), None), "unchanged");
        for changed in [dedicated("site-2", "main"), dedicated("site-1", "other")] {
            assert_eq!(outcome(&present, changed, None), "credential_required");
        }
        for site in ["site-1", "site-2"] {
            assert_eq!(
                outcome(&present, dedicated(site, "main"), Some(credential())),
                format!("{site} as Some(\"client-2\"), stored")
            );
        }
        let platform = connection(ConnectionType::Platform, "site-1", "main");
        assert_eq!(
            outcome(&platform, dedicated("site-1", "main"), None),
            "credential_required"
        );
    }

    #[test]
    fn a_platform_identity_needs_nothing_and_keeps_nothing() {
        let platform = |site| connection(ConnectionType::Platform, site, "main");
        let present = platform("site-1");
        assert_eq!(outcome(&present, platform("site-1"), None), "unchanged");
        assert_eq!(
            outcome(&present, platform("site-2"), None),
            "site-2 as None, none"
        );
        let dedicated = connection(ConnectionType::Dedicated, "site-1", "main");
        assert_eq!(outcome(&dedicated, present, None), "site-1 as None, none");
    }

    #[test]
    fn another_name_is_not_another_identity() {
        let present = connection(ConnectionType::Platform, "site-1", "main");
        let scope = &present.target_scope;
        let renamed = TargetScope::stored(
            scope.provider().clone(),
            scope.scope_kind(),
            scope.scope_identifier().clone(),
            DisplayName::new("North").expect("a name"),
        );
        let changed = ProviderConnection {
            target_scope: renamed,
            ..present.clone()
        };
        assert_eq!(outcome(&present, changed, None), "renamed");
    }
}
