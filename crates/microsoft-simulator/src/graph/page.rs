//! Page tokens: opaque, bound to the query, of limited life, and made of characters that break when a client decodes or
//! rebuilds the link instead of following it unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::seal::Seal;

const TAG: usize = 16;

/// Starts every token. Once decoded it reads as a space, so that a link that was not followed as it was is refused
/// always, not just when the rest of the token happens to hold such a character.
const FRAGILE: &str = "+";

/// A place in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Index of the first row.
    pub(super) offset: usize,
    /// Number of the page, so that an empty page still leads to a new link.
    hop: u32,
    /// When the token was made: minutes since the simulator was started. So lists read in the same minute are the same
    /// bytes for the same seed.
    minute: u32,
}

impl Cursor {
    /// The next page, starting at a row.
    pub(super) fn after(self, offset: usize, minute: u32) -> Self {
        Self {
            offset,
            hop: self.hop.wrapping_add(1),
            minute,
        }
    }

    /// Minutes since the token was made.
    pub(super) fn age(self, minute: u32) -> u32 {
        minute.saturating_sub(self.minute)
    }

    pub(super) fn seal(self, seal: &Seal, binding: &str) -> String {
        let mut bytes = (self.offset as u64).to_be_bytes().to_vec();
        bytes.extend(self.hop.to_be_bytes());
        bytes.extend(self.minute.to_be_bytes());
        let tag = seal.sign(&[&bytes, binding.as_bytes()]);
        bytes.extend(&tag[..TAG]);
        format!("{FRAGILE}{}", BASE64.encode(bytes))
    }

    /// None for a token that was changed, or made for another query.
    pub(super) fn open(seal: &Seal, binding: &str, token: &str) -> Option<Self> {
        let bytes = BASE64.decode(token.strip_prefix(FRAGILE)?).ok()?;
        let (place, tag) = bytes.split_last_chunk::<TAG>()?;
        if !seal.verify(&[place, binding.as_bytes()], tag) {
            return None;
        }
        let (offset, rest) = place.split_first_chunk::<8>()?;
        let (hop, minute) = rest.split_first_chunk::<4>()?;
        Some(Self {
            offset: usize::try_from(u64::from_be_bytes(*offset)).ok()?,
            hop: u32::from_be_bytes(*hop),
            minute: u32::from_be_bytes(minute.try_into().ok()?),
        })
    }
}
