//! Lists: how much of them, from where, and the sealed cursor that says where to read on.
//!
//! A cursor is a position and a seal over the position, the route, the owner and the filters. It
//! serves that one list and no other, and its contents cannot be chosen by the caller.

use actix_web::web::Data;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::{PageLimit, PageRequest, Position, SecretBytes};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    ApiState,
    problem::{Code, Problem},
};

/// One list: a route, whose it is, and the filters.
pub(crate) struct List {
    state: Data<ApiState>,
    binding: Vec<String>,
}

impl List {
    /// The list behind a route.
    pub(crate) fn new(state: &Data<ApiState>, route: &'static str) -> Self {
        Self {
            state: state.clone(),
            binding: vec![route.to_owned()],
        }
    }

    /// Adds whose list it is, or a filter.
    #[must_use]
    pub(crate) fn bound_to(mut self, part: &str) -> Self {
        self.binding.push(part.to_owned());
        self
    }

    /// Adds a filter that may be absent.
    #[must_use]
    pub(crate) fn filtered(self, filter: Option<&impl ToString>) -> Self {
        match filter {
            Some(value) => self.bound_to(&format!("={}", value.to_string())),
            None => self.bound_to(""),
        }
    }

    /// What to read.
    pub(crate) fn request(&self, limit: Option<u16>, cursor: Option<&str>) -> Result<PageRequest, Problem> {
        let limit = limit.map_or(Some(PageLimit::default()), PageLimit::new);
        let limit = limit.ok_or_else(|| Problem::parameter("limit"))?;
        let open = |text| {
            open(&self.state.cursor_key, &self.binding, text).ok_or_else(|| Problem::new(Code::CursorInvalid))
        };
        Ok(PageRequest {
            limit,
            after: cursor.map(open).transpose()?,
        })
    }

    /// The cursor of the next page.
    pub(crate) fn cursor(&self, next: Option<Position>) -> Option<String> {
        next.map(|position| seal(&self.state.cursor_key, &self.binding, position))
    }
}

/// 8 bytes of time and 16 of id.
const POSITION_BYTES: usize = 24;
/// Half of the digest is plenty for something that is worth so little.
const SEAL_BYTES: usize = 16;

fn mac(key: &SecretBytes, binding: &[String], position: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
    for part in binding.iter().map(String::as_bytes).chain([position]) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn seal(key: &SecretBytes, binding: &[String], position: Position) -> String {
    let mut bytes = Vec::with_capacity(POSITION_BYTES + SEAL_BYTES);
    bytes.extend_from_slice(&position.at.timestamp_micros().to_be_bytes());
    bytes.extend_from_slice(position.id.as_bytes());
    let digest = mac(key, binding, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&digest[..SEAL_BYTES]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(key: &SecretBytes, binding: &[String], text: &str) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (position, seal) = bytes.split_at_checked(POSITION_BYTES)?;
    if seal.len() != SEAL_BYTES {
        return None;
    }
    mac(key, binding, position).verify_truncated_left(seal).ok()?;
    let (time, id) = position.split_at_checked(8)?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(time.try_into().ok()?))?;
    Some(Position {
        at,
        id: Uuid::from_slice(id).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    fn binding(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    fn sample() -> (SecretBytes, Position) {
        let position = Position {
            at: Timestamp::default(),
            id: Uuid::from_u128(7),
        };
        (SecretBytes::new(vec![1; 32]), position)
    }

    #[test]
    fn a_cursor_opens_in_its_own_list_only() {
        let (key, position) = sample();
        let mine = binding(&["runs", "w-1", "=queued"]);
        let cursor = seal(&key, &mine, position);
        assert_eq!(open(&key, &mine, &cursor), Some(position));
        for other in [
            binding(&["members", "w-1", "=queued"]),
            binding(&["runs", "w-2", "=queued"]),
            binding(&["runs", "w-1", ""]),
            binding(&["runs", "w-1=queued"]),
        ] {
            assert_eq!(open(&key, &other, &cursor), None, "{other:?}");
        }
        assert_eq!(open(&SecretBytes::new(vec![2; 32]), &mine, &cursor), None);
    }

    #[test]
    fn a_cursor_with_one_changed_byte_does_not_open() {
        let (key, position) = sample();
        let mine = binding(&["runs"]);
        let bytes = URL_SAFE_NO_PAD.decode(seal(&key, &mine, position)).expect("ours");
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(
                open(&key, &mine, &URL_SAFE_NO_PAD.encode(changed)),
                None,
                "{index}"
            );
        }
        for text in ["", "x", "not base64!", &URL_SAFE_NO_PAD.encode(&bytes[..30])] {
            assert_eq!(open(&key, &mine, text), None, "{text}");
        }
    }
}
