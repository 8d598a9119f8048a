//! The page for a customer's administrator: which permissions, what for, what is read with each and
//! what never, how they are granted and how they are taken back. Made from the registry, so that it
//! cannot say anything else than what the product does.

use std::fmt::Write as _;

use super::{
    ALL, Contract,
    never::NEVER,
    permission::{self, OPERATIONS},
};

const BEGINNING: &str = include_str!("page/beginning.md");
const END: &str = include_str!("page/end.md");

/// The page, in Markdown.
pub fn permissions_page() -> String {
    let mut text = BEGINNING.to_owned();
    permissions(&mut text);
    for (operation, title) in OPERATIONS {
        calls(&mut text, operation, title);
    }
    never(&mut text);
    text.push_str(END);
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string works");
}

fn permissions(text: &mut String) {
    line(text, "| permission | its id | what for | used by |");
    line(text, "| --- | --- | --- | --- |");
    for one in permission::ALL {
        let used = OPERATIONS
            .iter()
            .filter(|(operation, _)| permission::requirements(operation).contains(&one.requirement()))
            .map(|(_, title)| *title)
            .collect::<Vec<_>>();
        let row = format!(
            "| `{}` | `{}` | {} | {} |",
            one.role(),
            one.role_id().hyphenated(),
            one.purpose(),
            used.join(", ")
        );
        line(text, &row);
    }
    line(text, "");
}

fn calls(text: &mut String, operation: &str, title: &str) {
    line(text, &format!("### {title} (`{operation}`)\n"));
    line(text, "| request | what is read of each object | permission |");
    line(text, "| --- | --- | --- |");
    for row in ALL.into_iter().filter(|row| row.used_by.contains(&operation)) {
        let address = format!("{}{}", row.version.prefix(), row.path.template());
        let role = row.permission.role();
        line(text, &format!("| `GET {address}` | {} | `{role}` |", read(row)));
    }
    line(text, "");
}

/// What a request asks for, in words.
fn read(row: &Contract) -> String {
    let names = |names: &[&str]| {
        let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    match (row.kept, row.select, row.expand) {
        ("", select, []) => names(select),
        ("", select, expand) => format!(
            "{}; and how many {} it has",
            names(select),
            names(expand).replace(", ", " and ")
        ),
        (kept, _, _) => kept.to_owned(),
    }
}

fn never(text: &mut String) {
    line(text, "## What is never read\n");
    line(
        text,
        "These properties are not asked for. If one comes unasked, it is dropped while the answer is read.\n",
    );
    for (what, names) in NEVER {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        line(text, &format!("- {what}: {}.", names.join(", ")));
    }
    line(text, "");
}
