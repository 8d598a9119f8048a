//! Where consent is asked for, in every cloud; what is asked; and every form of an answer, from
//! the documentation, from the wild, and from somebody who means harm.

use provider_core::ScopeIdentifier;

use super::*;
use crate::{Cloud, EndpointOverride};

const TENANT: &str = "11111111-bbbb-4ccc-8ddd-000000000002";
const DEDICATED: &str = "11111111-AAAA-4bbb-8ccc-000000000001";
const PLATFORM: &str = "22222222-aaaa-4bbb-8ccc-000000000003";

fn rules() -> MicrosoftScopeRules {
    MicrosoftScopeRules::default()
}

fn destination(realm: &str, client: Option<&str>) -> Destination {
    Destination {
        provider: rules().provider(),
        realm: realm.to_owned(),
        scope_kind: ScopeKind::Tenant,
        scope_identifier: ScopeIdentifier::canonical(TENANT.to_owned()),
        client_identifier: client.map(str::to_owned),
    }
}

#[test]
fn the_address_is_fixed_for_every_cloud_and_client() {
    let redirect = Url::parse("https://atlas.example/consent/callback?x=1&y=2").expect("an address");
    let mut text = String::new();
    for cloud in Cloud::ALL {
        for client in [DEDICATED, PLATFORM] {
            let url = rules().consent_url(&destination(cloud.as_str(), Some(client)), &redirect, "a&b=c d");
            text.extend([cloud.as_str(), " ", url.expect("an address").as_str(), "\n"]);
        }
    }
    let golden = include_str!("../../consent_urls.txt");
    assert!(text == golden, "consent_urls.txt should be:\n{text}");
}

#[test]
fn an_override_moves_the_page_too() {
    let url = Url::parse("http://127.0.0.1:9/").expect("an address");
    let rules = MicrosoftScopeRules::new(Some(EndpointOverride::loopback(url).expect("loopback")));
    let redirect = Url::parse("https://atlas.example/").expect("an address");
    let url = rules.consent_url(&destination("global", Some(PLATFORM)), &redirect, "s");
    let begin = format!("http://127.0.0.1:9/{TENANT}/v2.0/adminconsent?");
    assert!(url.is_ok_and(|url| url.as_str().starts_with(&begin)));
}

#[test]
fn no_address_without_a_client_or_a_cloud() {
    let redirect = Url::parse("https://atlas.example/").expect("an address");
    let cases = [
        (destination("global", None), ScopeProblem::MissingProviderContext),
        (
            destination("mars", Some(PLATFORM)),
            ScopeProblem::InvalidProviderContext,
        ),
        (destination("global", Some("x")), ScopeProblem::InvalidIdentifier),
    ];
    for (destination, problem) in cases {
        assert_eq!(rules().consent_url(&destination, &redirect, "s"), Err(problem));
    }
}

#[test]
fn what_is_asked_is_what_operations_need() {
    let asked = rules().asked_permissions();
    let keys: Vec<_> = asked.iter().map(|one| one.requirement).collect();
    let (last, rest) = keys.split_last().expect("some");
    assert_eq!(rest, rules().requirements("inventory.sync"));
    assert_eq!(*last, "permissions.grants_read", "for the report of the check");
    assert_eq!(asked[0].name, "Organization.Read.All");
    for one in asked {
        assert!(
            one.purpose.ends_with('.') && one.purpose.len() > 40,
            "{}",
            one.name
        );
        assert!(!one.name.contains("Write"), "we only read");
    }
    // Changes with the roles and with nothing else; stored links are compared with it.
    assert_eq!(rules().permission_set(), "0849200fe7e669c5");
}

fn read(query: &str) -> Result<ConsentCallback, CallbackUnreadable> {
    let url = Url::parse(&format!("https://atlas.example/?{query}")).expect("an address");
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    rules().read_callback(&pairs)
}

fn answer(query: &str) -> Option<ConsentAnswer> {
    let callback = read(query).ok()?;
    assert_eq!(callback.state, "xyz", "{query}");
    Some(callback.answer)
}

#[test]
fn agreements_name_the_tenant_or_nobody() {
    let here = ScopeIdentifier::canonical(TENANT.to_owned());
    let upper = TENANT.to_uppercase();
    let cases = [
        (
            format!(
                "admin_consent=True&tenant={TENANT}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&state=xyz"
            ),
            true,
        ),
        (format!("tenant={TENANT}&state=xyz&admin_consent=True"), true),
        (
            format!("tenant={TENANT}&state=state=xyz&admin_consent=True"),
            true,
        ),
        (format!("admin_consent=true&tenant={upper}&state=xyz"), true),
        (
            format!("admin_consent=TRUE&tenant={TENANT}&state=xyz&session_state=1&unknown="),
            true,
        ),
        ("admin_consent=True&state=xyz".to_owned(), false),
        ("admin_consent=True&tenant=&state=xyz".to_owned(), false),
        ("admin_consent=True&tenant=common&state=xyz".to_owned(), false),
        (
            "admin_consent=True&tenant=organizations&state=xyz".to_owned(),
            false,
        ),
        (
            "admin_consent=True&tenant=contoso.onmicrosoft.com&state=xyz".to_owned(),
            false,
        ),
        (
            "admin_consent=True&tenant=9188040d-6c67-4c5b-b112-36a304b66dad&state=xyz".to_owned(),
            false,
        ),
        (
            format!("admin_consent=True&tenant={TENANT}%2F..&state=xyz"),
            false,
        ),
        (
            "admin_consent=True&tenant=%3Cscript%3E&state=xyz".to_owned(),
            false,
        ),
    ];
    for (query, named) in cases {
        let expected = ConsentAnswer::Agreed(named.then(|| here.clone()));
        assert_eq!(answer(&query), Some(expected), "{query}");
    }
}

#[test]
fn refusals_are_refusals_whatever_else_is_said() {
    let declined = ReasonCode::ProviderConsentDeclined;
    let cases = [
        (
            "error=access_denied&error_description=AADSTS65004%3A+User+declined%0d%0aTrace+ID&error_uri=https%3A%2F%2Fx&admin_consent=True",
            declined,
        ),
        (
            "error=consent_required&error_description=AADSTS65004%3A+The+resource+owner",
            declined,
        ),
        (
            "error=permission_denied&error_description=The+admin+canceled+the+request",
            declined,
        ),
        ("error=access_denied&error_subcode=cancel", declined),
        ("error=server_error&error_subcode=cancel", declined),
        ("error_subcode=cancel&admin_consent=True", declined),
        ("admin_consent=False", declined),
        (
            "admin_consent=false&tenant=11111111-bbbb-4ccc-8ddd-000000000002",
            declined,
        ),
        (
            "error=access_denied&error_description=AADSTS90094%3A+Admin",
            declined,
        ),
        (
            "error=invalid_client&error_description=AADSTS650056%3A+Misconfigured",
            declined,
        ),
        (
            "error=access_denied&error_description=%3Cb%3Eno+number%3C%2Fb%3E",
            declined,
        ),
        (
            "error=access_denied&error_description=AADSTS99999999999999999999999",
            declined,
        ),
        (
            "error=access_denied&error_description=AADSTS50020%3A+User+account&admin_consent=True",
            ReasonCode::ProviderTargetScopeMismatch,
        ),
        (
            "error=access_denied&error_subcode=cancel&error_description=x+AADSTS50020",
            ReasonCode::ProviderTargetScopeMismatch,
        ),
        (
            "error=server_error&error_description=AADSTS50000%3A+x&admin_consent=True&tenant=11111111-bbbb-4ccc-8ddd-000000000002",
            ReasonCode::ProviderAuthFailed,
        ),
        ("error=&admin_consent=True", ReasonCode::ProviderAuthFailed),
        ("error=%3Cscript%3E", ReasonCode::ProviderAuthFailed),
    ];
    for (query, reason) in cases {
        let expected = ConsentAnswer::Refused(reason);
        assert_eq!(answer(&format!("{query}&state=xyz")), Some(expected), "{query}");
    }
}

#[test]
fn what_is_in_no_form_is_unreadable() {
    let agreed = format!("admin_consent=True&tenant={TENANT}");
    let long = "x".repeat(LONGEST_STATE + 1);
    let queries = [
        String::new(),
        "state=xyz".to_owned(),
        format!("state=xyz&tenant={TENANT}"),
        "state=xyz&admin_consent=".to_owned(),
        "state=xyz&admin_consent=yes".to_owned(),
        "state=xyz&Admin_Consent=True".to_owned(),
        agreed.clone(),
        format!("{agreed}&state="),
        format!("{agreed}&state=state="),
        format!("{agreed}&state={long}"),
        format!("{agreed}&state=x%20y"),
        format!("{agreed}&state=x%0ay"),
        format!("{agreed}&state=%C3%A9"),
        format!("{agreed}&state=xyz&state=xyz"),
        format!("{agreed}&state=xyz&tenant={TENANT}"),
        format!("{agreed}&state=xyz&admin_consent=True"),
        format!("{agreed}&state=xyz&unknown=1&unknown=2"),
        "state=xyz&error=access_denied&error=server_error".to_owned(),
        format!("{agreed}&STATE=xyz"),
    ];
    for query in queries {
        assert_eq!(read(&query), Err(CallbackUnreadable), "{query}");
    }
    let longest = read(&format!("{agreed}&state={}", &long[1..]));
    assert!(longest.is_ok_and(|callback| callback.state.len() == LONGEST_STATE));
}
