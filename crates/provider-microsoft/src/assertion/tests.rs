//! What is in an assertion, and that its signature is that of the certificate's key.

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use uuid::uuid;

use super::*;
use crate::{
    certificate::{
        self,
        tests::{FINGERPRINT, now, pair},
    },
    cloud::{Cloud, Endpoints},
};

const CLIENT: Uuid = uuid!("11111111-aaaa-4bbb-8ccc-000000000001");

fn certificate() -> ClientCertificate {
    certificate::from_pem(&pair()).unwrap_or_else(|problem| panic!("{problem:?}"))
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

#[test]
fn every_part_is_as_the_page_says_and_the_signature_is_the_keys() {
    let certificate = certificate();
    let mut audience = Endpoints::of(Cloud::China21Vianet, None).login().clone();
    audience.set_path("/11111111-bbbb-4ccc-8ddd-000000000002/oauth2/v2.0/token");
    let jti = Uuid::from_u128(7);
    let token = build(&certificate, &audience, CLIENT, jti, now()).expect("is signed");
    let parts: Vec<_> = token.expose().split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("three parts")
    };
    let thumbprint = decode(header)["x5t#S256"].as_str().expect("text").to_owned();
    assert_eq!(
        decode(header),
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint })
    );
    let bytes = URL_SAFE_NO_PAD.decode(thumbprint).expect("base64url");
    assert_eq!(format!("sha256:{}", kernel::hex(&bytes)), &*FINGERPRINT);
    let seconds = now().timestamp();
    let expected = json!({
        "aud": "https://login.partner.microsoftonline.cn/11111111-bbbb-4ccc-8ddd-000000000002/oauth2/v2.0/token",
        "iss": CLIENT.to_string(),
        "sub": CLIENT.to_string(),
        "jti": jti.to_string(),
        "nbf": seconds - 60,
        "iat": seconds - 60,
        "exp": seconds + 300,
    });
    assert_eq!(decode(claims), expected);

    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, certificate.public_key());
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let signed = format!("{header}.{claims}");
    assert!(key.verify(signed.as_bytes(), &signature).is_ok());
    let another = signed.replace(header, &URL_SAFE_NO_PAD.encode("{}"));
    assert!(key.verify(another.as_bytes(), &signature).is_err());
}
