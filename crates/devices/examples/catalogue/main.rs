//! Prints `docs/catalogue.md`: `cargo run -p frisson-devices --example catalogue > docs/catalogue.md`.

mod page;

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(page::page().as_bytes())
}
