//! Properties of the objects that come in large numbers, each written alone: a list that selects seven of them makes
//! seven.

use serde_json::Value;

use super::World;
use super::text::Text;

/// One property of an object.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    cell: Cell,
}

enum Cell {
    /// The same JSON for every object.
    Fixed(&'static str),
    Drawn(fn(&World, usize, &mut Text)),
}

pub(crate) const fn fixed(name: &'static str, json: &'static str) -> Column {
    Column {
        name,
        cell: Cell::Fixed(json),
    }
}

pub(crate) const fn drawn(name: &'static str, write: fn(&World, usize, &mut Text)) -> Column {
    Column {
        name,
        cell: Cell::Drawn(write),
    }
}

impl Column {
    /// Writes the value for one object.
    pub(crate) fn write(&self, world: &World, index: usize, text: &mut Text) {
        match self.cell {
            Cell::Fixed(json) => text.raw(json),
            Cell::Drawn(write) => write(world, index, text),
        }
    }
}

/// Finds a column by its name.
pub(crate) fn named<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    columns.iter().find(|column| column.name == name)
}

/// One object with all its properties.
pub(crate) fn object(columns: &[Column], world: &World, index: usize) -> Value {
    let mut text = Text::default();
    let mut object = serde_json::Map::new();
    for column in columns {
        text.clear();
        column.write(world, index, &mut text);
        let value = serde_json::from_slice(text.bytes()).unwrap_or_default();
        object.insert(column.name.to_owned(), value);
    }
    Value::Object(object)
}
