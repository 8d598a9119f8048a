//! Values of the right type that a field cannot have, each with the code and the reason that are
//! answered.

use serde_json::{Value, json};

use super::trial::CANARY;

/// A value for one place in a body that is accepted with another one.
pub(super) struct Wrong {
    /// The place, as a JSON pointer.
    pub(super) pointer: &'static str,
    pub(super) value: Value,
    /// The code of the problem.
    pub(super) code: &'static str,
    /// The code of the place in it.
    pub(super) reason: &'static str,
}

/// Values for one place that are refused for one reason.
fn at<T: Into<Value>>(
    pointer: &'static str,
    (code, reason): (&'static str, &'static str),
    values: impl IntoIterator<Item = T>,
) -> Vec<Wrong> {
    let wrong = |value: T| Wrong {
        pointer,
        value: value.into(),
        code,
        reason,
    };
    values.into_iter().map(wrong).collect()
}

/// Refused as an invalid value, for this reason.
const fn invalid(reason: &'static str) -> (&'static str, &'static str) {
    ("invalid_value", reason)
}

/// Words of the shapes that secrets have. None of them is one.
fn secret_shaped() -> [String; 6] {
    [
        format!("abc8Q~{CANARY}{CANARY}.-_"),
        format!("-----BEGIN PRIVATE KEY-----{CANARY}"),
        format!("-----BEGIN CERTIFICATE-----{CANARY}"),
        format!("eyJhbGciOiJIUzI1NiJ9.{CANARY}{CANARY}.{CANARY}"),
        format!("Bearer {CANARY}"),
        format!("tat_{CANARY}{CANARY}"),
    ]
}

pub(super) fn names() -> Vec<Wrong> {
    let place = "/display_name";
    let long = format!("{CANARY}{}", "é".repeat(120));
    let mut wrong = at(place, invalid("empty"), ["", " ", " \u{3000} "]);
    wrong.extend(at(place, invalid("too_long"), [long]));
    wrong.extend(at(place, invalid("looks_like_secret"), secret_shaped()));
    wrong
}

pub(super) fn slugs() -> Vec<Wrong> {
    let place = "/slug";
    let not_slugs = [
        "A", "a b", "a_b", "-a", "a-", "a--b", "ä", "ａ", "a.b", "../a", "a/b", "a%2fb", "a'--", "İ", "..",
        "а",
    ];
    let mut wrong = at(place, invalid("not_a_slug"), not_slugs);
    wrong.extend(at(place, invalid("empty"), [""]));
    wrong.extend(at(place, invalid("too_long"), ["a".repeat(64)]));
    wrong
}

/// What names no target, and what names many.
pub(super) fn targets() -> Vec<Wrong> {
    let guid = "7d0a3f6e-3d5c-4f0e-9a55-0c1f5a7f1a11";
    let wide = |digit: char| char::from_u32(u32::from(digit) - u32::from('0') + 0xFF10).expect("a digit");
    let full_width = |character: char| {
        if character.is_ascii_digit() {
            wide(character)
        } else {
            character
        }
    };
    let identifiers = [
        "contoso.example".to_owned(),
        "common".to_owned(),
        "organizations".to_owned(),
        "consumers".to_owned(),
        "9188040d-6c67-4c5b-b112-36a304b66dad".to_owned(),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        "ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(),
        format!("https://login.example.com/{guid}"),
        format!("{guid}/.."),
        format!("{guid} "),
        format!(" {guid}"),
        format!("{{{guid}}}"),
        format!("urn:uuid:{guid}"),
        guid.replace('-', ""),
        format!("{guid}0"),
        guid.chars().map(full_width).collect(),
        format!("{guid}?x={CANARY}"),
        "' OR 1=1--".to_owned(),
        String::new(),
    ];
    at(
        "/scope_identifier",
        ("target_scope_invalid", "invalid_scope_identifier"),
        identifiers,
    )
}

pub(super) fn providers() -> Vec<Wrong> {
    let providers = ["google", "Microsoft", CANARY, "", "micro soft", "../microsoft"];
    let unsupported = ("target_scope_invalid", "unsupported_provider_scope_combination");
    at("/provider", unsupported, providers)
}

/// Tags that are no names, and keys that are none.
pub(super) fn tags() -> Vec<Wrong> {
    let value = "/tags/tier";
    let keys = ["", "Tier", "a b", "ä", "a:b", "../a b", "__PROTO__"];
    let keys = keys.map(|key| json!({ key: CANARY }));
    let many: serde_json::Map<_, _> = (0..21).map(|number| (format!("t{number}"), json!("x"))).collect();
    let mut wrong = at(value, invalid("empty"), ["", " "]);
    wrong.extend(at(value, invalid("too_long"), ["x".repeat(121)]));
    wrong.extend(at(value, invalid("looks_like_secret"), secret_shaped()));
    wrong.extend(at("/tags", invalid("not_a_tag_key"), keys));
    wrong.extend(at("/tags", invalid("too_many"), [Value::Object(many)]));
    wrong
}

/// Where nobody is sent after a consent page.
pub(super) fn ways_back() -> Vec<Wrong> {
    let elsewhere = [
        "",
        "/done",
        "//console.example.com",
        "https://console.example.com.evil.example",
        "https://console.example.com@evil.example",
        "https://console.example.com:8443",
        "http://console.example.com",
        "javascript:alert(1)",
        CANARY,
    ];
    let refusal = ("return_to_not_allowed", "return_to_not_allowed");
    at("/return_to", refusal, elsewhere)
}

pub(super) fn kinds() -> Vec<Wrong> {
    let context = ("target_scope_invalid", "invalid_provider_context");
    let mut wrong = at("/provider_context", context, [json!({ CANARY: 1 })]);
    // A member that is known by name is named.
    wrong.extend(at(
        "/provider_context/cloud",
        context,
        [json!(CANARY), json!(null)],
    ));
    wrong.extend(at(
        "/connection_type",
        invalid("invalid_value"),
        ["", "Platform", "both", CANARY],
    ));
    wrong
}

pub(super) fn credentials() -> Vec<Wrong> {
    let place = "/credential/secret";
    let guid = "7d0a3f6e-3d5c-4f0e-9a55-0c1f5a7f1a11";
    let spaced = [
        format!(" {CANARY}"),
        format!("{CANARY} "),
        format!("{CANARY}\u{A0}"),
    ];
    let long = [600, 5000].map(|length| format!("{CANARY}{}", "x".repeat(length)));
    let kinds = ["", "Certificate", "Client_Secret", CANARY];
    let clients = [
        "contoso.example",
        "",
        CANARY,
        "00000000-0000-0000-0000-000000000000",
    ];
    [
        at(place, invalid("empty"), [""]),
        at(place, invalid("secret_id_instead_of_value"), [guid]),
        at(place, invalid("placeholder"), ["********", "••••••••"]),
        at(place, invalid("surrounding_white_space"), spaced),
        at(place, invalid("too_long"), long),
        at("/credential/kind", invalid("invalid_value"), kinds),
        at(
            "/credential/client_identifier",
            invalid("invalid_client_identifier"),
            clients,
        ),
        at("/credential/expires_at", invalid("invalid_value"), times()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// No times, and times that RFC 3339 cannot write down.
fn times() -> [&'static str; 10] {
    [
        "tomorrow",
        "2030-01-01",
        "2030-01-01T00:00:00",
        "2030-01-01T24:61:00Z",
        "2030-02-30T00:00:00Z",
        CANARY,
        "+10000-01-01T00:00:00Z",
        "+262142-12-31T23:59:59Z",
        "-0001-01-01T00:00:00Z",
        "-262143-01-01T00:00:00Z",
    ]
}

pub(super) fn members() -> Vec<Wrong> {
    let roles = ["", "admin", "Owner", "owner ", CANARY, "root"];
    let mut wrong = at("/role", invalid("invalid_value"), roles);
    for place in ["/issuer", "/subject"] {
        wrong.extend(at(place, invalid("empty"), [""]));
        wrong.extend(at(
            place,
            invalid("surrounding_white_space"),
            [format!(" {CANARY}")],
        ));
        wrong.extend(at(place, invalid("too_long"), ["x".repeat(256)]));
        wrong.extend(at(place, invalid("looks_like_secret"), secret_shaped()));
    }
    wrong.extend(at("/label", invalid("looks_like_secret"), secret_shaped()));
    wrong
}

pub(super) fn starts() -> Vec<Wrong> {
    let types = [
        "",
        "inventory",
        "inventory.Sync",
        "inventory.sync ",
        "system.prune",
        "inventory.sync'--",
        CANARY,
    ];
    let inputs = [
        json!({ CANARY: 1 }),
        json!({ "target_scope": {} }),
        json!({ "workspace_id": CANARY }),
        json!({ "": {} }),
    ];
    let unknown = ("unknown_operation_type", "unknown_operation_type");
    let mut wrong = at("/operation_type", unknown, types);
    wrong.extend(at("/inputs", invalid("unknown_input"), inputs));
    wrong
}
