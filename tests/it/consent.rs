//! Consent: the walk of a customer's administrator through both pages, what a callback may and may
//! not do (rows E17 and F01 to F11), the time that a provider takes to know, and two workspaces
//! that want the same target (ADR 0024).

mod answers;
mod bindings;
mod browser;
mod forms;
mod pages;
mod propagation;
mod quiet;
mod scene;
mod states;
mod walk;
mod workspaces;
