//! The life of credentials, through the API, the worker and the simulator: stored, tried, promoted,
//! put back, removed; certificates and tokens of another issuer; what is refused and what is never
//! shown.

mod calendar;
mod certificate;
mod federated;
pub(crate) mod kit;
mod mistakes;
mod notices;
mod platform;
mod retarget;
mod rotation;
mod secrecy;
mod tampering;
mod under_way;
