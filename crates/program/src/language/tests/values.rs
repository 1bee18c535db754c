//! Templates and patterns.

use super::super::diagnostic::Report;
use super::super::names::Names;
use super::super::pattern::{Captured, Pattern};
use super::super::read::node;
use super::*;

/// The pattern, and the names of its captures.
fn pattern(text: &str, is_text: bool) -> Result<(Pattern, Names), String> {
    let quoted = format!("p = {text:?}");
    let tree = toml::de::DeTable::parse(&quoted).expect("TOML").into_inner();
    let mut report = Report::new("device.toml", &quoted);
    let text = node::text(tree.get("p").expect("a value"), "p", &mut report).expect("a string");
    let mut names = Names::default();
    let pattern = Pattern::parse(&text, is_text, &mut names, &mut report);
    pattern.map(|pattern| (pattern, names)).ok_or_else(|| lines(&report.finish()))
}

/// What a pattern captures, as `name=value`.
fn captures(text: &str, is_text: bool, bytes: &[u8]) -> Option<String> {
    let (pattern, names) = pattern(text, is_text).expect("a pattern");
    let found = pattern.fit(bytes)?;
    let words = found.iter().map(|(at, captured)| {
        let value = match captured {
            Captured::Number(number) => number.to_string(),
            other => format!("{:02X?}", other.bytes()),
        };
        format!("{}={value}", names.captures[usize::from(*at)].name)
    });
    Some(words.collect::<Vec<_>>().join(" "))
}

#[test]
fn bytes_are_matched_from_the_first_to_the_last() {
    let cases: [(&str, &[u8], Option<&str>); 14] = [
        ("01 02", &[1, 2], Some("")),
        ("0102", &[1, 2], Some("")),
        ("01 02", &[1, 2, 3], None),
        ("01 02", &[1], None),
        ("01 ..", &[1, 2, 3], Some("")),
        ("..", &[], Some("")),
        ("{5} {level} ..", &[0, 0, 0, 0, 0, 62, 9], Some("level=62")),
        ("{5} {level} ..", &[0, 0, 0, 0, 0], None),
        ("{model:u32be}", &[0, 0, 0x27, 0x16], Some("model=10006")),
        ("{a:u16le} {b:i8}", &[1, 2, 0xFF], Some("a=513 b=-1")),
        ("AA {password..}", &[0xAA, 1, 2], Some("password=[01, 02]")),
        ("{password..}", &[], None),
        ("01 00*", &[1, 0, 0], Some("")),
        ("01 00*", &[1, 0, 2], None),
    ];
    for (text, bytes, expected) in cases {
        assert_eq!(captures(text, false, bytes).as_deref(), expected, "{text} {bytes:?}");
    }
}

#[test]
fn text_is_matched_up_to_the_next_literal() {
    let cases: [(&str, &str, Option<&str>); 14] = [
        ("{level:int};", "89;", Some("level=89")),
        ("{:alpha?}{level:int};", "s89;", Some("level=89")),
        ("{:alpha?}{level:int};", "89;", Some("level=89")),
        ("{:alpha?}{level:int};", "OK;", None),
        ("{a:int}:{}", "EI:3", None),
        ("{a}:{b:int}:{}", "P:11:0082059AD3BD;", Some("a=[50] b=11")),
        ("{a}:{b:int}:{}", ":11:x", None),
        ("{a}:{b:int}:{}", "P:x:y", None),
        ("LVS-{a:alpha}{}", "LVS-Z36", Some("a=[5A]")),
        ("LVS-{a:alpha}{}", "LVS-36", None),
        ("{x:int?}!", "!", Some("")),
        ("{{{x:int}}}", "{-7}", Some("x=-7")),
        ("{x:int}", "9999999999999999999", None),
        ("{a}", "10006\0\0", Some("a=[31, 30, 30, 30, 36]")),
    ];
    for (text, said, expected) in cases {
        assert_eq!(captures(text, true, said.as_bytes()).as_deref(), expected, "{text} {said}");
    }
    assert_eq!(captures("{}", true, &[0xFF]), None, "no text");
}

#[test]
fn a_pattern_that_makes_no_sense_is_refused() {
    let cases = [
        ("0", false, "`0` is not a byte"),
        ("zz", false, "`zz` is not a byte"),
        (".. 01", false, "nothing can stand behind"),
        ("00* 01", false, "nothing can stand behind"),
        ("{0} 01", false, "not a number of bytes"),
        ("{a:u64}", false, "is not a format"),
        ("{v}", false, "is a name of the language"),
        ("{a", false, "without `}`"),
        ("{a}{b}", true, "two holes side by side"),
        ("{a:word}", true, "is not a form"),
        ("{A}", true, "is not a name"),
    ];
    for (text, is_text, message) in cases {
        let found = pattern(text, is_text).err().unwrap_or_default();
        assert!(found.contains(message), "{text}: {found}");
    }
}

#[test]
fn numbers_are_written_in_every_format() {
    let file = simple(
        "hex = \"{v} {v - 100:i8} {v:u16le} {v:u16be} {v:u32le} {v:u32be} {len} {sum(0)}\"",
        "{ vibrate = 200 }",
    );
    let numbers = "C8 64 C8 00 00 C8 C8 00 00 00 00 00 00 C8 0E";
    let sum = numbers.split(' ').filter_map(|byte| u32::from_str_radix(byte, 16).ok()).sum::<u32>() % 256;
    assert_eq!(Rig::new(&file).set(0, 200), [format!("tx {numbers} {sum:02X}")]);
}

#[test]
fn text_is_written_with_its_braces_and_zeros() {
    let file = simple(r#"text = "{{é{v}:{v - 50:03}}}\n""#, "{ vibrate = 100 }");
    let written = |value: i32, text: &str| {
        let hex: Vec<_> = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(Rig::new(&file).set(0, value), [format!("tx {}", hex.join(" "))]);
    };
    written(57, "{é57:007}\n");
    written(1, "{é1:-49}\n");
    written(100, "{é100:050}\n");
}

#[test]
fn a_number_may_be_as_wide_as_the_highest_value() {
    let text = |top: i32| simple("text = \"V{v:0top}\"", &format!("{{ vibrate = {top} }}"));
    for (top, value, digits) in
        [(9, 5, "35"), (99, 5, "30 35"), (100, 99, "30 39 39"), (9999, 0, "30 30 30 30")]
    {
        assert_eq!(Rig::new(&text(top)).set(0, value), [format!("tx 56 {digits}")]);
    }
    assert!(
        wrong(&simple("text = \"{v * 10:0top}\"", "{ vibrate = 99 }")).contains("does not fit 2 characters")
    );
    assert!(wrong(&file("[[init]]\ntext = \"{n:0top}\"\n")).contains("`top` has no value here"));
}

#[test]
fn parts_repeat_for_times_and_for_outputs() {
    let file = file(
        r#"
        [parts.pair]
        hex = "{v} 14"
        [parts.pairs]
        times = 3
        hex = "{pair}"
        [parts.motors]
        each = ["vibrate", "rotate"]
        head = "0A {count}"
        sep = "FF"
        hex = "{i} {k + 1} {kind == rotate ? 6 : 3} {abs(v)}"
        [[packets]]
        on = ["vibrate"]
        hex = "{pairs}"
        [[packets]]
        on = ["vibrate", "rotate"]
        hex = "{motors} EE"
        [[models]]
        features = [{ vibrate = 9 }, { index = 4, rotate = [-9, 9] }]
        "#,
    );
    let mut rig = Rig::new(&file);
    assert_eq!(rig.set(0, 5), ["tx 05 14 05 14 05 14", "tx 0A 02 00 01 03 05 FF 04 02 06 00 EE"]);
    assert_eq!(rig.set(4, -7), ["tx 0A 02 00 01 03 05 FF 04 02 06 07 EE"]);
}

#[test]
fn a_part_without_outputs_writes_nothing_not_even_its_head() {
    let file = file(
        "[parts.heat]\neach = [\"temperature\"]\nhead = \"0A\"\nhex = \"{v}\"\n[[packets]]\nhex = \"01 {heat} 02\"\n\
         [[models]]\nfeatures = [{ vibrate = 9 }]\n",
    );
    assert_eq!(Rig::new(&file).set(0, 5), ["tx 01 02"]);
}
