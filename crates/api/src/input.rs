//! What comes in with a request. Bodies and queries are read by the handler, after its guard:
//! whoever may not see a workspace learns nothing from how his body is refused.

pub(crate) mod body;
pub(crate) mod conditions;
mod decode;
pub(crate) mod last_event_id;
pub(crate) mod query;
pub(crate) mod text;

pub(crate) use body::Body;
pub(crate) use conditions::Conditions;
pub(crate) use last_event_id::LastEventId;
pub(crate) use query::{PageQuery, Query, word};
