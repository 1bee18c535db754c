//! What the program says to how it is called.

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;

use support::{Program, Said, run};

#[track_caller]
fn refused(arguments: &[&str], code: i32, words: &[&str]) -> Said {
    let said = run(arguments);
    assert_eq!(said.code, Some(code), "{}", said.err);
    assert_eq!(said.out, "");
    for word in words {
        assert!(said.err.contains(word), "{word:?} is missing in: {}", said.err);
    }
    said
}

#[test]
fn start_up_tells_the_address_and_the_devices() {
    let program = Program::serve(&["--simulate=2vibe,stroker"]);
    let out = program.out.text();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], format!("Frisson {} serves clients at", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("  ws://127.0.0.1:"), "{out}");
    assert_eq!(
        lines[2..],
        [
            "2 simulated devices are connected:",
            "   0  Simulated 2-Motor Vibrator",
            "   1  Simulated Stroker",
            "Stop with Ctrl-C."
        ]
    );
}

#[test]
fn port_0_is_a_port_that_the_system_chooses() {
    let (one, other) = (Program::serve(&["--listen", "[::1]:0"]), Program::serve(&[]));
    assert_ne!(one.address().port(), 0);
    assert_ne!(one.address().port(), other.address().port());
    let second =
        one.out.text().lines().any(|line| line.starts_with("  ws://[::1]:") && !line.ends_with(":0"));
    assert!(second, "{}", one.out.text());
}

#[test]
fn simulate_without_a_list_is_one_of_each_kind() {
    let program = Program::serve(&["--simulate"]);
    assert!(program.out.text().contains("8 simulated devices are connected:"), "{}", program.out.text());
}

#[test]
fn many_devices_are_not_all_listed() {
    let program = Program::serve(&["--simulate=1vibe:50"]);
    assert!(program.out.text().contains("  and 30 more"), "{}", program.out.text());
}

#[test]
fn the_log_goes_to_standard_error_alone() {
    let program = Program::serve(&["--simulate=1vibe", "--log", "trace"]);
    program.err.wait_for("the log", |line| line.contains("device 0 connected").then_some(()));
    assert!(!program.out.text().contains("INFO"));
}

#[test]
fn a_log_in_json_has_one_object_a_line() {
    let program = Program::serve(&["--simulate=1vibe", "--log-format", "json"]);
    program.err.wait_for("the log", |line| line.contains("device 0 connected").then_some(()));
    for line in program.err.text().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).expect(line).is_object());
    }
}

#[test]
fn a_port_that_is_taken_is_refused_with_its_owner() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let said = refused(
        &["serve", "--listen", &address],
        3,
        &[&format!("{address} is in use by "), "choose another port with --listen 127.0.0.1:PORT"],
    );
    if cfg!(any(target_os = "linux", target_os = "macos", windows)) {
        let owner = format!("(process {})", std::process::id());
        assert!(said.err.contains(&owner), "{owner} is missing in: {}", said.err);
    }
}

#[test]
fn a_port_of_another_frisson_is_refused_with_its_name() {
    let first = Program::serve(&[]);
    let address = first.address().to_string();
    refused(&["serve", "--listen", &address], 3, &["is in use by frisson", &first.id().to_string()]);
}

#[test]
fn an_address_given_twice_is_wrong_usage() {
    refused(
        &["serve", "--listen", "127.0.0.1:1", "--listen", "127.0.0.1:1"],
        2,
        &["--listen names ws://127.0.0.1:1 twice"],
    );
}

#[test]
fn addresses_beyond_this_machine_are_refused_with_the_reason() {
    for address in ["0.0.0.0:0", "[::]:0", "192.168.7.7:12345"] {
        refused(&["serve", "--listen", address], 2, &["no access control", "SSH"]);
    }
}

#[test]
fn what_is_no_address_is_refused_with_an_example() {
    for address in ["nonsense", "12345", "127.0.0.1:99999"] {
        refused(&["serve", "--listen", address], 2, &["127.0.0.1:12345"]);
    }
}

#[test]
fn an_unknown_option_is_refused() {
    refused(&["serve", "--exciting"], 2, &["--exciting"]);
    refused(&["serve", "--simulated"], 2, &["--simulate"]);
    refused(&["enjoy"], 2, &["enjoy"]);
    refused(&[], 2, &["Usage: frisson"]);
}

#[test]
fn a_list_of_unknown_devices_is_refused_with_those_there_are() {
    refused(&["serve", "--simulate=1vibe,teapot"], 2, &["teapot", "1vibe", "stroker"]);
    refused(&["serve", "--simulate=1vibe:many"], 2, &["1vibe:many"]);
    refused(&["serve", "--simulate=1vibe:100000"], 2, &["1000"]);
}

#[test]
fn version_is_told() {
    let said = run(&["--version"]);
    assert_eq!((said.code, said.out), (Some(0), format!("frisson {}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = run(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        for word in ["serve", "max-ping-time", "device", "unset"] {
            assert!(said.out.contains(word), "{shell}: {word} is missing in {}", said.out);
        }
    }
    refused(&["completions", "abacus"], 2, &["abacus", "bash"]);
}

#[test]
fn connect_wants_an_address() {
    for address in ["nonsense", "http://localhost:1", "ws://", "ws://localhost:port", ""] {
        refused(&["connect", address], 2, &["frisson: ", "is not an address"]);
    }
}

#[test]
fn connect_wants_a_terminal() {
    refused(&["connect", "ws://127.0.0.1:1"], 2, &["terminal"]);
}

/// The section of `docs/cli.md` about a command.
fn documented(command: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md"));
    let page = page.expect("docs/cli.md");
    let heading = format!("## frisson {command}\n");
    let (_, section) =
        page.split_once(heading.trim_start()).unwrap_or_else(|| panic!("{heading} is missing"));
    let section = section.split("\n## ").next().unwrap_or_default();
    // Commands of a command have sections of their own.
    section.split("\n### frisson ").next().unwrap_or_default().to_owned()
}

/// The first words of table rows, lists and the like that name an option: `--listen`.
fn options(text: &str, before: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'));
        format!("--{}", &rest[..end.unwrap_or(rest.len())])
    };
    let start = format!("{before}--");
    text.lines()
        .filter_map(|line| line.split_once(&start).filter(|(head, _)| head.trim().len() <= 3))
        .map(|(_, rest)| name(rest))
        .collect()
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<String> {
    let Some((_, commands)) = help.split_once("Commands:") else { return Vec::new() };
    let (commands, _) = commands.trim_start_matches('\n').split_once("\n\n").expect("an end");
    let names = commands.lines().filter(|line| !line.starts_with("    "));
    names.map(|line| line.split_whitespace().next().expect("a name").to_owned()).collect()
}

/// Every command with the words that lead to it: `serve`, `device`, `device list`.
fn all_commands() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = open.pop() {
        for command in commands(&help(&words)) {
            let command = [words.as_slice(), &[command]].concat();
            all.push(command.clone());
            open.push(command);
        }
    }
    all
}

fn help(words: &[String]) -> String {
    let words = words.iter().map(String::as_str).chain(["--help"]);
    run(&words.collect::<Vec<_>>()).out
}

#[test]
fn the_documents_name_every_command_and_option_and_no_other() {
    let all = all_commands();
    assert!(all.len() >= 10, "{all:?}");
    for command in all {
        let mut there = options(&help(&command), "");
        let command = command.join(" ");
        assert!(there.remove("--help"), "{command}");
        assert_eq!(options(&documented(&command), "`"), there, "{command}");
    }
}

#[test]
fn help_lists_the_exit_codes() {
    for words in [vec![]].into_iter().chain(all_commands()) {
        let said = help(&words);
        for code in ["0  asked to stop", "1  failed while running", "2  wrong usage", "3  port"] {
            assert!(said.contains(code), "{code:?} is missing in {said}");
        }
    }
}

#[test]
fn the_documents_give_the_defaults_of_the_help() {
    for command in all_commands() {
        let help = help(&command).split_whitespace().collect::<Vec<_>>().join(" ");
        let command = command.join(" ");
        let section = documented(&command);
        let defaults =
            help.split("[default: ").skip(1).map(|rest| rest.split(']').next().unwrap_or_default());
        for default in
            defaults.map(|default| default.trim_matches('"')).filter(|default| !default.contains('['))
        {
            assert!(section.contains(&format!("`{default}`")), "{command}: {default} is missing");
        }
    }
}

#[test]
fn the_documents_name_every_simulated_device() {
    let refusal = run(&["serve", "--simulate=teapot"]).err;
    let section = documented("serve");
    for archetype in ["1vibe", "2vibe", "rotator", "oscillator", "stroker", "pump", "heater", "remote"] {
        assert!(refusal.contains(archetype), "{archetype}: {refusal}");
        assert!(section.contains(&format!("`{archetype}`")), "{archetype} is missing");
    }
}
