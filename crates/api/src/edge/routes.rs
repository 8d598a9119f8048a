//! Which methods a path has. Read from the OpenAPI document, which comes from the routes that
//! serve; so a request with another method gets 405 and `Allow` in place of 404.

use actix_web::{dev::ResourceDef, http::header::HeaderValue};
use utoipa::openapi::{
    OpenApi, PathItem, RefOr,
    path::{Operation, ParameterIn},
};

/// The paths that exist, with their methods.
pub(crate) struct RouteTable(Vec<Row>);

struct Row {
    path: ResourceDef,
    allow: HeaderValue,
    takes_query: bool,
}

impl RouteTable {
    /// The paths of this document, and those that are not part of it, with their methods.
    pub(crate) fn of(document: &OpenApi, others: &[(&str, &'static str)]) -> Self {
        let documented = document.paths.paths.iter().map(|(path, item)| {
            let allow = HeaderValue::from_str(&methods(item).join(", "));
            Row {
                path: ResourceDef::new(path.as_str()),
                allow: allow.expect("method names are header values"),
                takes_query: item.get.as_ref().is_some_and(takes_query),
            }
        });
        let others = others.iter().map(|(path, methods)| Row {
            path: ResourceDef::new(*path),
            allow: HeaderValue::from_static(methods),
            takes_query: false,
        });
        Self(documented.chain(others).collect())
    }

    /// The value of `Allow` for a path, if the path exists.
    pub(crate) fn allow(&self, path: &str) -> Option<&HeaderValue> {
        self.row(path).map(|row| &row.allow)
    }

    /// Whether reading this path takes parameters. Nothing but a read does.
    pub(crate) fn takes_query(&self, path: &str) -> bool {
        self.row(path).is_some_and(|row| row.takes_query)
    }

    fn row(&self, path: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.path.is_match(path))
    }
}

fn takes_query(operation: &Operation) -> bool {
    operation.parameters.iter().flatten().any(
        |parameter| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query),
    )
}

fn methods(item: &PathItem) -> Vec<&'static str> {
    let table = [
        (item.get.is_some(), "GET"),
        (item.get.is_some(), "HEAD"),
        (item.post.is_some(), "POST"),
        (item.put.is_some(), "PUT"),
        (item.patch.is_some(), "PATCH"),
        (item.delete.is_some(), "DELETE"),
    ];
    table
        .into_iter()
        .filter_map(|(there, name)| there.then_some(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_with_all_their_methods() {
        let table = RouteTable::of(&crate::openapi(), &crate::routes::PAGES);
        let allow = |path: &str| {
            table
                .allow(path)
                .map(|value| value.to_str().expect("ascii").to_owned())
        };
        let collection = "/api/v1/workspaces/0190b3e4-0000-7000-8000-000000000001/operation-runs";
        assert_eq!(allow(collection).as_deref(), Some("GET, HEAD, POST"));
        assert_eq!(allow(&format!("{collection}/x/cancel")).as_deref(), Some("POST"));
        assert_eq!(allow("/docs").as_deref(), Some("GET, HEAD"));
        assert_eq!(allow("/consent/callback").as_deref(), Some("GET, HEAD"));
        assert_eq!(allow("/consent/some-token").as_deref(), Some("GET, HEAD, POST"));
        assert_eq!(allow("/consent"), None);
        assert_eq!(allow("/api/v1/nothing"), None);
        assert!(table.takes_query(collection));
        assert!(!table.takes_query(&format!("{collection}/x")));
    }
}
