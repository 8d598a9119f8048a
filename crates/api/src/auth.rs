//! Who calls, and what the caller may do: bearer tokens, and the guards in handlers' signatures.
//!
//! A handler never looks at a header. It names a `guard::Guard` and a permission, or
//! `guard::Authenticated`, and runs only for callers that passed.

pub(crate) mod bearer;
pub(crate) mod guard;
mod issuer;
mod local;
pub(crate) mod permission;
#[cfg(test)]
mod tests;
mod token;
pub(crate) mod watching;

pub use issuer::{Issuer, IssuerError, PublicKeyAlgorithm};
pub use local::LocalIssuer;
pub use token::{Identity, TokenError, TokenVerifier};
