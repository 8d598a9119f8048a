//! How things look from outside. A view is made from domain values and from nothing else; it
//! holds no secret, because the domain values that reach this crate hold none.
//!
//! Words of a closed list are plain strings here: new ones may join without breaking clients.

pub(crate) mod audit;
pub(crate) mod calendar;
pub(crate) mod calls;
pub(crate) mod catalogue;
pub(crate) mod connection;
pub(crate) mod consent;
pub(crate) mod event;
pub(crate) mod history;
pub(crate) mod inventory;
pub(crate) mod notification;
pub(crate) mod run;
pub(crate) mod run_verdicts;
pub(crate) mod schedule;
pub(crate) mod scope;
pub(crate) mod surface;
pub(crate) mod tenancy;
pub(crate) mod timeline;
pub(crate) mod verification;
pub(crate) mod webhooks;

macro_rules! list_views {
    ($($(#[$doc:meta])* $name:ident of $item:ident;)*) => {$(
        $(#[$doc])*
        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub(crate) struct $name {
            /// The items, in the order of the list.
            pub(crate) items: Vec<$item>,
            /// Where to read on; nothing on the last page.
            #[schema(required)]
            pub(crate) next_cursor: Option<String>,
        }
    )*};
}

pub(crate) use list_views;
