//! Files that mean no good are refused quickly.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// Whatever comes of it, it comes soon.
fn soon(text: &str) -> bool {
    refused_soon(text).is_none()
}

/// What is wrong with a file, if anything is; told soon.
fn refused_soon(text: &str) -> Option<String> {
    let started = Instant::now();
    let found = check(text, "device.toml", started).err();
    let limit = if cfg!(debug_assertions) { 20 } else { 3 };
    assert!(started.elapsed() < Duration::from_secs(limit), "took {:?}", started.elapsed());
    found.map(|found| lines(&found))
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
fn an_expression_without_end_is_refused() {
    let packet = |expression: &str| simple(&format!("hex = \"{{{expression}}}\""), "{ vibrate = 9 }");
    let endless = |piece: &str| piece.repeat(300_000 / piece.len());
    for expression in [
        format!("v{}", endless(" + v")),
        format!("v{}", endless(" && v")),
        format!("{}v", endless("v ? v : ")),
        format!("{}v", endless("v ? ")),
        format!("{}v", endless("- ")),
        format!("{}v", endless("abs(")),
        format!("max(v{})", endless(", v")),
        endless("9"),
    ] {
        assert!(!soon(&packet(&expression)), "{}", &expression[..20]);
    }
    // Just within the limits of a single expression: as many as fit a packet are checked all the same.
    let long = format!("v & 1{}", " + (v & 0)".repeat(60));
    soon(&simple(&format!("hex = \"{}\"", format!("{{{long}}} ").repeat(20)), "{ vibrate = 1000000 }"));
}

#[test]
fn a_packet_over_the_limit_is_refused_whatever_makes_it_long() {
    let model = "[[models]]\nfeatures = [{ vibrate = 9 }]\n";
    let part = |part: &str| file(&format!("[parts.a]\n{part}\n[[packets]]\nhex = \"{{a}}\"\n{model}"));
    assert!(soon(&simple(&format!("hex = \"{} {{v}}\"", "00 ".repeat(511)), "{ vibrate = 9 }")));
    assert!(
        wrong(&simple(&format!("hex = \"{} {{v}}\"", "00 ".repeat(512)), "{ vibrate = 9 }")).contains("512")
    );
    assert!(wrong(&part("times = 100\nhex = \"00 00 00 00 00 {v}\"")).contains("512"));
    assert!(!soon(&part("times = 1000000000\nhex = \"{v}\"")));
    let outputs = "{ vibrate = 9 },".repeat(60);
    let each = "[parts.a]\neach = [\"vibrate\"]\nhex = \"00 00 00 00 00 00 00 00 00 {v}\"\n[[packets]]\nhex = \"{a}\"\n";
    assert!(wrong(&file(&format!("{each}[[models]]\nfeatures = [{outputs}]\n"))).contains("512"));
}

#[test]
fn ten_thousand_models_are_refused() {
    let models = (0..10_000)
        .map(|model| format!("[[models]]\nmatch = [\"{model}\"]\nfeatures = [{{ vibrate = 9 }}]\n"));
    let text = file(&format!("[[packets]]\nhex = \"{{v}}\"\n{}", models.collect::<String>()));
    assert!(refused_soon(&text).is_some_and(|reason| reason.contains("more than 2000")));
}

#[test]
fn patterns_that_could_take_for_ever_are_refused_or_quick() {
    let pattern = |key: &str, pattern: &str| {
        let init = format!("[[init]]\nread = \"rx\"\n{key} = \"{pattern}\"\n");
        file(&format!("{init}[[packets]]\nhex = \"{{v}}\"\n[[models]]\nfeatures = [{{ vibrate = 9 }}]\n"))
    };
    for many in [
        pattern("expect_text", &"a{:alpha?}".repeat(10_000)),
        pattern("expect_text", &"{}a".repeat(1000)),
        pattern("expect", &"{1} ".repeat(1000)),
        pattern("expect", &"{999999999999} ".repeat(10)),
        pattern("expect", &".. ".repeat(100)),
    ] {
        assert!(!soon(&many));
    }
    // As many wildcards as there may be, against a long answer that fits until its last letter.
    let text = pattern("expect_text", &format!("{}b", "{}a".repeat(60)));
    let mut rig = Rig::new(&text);
    let started = Instant::now();
    for _ in 0..100 {
        let _ = rig.0.hear(Endpoint::RX, &[b'a'; 4096]);
        rig = Rig::new(&text);
    }
    assert!(started.elapsed() < Duration::from_secs(20), "took {:?}", started.elapsed());
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
    // Many packets for many models, and few whose every value has to be tried.
    let holes = "{(v * v0 ^ prev) & 0xFF} ".repeat(400);
    let packets = format!("[[packets]]\nhex = \"{holes}\"\n").repeat(20);
    let models = (0..700).fold(String::new(), |mut all, model| {
        let features = "{ vibrate = 200 },".repeat(40);
        writeln!(all, "[[models]]\nmatch = [\"{model}\"]\nset.x = {model}\nfeatures = [{features}]")
            .expect("a string");
        all
    });
    let many = file(&format!("{packets}{models}"));
    assert!(refused_soon(&many).is_some_and(|reason| reason.contains("takes too long to check")));
    let tried = simple(&format!("hex = \"{}\"", "{v * v - v * v} ".repeat(400)), "{ vibrate = 999999 }");
    assert!(!soon(&tried));
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

#[test]
fn a_message_stays_short_however_long_what_it_quotes_is() {
    let long = "FF ".repeat(500);
    let steps = format!("steps = [{{ set = [[0, 1]], sends = [{}] }}]", format!("\"tx {long}\", ").repeat(8));
    let text = file(&format!(
        "[[packets]]\nhex = \"{{v}}\"\n[[models]]\nfeatures = [{{ vibrate = 9 }}]\n[[tests]]\n{steps}\n"
    ));
    let reason = refused_soon(&text).expect("it is refused");
    assert!(reason.contains("this sends") && reason.chars().count() < 1200, "{}", reason.len());
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
