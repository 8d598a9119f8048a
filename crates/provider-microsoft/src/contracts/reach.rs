//! In which installations of the cloud a call exists. A call that does not exist somewhere is not
//! sent there.
//!
//! From the v1.0 metadata of each cloud (2026-08-20) and from the cloud tables of the API pages. A
//! call is left out only where one of them says that it is missing. Nothing is published about
//! Singapore's: there we ask.

use crate::cloud::Cloud;

/// Wherever there is Graph.
pub(super) const EVERYWHERE: &[Cloud] = &Cloud::ALL;

/// Conditional access: the metadata of the French and the German one has no `identity`.
pub(super) const CONDITIONAL_ACCESS: &[Cloud] = &[
    Cloud::Global,
    Cloud::UsGovL4,
    Cloud::UsGovL5Dod,
    Cloud::China21Vianet,
    Cloud::GovSg,
];

/// Calls of beta, for which no metadata is published: the clouds that the page lists.
pub(super) const LISTED: &[Cloud] = &[
    Cloud::Global,
    Cloud::UsGovL4,
    Cloud::UsGovL5Dod,
    Cloud::China21Vianet,
];
