//! The textual encodings of RFC 7468: blocks between `BEGIN` and `END`, with any text around them.

use super::{FoundKey, Material, Problem, base64_without_spaces};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Reads every block that is a certificate or a private key; other blocks do not matter.
pub(super) fn read(text: &str) -> Result<Material, Problem> {
    let mut material = Material::default();
    let mut rest = text;
    let mut blocks = 0_usize;
    while let Some(begin) = rest.find(BEGIN) {
        let (label, after) = rest[begin + BEGIN.len()..]
            .split_once(DASHES)
            .ok_or(Problem::Unreadable)?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(&end).ok_or(Problem::Unreadable)?;
        add(&mut material, label, body)?;
        blocks += 1;
        rest = after;
    }
    if blocks == 0 {
        return Err(Problem::Unreadable);
    }
    Ok(material)
}

fn add(material: &mut Material, label: &str, body: &str) -> Result<(), Problem> {
    match label {
        "CERTIFICATE" => material.certificates.push(base64_without_spaces(body)?.to_vec()),
        "ENCRYPTED PRIVATE KEY" => return Err(Problem::KeyEncrypted),
        // The older form writes its cipher into headers (RFC 1421, 4.6.1.1).
        _ if label.ends_with("PRIVATE KEY") && body.contains("4,ENCRYPTED") => {
            return Err(Problem::KeyEncrypted);
        }
        "PRIVATE KEY" => material.keys.push(FoundKey::Pkcs8(base64_without_spaces(body)?)),
        "RSA PRIVATE KEY" => material.keys.push(FoundKey::Pkcs1(base64_without_spaces(body)?)),
        _ if label.ends_with("PRIVATE KEY") => material.keys.push(FoundKey::Foreign),
        _ => {}
    }
    Ok(())
}
