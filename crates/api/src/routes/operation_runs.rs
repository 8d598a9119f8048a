//! Operation runs: start, watch, cancel, and step in where one does not end by itself.

mod bulk;
mod cancel;
mod ending;
mod events;
mod force_cancel;
mod get;
mod list;
mod preflight;
mod release;
mod request;
mod start;
mod stream;

use actix_web::web::Data;
use operations::OperationRun;
use tenancy::Role;
use utoipa_actix_web::service_config::ServiceConfig;

pub(in crate::routes) use {request::wish, start::entry};

use crate::{
    ApiState,
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
        .service(stream::stream_operation_run)
        .service(events::list_operation_run_events)
        .service(cancel::cancel_operation_run)
        .service(force_cancel::force_cancel_operation_run)
        .service(release::release_operation_run);
}

/// How one caller sees runs. Can be taken along into a unit of work.
pub(in crate::routes) struct Eyes {
    state: Data<ApiState>,
    role: Role,
    /// The address below which the runs of the workspace are.
    base: String,
}

impl Eyes {
    /// Those of whoever stands behind `guard`.
    pub(in crate::routes) fn of<P: Permission>(guard: &Guard<P>) -> Self {
        Self {
            state: guard.state.clone(),
            role: guard.role(),
            base: guard.address("operation-runs"),
        }
    }

    /// The run as this caller sees it.
    pub(in crate::routes) fn view(&self, run: OperationRun) -> RunView {
        let state = &self.state;
        RunView::of(run, state.clock.now(), self.role, state.settings.run_actions)
    }

    /// Where the run is.
    pub(in crate::routes) fn address(&self, run: &OperationRun) -> String {
        format!("{}/{}", self.base, run.id)
    }
}

/// The run as this caller sees it.
pub(super) fn view<P: Permission>(guard: &Guard<P>, run: OperationRun) -> RunView {
    Eyes::of(guard).view(run)
}

/// Where the run is.
pub(super) fn address<P: Permission>(guard: &Guard<P>, run: &OperationRun) -> String {
    Eyes::of(guard).address(run)
}

/// After how many seconds a look at the run is worth it: a fraction of what it usually takes.
pub(super) fn look_again_after(run: &OperationRun) -> u32 {
    (run.operation_type.definition().expected_duration_seconds / 10).clamp(1, 30)
}
