//! What is refused, and how it is said.

use super::super::{Addition, File, Model, conflicts};
use super::*;

/// What is wrong with a file of one packet and one model with these features.
fn packet(packet: &str, features: &str) -> String {
    wrong(&simple(packet, features))
}

#[track_caller]
fn says(found: &str, parts: &[&str]) {
    for part in parts {
        assert!(found.contains(part), "`{part}` is not said in:\n{found}");
    }
}

#[test]
fn an_error_names_the_place_inside_a_string() {
    let found = packet("hex = \"01 {v + x}\"", "{ vibrate = 9 }");
    says(&found, &["device.toml:5:16: error: unknown name `x`", "help:"]);
    let found = packet("hex = \"01 0G\"", "{ vibrate = 9 }");
    says(&found, &["device.toml:5:11: error: `0G` is not a byte"]);
}

#[test]
fn all_errors_are_named_at_once() {
    let found = wrong(&file(
        "colour = 1\n[[packets]]\nhex = \"{x}\"\nhexx = 1\n[[packets]]\nhex = \"{y}\"\n[[models]]\nfeatures = [{ vibrat = 1 }]\n",
    ));
    says(
        &found,
        &[
            "unknown key `colour`",
            "unknown name `x`",
            "did you mean `hex`?",
            "unknown name `y`",
            "did you mean `vibrate`?",
        ],
    );
}

#[test]
fn text_that_is_no_toml_is_refused_where_it_goes_wrong() {
    says(&wrong("[[ble]\nnames = 1"), &["device.toml:1:", "error"]);
}

#[test]
fn an_unknown_format_is_refused_and_a_missing_one_can_be() {
    says(
        &wrong(&format!("format = 2\n{}", simple("hex = \"{v}\"", "{ vibrate = 9 }"))),
        &["1:10", "format 2", "update"],
    );
    let text = simple("hex = \"{v}\"", "{ vibrate = 9 }");
    let with = format!("format = 1\n{text}");
    let missing = |text: &str| File::parse(text, "a.toml").expect("a file").require_format().is_some();
    assert!(missing(&text) && !missing(&with));
}

#[test]
fn a_number_that_does_not_fit_is_refused_with_an_example() {
    let cases = [
        (
            "hex = \"{v}\"",
            "{ vibrate = 256 }",
            "`{v}` is 256 when v = 256: that does not fit one byte (0 to 255)",
        ),
        ("hex = \"{v}\"", "{ rotate = [-1, 1] }", "`{v}` is -1 when v = -1"),
        ("hex = \"{v * 3:i8}\"", "{ vibrate = 50 }", "is 129 when v = 43"),
        (
            "hex = \"{ms:u16be}\"",
            "{ stroke = 9, ms = 70000 }",
            "is 65536 when ms = 65536: that does not fit u16be (0 to 65535)",
        ),
        (
            "text = \"{v:02}\"",
            "{ vibrate = 100 }",
            "is 100 when v = 100: that does not fit 2 characters (-9 to 99)",
        ),
        ("hex = \"{100 / v}\"", "{ vibrate = 9 }", "divides by 0 when v = 0"),
        ("hex = \"{v - 1}\"", "{ vibrate = 9 }", "is -1 when v = 0"),
        ("hex = \"{dist}\"", "{ rotate = [-200, 200] }", "is 256 when v = 56 and prev = -200"),
        ("hex = \"{v0 + v1}\"", "{ vibrate = 200 }, { vibrate = 200 }", "is 256 when v0 = "),
    ];
    for (text, features, said) in cases {
        says(&packet(text, features), &[said, "`One`", "help:"]);
    }
}

#[test]
fn intervals_and_conditions_show_that_a_number_fits() {
    let sound_ones = [
        ("hex = \"{v - 1}\"\nwhen = \"v > 0\"\n[[packets]]\nwhen = \"!v\"\nhex = \"00\"", "{ vibrate = 9 }"),
        ("hex = \"{v == 0 ? 0 : v <= 7 ? (v - 1) << 4 | 1 : (v - 8) << 4 | 4}\"", "{ vibrate = 14 }"),
        ("hex = \"{(v < 0 ? 0 : 0x80) | abs(v)}\"", "{ rotate = [-99, 99] }"),
        ("hex = \"{0xFF - sum(0) + len & 0xFF}\"", "{ vibrate = 9 }"),
        ("hex = \"{launch_speed(dist, ms)} {clamp(ms, 0, 65535):u16be}\"", "{ stroke = 99, ms = 100000 }"),
        ("hex = \"{v ? 1000 / v / 4 : 0}\"", "{ vibrate = 100 }"),
        ("hex = \"{v0 - v + 1} {i}\"", "{ vibrate = 100 }"),
        ("hex = \"{v0:u16le} {v1:u16le}\"", "{ vibrate = 65535 }, { vibrate = 65535 }"),
    ];
    for (text, features) in sound_ones {
        sound(&simple(text, features));
    }
}

#[test]
fn what_cannot_be_tried_is_said_to_be_so() {
    let features = "{ vibrate = 9999 }, { vibrate = 9999 }, { vibrate = 9999 }";
    let found = packet("hex = \"{v0 * v1 * v2 % 997 % 300}\"", features);
    says(&found, &["can lie between 0 and 299, as far as can be told: that does not fit one byte", "& 0xFF"]);
}

#[test]
fn every_model_is_looked_at() {
    let text = file(
        "[[packets]]\nhex = \"{v} {dev}\"\n[[models]]\nname = \"Good\"\nset.dev = 1\nfeatures = [{ vibrate = 9 }]\n\
         [[models]]\nmatch = [\"B\"]\nname = \"Bad\"\nset.dev = 256\n[[models]]\nmatch = [\"C\"]\nname = \"None\"\n",
    );
    says(
        &wrong(&text),
        &["`{dev}` is 256: that does not fit one byte", "`dev` has no value for `None`", "add `set.dev = 0`"],
    );
    sound(&text.replace("256", "2").replace("[[ble]]", "set.dev = 3\n[[ble]]"));
}

#[test]
fn a_feature_that_no_packet_serves_is_refused() {
    for packet_text in [
        "on = [\"rotate\"]\nhex = \"{v}\"",
        "at = 1\nhex = \"{v}\"",
        "when = \"n == 2\"\nhex = \"{v}\"",
        "variant = [\"x\"]\nhex = \"{v}\"",
        "ends = \"move\"\nhex = \"{v}\"",
    ] {
        says(&packet(packet_text, "{ vibrate = 9 }"), &["no packet serves feature 0 (vibrate) of `One`"]);
    }
    says(
        &wrong(&file("[[models]]\nname = \"One\"\nfeatures = [{ battery = true }]\n")),
        &["nothing says how to get the battery of feature 0 of `One`"],
    );
}

#[test]
fn a_packet_that_nothing_triggers_is_a_warning() {
    let text = simple("hex = \"{v}\"\n[[packets]]\non = [\"rotate\"]\nhex = \"{v}\"", "{ vibrate = 9 }");
    says(&lines(sound(&text).warnings()), &["device.toml:6:1: warning: no model can trigger this packet"]);
}

#[test]
fn endpoints_have_to_be_declared() {
    says(
        &packet("to = \"txmod\"\nhex = \"{v}\"", "{ vibrate = 9 }"),
        &["5:7", "no service declares the endpoint `txmod`", "did you mean `txmode`?"],
    );
    says(
        &packet("hex = \"{has_whitelist}\"", "{ vibrate = 9 }"),
        &["no service declares the endpoint `whitelist`"],
    );
    let text = simple("hex = \"{v}\"", "{ vibrate = 9 }").replace("tx = ", "out = ");
    says(&wrong(&text), &["no service declares the endpoint `tx`", "say which one is meant with `to`"]);
}

#[test]
fn a_file_without_tests_or_identifiers_is_refused() {
    says(
        &wrong(&simple("hex = \"{v}\"", "{ vibrate = 9 }").replace("[[tests]]\nsteps = [{ wait = 1 }]", "")),
        &["has no `[[tests]]`"],
    );
    says(&wrong("[[models]]\nfeatures = [{ vibrate = 9 }]\n"), &["nothing says how a device is found"]);
}

#[test]
fn a_test_that_fails_says_what_came_out() {
    let text = |steps: &str| simple("hex = \"01 {v}\"", "{ vibrate = 9 }").replace("{ wait = 1 }", steps);
    says(
        &wrong(&text("{ set = [[0, 5]], sends = [\"tx! 01 05\"] }")),
        &["error: this sends \"tx 01 05\", not \"tx! 01 05\""],
    );
    says(&wrong(&text("{ set = [[0, 5]] }")), &["this sends \"tx 01 05\", not nothing"]);
    says(&wrong(&text("{ set = [[0, 10]] }")), &["10 does not lie between 0 and 9"]);
    says(&wrong(&text("{ set = [[1, 5]] }")), &["no such output of feature 1"]);
    says(&wrong(&text("{ hears = \"rx 01\" }")), &["nothing reads `rx` or listens to it"]);
    says(&wrong(&text("{ read = \"battery\" }")), &["this device offers no battery"]);
}

#[test]
fn keys_that_exclude_each_other_are_refused() {
    let cases = [
        ("[[packets]]\nhex = \"{v}\"\ntext = \"{v}\"\n", "`hex` and `text` exclude each other"),
        ("[[packets]]\nwhen = \"v\"\n", "`packets` needs one of `hex`, `text`"),
        ("[[init]]\nread = \"rx\"\nto = \"tx\"\n", "`to` has no meaning beside `read`"),
        ("[[init]]\nwait = 5\nexpect = \"01\"\n", "`expect` has no meaning beside `wait`"),
        ("[[init]]\nwrite = \"01\"\nexpect = \"..\"\n", "nothing is subscribed to"),
        (
            "[[init]]\nsubscribe = \"rx\"\n[[init]]\ndialogue = [{ expect = \"..\" }]\n",
            "the dialogue never ends",
        ),
        ("[[init]]\nsubscribe = \"there\"\n", "`there` means nothing yet"),
        (
            "[[init]]\nsubscribe = \"rx\"\n[[init]]\nexpect = \"{model}\"\n",
            "`{model}` is captured in [[init]]",
        ),
        ("[[identify]]\nread = \"rx\"\nexpect = \"{x}\"\n", "does not say which model"),
        ("[parts.a]\nhex = \"00\"\nsep = \"00\"\n", "`sep` has no meaning without `each`"),
        ("[keepalive]\nwhile = \"v0\"\n", "`keepalive` needs `every` or `idle`"),
        (
            "[[packets]]\nglide = 50\non = [\"vibrate\"]\nhex = \"{v}\"\n",
            "`glide` has no meaning without `stroke`",
        ),
        ("[[packets]]\nhex = \"{v}\"\nthen = { hex = \"00\" }\n", "`then` needs `after`"),
        ("[[inputs]]\nbattery = { read = \"rx\", expect = \"01\" }\n", "not clear what the value is"),
        ("[[inputs]]\nbattery = \"ble\"\n", "no service declares the endpoint `rxblebattery`"),
        ("[[serial]]\n", "`serial` needs `baud_rate`"),
        ("[[serial]]\nbaud_rate = 9600\nids = [{ vendor = 1 }]\n", "`serial` needs `product`"),
    ];
    for (tables, said) in cases {
        says(&wrong(&file(&format!("{tables}[[models]]\nfeatures = [{{ vibrate = 9 }}]\n"))), &[said]);
    }
}

#[test]
fn models_that_make_no_sense_are_refused() {
    let models = |text: &str| wrong(&file(&format!("[[packets]]\nhex = \"{{v}}\"\n{text}")));
    says(
        &models("[[models]]\nfeatures = [{ vibrate = 9 }]\n[[models]]\nfeatures = [{ vibrate = 9 }]\n"),
        &["a second model without `match`"],
    );
    says(&models("[[models]]\nmatch = [\"A\"]\n"), &["the model has no `features`"]);
    says(
        &models("[[models]]\nfeatures = [{ index = 1, vibrate = 9 }, { vibrate = 9 }]\n"),
        &["two features have index 1"],
    );
    says(&models("[[models]]\nfeatures = [{ vibrate = 0 }]\n"), &["`vibrate` has no steps"]);
    says(&models("[[models]]\nfeatures = [{ rotate = [5, -5] }]\n"), &["ends before it begins", "[-5, 5]"]);
    says(&models("[[models]]\nfeatures = [{ stroke = 9 }]\n"), &["`stroke` needs `ms`"]);
    says(&models("[[models]]\nfeatures = [{ label = \"x\" }]\n"), &["the feature can do nothing"]);
    says(
        &models("[[models]]\nfeatures = [{ hw_position_with_duration = 9 }]\n"),
        &["it is called `stroke` here"],
    );
    says(
        &models("[[models]]\nset.v0 = 1\nfeatures = [{ vibrate = 9 }]\n"),
        &["`v0` is a name of the language"],
    );
}

#[test]
fn of_two_models_for_one_key_the_first_counts_and_the_second_is_a_warning() {
    let definition = sound(&file(
        "[[packets]]\nhex = \"{v}\"\n[[models]]\nmatch = [\"A\"]\nname = \"One\"\nfeatures = [{ vibrate = 9 }]\n\
         [[models]]\nmatch = [\"A\", \"Device\"]\nname = \"Two\"\nfeatures = [{ vibrate = 9 }]\n",
    ));
    says(
        &lines(definition.warnings()),
        &["device.toml:11:9: warning: `A` is matched by the model in line 6 already"],
    );
    assert_eq!(definition.model("A").and_then(|model| model.name.as_deref()), Some("One"));
}

#[test]
fn a_test_may_have_a_model_of_its_own() {
    let tables = "[[packets]]\nhex = \"{v} {dev}\"\n[[packets]]\nvariant = [\"x\"]\non = [\"rotate\"]\nhex = \"02 {v}\"\n\
        [[models]]\nset.dev = 1\nfeatures = [{ vibrate = 9 }]\n\
        [[tests]]\nfeatures = [{ rotate = 9 }]\nvariant = \"x\"\nset.dev = 2\nsteps = [{ set = [[0, 5]], sends = [\"tx 05 02\", \"tx 02 05\"] }]\n";
    let definition = check(&file(tables), "device.toml", Instant::now())
        .unwrap_or_else(|found| panic!("{}", lines(&found)));
    assert_eq!(lines(definition.warnings()), "", "the second packet is triggered by the test's model");
    says(
        &wrong(&file(&tables.replace("sends = [\"tx 05 02\"", "sends = [\"tx 05 03\""))),
        &["this sends \"tx 05 02\""],
    );
    says(
        &wrong(&file(&tables.replace("rotate = 9 }", "rotate = 300 }"))),
        &["is 256 when v = 256", "the model of a test"],
    );
    says(&wrong(&file(&tables.replace("set.dev = 2", "set.dex = 2"))), &["no model sets a constant `dex`"]);
    says(
        &wrong(&file(&tables.replace("features = [{ rotate = 9 }]\n", ""))),
        &["`variant` has no meaning without `features`"],
    );
}

#[test]
fn a_model_of_settings_without_a_variant_gets_one_that_serves_it() {
    let base = sound(&file(
        "[[packets]]\nvariant = [\"plain\"]\non = [\"vibrate\"]\nhex = \"01 {v}\"\n[[packets]]\nvariant = [\"turning\"]\nhex = \"02 {v}\"\n\
         [[models]]\nvariant = \"plain\"\nfeatures = [{ vibrate = 9 }]\n\
         [[models]]\nmatch = [\"R\"]\nvariant = \"turning\"\nfeatures = [{ rotate = 9 }]\n",
    ));
    let variant = |model: &Model| {
        let new =
            Model { matches: vec!["New".to_owned()], features: model.features.clone(), ..Model::default() };
        let (extended, found) = base.extended(Addition { models: vec![new], ..Addition::default() });
        assert_eq!(found, []);
        extended.model("New").and_then(|model| model.variant.clone())
    };
    let variants: Vec<_> = base.models().iter().map(variant).collect();
    assert_eq!(variants, [Some("plain".to_owned()), Some("turning".to_owned())]);
}

#[test]
fn names_of_devices_are_checked() {
    let text =
        |name: &str| simple("hex = \"{v}\"", "{ vibrate = 9 }").replace("\"Device\"", &format!("{name:?}"));
    for name in ["", "*", "**", "A*B", "A**"] {
        assert!(!wrong(&text(name)).is_empty(), "{name}");
    }
    sound(&text("A *"));
}

#[test]
fn a_name_without_a_model_is_a_warning() {
    let text =
        file("[[packets]]\nhex = \"{v}\"\n[[models]]\nmatch = [\"Other\"]\nfeatures = [{ vibrate = 9 }]\n");
    says(&lines(sound(&text).warnings()), &["a device called `Device` may fit no model"]);
}

#[test]
fn a_file_may_extend_another() {
    let base = sound(&file(
        "[[packets]]\nhex = \"{v} {dev}\"\n[[models]]\nset.dev = 1\nname = \"Base\"\nfeatures = [{ vibrate = 9 }]\n",
    ));
    let text = "format = 1\nextends = \"device\"\n[[ble]]\nnames = [\"Mine\"]\n[[models]]\nmatch = [\"Mine\"]\nname = \"My Device\"\nset.dev = 2\nfeatures = [{ vibrate = 5 }]\n\
        [[tests]]\nname = \"Mine\"\nsteps = [{ set = [[0, 5]], sends = [\"tx 05 02\"] }]\n";
    let extension = File::parse(text, "mine.toml").expect("a file");
    assert_eq!((extension.id(), extension.extends()), ("mine", Some("device")));
    let extended = Arc::new(extension.extend(&base).unwrap_or_else(|found| panic!("{}", lines(&found))));
    assert_eq!(super::super::vectors::run(&extended, Instant::now()), []);
    assert_eq!(extended.id(), "device");
    assert_eq!(extended.identifiers().ble[1].services, base.identifiers().ble[0].services);
    assert_eq!(extended.models().len(), 2);
    let misfit = text.replace("vibrate = 5", "vibrate = 500").replace("set.dev = 2", "");
    let found =
        File::parse(&misfit, "mine.toml").expect("a file").extend(&base).expect_err("it does not fit");
    says(&lines(&found), &["mine.toml:", "is 256 when v = 256", "`dev` has no value for `My Device`"]);
    let packets = format!("{text}[[packets]]\nhex = \"00\"\n");
    let found = File::parse(&packets, "mine.toml").expect("a file").extend(&base).expect_err("no packets");
    says(&lines(&found), &["`packets` has no meaning beside `extends`"]);
}

#[test]
fn settings_may_add_models_and_the_bad_ones_are_left_out() {
    let base = sound(&simple("hex = \"{v}\"", "{ vibrate = 9 }"));
    let model = |name: &str, features: &[super::super::ModelFeature]| Model {
        name: Some(name.to_owned()),
        matches: vec![name.to_owned()],
        features: features.to_vec(),
        ..Model::default()
    };
    let mut wide = base.models()[0].features.clone();
    wide[0].feature.outputs[0].value.max = 300;
    let addition = Addition { models: vec![model("Wide", &wide), model("Same", &[])], ..Addition::default() };
    let (extended, found) = base.extended(addition);
    says(&lines(&found), &["is 256 when v = 256", "`Wide`"]);
    assert_eq!(extended.models().len(), 2);
    assert_eq!(extended.model("Same").map(|model| model.features.len()), Some(1));
    assert_eq!(extended.model("Wide").and_then(|model| model.name.as_deref()), Some("One"), "the default");
}

#[test]
fn two_files_with_one_name_clash() {
    let text = simple("hex = \"{v}\"", "{ vibrate = 9 }");
    let one = compile(&text, "one.toml").expect("a file");
    let other = compile(&text.replace("\"Device\"", "\"New\", \"Device\""), "two.toml").expect("a file");
    let found = lines(&conflicts(&[&one, &other]));
    assert_eq!(
        found,
        "two.toml:2:18: error: the Bluetooth name `Device` is claimed by one.toml:2 as well\n  help: leave it to one of the two protocols"
    );
    let wild = compile(&text.replace("\"Device\"", "\"Dev*\""), "wild.toml").expect("a file");
    assert_eq!(conflicts(&[&one, &wild]), [], "an exact name beats a wildcard");
}
