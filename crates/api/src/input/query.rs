//! Query parameters: every one is known, stands once and holds a value that it can have.

use std::marker::PhantomData;

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures::future::{Ready, ready};
use serde::{Deserialize, de::DeserializeOwned};
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
        let read = actix_web::web::Query::<T>::from_query(&self.text);
        read.map(actix_web::web::Query::into_inner)
            .map_err(|_| Problem::new(Code::InvalidQuery))
    }
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
    fn unknown_repeated_and_unfit_parameters_are_refused() {
        assert_eq!(read("limit=20").expect("fine").limit, Some(20));
        for text in [
            "offset=1",
            "limit=1&limit=2",
            "limit=x",
            "limit=-1",
            "limit=70000",
            "limit",
        ] {
            assert_eq!(
                read(text).map(|_| ()).expect_err(text).code(),
                Code::InvalidQuery,
                "{text}"
            );
        }
    }
}
