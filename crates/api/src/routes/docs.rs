//! `GET /docs/`: the reference page. Everything it shows is part of this program; the page loads
//! nothing from elsewhere and its content security policy forbids it.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    guard::Get,
    http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION},
    web::{Path, resource},
};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::Config;

use crate::problem::{Code, Problem};

/// Styles may stand in elements, because the page computes some; scripts may not.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/api/v1/openapi.json")
        .validator_url("none")
        .query_config_enabled(false);
    Arc::new(config.display_operation_id(true).doc_expansion("none"))
});

/// Where the page is.
pub(crate) const PATHS: [&str; 2] = ["/docs", "/docs/{file:.*}"];

/// Registers the page. It is not part of the API and not of its document.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    let [page, files] = PATHS;
    config.map(|config| {
        let page = resource(page).guard(Get()).to(to_page);
        config
            .service(page)
            .service(resource(files).guard(Get()).to(file))
    });
}

async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .finish()
}

async fn file(path: Path<String>) -> Result<HttpResponse, Problem> {
    let file = utoipa_swagger_ui::serve(&path, Arc::clone(&CONFIG))
        .map_err(|_| Problem::internal("the reference page cannot be served"))?
        .ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .content_type(file.content_type)
        .body(file.bytes.into_owned()))
}
