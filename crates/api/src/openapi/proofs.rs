//! How callers prove who they are: by a token, and to streams by a ticket instead.

use utoipa::{
    Modify,
    openapi::{
        OpenApi, RefOr,
        path::{Operation, Parameter},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

/// The query parameter of streams, and the name of what it proves.
const TICKET: &str = "ticket";

/// Describes the proofs.
pub(super) struct Proofs;

impl Modify for Proofs {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "A token of a configured issuer, in the Authorization header.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        let ticket = ApiKeyValue::with_description(
            TICKET,
            "A ticket of `POST .../events/stream-tickets`, which opens one stream once: for readers that can send no \
             `Authorization` header.",
        );
        let ticket = SecurityScheme::ApiKey(ApiKey::Query(ticket));
        components.add_security_scheme(TICKET, ticket);
    }
}

/// What takes a ticket takes it instead of a token.
pub(super) fn add_ticket(operation: &mut Operation) {
    let named = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(one) if one.name == TICKET);
    let Some(parameters) = &mut operation.parameters else {
        return;
    };
    let before = parameters.len();
    // It stands with the proofs, and nothing is sent twice.
    parameters.retain(|parameter| !named(parameter));
    if parameters.len() < before {
        let either = ["bearer", TICKET].map(|name| SecurityRequirement::new(name, [""; 0]));
        operation.security = Some(either.into());
    }
}
