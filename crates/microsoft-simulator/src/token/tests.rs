//! Tokens: what they say, and when they stop being accepted.

use super::*;
use crate::options::TenantOptions;

const TENANT: Uuid = Uuid::from_u128(1);
const BASE: &str = "http://127.0.0.1:1";

fn order(app: &AppOptions, audience: &str) -> TokenOrder {
    TokenOrder {
        tenant: TENANT,
        app: app.clone(),
        proof: Proof::Secret,
        audience: audience.to_owned(),
        continuous: false,
    }
}

fn mint() -> (Tokens, Control, AppOptions) {
    let seal = Seal::random().expect("the system has randomness");
    let control = Control::new(vec![TenantOptions::sample(TENANT)], Vec::new());
    (
        Tokens::new(seal, 3, BASE.to_owned()),
        control,
        AppOptions::consented(Uuid::from_u128(2), "s"),
    )
}

#[test]
fn a_token_is_accepted_and_keeps_its_roles() {
    let (tokens, control, mut app) = mint();
    app.roles = vec!["User.Read.All".to_owned()];
    let issued = tokens.issue(&control, &order(&app, PUBLIC_GRAPH));
    let grant = tokens.check(&control, &issued.text).expect("just issued");
    assert_eq!((grant.tenant, grant.roles), (TENANT, app.roles));
    assert!((3600..=5400).contains(&issued.life.as_secs()) && !issued.is_long_lived());
}

#[test]
fn lives_differ_between_tokens() {
    let (tokens, control, app) = mint();
    let lives: std::collections::BTreeSet<u64> = (0..20)
        .map(|_| tokens.issue(&control, &order(&app, BASE)).life.as_secs())
        .collect();
    assert!(lives.len() > 10, "{lives:?}");
}

#[test]
fn without_roles_the_claim_is_absent() {
    let (tokens, control, mut app) = mint();
    app.roles.clear();
    let token = tokens.issue(&control, &order(&app, BASE)).text;
    let claims = tokens.claims(&token).expect("own token");
    assert_eq!(claims.get("roles"), None);
    assert_eq!(claims["idtyp"], "app");
    assert_eq!(claims["uti"].as_str().map(str::len), Some(22));
}

#[test]
fn a_foreign_or_changed_or_expired_token_is_refused() {
    let (tokens, control, app) = mint();
    let token = tokens.issue(&control, &order(&app, BASE)).text;
    let (other, ..) = mint();
    assert_eq!(other.check(&control, &token).err(), Some(Refusal::Signature));
    assert_eq!(tokens.check(&control, "no token").err(), Some(Refusal::Malformed));
    let elsewhere = tokens
        .issue(&control, &order(&app, "https://elsewhere.example"))
        .text;
    assert_eq!(tokens.check(&control, &elsewhere).err(), Some(Refusal::Audience));
    control.expire_tokens();
    assert_eq!(tokens.check(&control, &token).err(), Some(Refusal::Expired));
    let fresh = tokens.issue(&control, &order(&app, BASE)).text;
    assert!(tokens.check(&control, &fresh).is_ok());
}

#[test]
fn the_clock_ends_a_token_too() {
    let (tokens, control, _) = mint();
    let token = tokens.encode(&json!({ "aud": BASE, "tid": TENANT, "exp": 1_000_000, "uti": "" }));
    assert_eq!(tokens.check(&control, &token).err(), Some(Refusal::Expired));
}

#[test]
fn a_client_that_handles_challenges_gets_a_day() {
    let (tokens, control, app) = mint();
    for _ in 0..20 {
        let mut order = order(&app, BASE);
        order.continuous = true;
        let issued = tokens.issue(&control, &order);
        assert!((86_400..=100_800).contains(&issued.life.as_secs()) && issued.is_long_lived());
        let claims = tokens.claims(&issued.text).expect("own token");
        assert_eq!(claims["xms_cc"], json!(["cp1"]));
    }
}
