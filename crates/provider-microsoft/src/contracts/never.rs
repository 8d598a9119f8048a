//! What is never asked for and never kept: properties that reach, locate or unlock a person or a
//! piece of hardware, or that may hold a secret. A test holds the registry against it, and the
//! administrator's page repeats it.
//!
//! Names: Graph resource pages user, group, device, managedDevice, organization, servicePrincipal,
//! deviceConfiguration and its kinds, mobileApp and its kinds, conditionalAccessPolicy,
//! namedLocation.

/// What people would call it, and the properties.
pub(super) const NEVER: [(&str, &[&str]); 7] = [
    (
        "How a person can be reached, and where",
        &[
            "userPrincipalName",
            "mail",
            "mailNickname",
            "otherMails",
            "proxyAddresses",
            "emailAddress",
            "userDisplayName",
            "mobilePhone",
            "businessPhones",
            "phoneNumber",
            "streetAddress",
            "street",
            "identities",
            "employeeId",
            "onPremisesSecurityIdentifier",
            "technicalNotificationMails",
            "securityComplianceNotificationMails",
            "securityComplianceNotificationPhones",
            "marketingNotificationEmails",
            "notificationEmailAddresses",
        ],
    ),
    (
        "When and where a person signed in or a device was used",
        &[
            "signInActivity",
            "approximateLastSignInDateTime",
            "lastSyncDateTime",
            "ipAddress",
            "location",
        ],
    ),
    (
        "What a piece of hardware is recognised by",
        &[
            "serialNumber",
            "imei",
            "meid",
            "iccid",
            "udid",
            "wiFiMacAddress",
            "ethernetMacAddress",
            "easDeviceId",
            "alternativeSecurityIds",
            "physicalIds",
            "deviceHealthAttestationState",
        ],
    ),
    (
        "What unlocks or opens a device",
        &[
            "activationLockBypassCode",
            "remoteAssistanceSessionUrl",
            "remoteAssistanceSessionErrorDetails",
        ],
    ),
    (
        "Passwords, keys, certificates and tokens",
        &[
            "passwordProfile",
            "keyCredentials",
            "passwordCredentials",
            "omaSettings",
            "payload",
            "trustedRootCertificate",
            "settings",
            "scriptContent",
            "detectionScriptContent",
            "remediationScriptContent",
            "installCommandLine",
            "uninstallCommandLine",
        ],
    ),
    (
        "Free text, which may hold anything",
        &["notes", "description", "largeIcon"],
    ),
    (
        "Who is a member, an owner or an exception, and which addresses a rule covers",
        &[
            "members",
            "owners",
            "memberOf",
            "conditions",
            "ipRanges",
            "countriesAndRegions",
        ],
    ),
];
