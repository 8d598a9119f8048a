//! The operations of the OpenAPI document, which comes from the routes that serve.

use std::collections::BTreeSet;

use serde_json::Value;

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// In capitals.
    pub(crate) method: String,
    /// With its `{names}`.
    pub(crate) path: String,
    /// What the document says about it.
    pub(crate) details: Value,
}

impl Operation {
    /// Whether it takes this query parameter.
    pub(crate) fn takes(&self, parameter: &str) -> bool {
        let parameters = self.details["parameters"].as_array();
        parameters
            .into_iter()
            .flatten()
            .any(|entry| entry["in"] == "query" && entry["name"] == parameter)
    }

    /// Method and path.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The whole document.
pub(crate) fn document() -> Value {
    serde_json::to_value(api::openapi()).expect("the document is plain data")
}

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let flat = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("an item");
        methods.iter().map(move |(method, details)| Operation {
            method: method.to_ascii_uppercase(),
            path: path.clone(),
            details: details.clone(),
        })
    });
    flat.collect()
}

/// The names of operations that `wanted` picks.
pub(crate) fn names(wanted: impl Fn(&Operation) -> bool) -> BTreeSet<String> {
    operations()
        .iter()
        .filter(|operation| wanted(operation))
        .map(Operation::name)
        .collect()
}

/// A path without its `{names}`.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), value)
    })
}
