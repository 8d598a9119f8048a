//! `GET /api/v1/workspaces/{workspace_id}/operation-runs/{run_id}`: read a run, or wait for news
//! of it.

use std::time::Duration;

use actix_web::{
    HttpResponse, get,
    http::header::{HeaderValue, RETRY_AFTER},
};
use operations::OperationRun;
use provider_core::RunId;
use tokio::time::{Instant, timeout_at};

use super::{look_again_after, view};
use crate::{
    answers::{PREFERENCE_APPLIED, Representation},
    auth::{guard::Guard, permission::ViewOperations},
    input::Conditions,
    problem::{Code, Problem},
    views::run::RunView,
};

/// Read an operation run
///
/// With `Prefer: wait=n` the answer waits up to n seconds, 30 at most: until the run differs from
/// the one that `If-None-Match` names, or, without that header, until it is completed. The answer after a wait is for
/// whoever the caller is by then: 404 if he is no member any more, 401 if his token is over.
#[utoipa::path(
    tag = "operation-runs",
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=n`: how many seconds to wait for news"),
        ("If-None-Match" = Option<String>, Header, description = "The entity tag that the caller has"),
    ),
    responses(
        (status = 200, description = "The run", body = RunView, headers(
            ("ETag" = String, description = "Its entity tag"),
            ("Preference-Applied" = String, description = "The wait that was granted"),
            ("Retry-After" = u32, description = "While it is active: seconds after which another look is worth it"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}")]
pub(crate) async fn get_operation_run(
    guard: Guard<ViewOperations>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id = guard.id("run_id")?;
    let (run, representation) = read(&guard, id).await?;
    let Some(wait) = conditions.wait() else {
        return Ok(answer(&run, representation, &conditions));
    };
    let (run, latest) = if news(&run, &representation, &conditions) {
        (run, representation)
    } else {
        let run = wait_for_news(&guard, id, &conditions, wait, run).await?;
        // For whom the caller is by now: he may have been removed while he waited, or may do less.
        let representation = represent(&guard.renewed().await?, &run)?;
        (run, representation)
    };
    let mut response = answer(&run, latest, &conditions);
    response.headers_mut().insert(PREFERENCE_APPLIED, applied(wait));
    Ok(response)
}

/// Waits until there is news, the wait is over, or the server closes. The process looks at the store for all
/// who wait: the run may change in another process.
async fn wait_for_news(
    guard: &Guard<ViewOperations>,
    id: RunId,
    conditions: &Conditions,
    wait: Duration,
    mut run: OperationRun,
) -> Result<OperationRun, Problem> {
    let deadline = Instant::now() + wait;
    let mut watch = guard.state.hub.watch_run(guard.scope.workspace_id(), id);
    loop {
        let next = guard.state.closing.run_until_cancelled(watch.next());
        match timeout_at(deadline, next).await {
            Ok(Some(Some(now))) => {
                run = OperationRun::clone(&now);
                if news(&run, &represent(guard, &run)?, conditions) {
                    return Ok(run);
                }
            }
            Ok(Some(None)) => return Err(Problem::new(Code::NotFound)),
            Ok(None) | Err(_) => return Ok(run),
        }
    }
}

async fn read(guard: &Guard<ViewOperations>, id: RunId) -> Result<(OperationRun, Representation), Problem> {
    let run = {
        let session = guard.state.storage.read().await?;
        session.runs().find(&guard.scope, id).await?
    };
    let run = run.ok_or_else(|| Problem::new(Code::NotFound))?;
    let representation = represent(guard, &run)?;
    Ok((run, representation))
}

/// While the run is active, another look may show more.
fn answer(run: &OperationRun, representation: Representation, conditions: &Conditions) -> HttpResponse {
    let mut response = representation.answer(conditions);
    if run.status().is_active() {
        let seconds = HeaderValue::from(look_again_after(run));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

fn represent(guard: &Guard<ViewOperations>, run: &OperationRun) -> Result<Representation, Problem> {
    Representation::of(&run.id.to_string(), &view(guard, run.clone()))
}

fn news(run: &OperationRun, representation: &Representation, conditions: &Conditions) -> bool {
    let over = !run.status().is_active();
    over || (conditions.names_a_tag() && !conditions.has(representation.tag()))
}

fn applied(wait: Duration) -> HeaderValue {
    HeaderValue::from_str(&format!("wait={}", wait.as_secs())).expect("digits are a header value")
}
