//! Query parameters: every one is known, stands once and holds a value that it can have.

use std::marker::PhantomData;

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures::future::{Ready, ready};
use serde::{Deserialize, de::DeserializeOwned};
use url::form_urlencoded;
use utoipa::IntoParams;

use crate::problem::{Code, Problem};

/// The query of a request, not read yet.
pub(crate) struct Query<T> {
    text: String,
    shape: PhantomData<T>,
}

impl<T> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            text: request.query_string().to_owned(),
            shape: PhantomData,
        }))
    }
}

impl<T: DeserializeOwned> Query<T> {
    /// Decodes the parameters. `T` denies unknown fields.
    pub(crate) fn read(self) -> Result<T, Problem> {
        decode(&self.text).map_err(|_| self.refusal())
    }

    /// Names the parameter that is in the way: the first that is unfit by itself, or else the one
    /// that stands twice. A name that is none of ours is not repeated.
    fn refusal(&self) -> Problem {
        let mut seen = Vec::new();
        for (name, value) in form_urlencoded::parse(self.text.as_bytes()) {
            let alone = form_urlencoded::Serializer::new(String::new())
                .append_pair(&name, &value)
                .finish();
            match decode::<T>(&alone) {
                Err(words) if words.contains("unknown field") => return Problem::new(Code::InvalidQuery),
                Err(_) => return Problem::parameter(&name),
                Ok(_) if seen.contains(&name) => return Problem::parameter(&name),
                Ok(_) => seen.push(name),
            }
        }
        Problem::new(Code::InvalidQuery)
    }
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let read = actix_web::web::Query::<T>::from_query(text);
    read.map(actix_web::web::Query::into_inner)
        .map_err(|error| error.to_string())
}

/// What the text of a parameter means, if it is there.
pub(crate) fn word<T>(
    parameter: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let parsed = text.map(|text| parse(text).ok_or_else(|| Problem::parameter(parameter)));
    parsed.transpose()
}

/// The parameters of every list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    pub(crate) cursor: Option<String>,
}

/// No parameters at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoQuery {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PageQuery, Problem> {
        Query {
            text: text.to_owned(),
            shape: PhantomData,
        }
        .read()
    }

    #[test]
    fn a_refusal_names_the_parameter() {
        let yes = |text: &str| (text == "yes").then_some(true);
        let refused = word("sure", Some("perhaps"), yes).expect_err("no such word");
        assert_eq!(refused.named_parameter(), Some("sure"));
        assert_eq!(word("sure", Some("yes"), yes).expect("a word"), Some(true));
        assert_eq!(word("sure", None, yes).expect("absent"), None);
    }

    #[test]
    fn unknown_repeated_and_unfit_parameters_are_refused() {
        assert_eq!(read("limit=20").expect("fine").limit, Some(20));
        for (text, parameter) in [
            ("offset=1", None),
            ("cursor=a&offset=1", None),
            ("limit=1&limit=2", Some("limit")),
            ("limit=x", Some("limit")),
            ("cursor=a&limit=-1", Some("limit")),
            ("limit=70000", Some("limit")),
            ("limit", Some("limit")),
        ] {
            let problem = read(text).map(|_| ()).expect_err(text);
            assert_eq!(problem.code(), Code::InvalidQuery, "{text}");
            assert_eq!(problem.named_parameter(), parameter, "{text}");
        }
    }
}
