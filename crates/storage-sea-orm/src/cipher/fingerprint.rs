//! What is shown of a shared secret: a keyed hash, cut short. It tells one secret of a workspace
//! from another; without the workspace's data key it tells nothing, and nobody can try secrets
//! against it.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{KEY_BYTES, Key};

/// How many bytes are shown.
const SHOWN: usize = 8;

/// `hmac-sha256:` and 16 hexadecimal digits.
pub(crate) fn of(data_key: &Key, secret: &[u8]) -> String {
    let mut key = Key::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, data_key.as_slice())
        .expand(b"cred/v1/fingerprint", key.as_mut_slice())
        .expect("32 bytes are allowed");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any length will do");
    mac.update(secret);
    let tag = mac.finalize().into_bytes();
    format!("hmac-sha256:{}", kernel::hex(&tag[..SHOWN]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_of_one_key_have_one_fingerprint() {
        let (key, other) = (Key::new([1; KEY_BYTES]), Key::new([2; KEY_BYTES]));
        assert_eq!(of(&key, b"a"), of(&key, b"a"));
        assert_ne!(of(&key, b"a"), of(&key, b"b"));
        assert_ne!(of(&key, b"a"), of(&other, b"a"));
        assert_eq!(of(&key, b"a").len(), "hmac-sha256:".len() + 16);
    }
}
