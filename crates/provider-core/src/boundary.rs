//! The boundary catalog: which part of the product is neutral and which belongs to the provider.
//! Data for the tests that hold the line.

/// Who owns a seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Neutral: no provider's word may stand in it.
    PlatformCore,
    /// The adapter's own.
    ProviderOwned,
}

/// A place where the neutral core and the provider meet.
#[derive(Debug, Clone, Copy)]
pub struct Seam {
    /// A stable key.
    pub key: &'static str,
    /// Who owns it.
    pub owner: Owner,
    /// The crate, and the module inside it, where it lives. The adapter's crate is not named
    /// here: this table is neutral too.
    pub home: Home,
}

/// Where a seam lives.
#[derive(Debug, Clone, Copy)]
pub enum Home {
    /// A module of a neutral crate.
    Core {
        /// The crate's folder.
        package: &'static str,
        /// The module's file.
        module: &'static str,
    },
    /// A module of the adapter.
    Adapter {
        /// The module's file.
        module: &'static str,
    },
}

/// The catalog.
pub const SEAMS: &[Seam] = &[
    Seam {
        key: "provider.target_scope",
        owner: Owner::PlatformCore,
        home: core("provider-core", "target_scope.rs"),
    },
    Seam {
        key: "provider.identity_resolution",
        owner: Owner::PlatformCore,
        home: core("provider-core", "identity.rs"),
    },
    Seam {
        key: "provider.surface_summary",
        owner: Owner::PlatformCore,
        home: core("provider-core", "surface.rs"),
    },
    Seam {
        key: "provider.reason_codes",
        owner: Owner::PlatformCore,
        home: core("provider-core", "reason.rs"),
    },
    Seam {
        key: "consent",
        owner: Owner::PlatformCore,
        home: core("provider-core", "consent.rs"),
    },
    Seam {
        key: "provider.operation_catalogue",
        owner: Owner::PlatformCore,
        home: core("operations", "catalogue.rs"),
    },
    Seam {
        key: "provider.operation_start_gate",
        owner: Owner::PlatformCore,
        home: core("operations", "gate.rs"),
    },
    Seam {
        key: "provider.failure_sanitizer",
        owner: Owner::PlatformCore,
        home: core("operations", "sanitizer.rs"),
    },
    Seam {
        key: "provider.scope_rules",
        owner: Owner::ProviderOwned,
        home: adapter("scope.rs"),
    },
    Seam {
        key: "provider.contract_registry",
        owner: Owner::ProviderOwned,
        home: adapter("contracts.rs"),
    },
    Seam {
        key: "provider.gateway",
        owner: Owner::ProviderOwned,
        home: adapter("gateway.rs"),
    },
    Seam {
        key: "provider.tokens",
        owner: Owner::ProviderOwned,
        home: adapter("token.rs"),
    },
    Seam {
        key: "provider.error_mapping",
        owner: Owner::ProviderOwned,
        home: adapter("errors.rs"),
    },
    Seam {
        key: "provider.consent",
        owner: Owner::ProviderOwned,
        home: adapter("consent.rs"),
    },
    Seam {
        key: "provider.certificates",
        owner: Owner::ProviderOwned,
        home: adapter("certificate.rs"),
    },
    Seam {
        key: "provider.platform_identity",
        owner: Owner::ProviderOwned,
        home: adapter("platform.rs"),
    },
];

const fn core(package: &'static str, module: &'static str) -> Home {
    Home::Core { package, module }
}

const fn adapter(module: &'static str) -> Home {
    Home::Adapter { module }
}
