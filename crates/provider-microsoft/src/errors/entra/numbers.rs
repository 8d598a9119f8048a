//! The numbers. Entra page "Microsoft Entra authentication and authorization error codes" (2024-04)
//! and public records of the wire; those about a certificate's time and revocation:
//! Microsoft.Identity.Web, change 3653; those about other issuers: page "Workload identity
//! federation" and reports of its users.
//!
//! Which of them are tried again follows from the reason: see `retry::transient`, the one new
//! assertion after a clock skew in `token.rs`, and the checks that follow a consent.

use provider_core::ReasonCode;

const TABLE: &[(ReasonCode, &[u64])] = &[
    // 7000215 wrong secret, 7000218 none sent, 700027 and 700030 and 50003 certificate, 70002 and
    // 50012 their older umbrella, 7000214 and 7000277 certificate revoked, 70021, 70021x and
    // 700213x federated identity: no record, its issuer, its audience, its subject.
    (
        ReasonCode::ProviderCredentialInvalid,
        &[
            7_000_215, 7_000_218, 700_027, 700_030, 50_003, 70_002, 50_012, 70_021, 700_211, 700_212,
            700_213, 700_229, 7_002_137, 7_002_138, 7_000_214, 7_000_277,
        ],
    ),
    // 7000222 secret, the others certificate.
    (
        ReasonCode::ProviderCredentialExpired,
        &[7_000_222, 1_000_502, 7_000_274],
    ),
    // The assertion is not within its time.
    (ReasonCode::ProviderClockSkew, &[700_024]),
    // 700016, 7000229 and 700011: no service principal in the tenant; the others: nobody agreed.
    (
        ReasonCode::ProviderConsentMissing,
        &[700_016, 7_000_229, 700_011, 65_001, 65_004, 90_094, 650_056],
    ),
    (
        ReasonCode::ProviderClientDisabled,
        &[7_000_112, 70_001, 1_000_031],
    ),
    (ReasonCode::ProviderTargetNotFound, &[90_002]),
    // The tenant lives in another cloud, or a client of one cloud asked in another.
    (ReasonCode::ProviderRealmMismatch, &[90_038, 900_382, 900_383]),
    // Somebody of another directory.
    (ReasonCode::ProviderTargetScopeMismatch, &[50_020]),
    (
        ReasonCode::ProviderPolicyDenied,
        &[53_003, 530_032, 53_011, 500_212, 500_213],
    ),
    (ReasonCode::ProviderThrottled, &[50_196, 90_055]),
    (
        ReasonCode::ProviderUnavailable,
        &[90_006, 90_012, 90_024, 90_033, 90_090, 50_033, 50_000],
    ),
    // How the client is registered: 700025 as a public one, 50194 for one tenant, 50011 with other
    // addresses, 650052 and 500011 and 650057 without the resource. How we ask: 70011, 700022,
    // 1002012 scope, 50059 and 9001023 tenant. 90036: the directory failed and says for good.
    (
        ReasonCode::ProviderAuthFailed,
        &[
            700_025, 50_194, 50_011, 650_052, 500_011, 650_057, 70_011, 700_022, 1_002_012, 50_059,
            9_001_023, 90_036,
        ],
    ),
];

/// What a number means; nothing for one that is not known.
pub(super) fn reason(number: u64) -> Option<ReasonCode> {
    TABLE
        .iter()
        .find(|(_, numbers)| numbers.contains(&number))
        .map(|(reason, _)| *reason)
}

/// Every number of the table.
#[cfg(test)]
pub(super) fn all() -> Vec<u64> {
    TABLE
        .iter()
        .flat_map(|(_, numbers)| numbers.iter().copied())
        .collect()
}
