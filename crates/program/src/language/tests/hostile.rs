//! Files that mean no good are refused quickly.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// Whatever comes of it, it comes soon.
fn soon(text: &str) -> bool {
    let started = Instant::now();
    let sound = check(text, "device.toml", started).is_ok();
    let limit = if cfg!(debug_assertions) { 20 } else { 3 };
    assert!(started.elapsed() < Duration::from_secs(limit), "took {:?}", started.elapsed());
    sound
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    assert!(wrong(&format!("{}#{}", file(""), "x".repeat(2 << 20))).contains("longer than 1 MiB"));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(!soon(&format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000))));
    assert!(!soon(&format!("[a{}]", ".a".repeat(100_000))));
    assert!(!soon(&simple(
        &format!("hex = \"{{{}v{}}}\"", "(".repeat(10_000), ")".repeat(10_000)),
        "{ vibrate = 9 }"
    )));
}

#[test]
fn parts_that_multiply_are_refused() {
    let mut parts = String::new();
    for part in 0..20 {
        let next = part + 1;
        let holes = format!("{{p{next}}}").repeat(1000);
        writeln!(parts, "[parts.p{part}]\nhex = \"{holes}\"").expect("a string");
    }
    parts.push_str("[parts.p20]\nhex = \"\"\n");
    assert!(!soon(&file(&format!(
        "{parts}[[packets]]\nhex = \"{{p0}}\"\n[[models]]\nfeatures = [{{ vibrate = 9 }}]\n"
    ))));
}

#[test]
fn a_part_inside_itself_is_refused() {
    let text = file(
        "[parts.a]\nhex = \"{b}\"\n[parts.b]\nhex = \"{a}\"\n[[packets]]\nhex = \"{a}\"\n[[models]]\nfeatures = [{ vibrate = 9 }]\n",
    );
    assert!(wrong(&text).contains("or inside themselves"));
}

#[test]
fn too_many_of_anything_are_refused() {
    let models = |count: usize| {
        (0..count).fold(String::new(), |mut all, model| {
            writeln!(all, "[[models]]\nmatch = [\"{model}\"]\nfeatures = [{{ vibrate = {} }}]", model + 1)
                .expect("a string");
            all
        })
    };
    let packets = |count| "[[packets]]\nhex = \"{v:u16le}\"\n".repeat(count);
    assert!(soon(&file(&format!("{}{}", packets(1), models(2000)))));
    for text in [format!("{}{}", packets(1), models(2001)), format!("{}{}", packets(65), models(1))] {
        assert!(wrong(&file(&text)).contains("more than"));
    }
    assert!(!soon(&simple("hex = \"{v}\"", &"{ vibrate = 9 },".repeat(65))));
}

#[test]
fn a_file_that_takes_too_long_to_check_is_refused() {
    let holes = "{(v * v0 ^ prev) & 0xFF} ".repeat(400);
    let packets = format!("[[packets]]\nhex = \"{holes}\"\n").repeat(60);
    let models = (0..1500).fold(String::new(), |mut all, model| {
        let features = "{ vibrate = 200 },".repeat(40);
        writeln!(all, "[[models]]\nmatch = [\"{model}\"]\nset.x = {model}\nfeatures = [{features}]")
            .expect("a string");
        all
    });
    assert!(!soon(&file(&format!("{packets}{models}"))));
}

#[test]
fn many_mistakes_in_one_endless_line_are_refused_quickly() {
    let keys = (0..60_000).fold(String::new(), |mut all, key| {
        write!(all, "zzz{key} = 1, ").expect("a string");
        all
    });
    assert!(!soon(&format!("models = [{{ {keys} }}]")));
    let models = "{ }, ".repeat(1900);
    assert!(!soon(&format!("x = \"{}\"\nmodels = [{models}]", "y".repeat(1_000_000))));
    let packets = format!("{{ hex = \"{}\" }}, ", "{unknown_name_of_some_kind}".repeat(500)).repeat(60);
    assert!(!soon(&format!("packets = [{packets}]")));
}

#[test]
fn many_names_and_many_keys_are_matched_quickly() {
    let words = |prefix: &str| (0..1900).map(|word| format!("\"{prefix}{word}\", ")).collect::<String>();
    let tables = (0..20).map(|table| {
        format!("[[ble]]\nnames = [{}]\nservices.fff0.tx = \"fff1\"\n", words(&format!("a{table}x")))
    });
    let keys = (0..20).map(|table| words(&format!("b{table}x"))).collect::<String>();
    let model = format!(
        "[[packets]]\nhex = \"{{v}}\"\n[[models]]\nmatch = [{keys}]\nfeatures = [{{ vibrate = 9 }}]\n"
    );
    assert!(soon(&format!("{}{model}[[tests]]\nsteps = [{{ wait = 1 }}]\n", tables.collect::<String>())));
}

#[test]
fn tests_that_wait_for_ages_end() {
    let steps = "{ wait = 600000 },".repeat(200);
    let text = file(&format!(
        "[keepalive]\nevery = 1\n[[packets]]\nhex = \"{{v}}\"\n[[models]]\nfeatures = [{{ vibrate = 9 }}]\n[[tests]]\nsteps = [{steps}]\n"
    ));
    assert!(!soon(&text));
}

/// A sound file that has a bit of everything.
const EVERYTHING: &str = include_str!("../../../../../docs/example-device.toml");

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_loader_panic(text in any::<String>()) {
        let _ = check(&text, "device.toml", Instant::now());
    }

    #[test]
    fn no_changed_file_makes_the_loader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, "[-+*/{}()\\[\\]\"=.:a-z0-9 \n]{0,6}"), 1..6),
    ) {
        let mut letters: Vec<char> = EVERYTHING.chars().collect();
        for (at, remove, insert) in changes {
            let at = at.index(letters.len());
            let end = (at + remove).min(letters.len());
            letters.splice(at..end, insert.chars());
        }
        let _ = check(&letters.into_iter().collect::<String>(), "device.toml", Instant::now());
    }

    #[test]
    fn no_shuffled_lines_make_the_loader_panic(order in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
        let lines: Vec<&str> = EVERYTHING.lines().collect();
        let text: Vec<&str> = order.iter().map(|at| lines[at.index(lines.len())]).collect();
        let _ = check(&text.join("\n"), "device.toml", Instant::now());
    }

    #[test]
    fn a_device_may_say_anything(said in prop::collection::vec((0_usize..3, prop::collection::vec(any::<u8>(), 0..24)), 0..20)) {
        let definition = sound(EVERYTHING);
        for model in definition.models() {
            let available = definition.endpoints().to_vec();
            let model = model.matches.first().cloned();
            let mut bench = Bench::new(&definition, Subject { model, available: available.clone(), ..Subject::default() }, Instant::now());
            for (endpoint, bytes) in &said {
                let _ = bench.hear(available[endpoint % available.len()], bytes);
                bench.wait(Duration::from_millis(700));
                bench.read(0, frisson_wire::InputKind::Battery);
            }
        }
    }
}
