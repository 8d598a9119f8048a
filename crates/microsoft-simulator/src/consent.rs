//! The admin consent page: `/{tenant}/v2.0/adminconsent` and the older `/{tenant}/adminconsent`.
//!
//! Parameters as on the identity platform page "admin consent". What the request itself gets wrong is told on a
//! page: the browser is sent to an address only after that address was found in the registration.

mod callback;
mod page;

use axum::Extension;
use axum::extract::{Form, Path, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use url::form_urlencoded;

use crate::entra::{SHARED_TENANTS, audience};
use crate::entra_error::EntraError;
use crate::exchange::Exchange;
use crate::options::TenantOptions;
use crate::registration::AppRegistration;
use crate::server::Shared;

/// What the person at the page decides. The last two have no button.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    Approve,
    Decline,
    WrongDirectory,
    /// Declined, in the words of the documentation instead of those that were seen.
    DeclineAsDocumented,
    /// Closed, with `admin_consent=False` as some reports show.
    Cancel,
}

/// Body of the form.
#[derive(Deserialize)]
pub(crate) struct Answer {
    decision: Decision,
}

/// A request that is in order.
struct Ask {
    tenant: TenantOptions,
    registration: AppRegistration,
    redirect_uri: String,
    /// Present on the v2 path only.
    scope: Option<String>,
    state: Option<String>,
}

/// `GET`: the page.
pub(crate) async fn show(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    Path(tenant): Path<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    match Ask::read(&shared, &tenant, uri.path(), &query.unwrap_or_default()) {
        Ok(ask) => page::question(&ask.registration, &ask.tenant),
        Err(error) => page::refusal(&error, &exchange.ids),
    }
}

/// `POST`: the decision.
pub(crate) async fn decide(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    Path(tenant): Path<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
    Form(answer): Form<Answer>,
) -> Response {
    let ask = match Ask::read(&shared, &tenant, uri.path(), &query.unwrap_or_default()) {
        Ok(ask) => ask,
        Err(error) => return page::refusal(&error, &exchange.ids),
    };
    if matches!(answer.decision, Decision::Approve) {
        shared
            .control
            .consent(ask.tenant.tenant_id, ask.registration.client_id);
    }
    let location = callback::location(&ask, answer.decision, &exchange.ids, &shared.base_url);
    match HeaderValue::from_str(&location) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

impl Ask {
    fn read(shared: &Shared, name: &str, path: &str, query: &str) -> Result<Self, EntraError> {
        let v2 = path.ends_with("/v2.0/adminconsent");
        let parameters = Parameters::read(query)?;
        if SHARED_TENANTS.contains(&name) {
            // The v2 page takes `common` for another kind of request and misses its parameter (azure-docs #45151).
            return Err(if v2 && name == "common" {
                EntraError::missing_parameter("response_type")
            } else {
                EntraError::shared_tenant(name)
            });
        }
        let tenant = shared
            .control
            .directory()
            .find(name)
            .ok_or_else(|| EntraError::unknown_tenant(name))?;
        let client = parameters.required("client_id")?;
        let registration = shared
            .control
            .registrations()
            .find(&client)
            .ok_or_else(|| EntraError::app_absent(&client, &tenant.display_name))?;
        let redirect_uri = parameters.required("redirect_uri")?;
        if !registration.redirect_uris.contains(&redirect_uri) {
            let error = EntraError::unknown_redirect_uri(&redirect_uri, registration.client_id);
            return Err(error);
        }
        let scope = if v2 {
            let scope = parameters.required("scope")?;
            audience(&scope, &shared.base_url)?;
            Some(scope)
        } else {
            None
        };
        Ok(Self {
            tenant,
            registration,
            redirect_uri,
            scope,
            state: parameters.get("state"),
        })
    }
}

/// The parameters of the query, each of them once.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(query: &str) -> Result<Self, EntraError> {
        let all: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for (index, (name, _)) in all.iter().enumerate() {
            if all[..index].iter().any(|(other, _)| other == name) {
                return Err(EntraError::duplicate_parameter(name));
            }
        }
        Ok(Self(all))
    }

    fn get(&self, name: &str) -> Option<String> {
        let pair = self.0.iter().find(|(other, _)| other == name);
        pair.map(|(_, value)| value.clone())
    }

    fn required(&self, name: &str) -> Result<String, EntraError> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| EntraError::missing_parameter(name))
    }
}
