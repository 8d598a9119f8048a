//! The contract registry: every Graph call that this product can make, one row a call.
//!
//! A request is built from a row and from nothing else: fields are private, rows are made in
//! `contracts/table.rs` alone, and the gateway takes a `&'static Contract`. All rows read. Several
//! of them may go out in the one envelope of `contracts/envelope.rs`. The golden listing in
//! `contracts.txt` is reviewed like an interface.

mod classes;
mod envelope;
mod never;
mod page;
mod path;
pub(crate) mod permission;
mod reach;
mod sizing;
pub(crate) mod table;

use std::fmt::Write as _;

pub use self::classes::{ApiVersion, Licence, RetryClass, Sensitivity, Shape, ThrottleClass};
pub use self::envelope::{ENVELOPE, Envelope};
pub use self::page::permissions_page;
pub(crate) use self::path::ById;
use self::path::Path;
pub use self::permission::Permission;
pub use self::table::ALL;
use crate::cloud::Cloud;

/// One Graph call.
#[derive(Debug)]
pub struct Contract {
    name: &'static str,
    version: ApiVersion,
    path: Path,
    shape: Shape,
    select: &'static [&'static str],
    expand: &'static [&'static str],
    page_size: Option<u16>,
    permission: &'static Permission,
    throttle: ThrottleClass,
    cost: u32,
    retry: RetryClass,
    sensitivity: Sensitivity,
    licence: Licence,
    clouds: &'static [Cloud],
    used_by: &'static [&'static str],
    /// What is kept of an answer, in words, where no selection says it.
    kept: &'static str,
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

    /// Whether the call exists in an installation of the cloud.
    pub fn exists_in(&self, cloud: Cloud) -> bool {
        self.clouds.contains(&cloud)
    }

    /// The operation types that make the call.
    pub const fn used_by(&self) -> &'static [&'static str] {
        self.used_by
    }

    /// What a request of this path takes from the limit of its class before its options count, in
    /// resource units; 1 where a class counts requests.
    pub const fn base_cost(&self) -> u32 {
        self.cost
    }

    /// The options, fixed text that needs no escaping.
    fn query(&self) -> String {
        let mut options = Vec::new();
        if !self.select.is_empty() {
            options.push(format!("$select={}", self.select.join(",")));
        }
        if !self.expand.is_empty() {
            options.push(format!("$expand={}", self.expand.join(",")));
        }
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
            (
                "call",
                format!("GET {}{}", row.version.prefix(), row.path.template()),
            ),
            ("query", row.query()),
            ("shape", format!("{:?}", row.shape)),
            (
                "permission",
                format!("{} {}", permission.role(), permission.role_id().hyphenated()),
            ),
            ("also accepted", permission.also().join(", ")),
            ("requirement", permission.requirement().to_owned()),
            (
                "throttle",
                format!("{:?}, cost {} of base {}", row.throttle, row.cost(), row.cost),
            ),
            ("retry", format!("{:?}", row.retry)),
            ("sensitivity", format!("{:?}", row.sensitivity)),
            ("licence", format!("{:?}", row.licence)),
            ("not in", absent(row)),
            ("used by", row.used_by.join(", ")),
        ];
        writeln!(text, "{}", row.name).expect("writing to a string works");
        for (label, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(text, "  {label}: {value}").expect("writing to a string works");
        }
    }
    writeln!(
        text,
        "{}\n  envelope: POST {}\n  holds: calls of this listing and nothing else, at most {}",
        ENVELOPE.name(),
        ENVELOPE.address(),
        ENVELOPE.most()
    )
    .expect("writing to a string works");
    text
}

/// The installations in which a call does not exist.
fn absent(row: &Contract) -> String {
    let clouds = Cloud::ALL.into_iter().filter(|cloud| !row.exists_in(*cloud));
    clouds.map(Cloud::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
