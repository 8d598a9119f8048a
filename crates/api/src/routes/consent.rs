//! Consent pages: what somebody sees who was sent a consent link. `/consent/{token}` says who asks
//! for what, a button leads to the provider's own consent page, and that page leads back to
//! `/consent/callback`.
//!
//! Nobody is signed in here, and nobody becomes so. What comes back is written down as a hint; only
//! a connection check proves consent. For people, and not part of the API.

mod addresses;
mod asked;
mod callback;
mod cookie;
mod go_on;
mod page;
mod random;
mod reply;
pub(super) mod return_to;
mod show;

use actix_web::{
    HttpRequest,
    http::header::{HeaderValue, X_FRAME_OPTIONS},
    web::{Data, get, post, resource, to},
};
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) use addresses::Addresses;
pub(crate) use asked::{Ask, question};
pub(crate) use random::RandomText;

use crate::{ApiState, problem::Problem, routes::unmatched::unmatched};

/// Where the provider's page comes back to.
pub(crate) const CALLBACK: &str = "/consent/callback";
/// The page of a link.
pub(crate) const LINK: &str = "/consent/{token}";

/// Registers the pages. The callback first: to the router it looks like a link.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.map(|config| {
        config
            .service(
                resource(CALLBACK)
                    .route(get().to(callback::callback))
                    .default_service(to(wrong_method)),
            )
            .service(
                resource(LINK)
                    .route(get().to(show::show))
                    .route(post().to(go_on::go_on))
                    .default_service(to(wrong_method)),
            )
    });
}

async fn wrong_method(request: HttpRequest, state: Data<ApiState>) -> Result<&'static str, Problem> {
    // As on every other answer here: no page elsewhere may show it in a frame.
    let deny = HeaderValue::from_static("DENY");
    Err(unmatched(state.edge.routes(), &request).header(X_FRAME_OPTIONS, deny))
}
