//! The filters of the connection list as SQL. What a surface summary says is derived in memory
//! ([`provider_core::SurfaceSummary`]); a filter on it must narrow in the database, or pages would
//! come out half empty. So the same rules stand here a second time, and a test compares the two
//! over every combination of facts.

use provider_core::{
    ConnectionFilter, ConnectionType, ConsentState, CredentialStage, PlatformRealm, Readiness, ReasonCode,
    SummaryFilter, VerificationState,
};
use sea_orm::{
    Condition, IntoSimpleExpr as _,
    sea_query::{CaseStatement, Expr, ExprTrait as _, Query},
};

use crate::{
    entities::{
        connection::{Column, Entity},
        connection_tag, credential,
    },
    time::to_micros,
};

/// Everything that `filter` asks for.
pub(crate) fn condition(filter: &ConnectionFilter) -> Condition {
    let ConnectionFilter {
        environment_id,
        provider,
        consent,
        verification,
        expires_before,
        tag,
        summary,
    } = filter;
    let own = |column: Column| Expr::col((Entity, column));
    Condition::all()
        .add_option(environment_id.map(|id| own(Column::EnvironmentId).eq(id.as_uuid())))
        .add_option(
            provider
                .as_ref()
                .map(|key| own(Column::Provider).eq(key.as_str())),
        )
        .add_option(consent.map(|state| own(Column::ConsentState).eq(state.as_str())))
        .add_option(verification.map(|state| own(Column::VerificationState).eq(state.as_str())))
        .add_option(expires_before.map(|end| {
            use credential::Column as C;
            let kept = [CredentialStage::Current, CredentialStage::Next].map(CredentialStage::as_str);
            let ends = Expr::col((credential::Entity, C::ExpiresAt)).lt(to_micros(end));
            let stage = Expr::col((credential::Entity, C::Stage)).is_in(kept);
            has_credential(ends.and(stage))
        }))
        .add_option(tag.as_ref().map(|(key, value)| has_tag(key, value)))
        .add_option(summary.as_ref().map(says))
}

fn has_tag(key: &str, value: &str) -> Expr {
    use connection_tag::{Column as T, Entity as Tags};
    let tag = |column: T| Expr::col((Tags, column));
    let of_connection = Query::select()
        .expr(Expr::val(1))
        .from(Tags)
        .and_where(tag(T::WorkspaceId).equals((Entity, Column::WorkspaceId)))
        .and_where(tag(T::ConnectionId).equals((Entity, Column::Id)))
        .and_where(tag(T::TagKey).eq(key))
        .and_where(tag(T::TagValue).eq(value))
        .to_owned();
    Expr::exists(of_connection)
}

/// Whether the connection has a stored credential for which `fact` holds.
fn has_credential(fact: Expr) -> Expr {
    use credential::{Column as C, Entity as Credentials};
    let of_connection = Query::select()
        .expr(Expr::val(1))
        .from(Credentials)
        .and_where(Expr::col((Credentials, C::WorkspaceId)).equals((Entity, Column::WorkspaceId)))
        .and_where(Expr::col((Credentials, C::ConnectionId)).equals((Entity, Column::Id)))
        .and_where(fact)
        .to_owned();
    Expr::exists(of_connection)
}

fn current(fact: Option<Expr>) -> Expr {
    let stage =
        Expr::col((credential::Entity, credential::Column::Stage)).eq(CredentialStage::Current.as_str());
    has_credential(match fact {
        Some(fact) => stage.and(fact),
        None => stage,
    })
}

/// What the summary says, narrowed to what `filter` asks for.
fn says(filter: &SummaryFilter) -> Condition {
    let reason = || -> Expr { block_reason(filter).into() };
    let verification = |states: &[VerificationState]| {
        Column::VerificationState
            .into_simple_expr()
            .is_in(states.iter().map(|state| state.as_str()))
    };
    let stale_since = to_micros(filter.now - filter.stale_after);
    let stale = || {
        verification(&[VerificationState::Healthy, VerificationState::Degraded])
            .and(Expr::col((Entity, Column::VerificationCheckedAt)).lt(stale_since))
    };
    let readiness: Expr = CaseStatement::new()
        .case(reason().is_not_null(), Readiness::Blocked.as_str())
        .case(stale(), Readiness::Unknown.as_str())
        .case(
            verification(&[VerificationState::Healthy]),
            Readiness::Ready.as_str(),
        )
        .case(
            verification(&[VerificationState::Degraded]),
            Readiness::Degraded.as_str(),
        )
        .case(
            verification(&[VerificationState::Blocked]),
            Readiness::Blocked.as_str(),
        )
        .finally(Readiness::Unknown.as_str())
        .into();
    let said = |code: ReasonCode| {
        let summary: Expr = CaseStatement::new()
            .case(reason().is_not_null(), reason())
            .case(stale(), ReasonCode::ProviderVerificationStale.as_str())
            .finally(Expr::col((Entity, Column::VerificationReason)))
            .into();
        // An axis may know a reason that the summary does not come to.
        Condition::any()
            .add(summary.eq(code.as_str()))
            .add(Expr::col((Entity, Column::ConsentReason)).eq(code.as_str()))
            .add(Expr::col((Entity, Column::VerificationReason)).eq(code.as_str()))
    };
    Condition::all()
        .add_option(filter.readiness.map(|wanted| readiness.eq(wanted.as_str())))
        .add_option(filter.reason_code.map(said))
}

/// The stored fact that forbids work, in the order of [`provider_core::IdentityResolution`].
fn block_reason(filter: &SummaryFilter) -> CaseStatement {
    let now = to_micros(filter.now);
    let own = |column: Column| Expr::col((Entity, column));
    let is = |kind: ConnectionType| own(Column::ConnectionType).eq(kind.as_str());
    let consent =
        |states: &[ConsentState]| own(Column::ConsentState).is_in(states.iter().map(|state| state.as_str()));
    let platform = || is(ConnectionType::Platform);
    let expired = |realm: &&PlatformRealm| realm.expires_at.is_some_and(|end| end <= filter.now);
    let realms = || filter.platform.iter().map(|realm| realm.realm.as_str());
    let clients = || {
        filter
            .platform
            .iter()
            .map(|realm| realm.client_identifier.as_str())
    };
    let ended = filter
        .platform
        .iter()
        .filter(expired)
        .map(|realm| realm.realm.as_str());
    let agreed = filter.platform.iter().fold(Condition::any(), |any, realm| {
        any.add(
            own(Column::Realm)
                .eq(realm.realm.as_str())
                .and(own(Column::ConsentHintClient).eq(realm.client_identifier.as_str())),
        )
    });
    // An empty `any` is true in SQL builders and must be false here.
    let agreed = Condition::all()
        .add(Expr::val(!filter.platform.is_empty()).eq(true))
        .add(own(Column::ConsentHintAt).is_not_null())
        .add(own(Column::ConsentHintClient).is_not_null())
        .add(agreed)
        .add(consent(&[ConsentState::Granted]));
    let undecryptable = Expr::col((credential::Entity, credential::Column::Undecryptable)).eq(true);
    let over = Expr::col((credential::Entity, credential::Column::ExpiresAt)).lte(now);
    CaseStatement::new()
        .case(
            own(Column::IsEnabled).eq(false),
            ReasonCode::ProviderConnectionDisabled.as_str(),
        )
        .case(
            platform().and(own(Column::Realm).is_not_in(realms())),
            ReasonCode::PlatformIdentityMissing.as_str(),
        )
        .case(
            platform().and(own(Column::Realm).is_in(ended)),
            ReasonCode::PlatformIdentityExpired.as_str(),
        )
        .case(
            Condition::all().add(platform()).add(agreed.not()),
            ReasonCode::ProviderConsentMissing.as_str(),
        )
        // What is left of platform connections works.
        .case(platform(), Expr::val(None::<String>))
        .case(
            own(Column::ClientIdentifier).is_in(clients()),
            ReasonCode::ProviderConnectionInvalid.as_str(),
        )
        .case(
            current(None).not(),
            ReasonCode::ProviderCredentialMissing.as_str(),
        )
        .case(
            current(Some(undecryptable)),
            ReasonCode::ProviderCredentialUndecryptable.as_str(),
        )
        .case(
            current(Some(over)),
            ReasonCode::ProviderCredentialExpired.as_str(),
        )
        .case(
            consent(&[ConsentState::Required, ConsentState::Revoked]),
            ReasonCode::ProviderConsentMissing.as_str(),
        )
        .finally(Expr::val(None::<String>))
}
