//! The token in the `Authorization` header, and nowhere else: exactly one header, the scheme
//! `Bearer`, one token.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

/// The token, if there is exactly one.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION);
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let plain = !token.is_empty()
        && token
            .bytes()
            .all(|byte| matches!(byte, b'!'..=b'~') && byte != b',');
    (scheme.eq_ignore_ascii_case("bearer") && plain).then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn exactly_one_header_with_exactly_one_token() {
        let cases: [(&[&str], Option<&str>); 9] = [
            (&["Bearer abc"], Some("abc")),
            (&["bearer abc"], Some("abc")),
            (&[], None),
            (&["Bearer abc", "Bearer abc"], None),
            (&["Basic abc"], None),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["Bearer a b"], None),
            (&["Bearer a,Bearer b"], None),
        ];
        for (values, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("valid"));
            }
            assert_eq!(bearer_token(&headers), expected, "{values:?}");
        }
    }
}
