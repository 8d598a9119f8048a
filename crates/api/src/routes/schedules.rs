//! Schedules: what is started again and again.

mod change;
mod create;
mod delete;
mod get;
mod input;
mod list;
mod patch;
mod pause;
mod preview;
mod resume;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_schedule)
        .service(list::list_schedules)
        .service(preview::preview_schedule)
        .service(get::get_schedule)
        .service(patch::patch_schedule)
        .service(delete::delete_schedule)
        .service(pause::pause_schedule)
        .service(resume::resume_schedule);
}
