//! The OpenAPI document. Paths and schemas come from the routes that serve; this file adds what
//! all operations have in common, so that no route can forget it.

mod proofs;
mod receivers;

use std::collections::BTreeSet;

use actix_web::App;
use utoipa::{
    OpenApi as _,
    openapi::{
        Content, ContentBuilder, HeaderBuilder, KnownFormat, ObjectBuilder, OpenApi, Ref, RefOr, Required,
        Schema, SchemaFormat, Type,
        path::{Operation, ParameterBuilder, ParameterIn},
        response::Response,
    },
};
use utoipa_actix_web::AppExt as _;

use self::proofs::Proofs;
use crate::problem::{Code, FieldErrorBody, Members, ProblemBody};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "TenantAtlas API",
        description = "Connect tenants, run operations on them, read what they found. \
            Lists are read by cursor; errors are `application/problem+json`; words of closed lists may grow.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemBody<'static>, FieldErrorBody, Members)),
    servers((url = "/", description = "This installation")),
    modifiers(&Proofs),
    security(("bearer" = [])),
    tags(
        (name = "workspaces", description = "The outer boundary of isolation"),
        (name = "environments", description = "What a workspace looks after"),
        (name = "members", description = "Who may do what"),
        (name = "connections", description = "Environments bound to targets, and their credentials"),
        (name = "operation-runs", description = "Start, watch and cancel operations"),
        (name = "schedules", description = "Start operations again and again"),
        (name = "inventory", description = "What was observed at targets"),
        (name = "compliance", description = "How targets comply"),
        (name = "events", description = "What happened, in one order, to read and to watch"),
        (name = "notifications", description = "What the caller waited for"),
        (name = "webhooks", description = "Where events go, and what was delivered"),
        (name = "audit", description = "Who did what"),
        (name = "catalogues", description = "What words mean"),
        (name = "system", description = "For whoever runs the installation"),
    ),
)]
struct Base;

/// The document, as `GET /api/v1/openapi.json` serves it.
pub fn openapi() -> OpenApi {
    let app = App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(crate::configure);
    let (_, mut document) = app.split_for_parts();
    for (path, item) in &mut document.paths.paths {
        let methods = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in methods.into_iter().flatten() {
            add_path_parameters(path, operation);
            add_condition(operation);
            add_problems(path, operation);
            add_headers(operation);
            proofs::add_ticket(operation);
        }
    }
    receivers::describe(&mut document);
    require_what_is_always_there(&mut document);
    document
}

/// In answers, a field that has no value is `null` and not absent, so it is required. Bodies of
/// requests are left alone, and so are problems and the fields that only single reads have.
fn require_what_is_always_there(document: &mut OpenApi) {
    let of_requests = bodies_of_requests(document);
    let Some(components) = &mut document.components else {
        return;
    };
    for (name, schema) in &mut components.schemas {
        let RefOr::T(Schema::Object(object)) = schema else {
            continue;
        };
        if of_requests.contains(name) || name.contains("Problem") || name == "FieldError" {
            continue;
        }
        let on_single_reads: &[&str] = match name.as_str() {
            "Connection" => &["requirements"],
            "Workspace" => &["role", "capabilities"],
            _ => &[],
        };
        let always = object
            .properties
            .keys()
            .filter(|key| !on_single_reads.contains(&key.as_str()));
        object.required = always.cloned().collect();
    }
}

/// The names of the schemas that a caller fills.
fn bodies_of_requests(document: &OpenApi) -> BTreeSet<String> {
    let items = document.paths.paths.values();
    let operations = items.flat_map(|item| [&item.post, &item.put, &item.patch].into_iter().flatten());
    let bodies = operations.filter_map(|operation| match &operation.request_body {
        Some(RefOr::T(body)) => Some(body),
        Some(RefOr::Ref(_)) | None => None,
    });
    let contents = bodies.flat_map(|body| body.content.values());
    let named = contents.filter_map(|content| match content {
        RefOr::T(Content {
            schema: Some(RefOr::Ref(to)),
            ..
        }) => to.ref_location.rsplit('/').next(),
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    named.map(str::to_owned).collect()
}

/// Every `{name}` of a path is an id.
fn add_path_parameters(path: &str, operation: &mut Operation) {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let uuid = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .build();
    let mut parameters: Vec<RefOr<_>> = names
        .map(|name| {
            let thing = name.trim_end_matches("_id").replace('_', " ");
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(format!("The id of the {thing}")))
                .schema(Some(uuid.clone()))
                .build()
                .into()
        })
        .collect();
    parameters.append(operation.parameters.get_or_insert_default());
    operation.parameters = (!parameters.is_empty()).then_some(parameters);
}

/// What can answer 304 takes `If-None-Match`.
fn add_condition(operation: &mut Operation) {
    const NAME: &str = "If-None-Match";
    let parameters = operation.parameters.get_or_insert_default();
    let named = parameters
        .iter()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == NAME));
    if operation.responses.responses.contains_key("304") && !named {
        let condition = ParameterBuilder::new()
            .name(NAME)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The entity tag that the caller has"))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        parameters.push(condition.build().into());
    }
    operation.parameters = operation
        .parameters
        .take()
        .filter(|parameters| !parameters.is_empty());
}

/// Headers that belong to a status whatever the operation is, and those of requests as what they are: one that is
/// not sent is absent, not `null`.
fn add_headers(operation: &mut Operation) {
    let once = takes_key(operation);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let (name, words, kind) = match status.as_str() {
            "401" => (
                "WWW-Authenticate",
                "How to prove who is calling: `Bearer`",
                Type::String,
            ),
            "503" => (
                "Retry-After",
                "Seconds after which the same request may work",
                Type::Integer,
            ),
            "409" if once => (
                "Retry-After",
                "Seconds after which the same request may work, with codes that are retryable",
                Type::Integer,
            ),
            success if once && success.starts_with('2') => (
                "Idempotency-Replayed",
                "`true` on the answer to an earlier request under the same key",
                Type::String,
            ),
            _ => continue,
        };
        let header = HeaderBuilder::new()
            .description(Some(words))
            .schema(Some(ObjectBuilder::new().schema_type(kind)));
        let header = header.build();
        response.headers.entry(name.to_owned()).or_insert(header.into());
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Header
            && let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
        {
            object.schema_type = Type::String.into();
        }
    }
}

/// Whether the operation can be named by its caller.
fn takes_key(operation: &Operation) -> bool {
    operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "Idempotency-Key"))
}

/// The problems that an operation can answer with for reasons that have nothing to do with what
/// it does. Statuses that the route declares itself keep their description in front.
fn add_problems(path: &str, operation: &mut Operation) {
    let secured = operation.security.is_none();
    let in_workspace = path.contains("{workspace_id}");
    let has_body = operation.request_body.is_some();
    let once = takes_key(operation);
    let table: [(bool, &[Code]); 7] = [
        (has_body, &[Code::BadRequest, Code::MalformedJson]),
        (secured, &[Code::InvalidQuery]),
        (
            secured,
            &[Code::Unauthenticated, Code::StoreUnavailable, Code::TryAgain],
        ),
        (in_workspace, &[Code::Forbidden, Code::NotFound]),
        (
            has_body,
            &[
                Code::RequestTimeout,
                Code::PayloadTooLarge,
                Code::UnsupportedMediaType,
            ],
        ),
        (
            once,
            &[
                Code::IdempotencyKeyInvalid,
                Code::IdempotencyInProgress,
                Code::IdempotencyKeyReused,
            ],
        ),
        (
            has_body,
            &[Code::InvalidValue, Code::UnknownField, Code::ControlCharacter],
        ),
    ];
    let common = table
        .iter()
        .filter(|(applies, _)| *applies)
        .flat_map(|(_, codes)| *codes);
    for code in common.chain(&[Code::InternalError]) {
        let responses = &mut operation.responses.responses;
        let response = responses.entry(code.status().as_u16().to_string());
        let RefOr::T(response) = response.or_insert_with(|| Response::new("").into()) else {
            continue;
        };
        let separator = if response.description.is_empty() { "" } else { ", " };
        response.description.push_str(separator);
        response.description.push_str(code.as_str());
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build();
            response
                .content
                .insert(ProblemBody::CONTENT_TYPE.to_owned(), content.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn operations() -> Vec<(String, Value)> {
        let document = serde_json::to_value(openapi()).expect("serializes");
        let paths = document["paths"].as_object().expect("paths").clone();
        let flat = paths.into_iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("an item").clone();
            methods
                .into_iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation))
        });
        flat.collect()
    }

    #[test]
    fn the_document_is_ours() {
        let document = openapi();
        assert_eq!(document.info.title, "TenantAtlas API");
        let licence = document.info.license.expect("there");
        assert_eq!(licence.identifier.as_deref(), Some("Apache-2.0"));
    }

    #[test]
    fn every_operation_is_described_and_has_an_id_of_its_own() {
        let operations = operations();
        assert_eq!(operations.len(), 78);
        let ids: BTreeSet<_> = operations
            .iter()
            .map(|(_, operation)| operation["operationId"].as_str().expect("an id"))
            .collect();
        assert_eq!(ids.len(), operations.len());
        for (name, operation) in &operations {
            assert!(
                operation["summary"].is_string() && operation["description"].is_string(),
                "{name}"
            );
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        }
    }

    #[test]
    fn every_operation_names_its_problems() {
        for (name, operation) in operations() {
            let responses = operation["responses"].as_object().expect("responses");
            let needed: &[&str] = match operation["security"].as_array() {
                Some(_) => &["500"],
                None if name.contains("{workspace_id}") => &["401", "403", "404", "500", "503"],
                None => &["401", "500", "503"],
            };
            for status in needed {
                assert!(responses.contains_key(*status), "{name} {status}");
            }
            for (status, response) in responses
                .iter()
                .filter(|(status, _)| *status >= &"400".to_owned())
            {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/Problem", "{name} {status}");
                assert!(
                    response["description"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty()),
                    "{name} {status}"
                );
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = serde_json::to_value(openapi()).expect("serializes");
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().expect("a pointer");
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
