//! `docs/catalogue.md` says what the device files say.

#[path = "../examples/catalogue/page.rs"]
mod page;

use std::fs;
use std::path::Path;

use frisson_devices::Catalogue;

#[test]
fn the_page_is_what_the_device_files_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catalogue.md");
    let written = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let page = page::page();
    let differs = page.lines().zip(written.lines()).position(|(one, other)| one != other);
    let line = differs.unwrap_or_else(|| page.lines().count().min(written.lines().count())) + 1;
    assert!(
        page == written,
        "docs/catalogue.md is not what the device files give, from line {line} on; write it anew with\n  \
         cargo run -p frisson-devices --example catalogue > docs/catalogue.md"
    );
}

#[test]
fn every_model_of_every_protocol_is_a_row_of_five_cells() {
    let page = page::page();
    let (_, rest) = page.split_once("## Devices by name").expect("a heading");
    let (devices, protocols) = rest.split_once("\n## Protocols").expect("a heading");
    let rows = |text: &str| -> Vec<usize> {
        let of_data = |line: &&str| line.starts_with("| ") && !line.starts_with("| ---");
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        text.lines().filter(of_data).map(bars).collect()
    };
    let headings = devices.matches("\n### ").count();
    let models = Catalogue::protocols().filter_map(Catalogue::definition).map(|one| one.models().len());
    assert_eq!(rows(devices), vec![6; models.sum::<usize>() + headings]);
    assert_eq!(rows(protocols), vec![5; Catalogue::protocols().count() + 1]);
}

#[test]
fn names_are_shown_as_they_are_whatever_is_in_them() {
    assert_eq!(
        page::text("a|b <i> *c* [d](e) _f_ `g` &amp;\n"),
        "a\\|b &lt;i&gt; \\*c\\* \\[d\\](e) \\_f\\_ \\`g\\` &amp;amp;"
    );
    assert_eq!(page::code("LVS-*"), "`LVS-*`");
    assert_eq!(page::code("UFO "), "`UFO␣`");
    assert_eq!(page::code("  "), "`␣␣`");
    assert_eq!(page::code("a|b\t"), "`a\\|b\\u{9}`");
    assert_eq!(page::code("a`b"), "``a`b``");
    assert_eq!(page::code("`b"), "`` `b ``");
}
