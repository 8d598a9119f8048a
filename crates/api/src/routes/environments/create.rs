//! `POST /api/v1/workspaces/{workspace_id}/environments`

use actix_web::{HttpResponse, post};
use serde::Deserialize;
use tenancy::{AuditAction, Environment, EnvironmentId, InsertedEnvironment};
use utoipa::ToSchema;

use crate::{
    answers::{Answer, Representation},
    auth::{guard::Guard, permission::ManageEnvironments},
    idempotency::Keeper,
    input::{Body, text},
    journal::target,
    problem::{Code, Problem},
    views::tenancy::EnvironmentView,
};

/// An environment to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateEnvironment {
    /// For people: 1 to 120 characters.
    #[schema(example = "Production")]
    display_name: String,
    /// For addresses: 1 to 63 of a-z, 0-9 and inner hyphens; unique in the workspace.
    #[schema(example = "production")]
    slug: String,
}

/// Create an environment
///
/// Takes the capability `environments.manage`.
#[utoipa::path(
    tag = "environments",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    request_body = CreateEnvironment,
    responses(
        (status = 201, description = "It is there", body = EnvironmentView, headers(
            ("Location" = String, description = "Where it is"),
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 409, description = "slug_taken"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/environments")]
pub(crate) async fn create_environment(
    guard: Guard<ManageEnvironments>,
    body: Body<CreateEnvironment>,
) -> Result<HttpResponse, Problem> {
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| create(&guard, &body, keeper).await)
        .await
}

async fn create(
    guard: &Guard<ManageEnvironments>,
    body: &CreateEnvironment,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let state = &guard.state;
    let environment = Environment {
        workspace_id: guard.scope.workspace_id(),
        id: EnvironmentId::next(&*state.ids),
        display_name: text::display_name("/display_name", &body.display_name)?,
        slug: text::slug("/slug", &body.slug)?,
        created_at: state.clock.now(),
    };
    let location = guard.address(&format!("environments/{}", environment.id));
    let change = guard.author().change(
        AuditAction::EnvironmentCreated,
        target("environment", &environment.id, environment.display_name.as_str()),
        &[("slug", environment.slug.as_str().to_owned())],
    );
    let (storage, scope) = (state.storage.clone(), guard.scope.clone());
    state
        .transact(async move {
            let mut work = storage.begin().await?;
            let inserted = work.environments().insert(&scope, &environment, &change).await?;
            match inserted {
                InsertedEnvironment::Inserted => {}
                InsertedEnvironment::SlugTaken => return Err(Problem::new(Code::SlugTaken)),
            }
            let name = environment.id.to_string();
            let shown = Representation::of(&name, &EnvironmentView::from(environment))?;
            keeper.commit(work, shown.created(&location)).await
        })
        .await
}
