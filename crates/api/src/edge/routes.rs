//! Which methods a path has. Read from the OpenAPI document, which comes from the routes that
//! serve; so a request with another method gets 405 and `Allow` in place of 404.

use actix_web::{dev::ResourceDef, http::header::HeaderValue};
use utoipa::openapi::{OpenApi, PathItem};

/// The paths that exist, with their methods.
pub(crate) struct RouteTable(Vec<(ResourceDef, HeaderValue)>);

impl RouteTable {
    /// The paths of this document.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let rows = document.paths.paths.iter().map(|(path, item)| {
            let allow = HeaderValue::from_str(&methods(item).join(", "));
            (
                ResourceDef::new(path.as_str()),
                allow.expect("method names are header values"),
            )
        });
        Self(rows.collect())
    }

    /// The value of `Allow` for a path, if the path exists.
    pub(crate) fn allow(&self, path: &str) -> Option<&HeaderValue> {
        self.0
            .iter()
            .find(|(route, _)| route.is_match(path))
            .map(|(_, allow)| allow)
    }
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
        let table = RouteTable::of(&crate::openapi());
        let allow = |path: &str| {
            table
                .allow(path)
                .map(|value| value.to_str().expect("ascii").to_owned())
        };
        let collection = "/api/v1/workspaces/0190b3e4-0000-7000-8000-000000000001/operation-runs";
        assert_eq!(allow(collection).as_deref(), Some("GET, HEAD, POST"));
        assert_eq!(allow(&format!("{collection}/x/cancel")).as_deref(), Some("POST"));
        assert_eq!(allow("/api/v1/nothing"), None);
    }
}
