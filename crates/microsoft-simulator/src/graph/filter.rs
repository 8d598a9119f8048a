//! `$filter`: the few forms that the documentation promises for the endpoints here, and refusals for all others
//! (OData 4.01, part 2, section 5.1.1; Microsoft Graph documentation, "use the $filter query parameter").

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::problem::Problem;

/// How many parentheses may stand inside each other. The real limit is not published; the reader here calls itself for
/// each, and a request line holds enough of them to fill a stack.
const MAX_DEPTH: u32 = 32;

/// How a property is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    StartsWith,
}

/// A condition on an object.
#[derive(Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Term(Term),
}

/// One comparison.
#[derive(Debug)]
pub(super) struct Term {
    property: &'static str,
    op: Op,
    literal: Literal,
}

#[derive(Debug)]
enum Literal {
    Text(String),
    Moment(DateTime<Utc>),
    /// true, false, null or a number.
    Plain(Value),
}

impl Filter {
    /// Reads a filter. `advanced` tells whether the request may use what needs the eventual index.
    pub(super) fn parse(text: &str, endpoint: &Endpoint, advanced: bool) -> Result<Self, Problem> {
        let tokens = tokens(text).ok_or_else(|| invalid(endpoint))?;
        let mut reader = Reader {
            tokens: &tokens,
            endpoint,
            advanced,
            depth: 0,
        };
        let filter = reader.any()?;
        if reader.tokens.is_empty() {
            Ok(filter)
        } else {
            Err(invalid(endpoint))
        }
    }

    /// Whether an object fits, given what reads its properties.
    pub(super) fn fits(&self, property: &mut dyn FnMut(&str) -> Value) -> bool {
        match self {
            Self::Any(filters) => filters.iter().any(|filter| filter.fits(property)),
            Self::All(filters) => filters.iter().all(|filter| filter.fits(property)),
            Self::Term(term) => term.fits(&property(term.property)),
        }
    }
}

impl Term {
    fn fits(&self, value: &Value) -> bool {
        let order = match (&self.literal, value) {
            (Literal::Text(text), Value::String(value)) if self.op == Op::StartsWith => {
                let start = value.as_bytes().get(..text.len());
                return start.is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()));
            }
            (Literal::Text(text), Value::String(value)) => {
                Some(value.to_ascii_lowercase().cmp(&text.to_ascii_lowercase()))
            }
            (Literal::Moment(moment), Value::String(value)) => DateTime::parse_from_rfc3339(value)
                .ok()
                .map(|value| value.to_utc().cmp(moment)),
            (Literal::Plain(plain), value) => (plain == value).then_some(std::cmp::Ordering::Equal),
            _ => None,
        };
        match (self.op, order) {
            (Op::Ne, order) => order.is_none_or(std::cmp::Ordering::is_ne),
            (_, None) | (Op::StartsWith, _) => false,
            (Op::Eq, Some(order)) => order.is_eq(),
            (Op::Lt, Some(order)) => order.is_lt(),
            (Op::Le, Some(order)) => order.is_le(),
            (Op::Gt, Some(order)) => order.is_gt(),
            (Op::Ge, Some(order)) => order.is_ge(),
        }
    }
}

fn invalid(endpoint: &Endpoint) -> Problem {
    Problem::bad_query(endpoint.service, "Invalid filter clause.".to_owned())
}

/// Words, quoted texts with their quotes, and punctuation; `None` for a text that does not end.
fn tokens(text: &str) -> Option<Vec<String>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | ',' => 1,
            '\'' => quoted_length(rest)?,
            _ => rest.find([' ', '(', ')', ',']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    Some(tokens)
}

/// Length of a quoted text; a quote in it is written twice.
fn quoted_length(text: &str) -> Option<usize> {
    let mut at = 1;
    loop {
        at += text[at..].find('\'')? + 1;
        if !text[at..].starts_with('\'') {
            return Some(at);
        }
        at += 1;
    }
}

struct Reader<'a> {
    tokens: &'a [String],
    endpoint: &'a Endpoint,
    advanced: bool,
    /// How many parentheses are open.
    depth: u32,
}

impl Reader<'_> {
    fn peek(&self) -> &str {
        self.tokens.first().map_or("", String::as_str)
    }

    fn next(&mut self) -> Result<&str, Problem> {
        let (first, rest) = self.tokens.split_first().ok_or_else(|| invalid(self.endpoint))?;
        self.tokens = rest;
        Ok(first)
    }

    fn expect(&mut self, token: &str) -> Result<(), Problem> {
        if self.next()? == token {
            Ok(())
        } else {
            Err(invalid(self.endpoint))
        }
    }

    fn any(&mut self) -> Result<Filter, Problem> {
        let mut filters = vec![self.all()?];
        while self.peek().eq_ignore_ascii_case("or") {
            self.next()?;
            filters.push(self.all()?);
        }
        Ok(Filter::Any(filters))
    }

    fn all(&mut self) -> Result<Filter, Problem> {
        let mut filters = vec![self.one()?];
        while self.peek().eq_ignore_ascii_case("and") {
            self.next()?;
            filters.push(self.one()?);
        }
        Ok(Filter::All(filters))
    }

    fn one(&mut self) -> Result<Filter, Problem> {
        let first = self.next()?.to_owned();
        if first == "(" {
            if self.depth == MAX_DEPTH {
                return Err(invalid(self.endpoint));
            }
            self.depth += 1;
            let filter = self.any()?;
            self.expect(")")?;
            self.depth -= 1;
            return Ok(filter);
        }
        if first.eq_ignore_ascii_case("startswith") && self.peek() == "(" {
            self.expect("(")?;
            let property = self.next()?.to_owned();
            self.expect(",")?;
            let literal = self.next()?.to_owned();
            self.expect(")")?;
            return self.term(&property, Op::StartsWith, &literal);
        }
        let op = match self.next()?.to_ascii_lowercase().as_str() {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "lt" => Op::Lt,
            "le" => Op::Le,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            _ => return Err(Problem::unsupported_filter(&first, self.endpoint.entity)),
        };
        let literal = self.next()?.to_owned();
        self.term(&first, op, &literal)
    }

    fn term(&self, property: &str, op: Op, literal: &str) -> Result<Filter, Problem> {
        let refused = || Problem::unsupported_filter(property, self.endpoint.entity);
        let filters = self.endpoint.filters.iter();
        let (property, ops) = filters
            .copied()
            .find(|(name, _)| *name == property)
            .ok_or_else(refused)?;
        let known = ops.contains(&op) && (op != Op::Ne || self.advanced);
        if !known {
            return Err(refused());
        }
        Ok(Filter::Term(Term {
            property,
            op,
            literal: self.literal(literal)?,
        }))
    }

    fn literal(&self, text: &str) -> Result<Literal, Problem> {
        if let Some(inside) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            return Ok(Literal::Text(inside.replace("''", "'")));
        }
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Literal::Moment(moment.to_utc()));
        }
        serde_json::from_str(text)
            .map(Literal::Plain)
            .map_err(|_| invalid(self.endpoint))
    }
}
