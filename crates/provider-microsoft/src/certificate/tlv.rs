//! A walk through DER (ITU-T X.690), over the strict reader of `der`.
//!
//! Key files are walked by hand instead of decoded into whole structures because other programs
//! sort the attributes of their bags as they like, which a strict decoder of a SET refuses, and
//! because what a file costs to open has to be known before anything of it is opened.

use der::{AnyRef, Decode, Reader as _, SliceReader, Tag, TagNumber, Tagged as _, asn1::OctetStringRef};

/// The members of a structure, one after the other.
pub(super) struct Walk<'a>(SliceReader<'a>);

impl<'a> Walk<'a> {
    /// Through the members of the one SEQUENCE that `bytes` are.
    pub(super) fn sequence(bytes: &'a [u8]) -> Option<Self> {
        Self::into(AnyRef::from_der(bytes).ok()?)
    }

    /// Through the members of `any`, which must be a SEQUENCE.
    pub(super) fn into(any: AnyRef<'a>) -> Option<Self> {
        let whole = (any.tag() == Tag::Sequence).then(|| any.value())?;
        SliceReader::new(whole).ok().map(Self)
    }

    /// The next member, of whatever kind; nothing at the end and in garbage.
    pub(super) fn any(&mut self) -> Option<AnyRef<'a>> {
        self.0.decode().ok()
    }

    /// The next member, as a `T`.
    pub(super) fn take<T: Decode<'a>>(&mut self) -> Option<T> {
        self.0.decode().ok()
    }

    /// The next member, as a SEQUENCE to walk through.
    pub(super) fn walk(&mut self) -> Option<Self> {
        Self::into(self.any()?)
    }

    /// The bytes of the next member, an OCTET STRING.
    pub(super) fn octets(&mut self) -> Option<&'a [u8]> {
        self.take::<&OctetStringRef>().map(OctetStringRef::as_bytes)
    }

    /// What stands in the next member, `[0] EXPLICIT`.
    pub(super) fn explicit(&mut self) -> Option<&'a [u8]> {
        self.tagged(true)
    }

    /// What stands in the next member, `[0] IMPLICIT` of a primitive kind.
    pub(super) fn implicit(&mut self) -> Option<&'a [u8]> {
        self.tagged(false)
    }

    fn tagged(&mut self, constructed: bool) -> Option<&'a [u8]> {
        let any = self.any()?;
        let number = TagNumber(0);
        (any.tag() == Tag::ContextSpecific { constructed, number }).then(|| any.value())
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_finished()
    }
}

/// The bytes of the one OCTET STRING that `bytes` are.
pub(super) fn octets(bytes: &[u8]) -> Option<&[u8]> {
    <&OctetStringRef>::from_der(bytes)
        .ok()
        .map(OctetStringRef::as_bytes)
}
