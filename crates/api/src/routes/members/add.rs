//! `POST /api/v1/workspaces/{workspace_id}/members`

use actix_web::{HttpResponse, http::StatusCode, post};
use kernel::Id;
use serde::Deserialize;
use tenancy::{AddedMember, AuditAction, Member, Principal, PrincipalKey, Role};
use utoipa::ToSchema;

use crate::{
    ApiState,
    answers::Answer,
    auth::{guard::Guard, permission::ManageMembers},
    idempotency::Keeper,
    input::{Body, text},
    journal::target,
    problem::{Code, Problem},
    views::tenancy::MemberView,
};

/// A member to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddMember {
    /// The `iss` claim of the principal's tokens: 1 to 255 bytes.
    #[schema(example = "https://login.example.com")]
    issuer: String,
    /// The `sub` claim of the principal's tokens: 1 to 255 bytes.
    #[schema(example = "8d6e0c1f")]
    subject: String,
    /// For people; the subject if it is left out.
    label: Option<String>,
    /// `owner`, `manager`, `operator` or `readonly`.
    #[schema(example = "operator")]
    role: String,
}

/// Add a member
///
/// Takes the capability `members.manage`, which only owners hold.
#[utoipa::path(
    tag = "members",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    request_body = AddMember,
    responses(
        (status = 201, description = "The principal is a member", body = MemberView, headers(
            ("Location" = String, description = "The list of members"),
        )),
        (status = 409, description = "already_member"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/members")]
pub(crate) async fn add_member(
    guard: Guard<ManageMembers>,
    body: Body<AddMember>,
) -> Result<HttpResponse, Problem> {
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| add(&guard, body, keeper).await)
        .await
}

async fn add(guard: &Guard<ManageMembers>, body: AddMember, keeper: Keeper) -> Result<Answer, Problem> {
    let state = &guard.state;
    let member = member(state, body)?;
    let change = guard.author().change(
        AuditAction::MemberAdded,
        target("member", &member.id, &member.principal.label),
        &[("role", member.role.as_str().to_owned())],
    );
    let (storage, scope) = (state.storage.clone(), guard.scope.clone());
    let location = guard.address("members");
    state
        .transact(async move {
            let mut work = storage.begin().await?;
            match work.members().add(&scope, &member, &change).await? {
                AddedMember::Added(_) => {}
                AddedMember::AlreadyMember => return Err(Problem::new(Code::AlreadyMember)),
            }
            // A principal who was known before keeps the id of then.
            let stored = work
                .members()
                .membership(&member.principal.key, scope.workspace_id())
                .await?;
            let member = stored.map_or(member, |membership| membership.member().clone());
            let answer = Answer::json(StatusCode::CREATED, &MemberView::from(member))?;
            keeper.commit(work, answer.at(&location)).await
        })
        .await
}

fn member(state: &ApiState, body: AddMember) -> Result<Member, Problem> {
    let AddMember {
        issuer,
        subject,
        label,
        role,
    } = body;
    let key = PrincipalKey {
        issuer: text::short("/issuer", &issuer, 255)?,
        subject: text::short("/subject", &subject, 255)?,
    };
    let label = match label {
        Some(label) => text::display_name("/label", &label)?.into(),
        None => key.subject.clone(),
    };
    let role = Role::parse(&role).ok_or_else(|| Problem::invalid("/role", "invalid_value"))?;
    Ok(Member {
        id: Id::next(&*state.ids),
        principal: Principal {
            id: Id::next(&*state.ids),
            key,
            label,
        },
        role,
        created_at: state.clock.now(),
    })
}
