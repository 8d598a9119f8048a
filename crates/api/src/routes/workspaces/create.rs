//! `POST /api/v1/workspaces`

use actix_web::{HttpResponse, post};
use kernel::Id;
use serde::Deserialize;
use tenancy::{AuditAction, InsertedWorkspace, Member, Membership, Principal, Role, Workspace, WorkspaceId};
use utoipa::ToSchema;

use crate::{
    ApiState,
    answers::Representation,
    auth::{Identity, guard::Authenticated},
    input::{Body, text},
    journal::{Author, target},
    problem::{Code, Problem},
    views::tenancy::WorkspaceView,
};

/// A workspace to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWorkspace {
    /// For people: 1 to 120 characters.
    #[schema(example = "Northwind")]
    display_name: String,
    /// For addresses: 1 to 63 of a-z, 0-9 and inner hyphens; unique in the installation.
    #[schema(example = "northwind")]
    slug: String,
}

/// Create a workspace
///
/// The caller becomes its owner. `Idempotency-Key` is not read here: there is no workspace yet that
/// could keep an answer. The slug is unique, so a repeated request makes no second workspace.
#[utoipa::path(
    tag = "workspaces",
    request_body = CreateWorkspace,
    responses(
        (status = 201, description = "It is there", body = WorkspaceView, headers(
            ("Location" = String, description = "Where it is"),
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 409, description = "slug_taken"),
    ),
)]
#[post("/api/v1/workspaces")]
pub(crate) async fn create_workspace(
    caller: Authenticated,
    body: Body<CreateWorkspace>,
) -> Result<HttpResponse, Problem> {
    let state = caller.state;
    let body = body.read(&state.settings).await?;
    let workspace = Workspace {
        id: WorkspaceId::next(&*state.ids),
        display_name: text::display_name("/display_name", &body.display_name)?,
        slug: text::slug("/slug", &body.slug)?,
        created_at: state.clock.now(),
    };
    let owner = founder(&state, caller.identity, &workspace);
    let author = Author::new(&state, owner.actor(), caller.origin);
    let change = author.change(
        AuditAction::WorkspaceCreated,
        target("workspace", &workspace.id, workspace.display_name.as_str()),
        &[("slug", workspace.slug.as_str().to_owned())],
    );
    let storage = state.storage.clone();
    let workspace = state
        .transact(async move {
            let mut work = storage.begin().await?;
            let inserted = work.workspaces().insert(&workspace, &owner, &change).await?;
            match inserted {
                InsertedWorkspace::Inserted(_) => work.commit().await?,
                InsertedWorkspace::SlugTaken => return Err(Problem::new(Code::SlugTaken)),
            }
            Ok(workspace)
        })
        .await?;
    let (name, location) = (
        workspace.id.to_string(),
        format!("/api/v1/workspaces/{}", workspace.id),
    );
    let view = WorkspaceView::from(workspace).seen_as(Role::Owner);
    Ok(Representation::of(&name, &view)?
        .created(&location)
        .into_response())
}

fn founder(state: &ApiState, identity: Identity, workspace: &Workspace) -> Membership {
    let Identity { key, label } = identity;
    let member = Member {
        id: Id::next(&*state.ids),
        principal: Principal {
            id: Id::next(&*state.ids),
            key,
            label,
        },
        role: Role::Owner,
        created_at: workspace.created_at,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the founder is a member before there is a row to read"
    )]
    Membership::from_row(workspace.id, member)
}
