//! What a link asks for, compared with what its connection is now. An answer to an older question
//! is no answer.

use actix_web::web::Data;
use kernel::Timestamp;
use provider_core::{
    AskedPermission, ConsentLink, ConsentQuestion, IdentityResolution, ProviderConnection, TargetScope,
};
use storage::ReadSession;
use tenancy::{AuditAction, Change, Origin, SystemTask, WorkspaceScope};
use url::Url;

use super::addresses::Addresses;
use crate::{
    ApiState,
    journal::{Author, target},
    problem::{Code, Problem},
};

/// An open link, and the connection that it asks about.
pub(super) struct Asked {
    /// The link.
    pub(super) link: ConsentLink,
    /// The connection.
    pub(super) connection: ProviderConnection,
    /// Whom consent is asked for: the very identity that runs sign in with.
    pub(super) identity: IdentityResolution,
}

/// What an administrator is shown.
pub(crate) struct Ask<'a> {
    /// How the workspace calls itself.
    pub(crate) workspace: &'a str,
    /// What is to be connected.
    pub(crate) target_scope: &'a TargetScope,
    /// Who will sign in.
    pub(crate) client_identifier: &'a str,
    /// What it may do then.
    pub(crate) permissions: &'a [AskedPermission],
    /// Until when the link can be used.
    pub(crate) expires_at: Timestamp,
}

impl Asked {
    /// The present state of what `link` asks for; a problem if it is not the same any more.
    pub(super) async fn by(
        state: &ApiState,
        session: &dyn ReadSession,
        link: ConsentLink,
    ) -> Result<Self, Problem> {
        let id = link.question.connection_id;
        let found = session.connections().find(&scope_of(&link), id).await?;
        let connection = found.ok_or_else(|| Problem::new(Code::NotFound))?;
        Self::unchanged(state, link, connection)
    }

    /// The same for a connection that was read already.
    pub(super) fn unchanged(
        state: &ApiState,
        link: ConsentLink,
        connection: ProviderConnection,
    ) -> Result<Self, Problem> {
        match identity_asked(state, &link, &connection) {
            Some(identity) => Ok(Self {
                link,
                connection,
                identity,
            }),
            None => Err(Problem::new(Code::ConsentConnectionChanged)),
        }
    }

    /// The provider's consent page for this very identity. `visit` comes back to us.
    pub(super) fn consent_page(
        &self,
        state: &ApiState,
        addresses: &Addresses,
        visit: &str,
    ) -> Result<Url, Problem> {
        let destination = &self.identity.destination;
        state
            .consent
            .consent_url(destination, &addresses.redirect(), visit)
            .map_err(|_| Problem::internal("a connection has no consent page"))
    }
}

/// The identity that `link` asks about; nothing when the connection has another one by now, or is
/// switched off.
pub(super) fn identity_asked(
    state: &ApiState,
    link: &ConsentLink,
    connection: &ProviderConnection,
) -> Option<IdentityResolution> {
    let identity = IdentityResolution::resolve(connection, &*state.rules, state.clock.now());
    let present = question(connection, &identity, state.consent.permission_set());
    let same = connection.is_enabled && present.as_ref() == Some(&link.question);
    same.then_some(identity)
}

/// What a link for this connection would ask; nothing while no client is known.
pub(crate) fn question(
    connection: &ProviderConnection,
    identity: &IdentityResolution,
    permission_set: String,
) -> Option<ConsentQuestion> {
    let destination = &identity.destination;
    Some(ConsentQuestion {
        connection_id: connection.id,
        identity_version: connection.identity_version,
        scope_identifier: destination.scope_identifier.as_str().to_owned(),
        client_identifier: destination.client_identifier.clone()?,
        permission_set,
    })
}

/// The link, if it can still be used.
pub(super) fn open(link: Option<ConsentLink>, now: Timestamp) -> Result<ConsentLink, Problem> {
    let link = link.ok_or_else(|| Problem::new(Code::ConsentStateInvalid))?;
    if link.is_open(now) {
        Ok(link)
    } else if link.result.is_some() {
        Err(Problem::new(Code::ConsentStateUsed))
    } else {
        Err(Problem::new(Code::ConsentStateInvalid))
    }
}

/// The workspace that asks. Nobody is signed in: what is done there, the system does, and only
/// for the one connection that the link names.
#[expect(
    clippy::disallowed_methods,
    reason = "the holder of a link's text acts for nobody; the link names its workspace"
)]
pub(super) fn scope_of(link: &ConsentLink) -> WorkspaceScope {
    WorkspaceScope::for_system(link.workspace_id, SystemTask::Consent)
}

/// Writes the entries about a visit. Who sat at the browser is not known.
pub(super) fn author_of(link: &ConsentLink, state: &Data<ApiState>, origin: Origin) -> Author {
    Author::new(state, scope_of(link).actor().clone(), origin)
}

/// An entry about the connection of `link`, which is called `name`.
pub(super) fn entry(
    author: &Author,
    link: &ConsentLink,
    name: &str,
    action: AuditAction,
    fact: Option<(&str, &str)>,
) -> Change {
    let mut facts = vec![("consent_link_id", link.id.to_string())];
    facts.extend(fact.map(|(key, value)| (key, value.to_owned())));
    let target = target("connection", &link.question.connection_id, name);
    author.change(action, target, &facts)
}

#[cfg(test)]
mod tests {
    use kernel::{Id, IdSource as _, SequentialIds};
    use provider_core::{
        ConnectionDraft, ConnectionType, ConsentResult, ConsentUrls as _, ProviderKey, ScopeKind, Tags,
        consent::LINK_LIFE, testing::FakeProvider,
    };
    use tenancy::DisplayName;

    use super::*;

    fn connection(site: &str) -> ProviderConnection {
        let name = || DisplayName::new("Northwind").expect("a name");
        let provider = ProviderKey::new("fake").expect("a key");
        let scope = TargetScope::normalize(&FakeProvider, &provider, ScopeKind::Tenant, site, name());
        let id = SequentialIds::default().next_uuid();
        ConnectionDraft {
            workspace_id: Id::from_uuid(id),
            environment_id: Id::from_uuid(id),
            id: Id::from_uuid(id),
            display_name: name(),
            tags: Tags::default(),
            connection_type: ConnectionType::Platform,
            target_scope: scope.expect("a scope"),
            realm: FakeProvider::REALM.to_owned(),
            client_identifier: None,
            created_at: Timestamp::default(),
        }
        .connection()
    }

    fn present(connection: &ProviderConnection, permission_set: &str) -> Option<ConsentQuestion> {
        let identity = IdentityResolution::resolve(connection, &FakeProvider, Timestamp::default());
        question(connection, &identity, permission_set.to_owned())
    }

    #[test]
    fn a_question_is_another_one_when_any_part_of_it_is() {
        let set = FakeProvider.permission_set();
        let asked = present(&connection("site-1"), &set);
        assert_eq!(
            asked.as_ref().map(|question| question.client_identifier.as_str()),
            Some(FakeProvider::PLATFORM_CLIENT)
        );
        assert_eq!(present(&connection("site-1"), &set), asked);
        let newer = ProviderConnection {
            identity_version: 2,
            ..connection("site-1")
        };
        let other_client = ProviderConnection {
            connection_type: ConnectionType::Dedicated,
            client_identifier: Some("other".to_owned()),
            ..connection("site-1")
        };
        assert_ne!(present(&newer, &set), asked);
        assert_ne!(present(&other_client, &set), asked);
        assert_ne!(present(&connection("site-2"), &set), asked);
        assert_ne!(present(&connection("site-1"), "more"), asked);
    }

    #[test]
    fn without_a_client_there_is_no_question() {
        let nobody = ProviderConnection {
            connection_type: ConnectionType::Dedicated,
            ..connection("site-1")
        };
        assert_eq!(present(&nobody, "inventory"), None);
    }

    #[test]
    fn links_are_open_until_they_are_used_or_over() {
        let (now, connection) = (Timestamp::default(), connection("site-1"));
        let link = |result, expires_at| ConsentLink {
            workspace_id: connection.workspace_id,
            id: Id::from_uuid(connection.id.as_uuid()),
            question: present(&connection, "inventory").expect("a question"),
            browser_hash: None,
            return_to: None,
            created_at: now,
            expires_at,
            result,
        };
        let code = |link| open(link, now).map(drop).map_err(|problem| problem.code());
        let later = now + LINK_LIFE;
        let used = Some(ConsentResult::Declined);
        assert_eq!(code(Some(link(None, later))), Ok(()));
        assert_eq!(code(None), Err(Code::ConsentStateInvalid));
        assert_eq!(code(Some(link(None, now))), Err(Code::ConsentStateInvalid));
        assert_eq!(code(Some(link(used, later))), Err(Code::ConsentStateUsed));
        assert_eq!(code(Some(link(used, now))), Err(Code::ConsentStateUsed));
    }
}
