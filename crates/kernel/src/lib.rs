//! The vocabulary below the domain: typed ids, time, pages, values that must not be shown.
//!
//! Nothing here knows a workspace, a provider, a database or a protocol. A word of the
//! product's domain in this crate is a mistake: it belongs one crate higher.

pub mod clock;
pub mod hex;
pub mod id;
pub mod page;
pub mod private;
pub mod secret;
pub mod store;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use hex::hex;
pub use id::{Id, IdKind, IdSource, ParseIdError, SequentialIds, SystemIds};
pub use page::{Page, PageLimit, PageRequest, Position};
pub use private::is_private;
pub use secret::{Redacted, SecretBytes, SecretText};
pub use store::StoreError;
