//! Signatures as Standard Webhooks has them: version 1, HMAC-SHA256 over `id.timestamp.body`, one
//! for each secret that is valid at the time.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::Timestamp;

use crate::secret::SigningSecret;

/// The header with the id of the message. The same for every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The value of [`SIGNATURE_HEADER`]: `v1,` and base64, separated by spaces. A receiver accepts
/// the message if one of them is right, so it may hold either secret while they change.
pub fn signatures(secrets: &[SigningSecret], id: &str, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.timestamp().to_string();
    let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    let one = |secret: &SigningSecret| format!("v1,{}", STANDARD.encode(secret.authenticate(&parts)));
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::from_text(text).expect("a secret")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("in range")
    }

    const ONE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const TWO: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    /// The example of the specification's reference libraries.
    #[test]
    fn the_reference_example_comes_out_the_same() {
        let header = signatures(
            &[secret(ONE)],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at(1_614_265_330),
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_part_counts_and_each_secret_signs() {
        let sign = |secrets: &[SigningSecret], id: &str, seconds, body: &[u8]| {
            signatures(secrets, id, at(seconds), body)
        };
        let one = [secret(ONE)];
        let base = sign(&one, "id", 1, b"body");
        assert_ne!(base, sign(&one, "ie", 1, b"body"));
        assert_ne!(base, sign(&one, "id", 2, b"body"));
        assert_ne!(base, sign(&one, "id", 1, b"bodz"));
        assert_ne!(base, sign(&[secret(TWO)], "id", 1, b"body"));
        let both = sign(&[secret(TWO), secret(ONE)], "id", 1, b"body");
        let parts: Vec<_> = both.split(' ').collect();
        assert_eq!(parts, [sign(&[secret(TWO)], "id", 1, b"body"), base]);
    }
}
