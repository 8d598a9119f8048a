//! The contract registry: every Graph call that this product can make, one row a call.
//!
//! A request is built from a row and from nothing else: fields are private, rows are made in
//! `contracts/table.rs` alone, and the gateway takes a `&'static Contract`. All rows read. The
//! golden listing in `contracts.txt` is reviewed like an interface.

mod classes;
pub(crate) mod permission;
mod sizing;
pub(crate) mod table;

use std::fmt::Write as _;

use url::Url;

pub use self::classes::{ApiVersion, Licence, RetryClass, Sensitivity, Shape, ThrottleClass};
pub use self::permission::Permission;
pub use self::table::ALL;

/// One Graph call.
#[derive(Debug)]
pub struct Contract {
    name: &'static str,
    version: ApiVersion,
    path: &'static str,
    shape: Shape,
    select: &'static [&'static str],
    expand: Option<&'static str>,
    page_size: Option<u16>,
    permission: &'static Permission,
    throttle: ThrottleClass,
    retry: RetryClass,
    sensitivity: Sensitivity,
    licence: Licence,
}

impl Contract {
    /// The stable name, for logs and the listing.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the answer looks like.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// What it takes to be allowed to make the call.
    pub const fn permission(&self) -> &'static Permission {
        self.permission
    }

    /// Which limit of the service the call counts against.
    pub const fn throttle(&self) -> ThrottleClass {
        self.throttle
    }

    /// How patiently the call is repeated.
    pub const fn retry(&self) -> RetryClass {
        self.retry
    }

    /// What the answer may hold.
    pub const fn sensitivity(&self) -> Sensitivity {
        self.sensitivity
    }

    /// Which licence of the customer the call needs.
    pub const fn licence(&self) -> Licence {
        self.licence
    }

    /// The first address of the call below the root of Graph.
    pub(crate) fn url(&self, graph: &Url) -> Url {
        let mut url = graph.clone();
        url.set_path(&format!("{}{}", self.version.prefix(), self.path));
        let query = self.query();
        url.set_query((!query.is_empty()).then_some(query.as_str()));
        url
    }

    /// The options, fixed text that needs no escaping.
    fn query(&self) -> String {
        let mut options = Vec::new();
        if !self.select.is_empty() {
            options.push(format!("$select={}", self.select.join(",")));
        }
        options.extend(self.expand.map(|name| format!("$expand={name}")));
        options.extend(self.page_size.map(|size| format!("$top={size}")));
        options.join("&")
    }
}

/// The registry as text, for review.
pub fn listing() -> String {
    let mut text = String::new();
    for row in ALL {
        let permission = row.permission;
        let lines = [
            ("call", format!("GET {}{}", row.version.prefix(), row.path)),
            ("query", row.query()),
            ("shape", format!("{:?}", row.shape)),
            (
                "permission",
                format!("{} {}", permission.role(), permission.role_id().hyphenated()),
            ),
            ("also accepted", permission.also().join(", ")),
            ("requirement", permission.requirement().to_owned()),
            ("throttle", format!("{:?}", row.throttle)),
            ("retry", format!("{:?}", row.retry)),
            ("sensitivity", format!("{:?}", row.sensitivity)),
            ("licence", format!("{:?}", row.licence)),
        ];
        writeln!(text, "{}", row.name).expect("writing to a string works");
        for (label, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(text, "  {label}: {value}").expect("writing to a string works");
        }
    }
    text
}

#[cfg(test)]
mod tests;
