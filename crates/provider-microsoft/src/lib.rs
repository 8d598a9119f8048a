//! provider-microsoft
