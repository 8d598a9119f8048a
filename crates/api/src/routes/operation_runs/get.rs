//! `GET /api/v1/workspaces/{workspace_id}/operation-runs/{run_id}`: read a run, or wait for news
//! of it.

use std::time::Duration;

use actix_web::{
    HttpResponse, get,
    http::header::{HeaderName, HeaderValue, RETRY_AFTER},
};
use operations::OperationRun;
use provider_core::RunId;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::{look_again_after, view};
use crate::{
    answers::Representation,
    auth::{guard::Guard, permission::ViewOperations},
    input::Conditions,
    problem::{Code, Problem},
    views::run::RunView,
};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Read an operation run
///
/// With `Prefer: wait=n` the answer waits up to n seconds, 30 at most: until the run differs from
/// the one that `If-None-Match` names, or, without that header, until it is completed.
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
        wait_for_news(&guard, id, &conditions, wait).await?
    };
    let mut response = answer(&run, latest, &conditions);
    response.headers_mut().insert(PREFERENCE_APPLIED, applied(wait));
    Ok(response)
}

/// Looks at the store until there is news, the wait is over, or the server closes. The store is
/// asked each time: the run may change in another process. Only the pauses are cut short, never a
/// look.
async fn wait_for_news(
    guard: &Guard<ViewOperations>,
    id: RunId,
    conditions: &Conditions,
    wait: Duration,
) -> Result<(OperationRun, Representation), Problem> {
    let state = &guard.state;
    let deadline = Instant::now() + wait;
    let mut ticks = interval(state.settings.wait_poll);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        let pause = state.closing.run_until_cancelled(ticks.tick());
        let over = !matches!(timeout_at(deadline, pause).await, Ok(Some(_)));
        let (run, representation) = read(guard, id).await?;
        if over || news(&run, &representation, conditions) {
            return Ok((run, representation));
        }
    }
}

async fn read(guard: &Guard<ViewOperations>, id: RunId) -> Result<(OperationRun, Representation), Problem> {
    let run = {
        let session = guard.state.storage.read().await?;
        session.runs().find(&guard.scope, id).await?
    };
    let run = run.ok_or_else(|| Problem::new(Code::NotFound))?;
    let representation = Representation::of(&id.to_string(), &view(guard, run.clone()))?;
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

fn news(run: &OperationRun, representation: &Representation, conditions: &Conditions) -> bool {
    let over = !run.status().is_active();
    over || (conditions.names_a_tag() && !conditions.has(representation.tag()))
}

fn applied(wait: Duration) -> HeaderValue {
    HeaderValue::from_str(&format!("wait={}", wait.as_secs())).expect("digits are a header value")
}
