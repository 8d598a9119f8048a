//! Operation runs: start, watch, cancel.

mod bulk;
mod cancel;
mod get;
mod list;
mod preflight;
mod request;
mod start;

use operations::OperationRun;
use tenancy::Capability;
use utoipa_actix_web::service_config::ServiceConfig;

pub(in crate::routes) use {request::wish, start::entry};

use crate::{
    auth::{guard::Guard, permission::Permission},
    views::run::RunView,
};

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(start::start_operation_run)
        .service(bulk::start_operation_runs)
        .service(preflight::preflight_operation_run)
        .service(list::list_operation_runs)
        .service(get::get_operation_run)
        .service(cancel::cancel_operation_run);
}

/// The run as this caller sees it.
pub(super) fn view<P: Permission>(guard: &Guard<P>, run: OperationRun) -> RunView {
    RunView::of(
        run,
        guard.state.clock.now(),
        guard.may(Capability::OperationsCancel),
    )
}

/// Where the run is.
pub(super) fn address<P: Permission>(guard: &Guard<P>, run: &OperationRun) -> String {
    guard.address(&format!("operation-runs/{}", run.id))
}

/// After how many seconds a look at the run is worth it: a fraction of what it usually takes.
pub(super) fn look_again_after(run: &OperationRun) -> u32 {
    (run.operation_type.definition().expected_duration_seconds / 10).clamp(1, 30)
}
